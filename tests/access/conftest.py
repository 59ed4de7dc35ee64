"""A ground of its own for both fences: two counties, and somebody of every role wherever it is held."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_leaf_type
from structlog.testing import capture_logs

from gongzhi.core.api import Caller, Community, Credentials, Level, Refusal, Role, Scope
from gongzhi.core.kernel import Kernel
from gongzhi.core.plugins import Plugins
from gongzhi.core.testing import clone, drop, settings_for_tests
from gongzhi.graphql.http import Endpoint
from gongzhi.graphql.requests import Request
from gongzhi.tenants import desk
from gongzhi.tenants.models import AreaLevel
from gongzhi.tenants.roles import held_at
from gongzhi.tenants.sign_in import SignIn, sign_in
from gongzhi.tenants.testing import Place, make_place

#: What is told of a document that asks for too much, or for nothing: it would show nothing, whatever there is.
UNASKED = (b'"GRAPHQL_INVALID"', b'"LIMIT_EXCEEDED"', b'"RATE_LIMITED"')
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

    @property
    def grid(self) -> bool:
        """True where it is one grid of a community."""
        return isinstance(self.scope, Community) and self.scope.grid is not None

    def holds(self, other: "Spot") -> bool:
        """True when the other is this one or lies beneath."""
        return other.scope.reach.startswith(self.scope.reach)


@dataclass
class Realm:
    """The nodes of two counties in a database of their own, and who may enter which.

    :param who: (role, name of the node it is held at) to the credentials of somebody who holds it there.
    """

    kernel: Kernel
    endpoint: Endpoint
    loop: asyncio.Runner
    places: dict[str, Place]
    spots: dict[str, Spot]
    who: dict[tuple[str, str], Credentials] = field(default_factory=dict)

    @property
    def schema(self) -> GraphQLSchema:
        """The schema that is served."""
        return self.endpoint.schema._schema

    def held(self, role: str) -> list[Spot]:
        """The nodes where a role is held."""
        return [spot for name, spot in self.spots.items() if (role, name) in self.who]

    async def caller(self, role: str, at: str, scope: str) -> tuple[Credentials, Caller]:
        """Who holds this role there, in the scope of this node.

        :raises Refusal: no grant opens it.
        """
        credentials = msgspec.structs.replace(self.who[role, at], scope=self.spots[scope].code)
        return credentials, await self.endpoint._caller(credentials)

    async def ask(self, role: str, at: str, scope: str, query: str, **variables: Any) -> bytes:
        """The response to a document as it is sent, by the compiled way where it is open.

        :raises AssertionError: something went wrong on our side.
        """
        with no_mistakes(query):
            try:
                credentials, caller = await self.caller(role, at, scope)
                request = Request(query=query, variables=variables)
                return (await self.endpoint.respond(credentials, caller, request)).payload()
            except Refusal as refusal:
                return msgspec.json.encode({"data": None, "errors": [{"extensions": {"code": refusal.code}}]})

    async def ask_plainly(self, role: str, at: str, scope: str, query: str) -> bytes:
        """The same by the plain executor."""
        _credentials, caller = await self.caller(role, at, scope)
        with no_mistakes(query):
            told = self.endpoint.asking(Request(query=query))
            return (await self.endpoint.execute(caller, told)).payload()


@contextmanager
def no_mistakes(query: str) -> Iterator[None]:
    """:raises AssertionError: a mistake of ours was logged meanwhile; it tells the document that met it."""
    with capture_logs() as logs:
        yield
    if mistakes := [one["exc_info"] for one in logs if "exc_info" in one]:
        raise AssertionError(f"UNEXPECTED at {query[:400]}") from mistakes[0]


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
                realm.who[role.code, name] = Credentials(bearer=token, address="127.0.0.1")
    for number, name in enumerate(("grid", "next_grid"), 701):
        await _draw(realm, name, number)
    return realm


async def _draw(realm: Realm, name: str, number: int) -> None:
    """A grid of the first community, and somebody for each role of grids."""
    own = realm.spots["own"]
    assert isinstance(own.scope, Community)
    drawing = f'mutation {{ drawGrid(input: {{number: {number}, name: "网格"}}) {{ ... on DrawGridSuccess {{ grid {{ id code }} }} }} }}'
    answer = msgspec.json.decode(await realm.ask("community_admin", "own", "own", drawing))
    drawn = answer["data"]["drawGrid"]["grid"]
    scope = Community(own.scope.tenant, own.scope.path, UUID(drawn["id"].removeprefix("Grid:")))
    realm.spots[name] = Spot(name, drawn["code"], AreaLevel.COMMUNITY, scope)
    for role in ROLES:
        if role.level is Level.GRID:
            login, password = f"grid-{uuid4().hex[:12]}", "梅营社区 correct horse"
            await desk.create_account(realm.kernel, login, "某人", password=password)
            await desk.grant(realm.kernel, login, role.code, drawn["code"], reason="试验")
            opened = await sign_in(realm.kernel, SignIn(login=login, password=password), address=login)
            realm.who[role.code, name] = Credentials(
                session=opened.session, csrf=opened.csrf, address="127.0.0.1"
            )


def selection(kind: GraphQLObjectType, depth: int) -> str:
    """All fields of a type, and of what they lead to."""
    parts = ["__typename"]
    for name, one in kind.fields.items():
        inner = get_named_type(one.type)
        if is_leaf_type(inner):
            parts.append(name)
        elif depth > 0:
            parts.append(f"{name} {{ {selection(inner, depth - 1)} }}")
    return " ".join(parts)


@dataclass
class Reader:
    """Everything there is to read, by everybody who may enter somewhere, and the marks that are seen.

    :param documents: (a root field, a document about it).
    """

    realm: Any
    documents: list[tuple[str, str]] = field(default_factory=list)

    async def prepare(self) -> None:
        """Find the ids of everything, as those see them who may; then ask for each by all who may not."""
        query = self.realm.schema.query_type
        lists = [name for name, one in query.fields.items() if "order" in one.args]
        self.documents = [(name, self._document(name, ["(first: 50)"], 3)) for name in lists]
        found: dict[str, set[str]] = {}
        async for *_, answer in self.answers("compiled", self.who_is_somebody()):
            for kind, one in _ids_in(msgspec.json.decode(answer)):
                found.setdefault(kind, set()).add(one)
        self.ids = {kind: sorted(ids) for kind, ids in sorted(found.items())}
        for name, one in query.fields.items():
            if name not in (*lists, "node", "nodes"):
                told = list(self._told(one))
                self.documents += [(name, self._document(name, part, 2)) for part in _parts(told)]
        self.documents += list(self._by_id())

    def _document(self, root: str, told: Sequence[str], depth: int) -> str:
        """A root field with each of these arguments."""
        kind = get_named_type(self.realm.schema.query_type.fields[root].type)
        beneath = "" if is_leaf_type(kind) else f"{{ {selection(kind, depth)} }}"
        return f"{{ {' '.join(f'n{at}: {root}{one} {beneath}' for at, one in enumerate(told))} }}"

    def _told(self, root: Any) -> Iterator[str]:
        """Arguments of a root field: every object there is that fits, of whomever."""
        kind = get_named_type(root.type).name
        fits = {
            "id": self.ids.get({"JobReport": "Job"}.get(kind, kind), []),
            "accountId": self.ids["Account"],
            "nodeId": self.ids["Area"],
            "objectId": [ids[-1] for ids in self.ids.values()] + self.ids["Area"],
            "role": ["auditor"],
            "permission": ["tenants.grant:read", "tenants.person:read"],
        }
        names = [name for name in root.args if name not in ("first", "after")]
        for at in range(max((len(fits[name]) for name in names), default=1)):
            told = ", ".join(f'{name}: "{fits[name][at % len(fits[name])]}"' for name in names)
            yield f"({told})" if told else ""

    def _by_id(self) -> Iterator[tuple[str, str]]:
        for kind, ids in self.ids.items():
            read = f"{{ ... on {kind} {{ {selection(self.realm.schema.get_type(kind), 1)} }} }}"
            yield "nodes", f"{{ nodes(ids: {json.dumps(ids[:: len(ids) // 24 + 1])}) {read} }}"
            # A few are enough to show that this door is the same.
            aliased = (f'n{at}: node(id: "{one}") {read}' for at, one in enumerate(ids[:: len(ids) // 6 + 1]))
            yield "node", f"{{ {' '.join(aliased)} }}"

    def everybody(self) -> Iterator[tuple[str, str, str]]:
        """(role, where it is held, where it works) of all who may enter anywhere."""
        for (role, held), scope in itertools.product(self.realm.who, self.realm.spots):
            if self.realm.spots[held].holds(self.realm.spots[scope]):
                yield role, held, scope

    def different(self, *, by_role: bool) -> list[tuple[str, str, str]]:
        """One of each kind: whose roles let them read the same sees the same of a scope."""
        roles = self.realm.kernel.roles
        readings = self.realm.endpoint._catalogue.nodes.values()
        needed = {one.permission.code for one in readings} | {
            permission.code
            for one in readings
            for declared in one.fields.values()
            if (permission := getattr(declared, "permission", None)) is not None
        }
        kinds = {(one[2], by_role and roles.allowed(one[0]) & needed): one for one in self.everybody()}
        return list(kinds.values())

    def who_is_somebody(self) -> Iterator[tuple[str, str, str]]:
        """Of all these, the ones whose roles together read everything."""
        roles = ("community_admin", "county_operator", "auditor")
        return (one for one in self.everybody() if one[0] in roles and one[1] == one[2])

    async def answers(
        self, way: str, whom: Iterable[tuple[str, str, str]], about: Container[str] | None = None
    ) -> AsyncIterator[tuple[tuple[str, str, str], str, bytes]]:
        """(who, root field, raw response) of every document, asked by these.

        :param about: the root fields; all unless told.
        """
        asking = self.realm.ask if way == "compiled" else self.realm.ask_plainly
        for who in whom:
            for root, document in self.documents:
                if about is None or root in about:
                    answer = await asking(*who, document)
                    assert not any(code in answer for code in UNASKED), (document, answer)
                    yield who, root, answer


def _parts(told: list[str]) -> Iterator[list[str]]:
    """So many at a time as one statement may join tables for."""
    for at in range(0, len(told), 8):
        yield told[at : at + 8]


def _ids_in(value: Any) -> Iterator[tuple[str, str]]:
    """(type, id) of every object with an id."""
    if isinstance(value, list):
        for one in value:
            yield from _ids_in(one)
    elif isinstance(value, dict):
        if value.get("id"):
            yield value["__typename"], value["id"]
        for one in value.values():
            yield from _ids_in(one)


@pytest.fixture(scope="module")
def realm(_template, event_loop) -> Iterator[Realm]:
    """One for each module."""
    name = f"access_{uuid4().hex[:12]}"
    settings = settings_for_tests(query_budget=10**9, query_refill=10**9)
    kernel = Kernel.at(clone(name), settings)
    yield event_loop.run(_realm(kernel, event_loop))
    event_loop.run(kernel.database.dispose())
    drop(name)


@pytest.fixture(scope="module")
def make_reader(realm) -> Callable[[], Reader]:
    """A reader of all there is when it is made."""

    def make() -> Reader:
        made = Reader(realm)
        realm.loop.run(made.prepare())
        return made

    return make
