"""The schema, and a county that has one object of every kind to read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from graphql import GraphQLSchema
from sqlalchemy import select

from gongzhi.core.api import Audit, Caller, Credentials, Outbox, system_work
from gongzhi.core.testing import Client, Name, client_of, work_off
from gongzhi.graphql.schema import build_schema
from gongzhi.plugins.mediation.models import Case, Mediator
from gongzhi.tenants import desk
from gongzhi.tenants.models import Grid, Household
from gongzhi.tenants.testing import Place, make_place

FILE = "Y29kZSxuYW1lLGxldmVsLHBhcmVudF9jb2RlCg=="  # a header and no row


@pytest.fixture(scope="session")
def schema(kernel) -> GraphQLSchema:
    """The schema of everything installed, as graphql-core knows it."""
    return build_schema(kernel.plugins)._schema


@dataclass(frozen=True)
class Sample:
    """A county with two communities; mediation is switched on in the first alone.

    :param ids: the name of each type with an id of its own to the id of an object of it.
    :param tokens: role to a token of it; each bound where the role is held.
    """

    place: Place
    ids: dict[str, str]
    tokens: dict[str, str]

    @property
    def without_mediation(self) -> str:
        """The code of the community that has mediation switched off."""
        return self.place.communities[1]


@pytest.fixture(scope="session")
def sample(kernel, event_loop) -> Sample:
    """Made once for all tests that only read."""
    return event_loop.run(_make_sample(kernel))


async def _make_sample(kernel) -> Sample:
    place = await make_place(kernel, communities=2)
    await desk.switch_plugin(kernel, place.community, "mediation", "enable")
    held_at = {
        "county_operator": place.county,
        "auditor": place.county,
        "integrator": place.county,
        "street_dispatcher": place.street,
        "community_admin": place.community,
        "mediator": place.community,
    }
    tokens = {
        role: await desk.create_token(kernel, code, label=role, role=role) for role, code in held_at.items()
    }
    async with client_of(kernel) as client:
        by_role = {role: client.as_(token) for role, token in tokens.items()}
        ids = await _ids(by_role)
        await work_off(kernel)
        ids |= await _ids_of_lists(by_role)
    return Sample(place, ids, tokens)


async def _ids(by_role: dict[str, Client]) -> dict[str, str]:
    """Make one of each, as the people would."""
    admin, mediator = by_role["community_admin"], by_role["mediator"]

    async def made(who: Client, what: str, told: dict[str, Any], field: str, more: str = "") -> Any:
        payload = await who.do(what, told, read=f"{field} {{ id {more} }}")
        assert field in payload, payload
        return payload[field]

    grid = await made(admin, "drawGrid", {"number": 1, "name": "第一网格"}, "grid", "version versions { id }")
    figure = {
        "indicator": "residents",
        "value": "1234.5",
        "unit": "人",
        "asOf": "2025-12-31",
        "source": "试验统计表",
    }
    person = await made(admin, "registerPerson", {"displayName": "试某", "phone": "13800138000"}, "person")
    consent = {
        "personId": person["id"],
        "purpose": Name("PUBLICATION"),
        "dataKinds": ["photo"],
        "wording": "v1",
        "method": "signed",
    }
    household = {"number": "1", "gridId": grid["id"], "place": "试验路1号", "people": 3}
    term = {"name": "试调解员", "appointedOn": "2020-01-01", "termEndsOn": "2099-01-01"}
    appointed = await made(admin, "appointMediator", term, "mediator")
    case = await _case(admin, mediator, appointed["id"], made)
    colleague = f"sample-{uuid4().hex[:12]}"
    account = await made(admin, "openAccount", {"login": colleague, "displayName": "试同事"}, "account")
    given = {"login": colleague, "role": "mediator", "reason": "届中补选"}
    own_role = {"name": "案件查阅", "allowed": ["mediation.case:read"]}
    onboarding = {"fileName": "试.csv", "contentBase64": FILE, "dryRun": True}
    job = await made(by_role["county_operator"], "startOnboarding", onboarding, "job")
    return {
        "Grid": grid["id"],
        "GridVersion": grid["versions"][0]["id"],
        "ProfileFigure": (await made(admin, "recordProfileFigure", figure, "profileFigure"))["id"],
        "Person": person["id"],
        "Consent": (await made(admin, "giveConsent", consent, "consent"))["id"],
        "Household": (await made(admin, "registerHousehold", household, "household"))["id"],
        "Mediator": appointed["id"],
        "Job": job["id"],
        "Account": account["id"],
        "Grant": (await made(admin, "giveRole", given, "grant"))["id"],
        "OwnRole": (await made(admin, "makeRole", own_role, "ownRole"))["id"],
        "MediationCase": case["id"],
        "MediationParty": case["parties"][0]["id"],
        "MediationStep": case["steps"][0]["id"],
        "MediationAgreement": case["agreements"][0]["id"],
    }


async def _case(admin: Client, mediator: Client, appointed: str, made) -> dict[str, Any]:
    opened = {
        "title": "邻里通行",
        "category": Name("NEIGHBOURS"),
        "facts": "两家因通道堆物争执",
        "parties": [
            {"side": Name("APPLICANT"), "name": "甲方"},
            {"side": Name("RESPONDENT"), "name": "乙方"},
        ],
    }
    case = await made(mediator, "openMediationCase", opened, "mediationCase", "version")
    for who, step, told in (
        (admin, "acceptMediationCase", {}),
        (admin, "assignMediation", {"mediatorId": appointed}),
        (mediator, "beginMediation", {"rightsTold": True}),
        (mediator, "agreeMediation", {"form": Name("WRITTEN"), "content": "互让一米，三日内清理"}),
    ):
        asked = {"caseId": case["id"], "version": case["version"]} | told
        more = "version parties { id } steps { id } agreements { id }"
        case = await made(who, step, asked, "mediationCase", more)
    return case


async def _ids_of_lists(by_role: dict[str, Client]) -> dict[str, str]:
    """What was there from the start, or came of the work afterwards."""
    admin = by_role["community_admin"]
    lists = {
        "Area": "areas",
        "Community": "communities",
        "PluginSwitch": "pluginSwitches",
        "AuditEntry": "audit",
        "ApiToken": "apiTokens",
        "MediationTally": "mediationTallies",
    }
    query = " ".join(f"{name}: {field}(first: 1) {{ nodes {{ id }} }}" for name, field in lists.items())
    data = (await admin.ask(f"{{ {query} }}")).data
    return {name: data[name]["nodes"][0]["id"] for name in lists}


@pytest.fixture
def reader(client, sample) -> Iterator[Any]:
    """``reader("mediator")``: a client with this role's token, in the scope the token is bound to."""
    return lambda role, scope=None, **headers: client.as_(sample.tokens[role], scope, **headers)


@pytest.fixture(scope="session")
def neighbour_token(kernel, sample, event_loop) -> str:
    """A token of the admin of the sample's other community."""
    opening = desk.create_token(kernel, sample.without_mediation, label="neighbour", role="community_admin")
    return event_loop.run(opening)


@pytest.fixture
def neighbour(client, neighbour_token) -> Client:
    """The admin of the sample's other community, where mediation is off."""
    return client.as_(neighbour_token)


@pytest.fixture
def caller_of(kernel, sample):
    """The caller behind the sample's token of a role."""

    async def find(role: str) -> Caller:
        credentials = Credentials(bearer=sample.tokens[role])
        caller = await kernel.plugins.first("find_caller", kernel=kernel, credentials=credentials)
        assert isinstance(caller, Caller)
        return caller

    return find


@pytest.fixture(scope="session")
def exact():
    """Reads JSON with the order of its keys and the writing of its numbers; white space does not count."""
    return lambda text: json.loads(text, object_pairs_hook=tuple, parse_float=str, parse_int=str)


@pytest.fixture
def who(client, county, token_for):
    """A client of each role in the first community."""
    roles = ("community_admin", "mediator", "grid_worker", "auditor")
    return {role: client.as_(token_for(role, county.community)) for role in roles}


@pytest.fixture
def admin(who):
    return who["community_admin"]


@pytest.fixture
def held(kernel, county, who, event_loop):
    """What the first community's tables hold beyond what they held when the test began."""
    tenant = county.scope().node

    async def look():
        async with system_work(kernel) as work:

            async def rows(*columns, scope):
                found = await work.session.execute(select(*columns).where(scope == tenant).order_by("id"))
                return [tuple(row)[1:] for row in found]

            return {
                "Grid": await rows(Grid.id, Grid.code, scope=Grid.tenant_id),
                "Household": await rows(Household.id, Household.number, scope=Household.tenant_id),
                "Mediator": await rows(Mediator.id, Mediator.name, scope=Mediator.tenant_id),
                "Case": await rows(Case.id, Case.title, scope=Case.tenant_id),
                "outbox": await rows(Outbox.id, Outbox.name, scope=Outbox.scope_id),
                "audit": await rows(Audit.id, Audit.action, Audit.outcome, scope=Audit.scope_id),
            }

    before = event_loop.run(look())

    async def held():
        after = await look()
        assert all(after[name][: len(rows)] == rows for name, rows in before.items())
        return {name: rows[len(before[name]) :] for name, rows in after.items()}

    return held
