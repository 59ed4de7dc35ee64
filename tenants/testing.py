"""Communities, accounts and actors for tests; loaded by pytest through an entry point."""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from gongzhi.core.api import Actor, Grant, Kernel, Scope, UnitOfWork, reading, unit_of_work
from gongzhi.tenants import desk
from gongzhi.tenants.blueprints import load_blueprint
from gongzhi.tenants.onboarding.provision import Onboarding, onboard
from gongzhi.tenants.onboarding.rows import survey
from gongzhi.tenants.onboarding.sheet import read_sheet_bytes

#: Codes of counties; four noughts at the end are a province's.
_counties = (
    code for code in itertools.count(100_001 + secrets.randbelow(400_000)) if not f"{code}".endswith("00")
)


@dataclass(frozen=True)
class Place:
    """A county of a test's own: its code, its street's, and its communities'."""

    county: str
    street: str
    communities: tuple[str, ...]
    scopes: dict[str, Scope]

    @property
    def community(self) -> str:
        """The code of the first community."""
        return self.communities[0]

    def scope(self, code: str | None = None) -> Scope:
        """The scope of this code; of the first community unless told."""
        return self.scopes[code or self.community]


async def make_place(kernel: Kernel, *, communities: int = 2, plugins: tuple[str, ...] = ()) -> Place:
    """Onboard a county nobody else has, with one street and some communities, plugins switched on."""
    county = f"{next(_counties):06}"
    street = f"{county}001"
    codes = tuple(f"{street}{number:03}" for number in range(1, communities + 1))
    lines = [
        "code,name,level,parent_code",
        f"{county[:2]},试验省,province,",
        f"{county[:4]},试验市,city,{county[:2]}",
        f"{county},试验县{county},county,{county[:4]}",
        f"{street},试验街道,street,{county}",
        *(f"{code},第{number}社区居民委员会,community,{street}" for number, code in enumerate(codes, 1)),
    ]
    asked = Onboarding(
        survey=survey(read_sheet_bytes("test.csv", "\n".join(lines).encode()), county=county),
        county=county,
        blueprint_name="standard",
        blueprint=load_blueprint("standard", kernel.plugins),
        on_error="stop",
        source="test",
        as_of=date(2024, 1, 1),
    )
    await onboard(kernel, asked)
    for code, plugin in itertools.product(codes, plugins):
        await desk.switch_plugin(kernel, code, plugin, "enable")
    scopes = {code: await desk.scope_at(kernel, code) for code in (county, street, *codes)}
    return Place(county, street, codes, scopes)


def actor_of(kernel: Kernel, role: str, scope: Scope) -> Actor:
    """Somebody with this role at this node."""
    from uuid import uuid4

    return Actor(roles=kernel.roles, grants=(Grant(role, scope.node, scope.reach),), account_id=uuid4())


@pytest.fixture
def make_county(kernel: Kernel, event_loop: asyncio.Runner) -> Callable[..., Place]:
    """Make a county of the test's own: ``make_county(communities=2, plugins=("mediation",))``.

    In a coroutine test: ``await make_place(kernel, …)``.
    """
    return lambda **wanted: event_loop.run(make_place(kernel, **wanted))


@pytest.fixture
def county(make_county: Callable[..., Place]) -> Place:
    """A county with one street and two communities, with every switchable plugin on in both."""
    return make_county(plugins=("mediation",))


Working = Callable[..., AbstractAsyncContextManager[UnitOfWork]]


@pytest.fixture
def working(kernel: Kernel, county: Place) -> Working:
    """``async with working("mediator") as work``: a unit of work in the first community, as this role."""

    @asynccontextmanager
    async def open_work(
        role: str | None, code: str | None = None, **options: Any
    ) -> AsyncIterator[UnitOfWork]:
        scope = county.scope(code)
        actor = Actor(roles=kernel.roles) if role is None else actor_of(kernel, role, scope)
        async with unit_of_work(kernel, scope, options.get("actor", actor)) as work:
            yield work

    return open_work


@pytest.fixture
def looking(kernel: Kernel, county: Place) -> Working:
    """``async with looking("mediator") as work``: the same, read-only."""

    @asynccontextmanager
    async def open_reading(role: str, code: str | None = None) -> AsyncIterator[UnitOfWork]:
        scope = county.scope(code)
        async with reading(kernel, scope, actor_of(kernel, role, scope)) as work:
            yield work

    return open_reading


@pytest.fixture
def token_for(kernel: Kernel, event_loop: asyncio.Runner) -> Callable[..., str]:
    """A token of this role at this code: ``token_for("mediator", county.community)``.

    In a coroutine test: ``await desk.create_token(kernel, …)``.
    """

    def make(role: str, code: str) -> str:
        return event_loop.run(desk.create_token(kernel, code, label=f"test {role}", role=role))

    return make
