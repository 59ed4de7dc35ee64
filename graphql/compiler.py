"""Read documents compiled once: parsed, validated and planned, and kept in a bounded cache.

A plan is kept for each document, operation, kind of scope, skip and include flags, and shape of arguments
(which filters are given, which order, which way the page goes).
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    get_named_type,
    parse,
    validate,
    visit,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values

from gongzhi.core.api import Invalid, Reading, Scope, parse_global_id
from gongzhi.graphql.plan import Arguments, Plan, Root
from gongzhi.graphql.requests import MOST_TOKENS
from gongzhi.graphql.selection import Asked, Selected, Unplanned
from gongzhi.graphql.writer import Writer

#: How many documents are kept, and how many plans of each.
DOCUMENTS, PLANS = 1000, 20
#: The longest document that is kept, in characters.
LONGEST_KEPT = 16_384


@dataclass(frozen=True)
class Left:
    """Why a document, or a shape of it, is left to the plain executor.

    Kept instead of the exception: one that is raised again and again holds on to every request it has seen.
    """

    reason: str


@dataclass
class Outline:
    """The fields of a document under some flags, once it is known of which types they are.

    :param kinds: response key of each ``node`` field to the name of the type its id says.
    :param argued: the fields whose arguments are read.
    """

    asked: Asked
    roots: list[Selected]
    kinds: Mapping[str, str]
    argued: list[Selected]

    def places(self) -> dict[int, int]:
        """Where each field's arguments are, by the identity of its place in the document."""
        return {id(selected.nodes[0]): place for place, selected in enumerate(self.argued)}


@dataclass
class Prepared:
    """A document that was parsed and found valid."""

    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    flag_names: tuple[str, ...]
    opened: "OrderedDict[tuple[bool, ...], tuple[Asked, list[Selected]]]" = field(default_factory=OrderedDict)
    outlines: "OrderedDict[Any, Outline]" = field(default_factory=OrderedDict)
    plans: "OrderedDict[Any, Plan | Left]" = field(default_factory=OrderedDict)


@dataclass(frozen=True)
class Ready:
    """A plan with the arguments of one request."""

    plan: Plan
    arguments: Sequence[Arguments]

    def values(self) -> list[Any]:
        """What the statement's parameters are, the scope's apart.

        :raises Unplanned: an argument is one that the plain executor will refuse.
        """
        return [bind(self.arguments) for bind in self.plan.binds]


class Compiler:
    """The compiler of one schema.

    :param nodes: the types whose objects ``node`` finds, by name.
    """

    def __init__(self, schema: GraphQLSchema, nodes: Mapping[str, Reading]) -> None:
        self._schema, self._nodes = schema, nodes
        self._documents: OrderedDict[tuple[str, str | None], Prepared | Left] = OrderedDict()

    def ready(
        self, query: str, operation: str | None, variables: Mapping[str, Any] | None, scope: Scope
    ) -> Ready:
        """The plan that answers this document, with its arguments.

        :raises Unplanned: it is for the plain executor: not a read, not valid, or beyond SQL.
        """
        prepared = self._prepared(query, operation)
        told = get_variable_values(
            self._schema, prepared.operation.variable_definitions or (), dict(variables or {}), max_errors=1
        )
        if isinstance(told, list):
            raise Unplanned("variables that do not fit")
        flags = {name: told.coerced.get(name) is True for name in prepared.flag_names}
        if any(told.coerced.get(name) is None for name in flags):
            raise Unplanned("a flag that is neither true nor false")
        asked, roots = self._opened(prepared, flags)
        kinds = {root.key: self._kind_of(root, told) for root in roots if root.name == "node"}
        under = (*flags.values(), *kinds.values())
        outline = prepared.outlines.get(under)
        if outline is None:
            argued = list(self._argued(replace(asked, _sets=0), roots, kinds))
            outline = Outline(asked, roots, kinds, argued)
            _keep(prepared.outlines, under, outline, PLANS)
        arguments = [
            get_argument_values(selected.definition, selected.nodes[0], told) for selected in outline.argued
        ]
        key = (under, type(scope), tuple(_shape(argument) for argument in arguments))
        plan = prepared.plans.get(key)
        if plan is None:
            plan = self._planned(outline, type(scope), arguments)
            _keep(prepared.plans, key, plan, PLANS)
        if isinstance(plan, Left):
            raise Unplanned(plan.reason)
        return Ready(plan, arguments)

    def _opened(self, prepared: Prepared, flags: Mapping[str, bool]) -> tuple[Asked, list[Selected]]:
        """The root fields under these flags."""
        opened = prepared.opened.get(tuple(flags.values()))
        if opened is None:
            asked = Asked(self._schema, prepared.operation, prepared.fragments, flags)
            assert self._schema.query_type is not None
            opened = asked, asked.roots(self._schema.query_type)
            _keep(prepared.opened, tuple(flags.values()), opened, PLANS)
        return opened

    def _prepared(self, query: str, operation: str | None) -> Prepared:
        key = (query, operation)
        prepared = self._documents.get(key)
        if prepared is None:
            try:
                prepared = self._prepare(query, operation)
            except Unplanned as error:
                prepared = Left(str(error))
            if len(query) <= LONGEST_KEPT:
                _keep(self._documents, key, prepared, DOCUMENTS)
        else:
            self._documents.move_to_end(key)
        if isinstance(prepared, Left):
            raise Unplanned(prepared.reason)
        return prepared

    def _prepare(self, query: str, operation: str | None) -> Prepared:
        try:
            document = parse(query, max_tokens=MOST_TOKENS)
        except GraphQLError as error:
            raise Unplanned("not a document") from error
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        named = [d for d in operations if operation is None or (d.name and d.name.value == operation)]
        if len(named) != 1 or named[0].operation is not OperationType.QUERY:
            raise Unplanned("not one query")
        if validate(self._schema, document):
            raise Unplanned("not valid")
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        return Prepared(named[0], fragments, _flag_names(document))

    def _argued(self, asked: Asked, fields: list[Selected], kinds: Mapping[str, str]) -> Iterator[Selected]:
        """Fields with arguments, each once."""
        for selected in fields:
            if selected.name.startswith("__"):
                continue
            if selected.definition.args:
                yield selected
            named: Any = get_named_type(selected.definition.type)
            kind = self._schema.get_type(kinds.get(selected.key, named.name))
            if isinstance(kind, GraphQLObjectType):
                yield from self._argued(asked, asked.beneath(selected, kind), {})

    def _kind_of(self, selected: Selected, told: VariableValues) -> str:
        """The type that the id of a ``node`` field names."""
        arguments = get_argument_values(selected.definition, selected.nodes[0], told)
        kind = parse_global_id(arguments["id"])[0]
        if kind not in self._nodes:
            raise Unplanned("no such type")
        return kind

    def _planned(self, outline: Outline, scope_kind: type, arguments: Sequence[Arguments]) -> Plan | Left:
        writer = Writer(replace(outline.asked, _sets=0), scope_kind, arguments, outline.places())
        try:
            return writer.plan([self._root(selected, outline) for selected in outline.roots])
        except (Unplanned, Invalid) as error:
            return Left(str(error) if isinstance(error, Unplanned) else error.code)

    def _root(self, selected: Selected, outline: Outline) -> Root:
        """How a root field reads."""
        if selected.name == "__typename":
            return Root(selected, None, page=False)
        if selected.name.startswith("__"):
            raise Unplanned("introspection")
        if selected.key in outline.kinds:
            reading: Any = self._nodes[outline.kinds[selected.key]]
        else:
            declared: Any = selected.definition.extensions["strawberry-definition"]
            reading = declared.metadata.get("needs")
        if not isinstance(reading, Reading):
            raise Unplanned(f"{selected.name} is made in Python")
        named = get_named_type(selected.definition.type).name
        if named == f"{reading.name}Connection":
            return Root(selected, reading, page=True)
        if named != reading.name and selected.name != "node":
            raise Unplanned(f"{selected.name} is made in Python")
        return Root(selected, reading, page=False)


def _keep(cache: "OrderedDict[Any, Any]", key: Any, value: Any, most: int) -> None:
    cache[key] = value
    if len(cache) > most:
        cache.popitem(last=False)


def _flag_names(document: DocumentNode) -> tuple[str, ...]:
    """The variables that skip and include read."""
    found: dict[str, None] = {}

    class Flags(Visitor):
        def enter_directive(self, node: Any, *_: Any) -> None:
            for argument in node.arguments:
                if isinstance(argument.value, VariableNode):
                    found[argument.value.name.value] = None

    visit(document, Flags())
    return tuple(found)


def _shape(value: Any) -> Any:
    """What of an argument decides the statement: which keys are given, which enum values; no plain values."""
    if isinstance(value, dict):
        return tuple((name, _shape(inner)) for name, inner in value.items() if inner is not None)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return ""
    return None if value is None else type(value)
