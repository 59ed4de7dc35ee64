"""The SQL of a plan: nested rows as JSON, pages by keyset, every table tied to the scope."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy.sql.elements import literal_column

from gongzhi.core.api import (
    Base,
    Column,
    Community,
    Computed,
    GridRow,
    Kind,
    Many,
    One,
    Permission,
    Range,
    Reading,
    Step,
    belongs,
    tree_of,
)
from gongzhi.graphql.outline import Outline
from gongzhi.graphql.pages import Page
from gongzhi.graphql.plan import APART, Arguments, Bind, Form, Plan, Root, Unplanned, given, then
from gongzhi.graphql.selection import Asked, Selected
from gongzhi.graphql.steps import StepAt
from gongzhi.graphql.values import (
    ROW,
    bounded,
    column_of,
    global_id_of,
    many_ids,
    named,
    python_type,
    quoted,
    raw_of,
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

#: $1 tenant, $2 lo (a community's own path), $3 hi, $4 the node, $5 what is shown unmasked, $6 the grid; a materialised
#: first step, so that the settings stand before any policy reads them, and every root's predicate hangs on it.
_SCOPE = (
    "with s as materialized (select set_config('gongzhi.tenant', $1, true), "
    "set_config('gongzhi.lo', case when $1 = '' then $2 else '' end, true), "
    "set_config('gongzhi.hi', $3, true), "
    '$4::uuid as node, $2::text collate "C" as lo, $3::text collate "C" as hi, $5::int as unmasked, '
    "$6::uuid as grid, "
    "(select max(c.epoch) from core.policy_change c) as epoch) select s.epoch"
)
SCOPE_PARAMETERS = 6

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
    #: Arguments that must fit although the statement takes them nowhere.
    checks: list[Bind] = field(default_factory=list)
    permissions: set[Permission] = field(default_factory=set)
    masks: list[Permission] = field(default_factory=list)
    models: set[type[Base]] = field(default_factory=set)
    steps: dict[str, list[StepAt]] = field(default_factory=dict)
    _aliases: int = 0
    #: The response keys on the way to what is being written, the root's first.
    _path: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, outline: Outline, scope_kind: type, arguments: Sequence[Arguments]) -> "Writer":
        """A writer for this document."""
        return cls(outline.asked.afresh(), scope_kind, arguments, outline.places)

    def plan(self, roots: Sequence[Root], *, column: str = "json") -> Plan:
        """The plan of these root fields.

        :param column: as what each comes; a connection of the domain's rows would decode JSON.
        """
        columns = {}
        answered = {root.selected.key: root.selected for root in roots if root.form is Form.ANSWERED}
        self.permissions.update(selected.metadata["needs"] for selected in answered.values())
        for root in roots:
            if root.form not in APART:
                with self.beneath(root.selected.key):
                    columns[root.selected.key] = self._root(root)
        sql = _SCOPE + "".join(f", ({part})::{column}" for part in columns.values()) + " from s"
        return Plan(
            keys=tuple(root.selected.key for root in roots),
            columns=tuple(columns),
            made={
                root.selected.key: root.selected.metadata["made"] for root in roots if root.form is Form.MADE
            },
            answered=answered,
            sql=sql,
            binds=self.binds,
            checks=self.checks,
            permissions=frozenset(self.permissions),
            masks=tuple(self.masks),
            models=frozenset(self.models),
            wide=any(reading.wide for root in roots for reading in root.readings),
            steps=self.steps,
        )

    def _root(self, root: Root) -> str:
        selected = root.selected
        if root.form is Form.TYPENAME:
            return f"select to_json('{selected.parent.name}'::text)"
        if root.form is Form.ITEMS:
            return self._items(root)
        if root.form is Form.SINGLE:
            return self._object(root, [rendered_on(root, self.scope_kind)])
        if root.form is Form.RESULT:
            return self._object(root, [("id", self.bind("uuid", lambda told: told[-1]["id"]))])
        at = self.places[id(selected.nodes[0])]
        if root.form is Form.PAGE:
            return Page(self, selected, root.reading, at).sql()
        wanted = self.bind("uuid", then(partial(row_id, root.reading), given(at, "id")))
        return self._object(root, [("id", wanted)])

    @contextmanager
    def beneath(self, key: str) -> Iterator[None]:
        """Write what stands under this response key."""
        self._path.append(key)
        yield
        self._path.pop()

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
        if issubclass(reading.model, GridRow):
            grid = column_of(reading, reading.model.__grid_key__).name
            found.append(f"(s.grid is null or {alias}.{grid} = s.grid)")
        if reading.criterion is not None:
            found.append(rendered(reading.criterion(_SYMBOLIC[self.scope_kind]), reading, alias))
        return found

    def _joined(self, child: Reading, alias: str, parent: Reading, parent_alias: str) -> list[str]:
        """The predicate that keeps a nested table within its parent's community."""
        inner = belongs(child.model.__table__)  # type: ignore[arg-type]
        outer = belongs(parent.model.__table__)  # type: ignore[arg-type]
        if inner.key is None:
            return []
        communities = (Kind.TENANT, Kind.UPWARD)
        if inner.kind in communities and outer.kind in communities:
            return [f"{alias}.{inner.key} = {parent_alias}.{outer.key}"]
        return self.scoped(child, alias)

    # Rows as JSON

    def columns(self, fields: list[Selected], reading: Reading, alias: str) -> str:
        """What is asked for of a row of this alias, as a select list."""
        columns = {}
        for selected in fields:
            with self.beneath(selected.key):
                columns[selected.key] = self._field(selected, reading, alias)
        return named(columns)

    def _field(self, selected: Selected, reading: Reading, alias: str) -> str:
        if selected.name == "__typename":
            return f"'{reading.name}'::text"
        if selected.name == "id":
            return global_id_of(reading, f"{alias}.{column_of(reading, 'id').name}")
        declared = reading.fields[selected.python_name]
        if isinstance(declared, One | Many):
            lead = self._one if isinstance(declared, One) else self._many
            return lead(selected, reading, declared, alias)  # type: ignore[arg-type]  # each its own
        if declared.permission is not None and getattr(declared, "mask", None) is None:
            self.permissions.add(declared.permission)
        if isinstance(declared, Step):
            return self._step(selected, reading, declared, alias)
        if isinstance(declared, Computed):
            expression = declared.expression(reading.model)
            return value_of(expression.type, rendered(expression, reading, alias))
        return self._column(reading, declared, alias)

    def _column(self, reading: Reading, declared: Column, alias: str) -> str:
        column = column_of(reading, declared.source)
        shown = value_of(column.type, f'{alias}."{column.name}"')
        if declared.mask is None:
            return shown
        assert declared.permission is not None
        if declared.permission not in self.masks:
            self.masks.append(declared.permission)
        masked = rendered(declared.mask(getattr(reading.model, declared.source)), reading, alias)
        bit = 1 << self.masks.index(declared.permission)
        return f"case when s.unmasked & {bit} <> 0 then {shown} else {masked} end"

    def _step(self, selected: Selected, reading: Reading, declared: Step, alias: str) -> str:
        """The columns that the step is made of; Python puts the value in their place."""
        columns = {name: column_of(reading, name) for name in declared.needs}
        kinds = {name: python_type(column.type) for name, column in columns.items()}
        root, *path = self._path
        step = StepAt(tuple(path), declared, kinds, selected.definition.type)
        self.steps.setdefault(root, []).append(step)
        told = {name: raw_of(column.type, f'{alias}."{column.name}"') for name, column in columns.items()}
        return f"(select row_to_json({ROW}) from (select {named(told)}) {ROW})"

    def _one(self, selected: Selected, parent: Reading, declared: One, parent_alias: str) -> str:
        target = parent.target(selected.python_name)
        table, alias = self.open(target), self.alias()
        key = f"{alias}.{column_of(target, 'id').name} = {parent_alias}.{column_of(parent, declared.source).name}"
        where = " and ".join([key, *self._joined(target, alias, parent, parent_alias)])
        columns = self.columns(self.asked.beneath(selected), target, alias)
        return f"(select row_to_json({ROW}) from (select {columns} from {table} {alias} where {where}) {ROW})"

    def _many(self, selected: Selected, parent: Reading, declared: Many, parent_alias: str) -> str:
        at = self.places[id(selected.nodes[0])]
        target = parent.target(selected.python_name)
        table, alias = self.open(target), self.alias()
        points = (
            f"{alias}.{column_of(target, declared.by).name} = {parent_alias}.{column_of(parent, 'id').name}"
        )
        where = " and ".join([points, *self._joined(target, alias, parent, parent_alias)])
        order = f"{alias}.{column_of(target, declared.order).name}, {alias}.{column_of(target, 'id').name}"
        limit = self.bind("bigint", then(bounded, given(at, "first")))
        columns = self.columns(self.asked.beneath(selected), target, alias)
        inner = f"select {columns} from {table} {alias} where {where} order by {order} limit {limit}"
        return f"(select coalesce(json_agg({ROW}), '[]') from ({inner}) {ROW})"

    def _object(self, root: Root, conditions: Sequence[str | tuple[str, str]]) -> str:
        """The object of the scope that meets these conditions: SQL of the table's own, or (column, value)."""
        reading = root.reading
        table, alias = self.open(reading), self.alias()
        where = [
            condition.replace(_HERE, alias)
            if isinstance(condition, str)
            else f"{alias}.{column_of(reading, condition[0]).name} = {condition[1]}"
            for condition in conditions
        ]
        concrete: Any = self.asked.schema.get_type(reading.name)
        columns = self.columns(self.asked.beneath(root.selected, concrete), reading, alias)
        found = " and ".join([*where, *self.scoped(reading, alias)])
        return f"select row_to_json({ROW}) from (select {columns} from {table} {alias} where {found}) {ROW}"

    def _items(self, root: Root) -> str:
        """Objects in the order of their ids; null where there is none."""
        at = self.places[id(root.selected.nodes[0])]
        told = [
            self.bind(f"{kind}[]", then(partial(many_ids, part), given(at, "ids")))
            for part, kind in enumerate(("text", "uuid"))
        ]
        cases = []
        for reading in root.readings:
            table, alias = self.open(reading), self.alias()
            concrete: Any = self.asked.schema.get_type(reading.name)
            columns = self.columns(self.asked.beneath(root.selected, concrete), reading, alias)
            where = [f"{alias}.{column_of(reading, 'id').name} = i.id", *self.scoped(reading, alias)]
            found = f"select {columns} from {table} {alias} where {' and '.join(where)}"
            cases.append(f"when '{reading.name}' then (select row_to_json({ROW}) from ({found}) {ROW})")
        chosen = f"case i.kind {' '.join(cases)} end" if cases else "null::json"
        return (
            f"select coalesce(json_agg({chosen} order by i.at), '[]') "
            f"from unnest({told[0]}, {told[1]}) with ordinality as i(kind, id, at)"
        )


#: Stands for the alias of a table whose name is not known yet.
_HERE = "@here"


def rendered_on(root: Root, scope_kind: type) -> str:
    """The criterion of a root field that finds one object, on an alias to be named."""
    criterion = root.selected.metadata["criterion"]
    return rendered(criterion(_SYMBOLIC[scope_kind]), root.reading, _HERE)
