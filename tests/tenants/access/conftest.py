"""People with accounts, and clients of the roles that look after them."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gongzhi.core.api import global_id, system_work
from gongzhi.core.kernel import Kernel
from gongzhi.core.testing import Client
from gongzhi.tenants import desk
from gongzhi.tenants.sign_in import SignIn, sign_in
from gongzhi.tenants.testing import Place

_PASSWORD = "梅营社区 correct horse"


@dataclass(frozen=True)
class Person:
    """Somebody with an account.

    :param id: the account's, as clients know it.
    """

    login: str
    id: str


@pytest.fixture
def person(kernel: Kernel) -> Callable[..., Awaitable[Person]]:
    """``await person(("mediator", code), …)``: a new account with these roles."""

    async def make(*grants: tuple[str, str]) -> Person:
        login = f"person-{secrets.token_hex(6)}"
        await desk.create_account(kernel, login, "某人", password=_PASSWORD)
        for role, code in grants:
            await desk.grant(kernel, login, role, code, reason="换届")
        async with system_work(kernel) as work:
            account = await desk._account(work.session, login)
        return Person(login, global_id("Account", account.id))

    return make


@pytest.fixture
def signed_in(kernel: Kernel, client: Client) -> Callable[..., Awaitable[Client]]:
    """``await signed_in(person, code)``: a client of this person at work at this code."""

    async def enter(who: Person, code: str) -> Client:
        told = await sign_in(kernel, SignIn(login=who.login, password=_PASSWORD), address=who.login)
        cookie = f"gongzhi_session={told.session}"
        return client.as_(None, code, Cookie=cookie, **{"X-CSRF-Token": told.csrf})

    return enter


@pytest.fixture
def area_id(county: Place) -> Callable[..., str]:
    """``area_id(code)``: the id of a node of the county; the first community's unless told."""
    return lambda code=None: global_id("Area", county.scope(code).node)


@pytest.fixture
def admin(client: Client, county: Place, token_for: Callable[..., str]) -> Client:
    """The first community's admin."""
    return client.as_(token_for("community_admin", county.community))


@pytest.fixture
def operator(client: Client, county: Place, token_for: Callable[..., str]) -> Client:
    """The county's operator."""
    return client.as_(token_for("county_operator", county.county))


@pytest.fixture
def officer(client: Client, county: Place, token_for: Callable[..., str]) -> Client:
    """Somebody in the first community who sees no grants."""
    return client.as_(token_for("community_officer", county.community))


@pytest.fixture
def denying(kernel: Kernel, county: Place, admin: Client) -> Callable[..., Awaitable[str]]:
    """``await denying(person, "tenants.grid:read")``: give a role that takes it away; answers the role's code."""

    async def deny(who: Person, permission: str) -> str:
        name = f"限制{secrets.token_hex(3)}"
        made: Any = await admin.do(
            "makeRole", {"name": name, "denied": [permission]}, read="ownRole { code }"
        )
        code: str = made["ownRole"]["code"]
        given = await admin.do("giveRole", {"login": who.login, "role": code, "reason": "回避"})
        assert given["__typename"] == "GiveRoleSuccess", given
        return code

    return deny


@pytest.fixture
def work_done(
    client: Client, county: Place, token_for: Callable[..., str], event_loop: asyncio.Runner
) -> None:
    """Some objects of several kinds in the first community."""
    admin = client.as_(token_for("community_admin", county.community))
    mediator = client.as_(token_for("mediator", county.community))

    async def work() -> None:
        drawn = await admin.do("drawGrid", {"number": 1, "name": "第一网格"}, read="grid { id }")
        for number in ("1-101", "1-102"):
            told = {"number": number, "gridId": drawn["grid"]["id"], "place": "试验路1号"}
            await admin.do("registerHousehold", told)
        for name in ("试甲", "试乙", "试丙"):
            await admin.do("registerPerson", {"displayName": name})
        term = {"name": "试调解员", "appointedOn": "2020-01-01", "termEndsOn": "2099-01-01"}
        await admin.do("appointMediator", term)
        opened = await mediator.ask(
            'mutation { openMediationCase(input: {title: "邻里通行", category: NEIGHBOURS, facts: "两家争执", '
            'parties: [{side: APPLICANT, name: "甲方"}, {side: RESPONDENT, name: "乙方"}]}) { __typename } }'
        )
        assert opened.data["openMediationCase"]["__typename"] == "OpenMediationCaseSuccess"

    event_loop.run(work())
