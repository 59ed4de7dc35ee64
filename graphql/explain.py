"""``gongzhi schema explain``: how a document is answered, what it costs and needs, and what falls back and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import OperationType

from gongzhi.core.api import Community, Plugins, Range, Refusal
from gongzhi.graphql.catalogue import Catalogue
from gongzhi.graphql.compiler import Compiler
from gongzhi.graphql.cost import Cost
from gongzhi.graphql.documents import Documents
from gongzhi.graphql.errors import NotValid
from gongzhi.graphql.limits import MOST_COST, MOST_DEPTH, MOST_NODES
from gongzhi.graphql.outline import Asking, asking
from gongzhi.graphql.plan import Plan, Unplanned
from gongzhi.graphql.schema import build_schema
from gongzhi.graphql.writes import write_of

#: The kinds of scope a document may be asked in.
SCOPES: Mapping[str, type] = {"community": Community, "range": Range}


@dataclass(frozen=True)
class Part:
    """A statement of a document: the whole of a query, or the payload of one mutation.

    :param masks: the permissions without which columns show masked.
    :param steps: the fields that Python makes, as paths of response keys.
    :param fallback: why there is no statement.
    """

    title: str
    sql: str = ""
    permissions: Sequence[str] = ()
    masks: Sequence[str] = ()
    plugins: Sequence[str] = ()
    steps: Sequence[str] = ()
    fallback: str | None = None


@dataclass(frozen=True)
class Explained:
    """What there is to know of a document before it is asked.

    :param problems: what is wrong with it, where something is; then there is nothing else.
    """

    cost: Cost | None = None
    parts: Sequence[Part] = ()
    problems: Sequence[str] = field(default_factory=tuple)

    @property
    def falls_back(self) -> bool:
        """True when the plain executor answers some of it, or nobody can."""
        return bool(self.problems) or any(part.fallback for part in self.parts)


class Explainer:
    """Explains the documents of one schema; it needs no database."""

    def __init__(self, plugins: Plugins) -> None:
        schema = build_schema(plugins)
        self._catalogue = Catalogue.of(plugins, schema)
        self._documents = Documents(schema._schema)  # noqa: SLF001  # graphql-core's, which strawberry wraps

    def explain(
        self, query: str, variables: Mapping[str, Any], scope: str, operation: str | None = None
    ) -> Explained:
        """How this document is answered in this kind of scope."""
        try:
            told = asking(self._documents, self._catalogue.nodes, query, variables, operation)
        except NotValid as error:
            return Explained(problems=[one["message"] for one in error.told])
        except Refusal as refusal:
            return Explained(problems=[f"{refusal.code}: {refusal.message('en')}"])
        return Explained(told.cost, self._parts(told, SCOPES[scope]))

    def _parts(self, told: Asking, kind: type) -> list[Part]:
        if told.prepared.operation.operation is OperationType.QUERY:
            return [self._part("query", lambda: Compiler(self._catalogue.nodes).ready(told, kind).plan, ())]
        parts = []
        for selected in told.outline.roots:
            needs: Any = selected.name != "__typename" and selected.metadata.get("needs")
            command = (needs.permission.code,) if needs else ()
            parts.append(
                self._part(
                    f"mutation {selected.name}", lambda one=selected: write_of(one, told, kind).plan, command
                )
            )
        return parts

    def _part(self, title: str, planned: Any, besides: Sequence[str]) -> Part:
        try:
            plan: Plan = planned()
        except Unplanned as reason:
            return Part(title, fallback=str(reason), permissions=besides)
        return Part(
            title,
            plan.sql,
            permissions=sorted({*besides, *(permission.code for permission in plan.permissions)}),
            masks=[permission.code for permission in plan.masks],
            plugins=sorted(plan.plugins(self._catalogue.models)),
            steps=[".".join((key, *step.path)) for key, steps in plan.steps.items() for step in steps],
        )


def told_of(explained: Explained) -> str:
    """The explanation as people read it."""
    if explained.problems:
        return "\n".join(f"不成立 not valid: {problem}" for problem in explained.problems)
    assert explained.cost is not None
    cost = explained.cost
    lines = [
        f"开销 cost: {cost.points} of {MOST_COST} points",
        f"  {cost.nodes} of {MOST_NODES} objects at most, {cost.depth} of {MOST_DEPTH} levels",
    ]
    for part in explained.parts:
        lines += ["", part.title]
        named = (
            ("权限 permissions", part.permissions),
            ("完整显示 shown whole with", part.masks),
            ("模块 plugins", part.plugins),
            ("由 Python 计算 made in Python", part.steps),
        )
        lines += [f"  {label}: {', '.join(told)}" for label, told in named if told]
        if part.fallback is not None:
            lines.append(f"  逐字段执行 left to the plain executor: {part.fallback}")
        else:
            lines.append(f"  {part.sql}")
    return "\n".join(lines)
