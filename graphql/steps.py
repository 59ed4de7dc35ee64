"""Values that Python makes: of columns of a decoded page, and of the caller; written as the schema says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import msgspec
from graphql import (
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    is_leaf_type,
)

from gongzhi.core.api import Step
from gongzhi.graphql.selection import Asked, Selected


@dataclass(frozen=True)
class StepAt:
    """A Python step at one place of an answer.

    :param path: the response keys that lead to it from its root; lists on the way are gone through.
    :param kinds: the Python types of the columns it is made of.
    """

    path: tuple[str, ...]
    declared: Step
    kinds: Mapping[str, Any]
    returns: GraphQLOutputType

    def make(self, told: Mapping[str, Any], kernel: Any) -> Any:
        """The value, of the columns as JSON told them."""
        columns = {
            name: None if value is None else msgspec.convert(value, self.kinds[name])
            for name, value in told.items()
        }
        return written(self.returns, self.declared.step(SimpleNamespace(**columns), kernel))


def stepped(part: bytes, steps: Sequence[StepAt], kernel: Any) -> bytes:
    """The JSON of a root with its steps made."""
    answer = msgspec.json.decode(part)
    for step in steps:
        _walk(answer, step.path, partial(step.make, kernel=kernel))
    return msgspec.json.encode(answer)


def _walk(value: Any, path: Sequence[str], make: Callable[[Any], Any]) -> None:
    """Put what is made in the place of what it is made of, wherever the path leads."""
    if isinstance(value, list):
        for inner in value:
            _walk(inner, path, make)
    elif value is not None:
        key, *rest = path
        if rest:
            _walk(value[key], rest, make)
        else:
            value[key] = make(value[key])


def written(kind: GraphQLOutputType, value: Any) -> Any:
    """A plain value as JSON has it.

    :raises GraphQLError: it is not what the schema promises.
    """
    if isinstance(kind, GraphQLNonNull):
        if value is None:
            raise TypeError("null where the schema promises a value")
        return written(kind.of_type, value)
    if value is None:
        return None
    if isinstance(kind, GraphQLList):
        return [written(kind.of_type, inner) for inner in value]
    assert is_leaf_type(kind)
    return kind.serialize(value)


def selected_of(value: Any, selected: Selected, asked: Asked) -> Any:
    """What a document asks for of a Python object, whose attributes are named as the fields' Python names."""
    return _object(selected.definition.type, value, selected, asked)


def _object(kind: GraphQLOutputType, value: Any, selected: Selected, asked: Asked) -> Any:
    inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if value is None or is_leaf_type(inner):
        return written(kind, value)
    if isinstance(inner, GraphQLList):
        if is_leaf_type(getattr(inner.of_type, "of_type", inner.of_type)):
            return written(inner, value)
        return [_object(inner.of_type, one, selected, asked) for one in value]
    concrete: Any = inner
    if not isinstance(inner, GraphQLObjectType):
        # A member of a union is called as its class.
        concrete = asked.schema.get_type(type(value).__name__)
    return fields_of(value, asked.beneath(selected, concrete), asked)


def fields_of(value: Any, fields: Sequence[Selected], asked: Asked) -> dict[str, Any]:
    """These fields of a Python object."""
    return {
        field.key: field.parent.name
        if field.name == "__typename"
        else _object(field.definition.type, getattr(value, field.python_name), field, asked)
        for field in fields
    }
