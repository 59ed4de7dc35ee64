"""A document under some flags: which fields it asks for, of which types, where their arguments are, its price."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationType,
    get_named_type,
)

from gongzhi.core.api import Invalid, split_global_id
from gongzhi.graphql.arguments import Reader, Told, reader_of
from gongzhi.graphql.cost import (
    ANSWERED,
    INTROSPECTION,
    LEAVES,
    MUTATION,
    TOTAL,
    Cost,
    Price,
    is_counted,
    is_leaf,
    is_list,
)
from gongzhi.graphql.documents import Documents, Prepared
from gongzhi.graphql.errors import NotValid, of_document
from gongzhi.graphql.limits import MOST_COST, MOST_NODES, LimitExceeded, check_variables
from gongzhi.graphql.plan import Arguments
from gongzhi.graphql.selection import Asked, Selected, TooManySelections

#: The root fields that find objects of any type, by the argument that names them.
BY_ID = {"node": "id", "nodes": "ids"}
#: Names of types an id may say; an id of no such type finds nothing.
NOTHING = ""


@dataclass
class Outline:
    """The fields of a document under some flags, once it is known of which types they are.

    :param kinds: response key of each ``node`` and ``nodes`` to the names of the types its ids say.
    :param argued: the fields whose arguments are read.
    """

    asked: Asked
    roots: list[Selected]
    kinds: Mapping[str, tuple[str, ...]]
    argued: list[Selected]
    readers: list[Reader]
    places: Mapping[int, int]
    price: Price


@dataclass(slots=True)
class Asking:
    """A document with the variables of one request.

    :param given: the variables as they were sent.
    :param under: what the outline depends on: flags, and the types that ids name.
    """

    prepared: Prepared
    given: Mapping[str, Any]
    outline: Outline
    under: tuple[Any, ...]
    arguments: Sequence[Arguments]
    cost: Cost

    @property
    def operation_name(self) -> str | None:
        """The name of the operation, if it has one."""
        name = self.prepared.operation.name
        return None if name is None else name.value


def asking(
    documents: Documents,
    nodes: Container[str],
    query: str,
    variables: Mapping[str, Any] | None,
    operation: str | None,
) -> Asking:
    """This document with these variables, within what one request may ask for.

    :param nodes: the types that have ids of their own.
    :raises NotValid: it is no GraphQL of this schema, or the variables do not fit, or not where they stand.
    :raises RequestMalformed: it has no such operation.
    :raises LimitExceeded: it asks for more than one request may.
    """
    given = variables or {}
    check_variables(given)
    prepared = documents.find(query, operation)
    told = prepared.variables.told(given)
    told.coerced  # noqa: B018  # now, where it can be told
    flags = {name: told.coerced.get(name) for name in prepared.flag_names}
    if None in flags.values():
        raise NotValid([of_document(GraphQLError("A flag is true or false / 条件变量须为 true 或 false"))])
    try:
        outline, under = _outline(documents.schema, nodes, prepared, flags, told)
    except TooManySelections:
        raise LimitExceeded.of("nodes", MOST_NODES) from None
    try:
        arguments = [read(told) for read in outline.readers]
    except GraphQLError as error:
        raise NotValid([of_document(error)]) from None
    points, count = outline.price.of(arguments)
    if count > MOST_NODES:
        raise LimitExceeded.of("nodes", MOST_NODES)
    if points > MOST_COST:
        raise LimitExceeded.of("cost", MOST_COST)
    cost = Cost(points, count, prepared.depth)
    return Asking(prepared, given, outline, under, arguments, cost)


def _outline(
    schema: GraphQLSchema,
    nodes: Container[str],
    prepared: Prepared,
    flags: Mapping[str, Any],
    told: Told,
) -> tuple[Outline, tuple[Any, ...]]:
    def opened() -> tuple[Asked, list[Selected], list[tuple[Selected, Reader]]]:
        asked = Asked(schema, prepared.operation, prepared.fragments, flags)
        roots = asked.roots(_root(schema, prepared))
        return asked, roots, [(root, reader_of(root, told)) for root in roots if root.name in BY_ID]

    asked, roots, by_id = prepared.once(("opened", *flags.values()), opened)
    kinds = {root.key: _kinds_of(root.name, read, told, nodes) for root, read in by_id}
    under = (*flags.values(), *kinds.values())
    outline = prepared.once(("outline", under), lambda: _Outliner(asked.afresh(), kinds).outline(roots, told))
    return outline, under


def _root(schema: GraphQLSchema, prepared: Prepared) -> GraphQLObjectType:
    kind = schema.get_root_type(prepared.operation.operation)
    assert kind is not None
    return kind


def _kinds_of(name: str, read: Reader, told: Told, nodes: Container[str]) -> tuple[str, ...]:
    """The types that the ids of this field name."""
    try:
        value = read(told)[BY_ID[name]]
        ids = value if isinstance(value, list) else [value]
        found = {split_global_id(one)[0] for one in ids}
    except (GraphQLError, Invalid):
        return (NOTHING,)
    return tuple(sorted(kind if kind in nodes else NOTHING for kind in found))


class _Outliner:
    """Walks a document once, for its arguments and its price."""

    def __init__(self, asked: Asked, kinds: Mapping[str, tuple[str, ...]]) -> None:
        self._asked, self._kinds = asked, kinds
        self._argued: list[Selected] = []
        self._places: dict[int, int] = {}

    def outline(self, roots: list[Selected], told: Told) -> Outline:
        mutation = self._asked.operation.operation is OperationType.MUTATION
        price = Price(points=1)
        for root in roots:
            price.beneath.append(self._price(root, None))
            price.points += MUTATION if mutation else 0
            if not root.name.startswith("__") and "answered" in root.metadata:
                price.points += ANSWERED
        readers = [reader_of(selected, told) for selected in self._argued]
        return Outline(self._asked, roots, self._kinds, self._argued, readers, self._places, price.folded())

    def _price(self, selected: Selected, page: int | None) -> Price:
        """The price of a field; ``page`` is where the arguments of the connection are that it is a part of."""
        if selected.name == "__typename":
            return Price()
        if selected.name.startswith("__"):
            return Price(points=INTROSPECTION)
        definition = selected.definition
        if definition.args:
            self._places[id(selected.nodes[0])] = len(self._argued)
            self._argued.append(selected)
        if is_counted(definition):
            page = self._places[id(selected.nodes[0])]
        if is_leaf(definition):
            return Price(points=TOTAL if selected.name == "totalCount" else 0)
        price = Price()
        if is_list(definition):
            price.at = page
        beneath = [one for kind in self._types(selected) for one in self._asked.beneath(selected, kind)]
        leaves = sum(one.name.startswith("__") or is_leaf(one.definition) for one in beneath)
        if "edges" not in definition_fields(selected) and selected.name not in ("edges", "pageInfo"):
            price.points, price.nodes = 1 + leaves // LEAVES, 1
        passes_on = None if price.at is not None else page
        price.beneath = [self._price(one, passes_on) for one in beneath]
        return price

    def _types(self, selected: Selected) -> Iterator[GraphQLObjectType]:
        """The object types that a field may answer."""
        root = selected.parent is self._asked.schema.query_type
        names = self._kinds.get(selected.key) if root and selected.name in BY_ID else None
        kind = get_named_type(selected.definition.type)
        if names is not None:
            found: list[Any] = [self._asked.schema.get_type(name) for name in names if name != NOTHING]
            yield from found
        elif isinstance(kind, GraphQLObjectType):
            yield kind
        elif isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            yield from self._asked.schema.get_possible_types(kind)


def definition_fields(selected: Selected) -> Mapping[str, Any]:
    """The fields of what a field answers."""
    return getattr(get_named_type(selected.definition.type), "fields", {})
