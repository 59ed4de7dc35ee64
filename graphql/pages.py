"""The SQL of a page: its rows by keyset, its cursors, its place in the list, its total."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from strawberry.utils.str_converters import to_camel_case

from gongzhi.core.api import PAGE, Equals, Order, Reading
from gongzhi.graphql.plan import Arguments, Unplanned, given, then
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
        table, alias = self.writer.open(self.reading), self.alias
        matching = [*self.writer.scoped(self.reading, alias), *self._filtered()]
        falling = "desc" if self.order.descending is not self.backward else "asc"
        ordering = ", ".join(f"{alias}.{name} {falling}" for name in key_columns(self.reading, self.order))
        fetched = (
            f"select {alias}.* from {table} {alias} where {_all([*matching, *self._bounds()])} "
            f"order by {ordering} limit {self.limit} + 1"
        )
        numbered = (
            f"select {alias}.*, row_number() over (order by {ordering}) as {_AT} from ({fetched}) {alias}"
        )
        total = f"(select count(*) from {table} {alias} where {_all(matching)})"
        columns = {}
        for part in self.writer.asked.beneath(self.selected):
            with self.writer.beneath(part.key):
                columns[part.key] = self._part(part, total)
        # HAVING makes it one row, also where nothing of it is an aggregate.
        return f"select row_to_json({ROW}) from (select {named(columns)} from ({numbered}) {alias} having true) {ROW}"

    def _part(self, part: Selected, total: str) -> str:
        if part.name == "__typename":
            return f"'{self.reading.name}Connection'::text"
        if part.name == "totalCount":
            return total
        if part.name == "pageInfo":
            return self._place(part)
        beneath = self.writer.asked.beneath(part)
        row = (
            self.writer.row(beneath, self.reading, self.alias)
            if part.name == "nodes"
            else self._edge(beneath)
        )
        in_order = f"order by {self.alias}.{_AT} {'desc' if self.backward else 'asc'}"
        return f"coalesce(json_agg({row} {in_order}) {self.within}, '[]')"

    def _edge(self, fields: list[Selected]) -> str:
        columns = {}
        for selected in fields:
            if selected.name == "cursor":
                columns[selected.key] = cursor_of(self.reading, self.order, self.alias)
            elif selected.name == "node":
                with self.writer.beneath(selected.key):
                    beneath = self.writer.asked.beneath(selected)
                    columns[selected.key] = self.writer.row(beneath, self.reading, self.alias)
            else:
                columns[selected.key] = f"'{self.reading.name}Edge'::text"
        return f"(select row_to_json({ROW}) from (select {named(columns)}) {ROW})"

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

    def _bounds(self) -> list[str]:
        """Rows behind ``after`` and ahead of ``before``, in the list's own direction."""
        keys = [column_of(self.reading, name) for name in key_names(self.order)]
        row = ", ".join(f"{self.alias}.{key.name}" for key in keys)
        found = []
        for name, rising in (("after", not self.order.descending), ("before", self.order.descending)):
            if self.told.get(name) is None:
                continue
            values = then(partial(cursor_values, self.reading, self.order), given(self.at, name))
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
