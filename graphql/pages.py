"""The SQL of a page: its rows by keyset, its cursors, its place in the list, its total."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from strawberry.utils.str_converters import to_camel_case

from gongzhi.core.api import PAGE, Equals, Order, Reading
from gongzhi.graphql.plan import Arguments, Bind, Unplanned, given, then
from gongzhi.graphql.selection import Selected
from gongzhi.graphql.values import (
    ROW,
    bounded,
    column_of,
    cursor_of,
    cursor_values,
    key_columns,
    key_names,
    named,
    plain,
    sql_type_of,
)

if TYPE_CHECKING:
    from gongzhi.graphql.writer import Writer

#: The place of a row in its page; no column is called so.
_AT = '"@place"'
#: The parts of a connection that are its rows.
_ROWS = ("nodes", "edges")
#: How many pairs PostgreSQL's json_build_object takes.
_PAIRS = 50


@dataclass
class Page:
    """A page that a document asks for.

    :param at: where its arguments are among all that were read.
    """

    writer: "Writer"
    selected: Selected
    reading: Reading
    at: int

    @property
    def told(self) -> Arguments:
        """Its arguments, of the request for which the plan is made: their shape counts, not their values."""
        return self.writer.arguments[self.at]

    @property
    def backward(self) -> bool:
        """True for the last so many."""
        return self.told.get("last") is not None

    @cached_property
    def order(self) -> Order:
        """The order asked for."""
        return next(order for order in self.reading.orders if order.name == plain(self.told["order"]))

    @cached_property
    def alias(self) -> str:
        """What its rows are called in the statement."""
        return self.writer.alias()

    @cached_property
    def limit(self) -> str:
        """The parameter that says how many rows."""
        return self.writer.bind("bigint", then(_limit, given(self.at)))

    @property
    def within(self) -> str:
        """Only the page's rows: one more than they are was fetched."""
        return f"filter (where {self.alias}.{_AT} <= {self.limit})"

    def sql(self) -> str:
        """The page as one JSON object."""
        table = self.writer.open(self.reading)
        parts = self.writer.asked.beneath(self.selected)
        matching: list[str] = []
        if any(part.name != "__typename" for part in parts):
            # A parameter that the statement takes nowhere has no type.
            matching = [*self.writer.scoped(self.reading, self.alias), *self._filtered()]
        rows = [part for part in parts if part.name in _ROWS]
        if not rows:
            self.writer.checks += [then(_limit, given(self.at)), *self._cursors.values()]
        if len(rows) <= 1 and not any(part.name == "pageInfo" for part in parts):
            return (
                f"select row_to_json({ROW}) from (select {named(self._plain(parts, table, matching))}) {ROW}"
            )
        fetched = self._fetched(f"{self.alias}.*", table, matching, more=1)
        # What follows is aggregated in the order in which it comes.
        back = f" order by {_AT} desc" if self.backward else ""
        numbered = f"select {self.alias}.*, row_number() over () as {_AT} from ({fetched}) {self.alias}{back}"
        columns = {}
        for part in parts:
            with self.writer.beneath(part.key):
                columns[part.key] = self._part(part, table, matching)
        # HAVING makes it one row, also where nothing of it is an aggregate.
        made = f"select {named(columns)} from ({numbered}) {self.alias} having true"
        return f"select row_to_json({ROW}) from ({made}) {ROW}"

    def _fetched(self, columns: str, table: str, matching: Sequence[str], *, more: int = 0) -> str:
        """The page's rows, the last first where it goes backward; and so many more."""
        falling = "desc" if self.order.descending is not self.backward else "asc"
        ordering = ", ".join(
            f"{self.alias}.{name} {falling}" for name in key_columns(self.reading, self.order)
        )
        limit = f"{self.limit} + {more}" if more else self.limit
        where = _all([*matching, *self._bounds])
        return f"select {columns} from {table} {self.alias} where {where} order by {ordering} limit {limit}"

    def _plain(self, parts: Sequence[Selected], table: str, matching: Sequence[str]) -> dict[str, str]:
        """Columns of a page that nobody asks for its place: its rows are fetched as they are shown."""
        columns = {}
        for part in parts:
            with self.writer.beneath(part.key):
                if part.name not in _ROWS:
                    columns[part.key] = self._whole(part, table, matching)
                    continue
                shown = self._shown(part)
                if not self.backward:
                    columns[part.key] = (
                        f"(select coalesce(json_agg({ROW}), '[]') from ({self._fetched(shown, table, matching)}) {ROW})"
                    )
                    continue
                turned = f"select {ROW}, row_number() over () as {_AT} from ({self._fetched(shown, table, matching)}) {ROW}"
                columns[part.key] = (
                    f"(select coalesce(json_agg(b.{ROW} order by b.{_AT} desc), '[]') from ({turned}) b)"
                )
        return columns

    def _whole(self, part: Selected, table: str, matching: Sequence[str]) -> str:
        """What does not hang on the page's rows."""
        if part.name == "totalCount":
            return f"(select count(*) from {table} {self.alias} where {_all(matching)})"
        return f"'{self.reading.name}Connection'::text"

    def _part(self, part: Selected, table: str, matching: Sequence[str]) -> str:
        if part.name == "pageInfo":
            return self._place(part)
        if part.name not in _ROWS:
            return self._whole(part, table, matching)
        row = f"(select row_to_json({ROW}) from (select {self._shown(part)}) {ROW})"
        return f"coalesce(json_agg({row}) {self.within}, '[]')"

    def _shown(self, part: Selected) -> str:
        """A row of ``nodes`` or ``edges`` as a select list."""
        beneath = self.writer.asked.beneath(part)
        if part.name == "nodes":
            return self.writer.columns(beneath, self.reading, self.alias)
        columns = {}
        for selected in beneath:
            if selected.name == "cursor":
                columns[selected.key] = cursor_of(self.reading, self.order, self.alias)
            elif selected.name == "node":
                with self.writer.beneath(selected.key):
                    node = self.writer.columns(self.writer.asked.beneath(selected), self.reading, self.alias)
                columns[selected.key] = f"(select row_to_json({ROW}) from (select {node}) {ROW})"
            else:
                columns[selected.key] = f"'{self.reading.name}Edge'::text"
        return named(columns)

    def _place(self, part: Selected) -> str:
        fields = self.writer.asked.beneath(part)
        if len(fields) > _PAIRS:
            raise Unplanned("names beyond PostgreSQL's")
        more = f"coalesce(bool_or({self.alias}.{_AT} > {self.limit}), false)"
        after, before = (self.told.get(name) is not None for name in ("after", "before"))
        cursor = cursor_of(self.reading, self.order, self.alias)
        first, last = (
            f"(array_agg({cursor} order by {self.alias}.{_AT} {way}) {self.within})[1]"
            for way in ("asc", "desc")
        )
        made = {
            "hasNextPage": "true" if before else "false" if self.backward else more,
            "hasPreviousPage": "true" if after else more if self.backward else "false",
            "startCursor": last if self.backward else first,
            "endCursor": first if self.backward else last,
            "__typename": "'PageInfo'::text",
        }
        pairs = ", ".join(f"'{field.key}', {made[field.name]}" for field in fields)
        return f"json_build_object({pairs})"

    def _filtered(self) -> list[str]:
        filters = self.told.get("filter") or {}
        found = []
        for wanted in self.reading.filters:
            name = to_camel_case(wanted.name)
            if filters.get(name) is None:
                continue
            column = column_of(self.reading, wanted.name)
            shown, kind = f'{self.alias}."{column.name}"', sql_type_of(column)
            if isinstance(wanted, Equals):
                values = self.writer.bind(f"{kind}[]", then(_plain_all, given(self.at, "filter", name)))
                found.append(f"{shown} = any({values})")
                continue
            for edge, sign in (("since", ">="), ("until", "<")):
                if filters[name].get(edge) is not None:
                    found.append(
                        f"{shown} {sign} {self.writer.bind(kind, given(self.at, 'filter', name, edge))}"
                    )
        return found

    @property
    def _cursors(self) -> dict[str, Bind]:
        """The keys in the cursors that were told."""
        read = partial(cursor_values, self.reading, self.order)
        told = [name for name in ("after", "before") if self.told.get(name) is not None]
        return {name: then(read, given(self.at, name)) for name in told}

    @cached_property
    def _bounds(self) -> list[str]:
        """Rows behind ``after`` and ahead of ``before``, in the list's own direction."""
        keys = [column_of(self.reading, name) for name in key_names(self.order)]
        row = ", ".join(f"{self.alias}.{key.name}" for key in keys)
        found = []
        for name, values in self._cursors.items():
            rising = (name == "after") is not self.order.descending
            bounds = [
                self.writer.bind(sql_type_of(key), then(itemgetter(place), values))
                for place, key in enumerate(keys)
            ]
            found.append(f"({row}) {'>' if rising else '<'} ({', '.join(bounds)})")
        return found


def _all(conditions: Sequence[str]) -> str:
    return " and ".join(conditions) or "true"


def _plain_all(values: Sequence[Any]) -> list[Any]:
    return [plain(value) for value in values]


def _limit(told: Arguments) -> int:
    first, last = told.get("first"), told.get("last")
    if first is not None and last is not None:
        raise Unplanned("first and last together")
    wanted = first if last is None else last
    return PAGE if wanted is None else bounded(wanted)
