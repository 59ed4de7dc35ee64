"""A plan: the one SQL statement that answers a read, and what whoever runs it must be allowed.

What SQL can't say raises :class:`Unplanned`; the whole operation then goes to the plain executor, as does
whatever would end in a refusal, so that a refusal reads the same on both ways.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from gongzhi.core.api import Actor, Base, Permission, Reading
from gongzhi.graphql.selection import Selected
from gongzhi.graphql.steps import StepAt

#: The arguments of one field, coerced.
Arguments = Mapping[str, Any]
#: A parameter of the statement, found in the arguments of the fields that have some.
Bind = Callable[[Sequence[Arguments]], Any]


class Unplanned(Exception):  # noqa: N818  # not an error: another way is taken
    """SQL can't answer this; the reason goes to ``gongzhi schema explain`` and into a metric."""


class Form(Enum):
    """What a root field answers."""

    TYPENAME = auto()
    #: Something about the caller, made without the database.
    MADE = auto()
    PAGE = auto()
    #: The object with an id.
    ITEM = auto()
    #: Objects with ids, of several types.
    ITEMS = auto()
    #: The one object that a criterion leaves.
    SINGLE = auto()
    #: What a command came to.
    RESULT = auto()
    #: What a command tells once.
    ONCE = auto()
    #: What Python finds out, in transactions of its own.
    ANSWERED = auto()


#: Forms that the statement has no column for.
APART = (Form.MADE, Form.ONCE, Form.ANSWERED)


@dataclass(frozen=True)
class Root:
    """A root field, or a field of a command's payload."""

    selected: Selected
    form: Form
    readings: tuple[Reading, ...] = ()

    @property
    def reading(self) -> Reading:
        """The one type it reads."""
        return self.readings[0]


@dataclass(frozen=True)
class Plan:
    """What was made of a document for one kind of scope.

    :param keys: the response keys, in order.
    :param columns: those that the statement has a column of JSON for, in order, behind the policy's epoch.
    :param made: those that are made from the caller; of ``answered``, those that Python finds out, with their fields.
    :param checks: arguments that must fit although the statement takes them nowhere.
    :param permissions: what the caller must have; of ``masks``, what decides whether columns show whole.
    :param wide: it asks for rows that are a community's as a whole, of no single grid.
    :param steps: what is made in Python of columns, by response key of the root.
    """

    keys: tuple[str, ...]
    columns: tuple[str, ...]
    made: Mapping[str, Callable[[Any], Any]]
    answered: Mapping[str, Selected]
    sql: str
    binds: Sequence[Bind]
    checks: Sequence[Bind]
    permissions: frozenset[Permission]
    masks: tuple[Permission, ...]
    models: frozenset[type[Base]]
    wide: bool
    steps: Mapping[str, Sequence[StepAt]]
    _plugins: dict[int, frozenset[str]] = field(default_factory=dict, repr=False, compare=False)

    def plugins(self, plugin_of: Mapping[type[Base], str]) -> frozenset[str]:
        """The plugins whose tables it reads."""
        found = self._plugins.get(id(plugin_of))
        if found is None:
            found = frozenset(plugin_of[model] for model in self.models if model in plugin_of)
            self._plugins[id(plugin_of)] = found
        return found

    def unmasked(self, actor: Actor, path: str) -> int:
        """The parameter that says which masked columns this caller sees whole: a bit for each permission."""
        if not self.masks:
            return 0
        return sum(1 << bit for bit, permission in enumerate(self.masks) if actor.may(permission, path))


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


def shape(value: Any) -> Any:
    """What of an argument decides the statement: which keys are given, which enum values; no plain values."""
    if isinstance(value, dict):
        return tuple((name, shape(inner)) for name, inner in value.items() if inner is not None)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return ""
    return None if value is None else type(value)
