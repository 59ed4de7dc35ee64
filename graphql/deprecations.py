"""What the schema announces will go: read back from it, held to its rules, and taken off what was promised."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from graphql import (
    REMOVE,
    DocumentNode,
    EnumValueDefinitionNode,
    FieldDefinitionNode,
    GraphQLDeprecatedDirective,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InputValueDefinitionNode,
    Visitor,
    build_ast_schema,
    visit,
)
from graphql.execution.values import get_directive_values

from gongzhi.core.api import Deprecated

#: How long before its last day whatever goes is announced in a released schema.
NOTICE = timedelta(days=180)


def coordinates(schema: GraphQLSchema) -> dict[str, Any]:
    """Everything of a schema by its coordinate: ``Type``, ``Type.field``, ``Type.field(argument:)``, ``Enum.VALUE``."""
    return {
        coordinate: found
        for name, kind in schema.type_map.items()
        if not name.startswith("__")
        for coordinate, found in _within(name, kind)
    }


def _within(name: str, kind: GraphQLNamedType) -> Iterator[tuple[str, Any]]:
    yield name, kind
    if isinstance(kind, GraphQLEnumType):
        yield from ((f"{name}.{value}", found) for value, found in kind.values.items())
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        for field_name, field in kind.fields.items():
            yield f"{name}.{field_name}", field
            for argument_name, argument in getattr(field, "args", {}).items():
                yield f"{name}.{field_name}({argument_name}:)", argument


def deprecations(schema: GraphQLSchema) -> dict[str, str]:
    """Coordinate to reason of everything deprecated."""
    return {
        coordinate: found.deprecation_reason
        for coordinate, found in coordinates(schema).items()
        if getattr(found, "deprecation_reason", None) is not None
    }


def breaches(released: GraphQLSchema, served: GraphQLSchema, today: date) -> list[str]:
    """What is wrong with the deprecations of the schema that is served, a sentence for each."""
    before, known = deprecations(released), coordinates(served)
    return [
        f"{coordinate} {wrong}"
        for coordinate, reason in deprecations(served).items()
        for wrong in _breaches(coordinate, reason, before.get(coordinate), known, today)
    ]


def _breaches(
    coordinate: str, reason: str, before: str | None, known: dict[str, Any], today: date
) -> Iterator[str]:
    announced = Deprecated.read(reason)
    if announced is None:
        yield "is deprecated without a day and a way out: declare it by Deprecated (须写明停用日期和替代项)"
        return
    if announced.until < today:
        yield f"had its last day on {announced.until}: remove it (已到期，请移除)"
        return
    if not _leads_out(coordinate, announced.use, known):
        yield f"names the way out {announced.use}, which is not in the schema or goes itself (替代项不存在)"
    promised = None if before is None else Deprecated.read(before)
    earliest = today + NOTICE
    if promised is not None:
        earliest = min(earliest, promised.until)
    if announced.until < earliest:
        yield f"goes on {announced.until}, which is too soon: not before {earliest} (停用日期过早)"


def _leads_out(coordinate: str, use: str, known: dict[str, Any]) -> bool:
    """Whether the way out is there and stays: a coordinate, a root field, or a neighbour of what goes."""
    owner, bracket, _argument = coordinate.partition("(")
    neighbour = f"{owner}({use}:)" if bracket else f"{owner.partition('.')[0]}.{use}"
    ways = [way for way in (use, f"Query.{use}", f"Mutation.{use}", neighbour) if way in known]
    return any(getattr(known[way], "deprecation_reason", None) is None for way in ways)


def still_promised(released: DocumentNode, today: date) -> GraphQLSchema:
    """The released schema without what has had its last day, and without the types only that led to."""
    rest = visit(released, _Removing(today))
    return _reachable(build_ast_schema(rest, assume_valid=True))


class _Removing(Visitor):
    """Takes out what is deprecated until a day that has passed."""

    def __init__(self, today: date) -> None:
        super().__init__()
        self._today = today

    def _enter(self, node: Any, *_: Any) -> Any:
        told = get_directive_values(GraphQLDeprecatedDirective, node)
        announced = Deprecated.read(told["reason"]) if told else None
        return REMOVE if announced is not None and announced.until < self._today else None

    def enter_field_definition(self, node: FieldDefinitionNode, *_: Any) -> Any:
        """A field of an object or interface."""
        return self._enter(node)

    def enter_input_value_definition(self, node: InputValueDefinitionNode, *_: Any) -> Any:
        """An argument, or a field of an input."""
        return self._enter(node)

    def enter_enum_value_definition(self, node: EnumValueDefinitionNode, *_: Any) -> Any:
        """A value of an enum."""
        return self._enter(node)


def _reachable(schema: GraphQLSchema) -> GraphQLSchema:
    """The schema with the types alone that a document can meet."""
    kept: tuple[GraphQLNamedType, ...] = ()
    while True:
        found = GraphQLSchema(
            schema.query_type,
            schema.mutation_type,
            types=kept,
            directives=schema.directives,
            assume_valid=True,
        )
        more = tuple(
            kind
            for name, kind in schema.type_map.items()
            if name not in found.type_map
            and isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
            and any(interface.name in found.type_map for interface in kind.interfaces)
        )
        if not more:
            return found
        kept += more
