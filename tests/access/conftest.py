"""A ground of its own for both fences: two counties, and a token of every role at every node where it is held."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from graphql import GraphQLSchema

from gongzhi.core.api import Caller, Credentials, Refusal, Role, Scope
from gongzhi.core.kernel import Kernel
from gongzhi.core.plugins import Plugins
from gongzhi.core.testing import clone, drop, settings_for_tests
from gongzhi.graphql.http import Endpoint
from gongzhi.graphql.requests import Request
from gongzhi.tenants import desk
from gongzhi.tenants.models import AreaLevel
from gongzhi.tenants.roles import held_at
from gongzhi.tenants.testing import Place, make_place

ROLES: list[Role] = Plugins.installed().ask("register_roles")


@dataclass(frozen=True)
class Spot:
    """A node of the ground.

    :param name: what tests call it: what it is to the first community.
    """

    name: str
    code: str
    level: AreaLevel
    scope: Scope

    def holds(self, other: "Spot") -> bool:
        """True when the other is this one or lies beneath."""
        return other.scope.path.startswith(self.scope.path)


@dataclass
class Realm:
    """The nodes of two counties in a database of their own, and who may enter which.

    :param tokens: (role, name of the node it is held at) to a token.
    """

    kernel: Kernel
    endpoint: Endpoint
    loop: asyncio.Runner
    places: dict[str, Place]
    spots: dict[str, Spot]
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def schema(self) -> GraphQLSchema:
        """The schema that is served."""
        return self.endpoint.schema._schema

    def held(self, role: str) -> list[Spot]:
        """The nodes where a role is held."""
        return [spot for name, spot in self.spots.items() if (role, name) in self.tokens]

    async def caller(self, role: str, at: str, scope: str) -> tuple[Credentials, Caller]:
        """Who holds this role there, in the scope of this node.

        :raises Refusal: no grant opens it.
        """
        credentials = Credentials(
            bearer=self.tokens[role, at], scope=self.spots[scope].code, address="127.0.0.1"
        )
        return credentials, await self.endpoint._caller(credentials)

    async def ask(self, role: str, at: str, scope: str, query: str, **variables: Any) -> bytes:
        """The response to a document as it is sent, by the compiled way where it is open."""
        try:
            credentials, caller = await self.caller(role, at, scope)
            request = Request(query=query, variables=variables)
            return (await self.endpoint.respond(credentials, caller, request)).payload()
        except Refusal as refusal:
            return msgspec.json.encode({"data": None, "errors": [{"extensions": {"code": refusal.code}}]})

    async def ask_plainly(self, role: str, at: str, scope: str, query: str) -> bytes:
        """The same by the plain executor."""
        _credentials, caller = await self.caller(role, at, scope)
        return (await self.endpoint.execute(caller, self.endpoint.asking(Request(query=query)))).payload()


async def _spots(kernel: Kernel) -> tuple[dict[str, Place], dict[str, Spot]]:
    """A county with three communities, one of them without mediation, and another county with one."""
    first, other = await make_place(kernel, communities=3), await make_place(kernel, communities=1)
    own, sibling, silent = first.communities
    for code in (own, sibling, other.community):
        await desk.switch_plugin(kernel, code, "mediation", "enable")
    named = {
        "county": (first, first.county, AreaLevel.COUNTY),
        "street": (first, first.street, AreaLevel.STREET),
        "own": (first, own, AreaLevel.COMMUNITY),
        "sibling": (first, sibling, AreaLevel.COMMUNITY),
        "silent": (first, silent, AreaLevel.COMMUNITY),
        "other_county": (other, other.county, AreaLevel.COUNTY),
        "other_street": (other, other.street, AreaLevel.STREET),
        "other": (other, other.community, AreaLevel.COMMUNITY),
    }
    spots = {name: Spot(name, code, level, at.scopes[code]) for name, (at, code, level) in named.items()}
    return {"first": first, "other": other}, spots


async def _realm(kernel: Kernel, loop: asyncio.Runner) -> Realm:
    places, spots = await _spots(kernel)
    realm = Realm(kernel, Endpoint(kernel), loop, places, spots)
    for role in ROLES:
        for name, spot in spots.items():
            if held_at(role, spot.level):
                token = await desk.create_token(kernel, spot.code, label="对接", role=role.code)
                realm.tokens[role.code, name] = token
    return realm


@pytest.fixture(scope="module")
def realm(_template, event_loop) -> Iterator[Realm]:
    """One for each module."""
    name = f"access_{uuid4().hex[:12]}"
    settings = settings_for_tests(query_budget=10**9, query_refill=10**9)
    kernel = Kernel.at(clone(name), settings)
    yield event_loop.run(_realm(kernel, event_loop))
    event_loop.run(kernel.database.dispose())
    drop(name)
