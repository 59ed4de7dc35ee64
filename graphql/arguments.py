"""Variables and arguments of a request: read once how they come, then taken without asking the schema again.

graphql-core coerces them; what is a plain number or text that fits, and what stands in the document itself, needs
no second look.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLNonNull,
    GraphQLSchema,
    Node,
    NonNullTypeNode,
    OperationDefinitionNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values

from gongzhi.graphql.errors import NotValid, of_document
from gongzhi.graphql.selection import Selected

#: What fits a built-in scalar as it is.
_PLAIN: dict[str, Callable[[Any], bool]] = {
    "ID": lambda value: type(value) is str,
    "String": lambda value: type(value) is str,
    "Boolean": lambda value: type(value) is bool,
    "Int": lambda value: type(value) is int and -(2**31) <= value < 2**31,
}
_MISTAKES = 5


@dataclass(frozen=True)
class _Expected:
    """A variable of a built-in scalar."""

    name: str
    fits: Callable[[Any], bool]
    required: bool


@dataclass
class Variables:
    """The variables that an operation defines."""

    schema: GraphQLSchema
    definitions: Sequence[VariableDefinitionNode]
    #: None where some need graphql-core each time: inputs, enums, lists, defaults.
    _expected: Sequence[_Expected] | None = field(init=False)

    def __post_init__(self) -> None:
        expected = [_expected(definition) for definition in self.definitions]
        self._expected = None if None in expected else [one for one in expected if one is not None]

    @classmethod
    def of(cls, schema: GraphQLSchema, operation: OperationDefinitionNode) -> "Variables":
        """Those of this operation."""
        return cls(schema, operation.variable_definitions or ())

    def told(self, given: Mapping[str, Any]) -> "Told":
        """The variables of a request.

        :raises NotValid: they don't fit.
        """
        coerced = self._as_they_are(given)
        told = Told(self, given)
        if coerced is not None:
            told.coerced = coerced
        return told

    def _as_they_are(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        if self._expected is None:
            return None
        coerced = {}
        for one in self._expected:
            if one.name not in given:
                if one.required:
                    return None
                continue
            value = given[one.name]
            if not one.fits(value):
                return None
            coerced[one.name] = value
        return coerced


class Told:
    """The variables of a request, coerced."""

    def __init__(self, variables: Variables, given: Mapping[str, Any]) -> None:
        self._variables, self.given = variables, given

    @cached_property
    def whole(self) -> VariableValues:
        """As graphql-core has them.

        :raises NotValid: they don't fit.
        """
        told = get_variable_values(
            self._variables.schema, self._variables.definitions, dict(self.given), max_errors=_MISTAKES
        )
        if isinstance(told, list):
            raise NotValid([of_document(error) for error in told])
        return told

    @cached_property
    def coerced(self) -> Mapping[str, Any]:
        """Value by name."""
        return self.whole.coerced


def _expected(definition: VariableDefinitionNode) -> _Expected | None:
    kind: Any = definition.type
    required = isinstance(kind, NonNullTypeNode)
    named = kind.type if required else kind
    fits = _PLAIN.get(named.name.value) if hasattr(named, "name") else None
    if fits is None or definition.default_value is not None:
        return None
    return _Expected(definition.variable.name.value, fits, required)


#: Reads the arguments of one field: name to value, coerced.
Reader = Callable[[Told], dict[str, Any]]


def reader_of(selected: Selected, told: Told) -> Reader:
    """How the arguments of this field are read, from now on.

    :param told: the variables of some request; what stands in the document itself is the same in all.
    """
    definition, node = selected.definition, selected.nodes[0]

    def slowly(told: Told) -> dict[str, Any]:
        return get_argument_values(definition, node, told.whole)

    written = {argument.name.value: argument.value for argument in node.arguments or ()}
    varying = {name: value for name, value in written.items() if isinstance(value, VariableNode)}
    if any(_varies(value) for name, value in written.items() if name not in varying):
        return slowly
    try:
        known = slowly(told)
    except GraphQLError:
        return slowly
    constant = {name: value for name, value in known.items() if name not in varying}
    taken = [
        (name, value.name.value, isinstance(definition.args[name].type, GraphQLNonNull))
        for name, value in varying.items()
    ]

    def read(told: Told) -> dict[str, Any]:
        found = constant.copy()
        for name, variable, required in taken:
            value = told.coerced.get(variable, told)
            if value is told or (required and value is None):
                return slowly(told)
            found[name] = value
        return found

    return read


def _varies(value: Node) -> bool:
    """True where a variable stands somewhere within."""
    found = []

    class Variable(Visitor):
        def enter_variable(self, node: VariableNode, *_: Any) -> None:
            found.append(node)

    visit(value, Variable())
    return bool(found)
