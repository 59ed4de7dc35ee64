"""Keyset pages: the same list read twice is the same list, and page 1,000 costs what page 1 does."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.api import (
    MOST,
    PAGE,
    Equals,
    Invalid,
    Order,
    PageAsked,
    Reading,
    Scope,
    Words,
    opaque,
    unopaque,
)

OpenSession: TypeAlias = Callable[[], AbstractAsyncContextManager[AsyncSession]]


@dataclass
class Edge:
    """One row of a page with its place in the list."""

    cursor: str
    node: Any


@dataclass
class Place:
    """Where a page lies."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass
class Page:
    """A page of rows; ``count`` asks the database only when a client wants the total."""

    edges: list[Edge]
    page_info: Place
    _session: OpenSession
    _matching: Select[Any]

    @property
    def nodes(self) -> list[Any]:
        """The rows."""
        return [edge.node for edge in self.edges]

    async def count(self) -> int:
        """How many rows the whole list has."""
        async with self._session() as session:
            counted = self._matching.with_only_columns(func.count(), maintain_column_froms=True)
            return int((await session.scalars(counted)).one())


async def find_page(open_session: OpenSession, scope: Scope, target: Reading, asked: PageAsked) -> Page:
    """The page of this type that was asked for.

    :raises Invalid: first and last together, too many, a cursor that is not one of this list's.
    """
    limit, backward = _limit(asked)
    order = next(order for order in target.orders if order.name == asked.order)
    matching = select(target.model).where(*_criteria(target, scope, asked.filter))
    query = matching.where(*_bounds(target, order, asked))
    query = query.order_by(*_ordering(target, order, backward=backward)).limit(limit + 1)
    async with open_session() as session:
        rows = list((await session.scalars(query)).all())
    more, rows = len(rows) > limit, rows[:limit]
    if backward:
        rows.reverse()
    edges = [Edge(_cursor(target, order, row), row) for row in rows]
    place = Place(
        has_next_page=asked.before is not None or (more and not backward),
        has_previous_page=asked.after is not None or (more and backward),
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Page(edges, place, open_session, matching)


def _limit(asked: PageAsked) -> tuple[int, bool]:
    """How many rows, and whether from the end."""
    if asked.first is not None and asked.last is not None:
        raise Invalid(
            path="first", problem=Words(zh="first 与 last 只能用一个", en="first or last, not both")
        )
    name, wanted = ("first", asked.first) if asked.last is None else ("last", asked.last)
    if wanted is not None and not 1 <= wanted <= MOST:
        raise Invalid(path=name, problem=Words(zh=f"须为1至{MOST}", en=f"1 to {MOST}"))
    return (PAGE if wanted is None else wanted), asked.last is not None


def _criteria(target: Reading, scope: Scope, given: Any) -> Iterator[ColumnElement[bool]]:
    if target.criterion is not None:
        yield target.criterion(scope)
    for wanted in target.filters if given is not None else ():
        value = getattr(given, wanted.name)
        if value is None:
            continue
        column = getattr(target.model, wanted.name)
        if isinstance(wanted, Equals):
            yield column.in_(value)
            continue
        if value.since is not None:
            yield column >= value.since
        if value.until is not None:
            yield column < value.until


def _keys(target: Reading, order: Order) -> list[Any]:
    """The columns a list is ordered by; the id breaks ties."""
    names = ["id"] if order.source == "id" else [order.source, "id"]
    return [getattr(target.model, name) for name in names]


def _ordering(target: Reading, order: Order, *, backward: bool) -> list[ColumnElement[Any]]:
    falling = order.descending is not backward
    return [key.desc() if falling else key.asc() for key in _keys(target, order)]


def _cursor(target: Reading, order: Order, row: Any) -> str:
    values = (getattr(row, key.key) for key in _keys(target, order))
    return opaque([target.name, order.name, *(_plain(value) for value in values)])


def _plain(value: Any) -> str | int:
    if isinstance(value, int):
        return value
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _bounds(target: Reading, order: Order, asked: PageAsked) -> Iterator[ColumnElement[bool]]:
    """Rows behind ``after`` and ahead of ``before``, in the list's own direction."""
    for name, cursor, rising in (
        ("after", asked.after, not order.descending),
        ("before", asked.before, order.descending),
    ):
        if cursor is not None:
            keys = _keys(target, order)
            here = tuple_(*_values(target, order, cursor, name))
            yield tuple_(*keys) > here if rising else tuple_(*keys) < here


def _values(target: Reading, order: Order, cursor: str, path: str) -> list[Any]:
    """The keys in a cursor, as the columns' Python types."""
    keys = _keys(target, order)
    try:
        type_name, order_name, *values = unopaque(cursor)
        if (type_name, order_name) == (target.name, order.name):
            return [_typed(key, value) for key, value in zip(keys, values, strict=True)]
    except (TypeError, ValueError):
        pass
    except Invalid as error:
        raise type(error)(path=path) from error
    problem = Words(zh="游标不属于此列表", en="a cursor of another list")
    raise Invalid(path=path, problem=problem)


def _typed(key: Any, value: Any) -> Any:
    kind = key.type.python_type
    if isinstance(value, int) is not (kind is int):
        raise TypeError("a number for a number, a text for everything else")
    return kind.fromisoformat(value) if issubclass(kind, dt.date) else kind(value)
