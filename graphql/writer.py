"""The SQL of a plan: nested rows as JSON, pages by keyset, every table tied to the scope."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Any

from sqlalchemy.sql.elements import literal_column
from strawberry.utils.str_converters import to_camel_case

from gongzhi.core.api import (
    MOST,
    PAGE,
    Base,
    Column,
    Community,
    Equals,
    Kind,
    Many,
    One,
    Order,
    Permission,
    Range,
    Reading,
    belongs,
    tree_of,
)
from gongzhi.graphql.plan import Arguments, Bind, Plan, Root, Unplanned
from gongzhi.graphql.selection import Asked, Selected
from gongzhi.graphql.values import (
    column_of,
    cursor_of,
    cursor_values,
    global_id_of,
    key_columns,
    key_names,
    plain,
    quoted,
    rendered,
    row_id,
    sql_type_of,
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

#: The place of a row in its page; no column is called so.
_AT = '"@place"'

#: $1 tenant, $2 lo (a community's own path), $3 hi, $4 the node; a materialised first step, so that the
#: settings stand before any policy reads them, and every root's predicate hangs on it.
_SCOPE = (
    "with s as materialized (select set_config('gongzhi.tenant', $1, true), "
    "set_config('gongzhi.lo', case when $1 = '' then $2 else '' end, true), "
    "set_config('gongzhi.hi', $3, true), "
    '$4::uuid as node, $2::text collate "C" as lo, $3::text collate "C" as hi) select '
)
SCOPE_PARAMETERS = 4


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
        return (self._page if root.page else self._item)(root.selected, root.reading, at)

    def bind(self, kind: str, value: Bind) -> str:
        """A parameter of this SQL type."""
        self.binds.append(value)
        return f"${len(self.binds) + SCOPE_PARAMETERS}::{kind}"

    def _alias(self) -> str:
        self._aliases += 1
        return f"t{self._aliases}"

    def _open(self, reading: Reading) -> str:
        """The table of a type, and what reading it needs."""
        self.permissions.add(reading.permission)
        self.models.add(reading.model)
        if self.scope_kind is Range and belongs(reading.model.__table__).kind is Kind.TENANT:  # type: ignore[arg-type]
            raise Unplanned("a community's rows, asked for in a range scope")
        return quoted(reading.model.__table__)

    # Whose rows

    def _scoped(self, reading: Reading, alias: str) -> list[str]:
        """The predicate that ties a root's rows to the scope; right with row-level security bypassed, too."""
        declared = belongs(reading.model.__table__)  # type: ignore[arg-type]
        found = []
        if declared.kind in (Kind.TENANT, Kind.UPWARD, Kind.NODE) and declared.key:
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
            return self._scoped(child, alias)
        return [f"{alias}.{inner} = {parent_alias}.{outer}"]

    # Rows as JSON

    def _row(self, fields: list[Selected], reading: Reading, alias: str) -> str:
        """A row of this alias as one JSON object."""
        columns = [f'{self._field(selected, reading, alias)} as "{selected.key}"' for selected in fields]
        return f"(select row_to_json(r) from (select {', '.join(columns)}) r)"

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
        table, alias = self._open(target), self._alias()
        key = f"{alias}.{column_of(target, 'id').name} = {parent_alias}.{column_of(parent, declared.source).name}"
        where = " and ".join([key, *self._joined(target, alias, parent, parent_alias)])
        row = self._row(self.asked.beneath(selected), target, alias)
        return f"(select {row} from {table} {alias} where {where})"

    def _many(self, selected: Selected, parent: Reading, declared: Many, parent_alias: str) -> str:
        at = self.places[id(selected.nodes[0])]
        target = parent.target(_python_name(selected))
        table, alias = self._open(target), self._alias()
        points = (
            f"{alias}.{column_of(target, declared.by).name} = {parent_alias}.{column_of(parent, 'id').name}"
        )
        where = " and ".join([points, *self._joined(target, alias, parent, parent_alias)])
        order = f"{alias}.{column_of(target, declared.order).name}, {alias}.{column_of(target, 'id').name}"
        limit = self.bind("bigint", _then(_bounded, _given(at, "first")))
        row = self._row(self.asked.beneath(selected), target, alias)
        inner = f"select {row} as node from {table} {alias} where {where} order by {order} limit {limit}"
        return f"(select coalesce(json_agg(m.node), '[]') from ({inner}) m)"

    def _item(self, selected: Selected, reading: Reading, at: int) -> str:
        table, alias = self._open(reading), self._alias()
        wanted = self.bind("uuid", _then(partial(row_id, reading), _given(at, "id")))
        where = " and ".join(
            [f"{alias}.{column_of(reading, 'id').name} = {wanted}", *self._scoped(reading, alias)]
        )
        concrete: Any = self.asked.schema.get_type(reading.name)
        row = self._row(self.asked.beneath(selected, concrete), reading, alias)
        return f"select {row} from {table} {alias} where {where}"

    # Pages

    def _page(self, selected: Selected, reading: Reading, at: int) -> str:
        told = self.arguments[at]
        order = next(order for order in reading.orders if order.name == plain(told["order"]))
        backward = told.get("last") is not None
        table, alias = self._open(reading), self._alias()
        matching = [*self._scoped(reading, alias), *self._filtered(reading, alias, at)]
        bounds = list(self._bounds(reading, order, alias, at))
        limit = self.bind("bigint", _then(_limit, _given(at)))
        falling = "desc" if order.descending is not backward else "asc"
        keys = [f"{alias}.{name}" for name in key_columns(reading, order)]
        ordering = ", ".join(f"{key} {falling}" for key in keys)
        where = " and ".join([*matching, *bounds]) or "true"
        inner = f"select {alias}.* from {table} {alias} where {where} order by {ordering} limit {limit} + 1"
        fields = self.asked.beneath(selected)
        numbered = (
            f"select {alias}.*, row_number() over (order by {ordering}) as {_AT} from ({inner}) {alias}"
        )
        columns = self._page_columns(fields, reading, alias, limit, order, told)
        counted = f"(select count(*) from {table} {alias} where {' and '.join(matching) or 'true'})"
        wanted = ", ".join(f'{column or counted} as "{key}"' for key, column in columns.items())
        return f"select row_to_json(x) from (select {wanted} from ({numbered}) {alias} having true) x"

    def _page_columns(  # noqa: PLR0917
        self, fields: list[Selected], reading: Reading, alias: str, limit: str, order: Order, told: Arguments
    ) -> dict[str, str | None]:
        """Response key to SQL of the parts of a page; None stands for the total, counted apart."""
        backward = told.get("last") is not None
        within = f"filter (where {alias}.{_AT} <= {limit})"
        in_order = f"order by {alias}.{_AT} {'desc' if backward else 'asc'}"
        columns: dict[str, str | None] = {}
        for part in fields:
            if part.name == "__typename":
                columns[part.key] = f"'{reading.name}Connection'::text"
            elif part.name == "totalCount":
                columns[part.key] = None
            elif part.name == "nodes":
                row = self._row(self.asked.beneath(part), reading, alias)
                columns[part.key] = f"coalesce(json_agg({row} {in_order}) {within}, '[]')"
            elif part.name == "edges":
                row = self._edge(part, reading, alias, order)
                columns[part.key] = f"coalesce(json_agg({row} {in_order}) {within}, '[]')"
            else:
                columns[part.key] = self._place(part, reading, alias, limit, order, told)
        return columns

    def _edge(self, part: Selected, reading: Reading, alias: str, order: Order) -> str:
        columns = []
        for selected in self.asked.beneath(part):
            if selected.name == "cursor":
                made = cursor_of(reading, order, alias)
            elif selected.name == "node":
                made = self._row(self.asked.beneath(selected), reading, alias)
            else:
                made = f"'{reading.name}Edge'::text"
            columns.append(f'{made} as "{selected.key}"')
        return f"(select row_to_json(e) from (select {', '.join(columns)}) e)"

    def _place(  # noqa: PLR0917
        self, part: Selected, reading: Reading, alias: str, limit: str, order: Order, told: Arguments
    ) -> str:
        backward = told.get("last") is not None
        more = f"coalesce(bool_or({alias}.{_AT} > {limit}), false)"
        after, before = told.get("after") is not None, told.get("before") is not None
        within = f"filter (where {alias}.{_AT} <= {limit})"
        cursor = cursor_of(reading, order, alias)
        first = f"(array_agg({cursor} order by {alias}.{_AT} asc) {within})[1]"
        last = f"(array_agg({cursor} order by {alias}.{_AT} desc) {within})[1]"
        made = {
            "hasNextPage": "true" if before else "false" if backward else more,
            "hasPreviousPage": "true" if after else more if backward else "false",
            "startCursor": last if backward else first,
            "endCursor": first if backward else last,
            "__typename": "'PageInfo'::text",
        }
        pairs = ", ".join(f"'{s.key}', {made[s.name]}" for s in self.asked.beneath(part))
        return f"json_build_object({pairs})"

    def _filtered(self, reading: Reading, alias: str, at: int) -> list[str]:
        given = self.arguments[at].get("filter") or {}
        found = []
        for wanted in reading.filters:
            name = to_camel_case(wanted.name)
            if given.get(name) is None:
                continue
            column = column_of(reading, wanted.name)
            shown, kind, told = f'{alias}."{column.name}"', sql_type_of(column), _given(at, "filter", name)
            if isinstance(wanted, Equals):
                found.append(f"{shown} = any({self.bind(f'{kind}[]', _then(_plain_all, told))})")
                continue
            for edge, sign in (("since", ">="), ("until", "<")):
                if given[name].get(edge) is not None:
                    found.append(f"{shown} {sign} {self.bind(kind, _given(at, 'filter', name, edge))}")
        return found

    def _bounds(self, reading: Reading, order: Order, alias: str, at: int) -> list[str]:
        """Rows behind ``after`` and ahead of ``before``, in the list's own direction."""
        keys = [column_of(reading, name) for name in key_names(order)]
        row = ", ".join(f"{alias}.{key.name}" for key in keys)
        found = []
        for name, rising in (("after", not order.descending), ("before", order.descending)):
            if self.arguments[at].get(name) is None:
                continue
            values = _then(partial(cursor_values, reading, order), _given(at, name))
            bounds = [
                self.bind(sql_type_of(key), _then(itemgetter(place), values))
                for place, key in enumerate(keys)
            ]
            found.append(f"({row}) {'>' if rising else '<'} ({', '.join(bounds)})")
        return found


def _given(at: int, *names: str) -> Bind:
    """What stands under these names in the arguments of the field at this place."""

    def read(told: Sequence[Arguments]) -> Any:
        value: Any = told[at]
        for name in names:
            value = value[name]
        return value

    return read


def _then(change: Callable[[Any], Any], bind: Bind) -> Bind:
    """The same, changed."""
    return lambda told: change(bind(told))


def _plain_all(values: Sequence[Any]) -> list[Any]:
    return [plain(value) for value in values]


def _python_name(selected: Selected) -> str:
    """The declared name of a field: strawberry keeps it with the definition."""
    return str(selected.definition.extensions["strawberry-definition"].python_name)


def _bounded(wanted: int) -> int:
    if not 1 <= wanted <= MOST:
        raise Unplanned("a page out of bounds")
    return wanted


def _limit(told: Arguments) -> int:
    first, last = told.get("first"), told.get("last")
    if first is not None and last is not None:
        raise Unplanned("first and last together")
    wanted = first if last is None else last
    return PAGE if wanted is None else _bounded(wanted)
