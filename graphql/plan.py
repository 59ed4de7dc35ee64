"""A plan: the one SQL statement that answers a read document, and what whoever runs it must be allowed.

What SQL can't say raises :class:`Unplanned`; the whole operation then goes to the plain executor, as does
whatever would end in a refusal, so that a refusal reads the same on both ways.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gongzhi.core.api import Base, Permission, Reading
from gongzhi.graphql.selection import Selected

#: The arguments of one field, coerced.
Arguments = Mapping[str, Any]
#: A parameter of the statement, found in the arguments of the fields that have some.
Bind = Callable[[Sequence[Arguments]], Any]


@dataclass(frozen=True)
class Root:
    """A root field: a page or one object of a type; without a type it is ``__typename``."""

    selected: Selected
    reading: Reading | None
    page: bool


@dataclass(frozen=True)
class Plan:
    """What was made of a document for one kind of scope.

    :param roots: the response keys, in order; the statement has a column of JSON for each.
    """

    roots: list[str]
    sql: str
    binds: list[Bind]
    permissions: frozenset[Permission]
    models: frozenset[type[Base]]

    def plugins(self, plugin_of: Mapping[type[Base], str]) -> set[str]:
        """The plugins whose tables it reads."""
        return {plugin_of[model] for model in self.models if model in plugin_of}


def given(at: int, *names: str) -> Bind:
    """What stands under these names in the arguments of the field at this place."""

    def read(told: Sequence[Arguments]) -> Any:
        value: Any = told[at]
        for name in names:
            value = value[name]
        return value

    return read


def then(change: Callable[[Any], Any], bind: Bind) -> Bind:
    """The same, changed."""
    return lambda told: change(bind(told))
