"""Every root field and every mutation, for every role, in every place it may be asked: as the policy says.

No answer here is written by hand: roles, the roots' declarations, tables' classes and plugin switches make them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_type_hints
from uuid import uuid4

import msgspec
import pytest
import strawberry
from graphql import GraphQLField, get_named_type, is_leaf_type
from strawberry.utils.str_converters import to_camel_case

from gongzhi.core.api import (
    GridRow,
    Input,
    Kind,
    NoInput,
    Permission,
    Plugins,
    Range,
    Reading,
    UseCase,
    belongs,
    global_id,
)
from gongzhi.graphql.catalogue import Catalogue
from gongzhi.graphql.requests import Request
from gongzhi.tenants import desk

ROLES = [role.code for role in Plugins.installed().ask("register_roles")]
#: What the fences say; any other answer is somebody else's.
FENCES = {"SCOPE_UNKNOWN", "PLUGIN_DISABLED", "SCOPE_NEEDS_COMMUNITY", "SCOPE_NEEDS_RANGE", "FORBIDDEN"}
#: Never an answer: it would hide what the fences say.
NEVER = {"UNEXPECTED", "GRAPHQL_INVALID", "REQUEST_MALFORMED", "LIMIT_EXCEEDED", "RATE_LIMITED"}
PERMISSION = "tenants.area:read"


class Undeclared(AssertionError):  # noqa: N818  # says what happened
    """A root field does not say what it needs."""


@dataclass(frozen=True)
class Root:
    """A root field as it is asked here, and what the schema declares of it.

    :param key: its alias, which tells ``node`` of one type from ``node`` of another.
    """

    key: str
    plugin: str | None
    needs: Any
    text: str
    input_type: str | None = None


def needs_of(name: str, field: GraphQLField) -> Any:
    """What a root field declares; None for what is made of the caller alone.

    :raises Undeclared: it says nothing.
    """
    metadata = field.extensions["strawberry-definition"].metadata
    if not (isinstance(metadata.get("needs"), Permission | Reading | UseCase) or "made" in metadata):
        raise Undeclared(name)
    return metadata["needs"]


@dataclass(frozen=True)
class Policy:
    """What the declarations say of a realm."""

    realm: Any
    catalogue: Catalogue

    def answer(self, role: str, held: Any, asked: Any, root: Root) -> str | None:
        """The fence that stops this role, held at one node and working in another; None where none does."""
        if not held.holds(asked):
            return "SCOPE_UNKNOWN"
        reading = root.needs if isinstance(root.needs, Reading) else None
        plugins = [root.plugin, reading and self.catalogue.models.get(reading.model)]
        if not all(self._offers(asked, plugin) for plugin in plugins):
            return "PLUGIN_DISABLED"
        if (refused := _place(asked, root.needs)) is not None:
            return refused
        permission = (
            root.needs if isinstance(root.needs, Permission) else getattr(root.needs, "permission", None)
        )
        allowed = permission is None or permission.code in self.realm.kernel.roles.allowed(role)
        return None if allowed else "FORBIDDEN"

    def _offers(self, asked: Any, plugin: str | None) -> bool:
        card = None if plugin is None else self.realm.kernel.plugins.cards[plugin]
        return card is None or not card.switchable or asked.name != "silent"


def _place(asked: Any, needs: Any) -> str | None:
    """What the kind of scope refuses: a community's rows asked from above, and the like."""
    above, grid = isinstance(asked.scope, Range), asked.grid
    if isinstance(needs, Reading):
        declared = belongs(needs.model.__table__)
        wide = declared.key is not None and not issubclass(needs.model, GridRow)
        return (
            "SCOPE_NEEDS_COMMUNITY" if (wide and grid) or (declared.kind is Kind.TENANT and above) else None
        )
    if not isinstance(needs, UseCase):
        return None
    if (grid and needs.where != "grid") or (above and needs.where in ("community", "grid")):
        return "SCOPE_NEEDS_COMMUNITY"
    return "SCOPE_NEEDS_RANGE" if needs.where == "range" and not above else None


@pytest.fixture(scope="module")
def policy(realm) -> Policy:
    return Policy(realm, realm.endpoint._catalogue)


@pytest.fixture(scope="module")
def queries(realm, policy) -> list[Root]:
    """Every field of Query; ``node`` and ``nodes`` once for each type with an id."""
    login = f"matrix-{uuid4().hex[:8]}"
    realm.loop.run(desk.create_account(realm.kernel, login, "某人"))
    for place in realm.places.values():
        realm.loop.run(desk.grant(realm.kernel, login, "auditor", place.county, reason="试验"))
    ids = {"Account": _account(realm)}
    return [*_by_id(policy.catalogue), *_fields(realm.schema, policy.catalogue, ids)]


def _account(realm) -> str:
    """An account that has to do with every node."""
    asked = '{ whoCan(permission: "tenants.audit:read") { nodes { accountId } } }'
    answer = realm.loop.run(realm.ask("auditor", "county", "county", asked))
    return str(msgspec.json.decode(answer)["data"]["whoCan"]["nodes"][0]["accountId"])


def _by_id(catalogue: Catalogue) -> Iterator[Root]:
    for kind, reading in catalogue.nodes.items():
        wanted = global_id(kind, uuid4())
        yield Root(f"node_{kind}", None, reading, f'node(id: "{wanted}") {{ id }}')
        yield Root(f"nodes_{kind}", None, reading, f'nodes(ids: ["{wanted}"]) {{ id }}')


def _fields(schema, catalogue: Catalogue, ids: dict[str, str]) -> Iterator[Root]:
    for name, field in schema.query_type.fields.items():
        if name in ("node", "nodes"):
            continue
        needs, kind = needs_of(name, field), get_named_type(field.type)
        told = {
            "id": global_id(getattr(needs, "ids_of", None) or kind.name, uuid4()),
            "accountId": ids["Account"],
            "permission": PERMISSION,
            "role": "auditor",
        }
        required = [one for one, argument in field.args.items() if str(argument.type).endswith("!")]
        given = ", ".join(f'{one}: "{told[one]}"' for one in required if one != "order")
        text = f"{name}({given})" if given else name
        yield Root(
            name,
            catalogue.fields.get(name),
            needs,
            text if is_leaf_type(kind) else f"{text} {{ __typename }}",
        )


@pytest.fixture(scope="module")
def mutations(realm, policy) -> list[Root]:
    """Every field of Mutation."""
    return [
        Root(
            name,
            policy.catalogue.fields[name],
            needs_of(name, field),
            f"{name}{'(input: $' + name + ')' if 'input' in field.args else ''} "
            "{ __typename ... on Problem { code } }",
            str(field.args["input"].type) if "input" in field.args else None,
        )
        for name, field in realm.schema.mutation_type.fields.items()
    ]


def least(kind: type[Input]) -> dict[str, Any]:
    """The least that this input understands, about objects that nobody has."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        to_camel_case(one.name): value_of(hints[one.name])
        for one in msgspec.structs.fields(kind)
        if one.required
    }


def value_of(hint: Any) -> Any:
    """A value that fits this hint, as a variable of GraphQL."""
    metas = [meta for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]
    plain = hint.__origin__ if metas else hint
    for meta in metas:
        if meta.extra and "ref" in meta.extra:
            return global_id(meta.extra["ref"], uuid4())
    [inner, *_] = [kind for kind in get_args(plain) if kind is not NoneType] or [None]
    if inner is not None:
        fewest = max((meta.min_length or 0 for meta in metas), default=0)
        return [value_of(inner) for _ in range(fewest)] if plain.__origin__ is list else value_of(inner)
    if issubclass(plain, Input):
        return least(plain)
    if issubclass(plain, Enum):
        return next(iter(plain)).name
    length = max((meta.min_length or 1 for meta in metas), default=1)
    lowest = max((meta.ge or 1 for meta in metas), default=1)
    known = {"str": "甲" * length, "int": lowest, "bool": True, "Decimal": "1", "date": "2026-03-02"}
    return known[plain.__name__]


def told(answer: bytes, roots: list[Root]) -> dict[str, str | None]:
    """The code that each root was refused with, None for an answer."""
    body = msgspec.json.decode(answer)
    errors = body.get("errors") or []
    whole = [one["extensions"]["code"] for one in errors if not one.get("path")]
    assert not NEVER & {one["extensions"]["code"] for one in errors}, errors
    by_key = {one["path"][0]: one["extensions"]["code"] for one in errors if one.get("path")}
    data = body.get("data") or {}
    problems = {key: one["code"] for key, one in data.items() if isinstance(one, dict) and "code" in one}
    return {root.key: (whole or [by_key.get(root.key, problems.get(root.key))])[0] for root in roots}


def document(roots: list[Root], kind: str = "query") -> str:
    """All of these in one document."""
    told = [f"${root.key}: {root.input_type}" for root in roots if root.input_type]
    variables = f"({', '.join(told)})" if told else ""
    return f"{kind} {variables} {{ {' '.join(f'{root.key}: {root.text}' for root in roots)} }}"


async def compiled(realm, caller, roots: list[Root]) -> bytes | None:
    """What the compiled way answers; None where it leaves it to the plain executor."""
    asking = realm.endpoint.asking(Request(query=document(roots)))
    return await realm.endpoint.reads.answer(caller, asking)


def places(realm, role: str) -> Iterator[tuple[Any, Any]]:
    """Every node of the first county where a role is held, with every node it may ask for there."""
    for held in realm.held(role):
        if held.holds(realm.spots["grid"]) or held.name == "silent":
            yield from ((held, asked) for asked in realm.spots.values())


class TestEveryQuery:
    @pytest.mark.parametrize("role", ROLES)
    async def test_is_answered_as_the_policy_says(self, realm, policy, queries, role):
        """All in one document, refused ones among them: the plain executor tells each its own answer."""
        wrong = []
        for held, asked in places(realm, role):
            answer = await realm.ask(role, held.name, asked.name, document(queries))
            found = told(answer, queries)
            for root in queries:
                expected, code = policy.answer(role, held, asked, root), found[root.key]
                if (code if code in FENCES else None) != expected:
                    wrong.append((held.name, asked.name, root.key, code, expected))
        assert wrong == []

    @pytest.mark.parametrize("role", ROLES)
    async def test_is_answered_in_one_statement_where_the_policy_allows_it(
        self, realm, policy, queries, role
    ):
        """What is allowed, together; what is not, each alone: the compiled way leaves it to be refused."""
        for held, asked in places(realm, role):
            if not held.holds(asked):
                continue
            _credentials, caller = await realm.caller(role, held.name, asked.name)
            refused = [root for root in queries if policy.answer(role, held, asked, root) is not None]
            allowed = [root for root in queries if root not in refused]
            for at in range(0, len(allowed), 25):
                part = allowed[at : at + 25]
                assert await compiled(realm, caller, part) is not None, (held.name, asked.name)
            for root in refused:
                assert await compiled(realm, caller, [root]) is None, (held.name, asked.name, root.key)


class TestEveryMutation:
    @pytest.mark.parametrize("role", ROLES)
    async def test_is_refused_as_the_policy_says(self, realm, policy, mutations, role):
        """And nowhere else: what is not refused by a fence ends in whatever else the input deserves."""
        inputs = {root.key: least(root.needs.input) for root in mutations if root.needs.input is not NoInput}
        wrong = []
        for held, asked in places(realm, role):
            answer = await realm.ask(role, held.name, asked.name, document(mutations, "mutation"), **inputs)
            found = told(answer, mutations)
            for root in mutations:
                expected, code = policy.answer(role, held, asked, root), found[root.key]
                if (code if code in FENCES else None) != expected:
                    wrong.append((held.name, asked.name, root.key, code, expected))
        assert wrong == []


class TestTheMatrix:
    def test_asks_every_root_field(self, realm, policy, queries, mutations):
        asked = {root.key.partition("_")[0] for root in queries} | {root.key for root in mutations}
        assert asked == {*realm.schema.query_type.fields, *realm.schema.mutation_type.fields}

    def test_knows_each_answer_there_is(self, realm, policy, queries, mutations):
        """A policy that allowed or refused everything would pass above."""
        for roots in (queries, mutations):
            answers = {
                policy.answer(role, held, asked, root)
                for role in ROLES
                for held, asked in places(realm, role)
                for root in roots
            }
            never = {"SCOPE_NEEDS_RANGE"} if roots is queries else set()
            assert answers == {None, *FENCES} - never

    def test_fails_at_a_new_field_that_declares_no_need(self, realm):
        @strawberry.type
        class Query:
            @strawberry.field
            def forgotten(self) -> str:
                return "anything"

        schema = strawberry.Schema(query=Query)._schema
        with pytest.raises(Undeclared, match="forgotten"):
            needs_of("forgotten", schema.query_type.fields["forgotten"])
