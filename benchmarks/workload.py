"""What is asked: six questions, as each server wants to be asked, and how their answers compare."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle, islice
from random import Random
from typing import Any

import msgspec
from big_platform import LAST_NUMBER, Community
from load import encoded

from gongzhi.core.api import MOST, global_id, parse_global_id
from gongzhi.plugins.mediation.models import Category

#: Rows of the long list; fewer where the platform shows no more.
LONG = min(500, MOST)

_ROW = "number state title receivedAt"
_TEN = "number state source category title receivedAt acceptedAt dueOn version"
_STEP = "what to at"

#: Document by question, as gongzhi is asked.
_OURS = {
    "case": f"query ($id: ID!) {{ mediationCase(id: $id) {{ id {_ROW} grid {{ id code name }} mediator {{ id name }} }} }}",
    "page": f"query ($first: Int!) {{ mediationCases(first: $first) {{ nodes {{ id {_ROW} "
    "grid { id code name } mediator { id name } } } }",
    "steps": "query ($first: Int!) { mediationCases(first: $first) { nodes { id number title "
    f"steps(first: 5) {{ id {_STEP} }} }} }} }}",
    "rows": f"query ($first: Int!) {{ mediationCases(first: $first) {{ nodes {{ id {_TEN} }} }} }}",
    "draw": "mutation ($input: DrawGridInput!, $key: String) { drawGrid(input: $input, idempotencyKey: $key) { "
    "... on DrawGridSuccess { grid { id code name kind version } } ... on Problem { code message } } }",
    "register": "mutation ($input: RegisterHouseholdInput!, $key: String) { registerHousehold(input: $input, "
    "idempotencyKey: $key) { ... on RegisterHouseholdSuccess { household { id number place people } } "
    "... on Problem { code message } } }",
}

_GRID = "grid: tenantsGridByTenantIdAndGridId { id: rowId code name }"
_MEDIATOR = "mediator: mediatorByTenantIdAndMediatorId { id: rowId name }"
_NEWEST = "allCases(first: $first, orderBy: [PRIMARY_KEY_DESC])"

#: The same for PostGraphile's schema of the same tables, response keys alike.
_POSTGRAPHILE = {
    "case": "query ($tenant: UUID!, $id: UUID!) { mediationCase: caseByTenantIdAndRowId(tenantId: $tenant, rowId: $id) "
    f"{{ id: rowId {_ROW} {_GRID} {_MEDIATOR} }} }}",
    "page": f"query ($first: Int!) {{ mediationCases: {_NEWEST} {{ nodes {{ id: rowId {_ROW} {_GRID} {_MEDIATOR} }} }} }}",
    "steps": f"query ($first: Int!) {{ mediationCases: {_NEWEST} {{ nodes {{ id: rowId number title steps: "
    "stepsByTenantIdAndCaseId(first: 5, orderBy: [PRIMARY_KEY_ASC]) "
    "{ nodes { id: rowId what to: toState at } } } } }",
    "rows": f"query ($first: Int!) {{ mediationCases: {_NEWEST} {{ nodes {{ id: rowId {_TEN} }} }} }}",
    "draw": "mutation ($input: BenchDrawGridInput!) { drawGrid: benchDrawGrid(input: $input) { "
    "grid: result { id: rowId code name kind version } } }",
    "register": "mutation ($input: BenchRegisterHouseholdInput!) { registerHousehold: "
    "benchRegisterHousehold(input: $input) { household: result { id: rowId number place people } } }",
}


@dataclass(frozen=True)
class Question:
    """One of the six.

    :param expected: what every good answer contains.
    :param first: how many rows it asks for; 0 where it asks for one.
    :param bars: what the issue asks for: by the peer, and by the limit.
    """

    name: str
    said: str
    expected: bytes
    first: int = 0
    bars: tuple[float, float | None] = (4.0, 0.75)

    @property
    def writes(self) -> bool:
        """True for a mutation."""
        return self.name in ("draw", "register")


QUESTIONS = (
    Question("case", "one case with grid and mediator", b'"mediator":{'),
    Question("page", "page of 50 with two to-ones", b'"mediator":{', 50),
    Question("steps", "20 cases with five steps each", b'"at":', 20),
    Question("rows", f"{LONG} rows of ten scalars", b'"dueOn":', LONG),
    Question("draw", "mutation writing two rows", b'"kind":', bars=(0.75, None)),
    Question("register", "mutation declared hot, one row", b'"people":', bars=(1.0, None)),
)

#: Makes the request that asks a community this question; a mutation's number is told, a read's case is chosen.
Asker = Callable[[Question, Community, Any], bytes]

_BOUNDS = "东至河堤，西至云岭路"
_PLACE = "云岭路12号"


def number_for(question: Question, community: Community) -> int:
    """A number that nobody has given out yet."""
    return next(community.numbers if question.name == "draw" else community.registered)


def _told(question: Question, community: Community, number: int, names: Sequence[str]) -> dict[str, Any]:
    """What a mutation is told, under the names that a server has for it."""
    values = (
        (number, f"第{number}网格", 300, _BOUNDS)
        if question.name == "draw"
        else (f"H{number}", community.grid, _PLACE, 3)
    )
    return dict(zip(names, values, strict=True))


def ask_gongzhi(question: Question, community: Community, about: Any) -> bytes:
    """A request to gongzhi: signed by the community's token, its scope named as the documentation shows."""
    variables: dict[str, Any] = {"first": question.first}
    if question.name == "case":
        variables = {"id": global_id("MediationCase", about)}
    elif question.writes:
        names = ("number", "name", "households", "bounds")
        if question.name == "register":
            names = ("number", "gridId", "place", "people")
        told = _told(question, community, about, names)
        if "gridId" in told:
            told["gridId"] = global_id("Grid", community.grid)
        variables = {"input": told, "key": f"benchmark-{community.code}-{about}"}
    headers = {"Authorization": f"Bearer {community.token}", "Gongzhi-Scope": community.code}
    return _document(_OURS[question.name], variables, headers)


def ask_postgraphile(question: Question, community: Community, about: Any) -> bytes:
    """A request to PostGraphile; whose it is stands in a header."""
    variables: dict[str, Any] = {"first": question.first}
    if question.name == "case":
        variables = {"tenant": str(community.id), "id": str(about)}
    elif question.writes:
        names = ("number", "title", "households", "bounds")
        if question.name == "register":
            names = ("number", "grid", "place", "people")
        variables = {"input": _told(question, community, about, names)}
    return _document(_POSTGRAPHILE[question.name], variables, {"Gongzhi-Tenant": str(community.id)})


def ask_limit(question: Question, community: Community, about: Any) -> bytes:
    """A request to the hand-written server; whose it is stands in a header."""
    body: dict[str, Any] = {"first": question.first}
    if question.name == "case":
        body = {"id": about}
    elif question.writes:
        names = ("number", "name", "households", "bounds")
        if question.name == "register":
            names = ("label", "grid", "place", "people")
        body = _told(question, community, about, names)
    return encoded(f"/{question.name}", {"Gongzhi-Tenant": str(community.id)}, msgspec.json.encode(body))


def _document(query: str, variables: dict[str, Any], headers: dict[str, str]) -> bytes:
    return encoded("/graphql", headers, msgspec.json.encode({"query": query, "variables": variables}))


def requests(
    question: Question, ask: Asker, communities: Sequence[Community], most_writes: int, seed: int
) -> Iterator[bytes]:
    """Requests of this question, the next one always another community's.

    Reads go on for ever; of the mutation there are so many at most, and none is sent twice.
    """
    order = list(communities)
    Random(seed).shuffle(order)
    if question.writes:
        return iter(_writes(question, ask, order, most_writes))
    turns = min(len(community.cases) for community in order) if question.name == "case" else 1
    return cycle(
        [ask(question, community, community.cases[turn]) for turn in range(turns) for community in order]
    )


def _writes(question: Question, ask: Asker, order: list[Community], most: int) -> list[bytes]:
    made: list[bytes] = []
    for community in islice(cycle(order), most):
        number = number_for(question, community)
        if question.name == "draw" and number > LAST_NUMBER:
            break
        made.append(ask(question, community, number))
    return made


# What is the same content

_CODES = {member.value: member.name for member in Category}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d\d:?\d\d)")


def content(body: bytes) -> Any:
    """The content of an answer, whoever gave it: ids bare, moments as moments, codes by their names."""
    answered = msgspec.json.decode(body)["data"]
    return _bare(_inner(answered))


def _inner(value: Any) -> Any:
    """Without the root field's name and the wrapping of lists."""
    while isinstance(value, dict) and len(value) == 1:
        [value] = value.values()
    return value


def _bare(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        inner = value.get("nodes")
        return {key: _bare(told, key) for key, told in value.items()} if inner is None else _bare(inner)
    if isinstance(value, list):
        return [_bare(told) for told in value]
    return _plain(value, name) if isinstance(value, str) else value


def _plain(value: str, name: str) -> Any:
    if name == "id" and not _UUID.fullmatch(value):
        return str(parse_global_id(value)[1])
    if _MOMENT.fullmatch(value):
        return datetime.fromisoformat(value)
    if name == "category":
        return _CODES.get(value, value)
    return value.lower() if name in {"state", "source", "to", "kind"} else value
