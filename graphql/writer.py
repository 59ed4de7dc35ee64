"""The SQL of a plan: nested rows as JSON, pages by keyset, every table tied to the scope."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy.sql.elements import literal_column

from gongzhi.core.api import (
    Base,
    Column,
    Community,
    Kind,
    Many,
    One,
    Permission,
    Range,
    Reading,
    belongs,
    tree_of,
)
from gongzhi.graphql.pages import Page
from gongzhi.graphql.plan import Arguments, Bind, Plan, Root, given, then
from gongzhi.graphql.selection import Asked, Selected, Unplanned
from gongzhi.graphql.values import (
    ROW,
    bounded,
    column_of,
    global_id_of,
    named,
    quoted,
    rendered,
    row_id,
    value_of,
)


class _SymbolicRange(Range):
    """A range scope whose bounds are the statement's own."""

    @property
    def lo(self) -> Any:
        """The first path within."""
        return literal_column("s.lo")

    @property
    def hi(self) -> Any:
        """The first path beyond."""
        return literal_column("s.hi")


_SYMBOLIC: dict[type, Any] = {
    Community: Community(tenant=literal_column("s.node"), path=literal_column("s.lo")),  # type: ignore[arg-type]
    Range: _SymbolicRange(node=literal_column("s.node"), path=literal_column("s.lo")),  # type: ignore[arg-type]
}

#: $1 tenant, $2 lo (a community's own path), $3 hi, $4 the node; a materialised first step, so that the
#: settings stand before any policy reads them, and every root's predicate hangs on it.
_SCOPE = (
    "with s as materialized (select set_config('gongzhi.tenant', $1, true), "
    "set_config('gongzhi.lo', case when $1 = '' then $2 else '' end, true), "
    "set_config('gongzhi.hi', $3, true), "
    '$4::uuid as node, $2::text collate "C" as lo, $3::text collate "C" as hi) select '
)
SCOPE_PARAMETERS = 4

#: How many tables one statement joins; beyond, a small document could make PostgreSQL work for minutes.
MOST_TABLES = 60


@dataclass
class Writer:
    """SQL under construction."""

    asked: Asked
    scope_kind: type
    arguments: Sequence[Arguments]
    #: Where a field's arguments are, by the identity of its place in the document.
    places: Mapping[int, int]
    binds: list[Bind] = field(default_factory=list)
    permissions: set[Permission] = field(default_factory=set)
    models: set[type[Base]] = field(default_factory=set)
    _aliases: int = 0

    def plan(self, roots: list[Root]) -> Plan:
        """The plan of these root fields."""
        parts = [self._root(root) for root in roots]
        sql = _SCOPE + ", ".join(f"({part})" for part in parts) + " from s"
        keys = [root.selected.key for root in roots]
        return Plan(keys, sql, self.binds, frozenset(self.permissions), frozenset(self.models))

    def _root(self, root: Root) -> str:
        if root.reading is None:
            return f"select to_json('{root.selected.parent.name}'::text)"
        at = self.places[id(root.selected.nodes[0])]
        if root.page:
            return Page(self, root.selected, root.reading, at).sql()
        return self._item(root.selected, root.reading, at)

    def bind(self, kind: str, value: Bind) -> str:
        """A parameter of this SQL type."""
        self.binds.append(value)
        return f"${len(self.binds) + SCOPE_PARAMETERS}::{kind}"

    def alias(self) -> str:
        """A fresh name for a table of the statement.

        :raises Unplanned: there are too many; what nests so deep is for the plain executor, which stops at nulls.
        """
        if self._aliases == MOST_TABLES:
            raise Unplanned("too many tables")
        self._aliases += 1
        return f"t{self._aliases}"

    def open(self, reading: Reading) -> str:
        """The table of a type, and what reading it needs."""
        self.permissions.add(reading.permission)
        self.models.add(reading.model)
        if self.scope_kind is Range and belongs(reading.model.__table__).kind is Kind.TENANT:  # type: ignore[arg-type]
            raise Unplanned("a community's rows, asked for in a range scope")
        return quoted(reading.model.__table__)

    # Whose rows

    def scoped(self, reading: Reading, alias: str) -> list[str]:
        """The predicate that ties a root's rows to the scope; right with row-level security bypassed, too."""
        declared = belongs(reading.model.__table__)  # type: ignore[arg-type]
        found = []
        if declared.key is not None:
            key = f"{alias}.{declared.key}"
            if self.scope_kind is Community:
                found.append(f"{key} = s.node")
            else:
                tree = tree_of(Base.metadata).fullname
                found.append(f"{key} in (select n.id from {tree} n where n.path >= s.lo and n.path < s.hi)")
        if reading.criterion is not None:
            found.append(rendered(reading.criterion(_SYMBOLIC[self.scope_kind]), reading, alias))
        return found

    def _joined(self, child: Reading, alias: str, parent: Reading, parent_alias: str) -> list[str]:
        """The predicate that keeps a nested table within its parent's community."""
        inner = belongs(child.model.__table__).key  # type: ignore[arg-type]
        outer = belongs(parent.model.__table__).key  # type: ignore[arg-type]
        if inner is None:
            return []
        if outer is None:
            return self.scoped(child, alias)
        return [f"{alias}.{inner} = {parent_alias}.{outer}"]

    # Rows as JSON

    def row(self, fields: list[Selected], reading: Reading, alias: str) -> str:
        """A row of this alias as one JSON object."""
        columns = {selected.key: self._field(selected, reading, alias) for selected in fields}
        return f"(select row_to_json({ROW}) from (select {named(columns)}) {ROW})"

    def _field(self, selected: Selected, reading: Reading, alias: str) -> str:
        if selected.name == "__typename":
            return f"'{reading.name}'::text"
        if selected.name == "id":
            return global_id_of(reading, f"{alias}.{column_of(reading, 'id').name}")
        declared = reading.fields[_python_name(selected)]
        if isinstance(declared, Column):
            if declared.permission is not None:
                self.permissions.add(declared.permission)
            return value_of(column_of(reading, declared.source), alias)
        if isinstance(declared, One):
            return self._one(selected, reading, declared, alias)
        if isinstance(declared, Many):
            return self._many(selected, reading, declared, alias)
        raise Unplanned(f"{reading.name}.{selected.name} is made in Python")

    def _one(self, selected: Selected, parent: Reading, declared: One, parent_alias: str) -> str:
        target = parent.target(_python_name(selected))
        table, alias = self.open(target), self.alias()
        key = f"{alias}.{column_of(target, 'id').name} = {parent_alias}.{column_of(parent, declared.source).name}"
        where = " and ".join([key, *self._joined(target, alias, parent, parent_alias)])
        row = self.row(self.asked.beneath(selected), target, alias)
        return f"(select {row} from {table} {alias} where {where})"

    def _many(self, selected: Selected, parent: Reading, declared: Many, parent_alias: str) -> str:
        at = self.places[id(selected.nodes[0])]
        target = parent.target(_python_name(selected))
        table, alias = self.open(target), self.alias()
        points = (
            f"{alias}.{column_of(target, declared.by).name} = {parent_alias}.{column_of(parent, 'id').name}"
        )
        where = " and ".join([points, *self._joined(target, alias, parent, parent_alias)])
        order = f"{alias}.{column_of(target, declared.order).name}, {alias}.{column_of(target, 'id').name}"
        limit = self.bind("bigint", then(bounded, given(at, "first")))
        row = self.row(self.asked.beneath(selected), target, alias)
        inner = f"select {row} as node from {table} {alias} where {where} order by {order} limit {limit}"
        return f"(select coalesce(json_agg(m.node), '[]') from ({inner}) m)"

    def _item(self, selected: Selected, reading: Reading, at: int) -> str:
        table, alias = self.open(reading), self.alias()
        wanted = self.bind("uuid", then(partial(row_id, reading), given(at, "id")))
        where = " and ".join(
            [f"{alias}.{column_of(reading, 'id').name} = {wanted}", *self.scoped(reading, alias)]
        )
        concrete: Any = self.asked.schema.get_type(reading.name)
        row = self.row(self.asked.beneath(selected, concrete), reading, alias)
        return f"select {row} from {table} {alias} where {where}"


def _python_name(selected: Selected) -> str:
    """The declared name of a field: strawberry keeps it with the definition."""
    return str(selected.definition.extensions["strawberry-definition"].python_name)
