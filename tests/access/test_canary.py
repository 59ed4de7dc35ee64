"""Marked strings through every mutation, then everything is read by everybody else: nobody sees another's mark.

Both fences together, then each alone: with every permission granted, and with row-level security switched off.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest
from graphql import GraphQLEnumType, get_named_type, is_leaf_type
from psycopg import sql

from gongzhi.core.actor import Actor
from gongzhi.core.api import Base, Community, Credentials, GridRow, Kind, Reading, belongs, reading_of
from gongzhi.core.testing import Name, literal, work_off
from gongzhi.tenants import desk
from gongzhi.tenants.models import Area, PluginSwitch

#: Who is marked how: the letter in a mark. The new community is one that the file of the county brings.
HOMES = {"own": "a", "sibling": "b", "other": "c", "county": "d", "street": "e", "other_county": "f"}
HOMES |= {"grid": "g", "next_grid": "h"}
MARK = re.compile(r"(?:金丝雀|\\u91d1\\u4e1d\\u96c0|canary-)([a-h])(\d\d)")
#: Texts that take no mark, for they are codes, numbers or logins.
EXACT = {
    *("login", "role", "phone", "idNumber", "birthBand", "plugin", "settings", "contentBase64", "blueprint"),
    *("permissions", "allowed", "denied", "included"),
}
TERM = {"appointedOn": "2020-01-01", "termEndsOn": "2099-01-01"}
AREA_NAME = 99
PHONE = "13900005678"


class Marker:
    """Fills the nodes of a realm, each with marks of its own."""

    def __init__(self, realm) -> None:
        self.realm = realm
        self.schema = realm.schema
        self.numbers = {name: at for at, name in enumerate(sorted(self.schema.mutation_type.fields))}
        self.done: set[str] = set()
        #: Home to the numbers of the mutations that took its mark.
        self.written: dict[str, set[int]] = {home: set() for home in HOMES}

    def mark(self, home: str, mutation: str) -> str:
        return f"金丝雀{HOMES[home]}{self.numbers[mutation]:02}"

    async def do(self, who: str, home: str, mutation: str, /, **told: Any) -> Any:
        """What comes of a mutation whose texts are all marked."""
        at = "own" if self.realm.spots[home].grid else home
        root = self.schema.mutation_type.fields[mutation]
        given = self._marked(get_named_type(root.args["input"].type), home, mutation, told)
        success = self.schema.get_type(f"{mutation[0].upper()}{mutation[1:]}Success")
        [(name, kind)] = [
            (name, get_named_type(one.type))
            for name, one in success.fields.items()
            if not is_leaf_type(get_named_type(one.type))
        ]
        read = " ".join({"id", "version", "code"} & kind.fields.keys()) or "displayName"
        document = (
            f"mutation {{ it: {mutation}(input: {literal(given)}) "
            f"{{ ... on Problem {{ code message path }} ... on {success.name} {{ {name} {{ {read} }} }} }} }}"
        )
        answer = msgspec.json.decode(await self.realm.ask(who, at, at, document))
        assert name in (answer["data"]["it"] or {}), (mutation, answer)
        self.done.add(mutation)
        return answer["data"]["it"][name]

    def _marked(self, kind: Any, home: str, mutation: str, told: dict[str, Any]) -> dict[str, Any]:
        found, mark = dict(told), self.mark(home, mutation)
        for name, one in kind.fields.items():
            if name in told or name in EXACT or get_named_type(one.type).name != "String":
                continue
            found[name] = [mark] if "[" in str(one.type) else mark
            self.written[home].add(self.numbers[mutation])
        return found

    async def fill(self) -> None:
        """Every mutation there is, in an order that works."""
        for home in ("own", "sibling", "other"):
            await self._register(home)
            await self._mediate(home)
            await self._open_doors("community_admin", home, "mediator")
        for home in ("county", "other_county"):
            await self._open_doors("county_operator", home, "county_analyst")
        for home in ("grid", "next_grid"):
            await self._work_in(home)
        await self._onboard()
        await work_off(self.realm.kernel)

    async def _register(self, home: str) -> None:
        async def do(mutation: str, /, **told: Any) -> Any:
            return await self.do("community_admin", home, mutation, **told)

        await do("drawGrid", number=2)
        grid = await do("drawGrid", number=1)
        grid = await do("redrawGrid", gridId=grid["id"], version=grid["version"])
        await do("registerHousehold", gridId=grid["id"])
        person = {"personId": (await do("registerPerson", phone=PHONE))["id"]}
        await do("unmaskPerson", **person)
        await do("giveConsent", **person, purpose=Name("PUBLICATION"))
        other = self.schema.get_type("Purpose")
        assert isinstance(other, GraphQLEnumType)
        purpose = next(name for name in other.values if name != "PUBLICATION")
        consent = await do("giveConsent", **person, purpose=Name(purpose))
        await do("withdrawConsent", consentId=consent["id"], version=consent["version"])
        await do("recordProfileFigure", value="1234.5", asOf="2025-12-31")
        await do("disablePlugin", plugin="mediation")
        await do("enablePlugin", plugin="mediation")
        word = json.dumps({"number_word": self.mark(home, "configurePlugin")})
        await do("configurePlugin", plugin="mediation", settings=word)

    async def _work_in(self, home: str) -> None:
        """What belongs to one grid, done by the community's admin."""
        grid = {"gridId": f"Grid:{self.realm.spots[home].scope.grid}"}
        await self.do("community_admin", home, "redrawGrid", version=1, **grid)
        await self.do("community_admin", home, "registerHousehold", **grid)
        await self._case(home, ("accept", "terminate"), {"remedyTold": True}, **grid)
        await self.do("community_admin", home, "giveRole", login=self.login, role="grid_worker", **grid)

    async def _mediate(self, home: str) -> None:
        term = await self.do("community_admin", home, "appointMediator", **TERM)
        told = {"rightsTold": True, "mediatorId": term["id"], "form": Name("WRITTEN"), "remedyTold": True}
        for steps in (
            ("accept", "assign", "begin", "agree", "perform", "close"),
            ("decline",),
            ("accept", "terminate"),
        ):
            await self._case(home, steps, told)

    async def _case(self, home: str, steps: tuple[str, ...], told: dict[str, Any], **grid: str) -> None:
        mark = self.mark(home, "openMediationCase")
        parties = [{"side": Name(side), "name": mark} for side in ("APPLICANT", "RESPONDENT")]
        case = await self.do(
            "mediator", home, "openMediationCase", category=Name("NEIGHBOURS"), parties=parties, **grid
        )
        for step in steps:
            mutation = f"{step}MediationCase" if step in ("accept", "decline") else f"{step}Mediation"
            role = "community_admin" if step in ("accept", "decline", "assign") else "mediator"
            wanted = get_named_type(self.schema.mutation_type.fields[mutation].args["input"].type).fields
            case = await self.do(
                role,
                home,
                mutation,
                caseId=case["id"],
                version=case["version"],
                **{name: told[name] for name in wanted if name in told},
            )

    async def _open_doors(self, role: str, home: str, given: str) -> None:
        """Accounts, own roles, grants and tokens."""

        async def do(mutation: str, /, **told: Any) -> Any:
            return await self.do(role, home, mutation, **told)

        login = f"canary-{HOMES[home]}{self.numbers['openAccount']:02}-{uuid4().hex[:8]}"
        account = await do("openAccount", login=login)
        if home == "own":
            self.login = login
        for turn in ("closeAccount", "reopenAccount", "resetAccount"):
            account = await do(turn, accountId=account["id"], version=account["version"])
        level = {"level": Name("COUNTY" if "county" in home else "COMMUNITY")}
        own = await do("makeRole", allowed=["tenants.area:read"], **level)
        own = await do("changeRole", roleId=own["id"], version=own["version"], allowed=["tenants.grant:read"])
        for code in (own["code"], given):
            grant = await do("giveRole", login=login, role=code)
        await do("revokeGrant", grantId=grant["id"])
        await do("giveRole", login=login, role=role)
        spare = await do("makeRole", name=f"{self.mark(home, 'makeRole')}备", **level)
        await do("retireRole", roleId=spare["id"], version=spare["version"])
        token = await do("issueToken")
        await do("rotateToken", tokenId=token["id"])
        token = await do("issueToken")
        await do("revokeToken", tokenId=token["id"])

    async def _onboard(self) -> None:
        """A new community, which comes, pauses, and goes for good; the archive is another operator's."""
        place = self.realm.places["first"]
        line = f"{place.street}099,金丝雀{HOMES['street']}{AREA_NAME}社区居民委员会,community,{place.street}"
        county = place.county
        lines = (
            "code,name,level,parent_code",
            f"{county[:2]},试验省,province,",
            f"{county[:4]},试验市,city,{county[:2]}",
            f"{county},试验县{county},county,{county[:4]}",
            f"{place.street},试验街道,street,{county}",
            line,
        )
        file = base64.b64encode("\n".join(lines).encode()).decode()
        await self.do(
            "county_operator", "county", "startOnboarding", contentBase64=file, fileName="divisions.csv"
        )
        await work_off(self.realm.kernel)
        asked = "{ communities(first: 100) { nodes { id version area { name } } } }"
        answer = msgspec.json.decode(await self.realm.ask("county_operator", "county", "county", asked))
        [new] = [one for one in answer["data"]["communities"]["nodes"] if "金丝雀" in one["area"]["name"]]
        label = {"label": "第二运营员", "role": "county_operator"}
        token = await desk.create_token(self.realm.kernel, county, **label)
        self.realm.who["second_operator", "county"] = Credentials(bearer=token, address="127.0.0.1")
        told = {"communityId": new["id"], "version": new["version"]}
        for role, turn in (
            ("county_operator", "suspendCommunity"),
            ("county_operator", "resumeCommunity"),
            ("county_operator", "suspendCommunity"),
            ("second_operator", "archiveCommunity"),
        ):
            told["version"] = (await self.do(role, "county", turn, **told))["version"]


@pytest.fixture(scope="module")
def marker(realm) -> Marker:
    made = Marker(realm)
    realm.loop.run(made.fill())
    return made


both_ways = pytest.mark.parametrize("way", ["compiled", "plain"])


def declared(root: Any) -> Mapping[str, Any]:
    """What a root field was declared with."""
    found: Mapping[str, Any] = root.extensions["strawberry-definition"].metadata
    return found


@dataclass(frozen=True)
class Sight:
    """What may be seen of whose marks, as the tables' classes say.

    :param models: number of a mark to the model it was written into.
    :param answered: the root fields that tell by which grants somebody may do something.
    """

    realm: Any
    models: dict[int, type[Base]]
    answered: set[str]

    @classmethod
    def of(cls, realm, marker: Marker) -> "Sight":
        queries, mutations = realm.schema.query_type.fields, realm.schema.mutation_type.fields
        models = {name: reading_of(declared(one)["result"]).model for name, one in mutations.items()}
        numbered = {marker.numbers[name]: model for name, model in models.items()}
        answered = {name for name, one in queries.items() if "answered" in declared(one)}
        return cls(realm, numbered | {AREA_NAME: Area}, answered)

    def allows(self, home: str, number: int, scope: str, root: str) -> bool:
        """True where who works in this scope may see this mark."""
        here, there, model = self.realm.spots[scope], self.realm.spots[home], self.models[number]
        kind = belongs(model.__table__).kind
        if here.holds(there):
            return isinstance(here.scope, Community) or here is there or kind is not Kind.TENANT
        if not there.holds(here):
            return False
        # Grants from above reach here, and whose they are is told.
        if kind in (Kind.PLATFORM, Kind.NODE):
            return root in self.answered
        # A grid's case names its mediator, and bears the community's word in its number.
        shown = kind is Kind.UPWARD or model is PluginSwitch
        return here.grid and shown and not issubclass(model, GridRow)


def marks(answer: bytes) -> Iterator[tuple[str, int]]:
    """(home, number) of every mark in a raw response, and in what it carries in base64."""
    text = answer.decode()
    for part in re.findall(r'"([A-Za-z0-9+/]{24,}={0,2})"', text):
        if len(part) % 4 == 0:
            text += base64.b64decode(part).decode("utf-8", "replace")
    homes = {letter: home for home, letter in HOMES.items()}
    yield from ((homes[letter], int(number)) for letter, number in MARK.findall(text))


@pytest.fixture(scope="module")
def sight(realm, marker) -> Sight:
    return Sight.of(realm, marker)


@pytest.fixture(scope="module")
def reader(make_reader, marker):
    """Finds out about all there is once all is marked."""
    return make_reader()


@contextmanager
def every_permission() -> Iterator[None]:
    """Whoever has entered a scope is asked for no permission."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Actor, "may", lambda *_: True)
        patch.setattr(Actor, "require", lambda *_: None)
        yield


@contextmanager
def no_row_security(realm) -> Iterator[None]:
    """The database hides nothing from the serving role."""

    def turn(how: str) -> None:
        with psycopg.connect(realm.kernel.database.address.url_for("postgres"), autocommit=True) as owner:
            for table in Base.metadata.tables.values():
                name = sql.Identifier(str(table.schema), table.name)
                owner.execute(sql.SQL(f"alter table {{}} {how} row level security").format(name))

    turn("disable")
    try:
        yield
    finally:
        turn("enable")


@pytest.fixture(params=["both", "database", "application"])
def fences(request, realm) -> Iterator[str]:
    """The fences that stand; where the database's stands alone, roles make no difference any more."""
    alone = {"database": every_permission, "application": lambda: no_row_security(realm)}
    with alone.get(request.param, nullcontext)():
        yield request.param


def told(leak: tuple[Any, str, str, int]) -> str:
    (role, held, scope), root, home, number = leak
    return f"{role} at {held} in {scope} sees by {root} the mark {number} of {home}"


class TestTheMarks:
    def test_went_through_every_mutation(self, realm, marker):
        assert set(realm.schema.mutation_type.fields) - marker.done == set()

    @both_ways
    async def test_are_seen_by_their_own_tenant(self, reader, marker, way):
        """Otherwise that nobody else sees them would prove nothing."""
        admins = {home: home for home in ("own", "sibling", "other")} | {"grid": "own", "next_grid": "own"}
        unseen = {home: set(marker.written[home]) for home in admins}
        whom = [("community_admin", held, home) for home, held in admins.items()]
        async for who, _root, answer in reader.answers(way, whom):
            unseen[who[2]] -= {number for home, number in marks(answer) if home == who[2]}
        # Why somebody's number was looked up is kept, and told to nobody.
        kept = {marker.numbers["unmaskPerson"]}
        assert [home for home, numbers in unseen.items() if numbers - kept] == []

    @both_ways
    async def test_are_seen_by_nobody_else(self, realm, reader, sight, fences, way):
        """Every role, in every scope that it may enter, asks for all there is and for every id there is."""
        every_role = fences == "both" and way == "compiled"
        whom = reader.everybody() if every_role else reader.different(by_role=fences != "database")
        # What Python answers is the same either way.
        about = None if way == "compiled" else set(realm.schema.query_type.fields) - sight.answered
        leaks, asked = set(), 0
        async for who, root, answer in reader.answers(way, whom, about):
            asked += 1
            assert PHONE.encode() not in answer
            leaks |= {
                told((who, root, home, number))
                for home, number in marks(answer)
                if not sight.allows(home, number, who[2], root)
            }
        assert asked > 500
        assert sorted(leaks) == []

    @both_ways
    async def test_are_in_no_roll_up(self, realm, reader, way):
        """What is derived for those above carries no text that anybody wrote."""
        derived = {
            name
            for name, root in realm.schema.query_type.fields.items()
            if isinstance(reading := declared(root).get("needs"), Reading)
            and belongs(reading.model.__table__).derived
        }
        answers = [answer async for *_, answer in reader.answers(way, reader.who_is_somebody(), derived)]
        assert any(b'"month"' in answer for answer in answers)
        assert [list(marks(answer)) for answer in answers] == [[]] * len(answers)


class TestAFenceAlone:
    async def test_was_opened_by_every_permission(self, realm, reader):
        """A volunteer reads the persons of his own community then."""
        asked = [("volunteer", "own", "own", "{ persons { nodes { displayName } } }")]
        before = [await realm.ask(*one) for one in asked]
        with every_permission():
            after = [await realm.ask(*one) for one in asked]
        assert not list(marks(before[0]))
        assert list(marks(after[0]))

    def test_was_opened_without_row_security(self, realm, marker):
        """The serving role sees everybody's persons in no scope at all."""

        def count() -> int:
            with psycopg.connect(realm.kernel.database.address.url_for("gongzhi_app")) as app:
                return app.execute("select count(distinct tenant_id) from tenants.person").fetchone()[0]

        with no_row_security(realm):
            assert count() == 3
        assert count() == 0
