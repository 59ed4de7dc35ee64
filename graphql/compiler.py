"""From a document to a plan: what each root field answers, and the statement that answers all of them.

A plan is kept for each document, operation, kind of scope, skip and include flags, the types that ids name, and
the shape of the arguments (which filters are given, which order, which way the page goes).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from graphql import get_named_type

from gongzhi.core.api import Invalid, Reading
from gongzhi.graphql.outline import BY_ID, NOTHING, Asking, Outline
from gongzhi.graphql.plan import Arguments, Form, Plan, Root, Unplanned, shape
from gongzhi.graphql.selection import Selected
from gongzhi.graphql.writer import Writer


@dataclass(frozen=True)
class Left:
    """Why a document, or a shape of it, is left to the plain executor.

    Kept instead of the exception: one that is raised again and again holds on to every request it has seen.
    """

    reason: str


def reason_of(error: Exception) -> str:
    """Why something is left to the plain executor, as it is counted."""
    return str(error) if isinstance(error, Unplanned) else "refused"


PlannedT = TypeVar("PlannedT")


def planned(asking: Asking, key: Any, make: Callable[[], PlannedT]) -> PlannedT:
    """What is planned of a document, once for this key.

    :raises Unplanned: it is left to the plain executor.
    """

    def tried() -> PlannedT | Left:
        try:
            return make()
        except (Unplanned, Invalid) as error:
            return Left(reason_of(error))

    found = asking.prepared.once(key, tried)
    if isinstance(found, Left):
        raise Unplanned(found.reason)
    return cast("PlannedT", found)


@dataclass(slots=True)
class Ready:
    """A plan with the arguments of one request."""

    plan: Plan
    arguments: Sequence[Arguments]

    def values(self) -> list[Any]:
        """What the statement's parameters are, the scope's apart.

        :raises Unplanned: an argument is one that the plain executor will refuse.
        """
        for check in self.plan.checks:
            check(self.arguments)
        return [bind(self.arguments) for bind in self.plan.binds]


class Compiler:
    """The compiler of one schema.

    :param nodes: the types whose objects have ids, by name.
    """

    def __init__(self, nodes: Mapping[str, Reading]) -> None:
        self._nodes = nodes

    def ready(self, asking: Asking, scope_kind: type) -> Ready:
        """The plan that answers this query, with its arguments.

        :raises Unplanned: it is for the plain executor.
        """
        key = ("plan", asking.under, scope_kind, tuple(shape(told) for told in asking.arguments))

        def plan() -> Plan:
            writer = Writer.of(asking.outline, scope_kind, asking.arguments)
            return writer.plan([self._root(selected, asking.outline) for selected in asking.outline.roots])

        return Ready(planned(asking, key, plan), asking.arguments)

    def _root(self, selected: Selected, outline: Outline) -> Root:
        """How a root field reads."""
        if selected.name == "__typename":
            return Root(selected, Form.TYPENAME)
        if selected.name.startswith("__"):
            raise Unplanned("introspection")
        if selected.name in BY_ID:
            return self._by_id(selected, outline.kinds[selected.key])
        metadata = selected.metadata
        if "made" in metadata:
            return Root(selected, Form.MADE)
        if "answered" in metadata:
            return Root(selected, Form.ANSWERED)
        reading = metadata.get("needs")
        if isinstance(reading, Reading):
            named = get_named_type(selected.definition.type).name
            if named == f"{reading.name}Connection":
                return Root(selected, Form.PAGE, (reading,))
            if named == reading.name:
                form = Form.SINGLE if "criterion" in metadata else Form.ITEM
                return Root(selected, form, (reading,))
        raise Unplanned(f"{selected.name} is made in Python")

    def _by_id(self, selected: Selected, kinds: tuple[str, ...]) -> Root:
        known = tuple(self._nodes[kind] for kind in kinds if kind != NOTHING)
        if selected.name == "nodes":
            return Root(selected, Form.ITEMS, known)
        if not known:
            raise Unplanned("no such type")
        return Root(selected, Form.ITEM, known)
