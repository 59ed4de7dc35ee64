"""Keyset pages: the same list read twice is the same list, and page 1,000 costs what page 1 does."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.api import Equals, Invalid, Order, PageAsked, Reading, Scope, opaque, unopaque

DEFAULT, MOST = 20, 100


@dataclass
class Edge:
    """One row of a page with its place in the list."""

    cursor: str
    node: Any


@dataclass
class Info:
    """Where a page lies."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass
class Page:
    """A page of rows; ``count`` asks the database only when a client wants the total."""

    edges: list[Edge]
    page_info: Info
    _session: AsyncSession
    _counted: Select[Any]
    _turn: asyncio.Lock

    @property
    def nodes(self) -> list[Any]:
        """The rows."""
        return [edge.node for edge in self.edges]

    async def count(self) -> int:
        """How many rows the whole list has."""
        async with self._turn:
            query = select(func.count()).select_from(self._counted.subquery())
            return int((await self._session.scalars(query)).one())


async def find_page(
    session: AsyncSession, scope: Scope, target: Reading, asked: PageAsked, turn: asyncio.Lock
) -> Page:
    """The page of this type that was asked for.

    :raises Invalid: first and last together, too many, a cursor that is not one of this list's.
    """
    limit, backward = _limit(asked)
    order = next(o for o in target.orders if o.name == asked.order)
    matching = select(target.model).where(*_criteria(target, scope, asked.filter))
    cursor = asked.before if backward else asked.after
    query = matching if cursor is None else matching.where(_beyond(target, order, cursor, backward=backward))
    query = query.order_by(*_ordering(target, order, backward=backward)).limit(limit + 1)
    rows: Sequence[Any] = (await session.scalars(query)).all()
    more, rows = len(rows) > limit, rows[:limit]
    if backward:
        rows = list(reversed(rows))
    edges = [Edge(_cursor(order, row), row) for row in rows]
    info = Info(
        has_next_page=asked.before is not None if backward else more,
        has_previous_page=more if backward else asked.after is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Page(edges, info, session, matching.order_by(None), turn)


def _limit(asked: PageAsked) -> tuple[int, bool]:
    if asked.first is not None and asked.last is not None:
        raise Invalid(path="first", problem="first or last, not both / first 与 last 只能用一个")
    name, wanted = ("last", asked.last) if asked.last is not None else ("first", asked.first)
    if wanted is not None and not 1 <= wanted <= MOST:
        raise Invalid(path=name, problem=f"1 to {MOST} / 须为1至{MOST}")
    return (DEFAULT if wanted is None else wanted), asked.last is not None


def _criteria(target: Reading, scope: Scope, given: Any) -> list[ColumnElement[bool]]:
    criteria = [] if target.criterion is None else [target.criterion(scope)]
    for wanted in target.filters:
        value = getattr(given, wanted.name, None) if given is not None else None
        if value is None:
            continue
        column = getattr(target.model, wanted.name)
        if isinstance(wanted, Equals):
            criteria.append(column.in_(value))
            continue
        if value.since is not None:
            criteria.append(column >= value.since)
        if value.until is not None:
            criteria.append(column < value.until)
    return criteria


def _keys(order: Order) -> list[str]:
    return ["id"] if order.source == "id" else [order.source, "id"]


def _ordering(target: Reading, order: Order, *, backward: bool) -> list[Any]:
    columns = [getattr(target.model, key) for key in _keys(order)]
    return [column.desc() if order.descending != backward else column.asc() for column in columns]


def _cursor(order: Order, row: Any) -> str:
    return opaque([order.name, *(_plain(getattr(row, key)) for key in _keys(order))])


def _plain(value: Any) -> str | int | None:
    if value is None or isinstance(value, int):
        return value
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _beyond(target: Reading, order: Order, cursor: str, *, backward: bool) -> ColumnElement[bool]:
    """Rows after this cursor in the direction of travel."""
    name, *values = unopaque(cursor)
    keys = _keys(order)
    if name != order.name or len(values) != len(keys):
        raise Invalid(
            path="before" if backward else "after", problem="a cursor of another list / 游标不属于此列表"
        )
    columns = [getattr(target.model, key) for key in keys]
    here = tuple_(*(_typed(column, value) for column, value in zip(columns, values, strict=True)))
    return tuple_(*columns) < here if order.descending != backward else tuple_(*columns) > here


def _typed(column: Any, value: Any) -> Any:
    """The cursor's value as the column's Python type."""
    kind = column.type.python_type
    try:
        if kind in (dt.datetime, dt.date):
            return kind.fromisoformat(value)
        return value if value is None else kind(value)
    except (TypeError, ValueError) as error:
        raise Invalid(path="after", problem="a damaged cursor / 游标已损坏") from error
