"""Lists as clients meet them: pages after the Relay cursor specification, filters, orders."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, get_args, get_origin

import strawberry


@dataclass(frozen=True)
class Equals:
    """A filter: the column is one of the given values."""

    name: str
    deprecation_reason: str | None = None


@dataclass(frozen=True)
class Between:
    """A filter: the column lies from … (included) until … (excluded)."""

    name: str
    deprecation_reason: str | None = None


Filter = Equals | Between


@dataclass(frozen=True)
class Order:
    """An order a list may have; ties are broken by id in the same direction."""

    name: str
    source: str
    descending: bool = False
    deprecation_reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class PageAsked:
    """Which page of which list a client asks for."""

    first: int | None
    after: str | None
    last: int | None
    before: str | None
    order: str
    filter: Any = None


@strawberry.type(description="Where a page lies in its list (分页信息).")
class PageInfo:
    """Where a page lies in its list."""

    has_next_page: bool = strawberry.field(description="More follow after this page (后面还有).")
    has_previous_page: bool = strawberry.field(description="More lie before this page (前面还有).")
    start_cursor: str | None = strawberry.field(description="The cursor of the first item (首项游标).")
    end_cursor: str | None = strawberry.field(description="The cursor of the last item (末项游标).")


@strawberry.input(description="A span of days (日期范围).")
class DateSpan:
    """A span of days."""

    since: dt.date | None = strawberry.field(default=None, description="The first day (起，含当日).")
    until: dt.date | None = strawberry.field(
        default=None, description="The day after the last (止，不含当日)."
    )


@strawberry.input(description="A span of time (时间范围).")
class TimeSpan:
    """A span of time."""

    since: dt.datetime | None = strawberry.field(default=None, description="From this moment (起，含).")
    until: dt.datetime | None = strawberry.field(
        default=None, description="Until before this moment (止，不含)."
    )


def order_enum(name: str, orders: Iterable[Order]) -> type[StrEnum]:
    """The orders that a list of this type may have."""
    known = list(orders)
    made = StrEnum(f"{name}Order", {order.name: order.name for order in known})  # type: ignore[misc]
    enum: Any = strawberry.enum(made, description=f"The orders a list of {name} has (排序).")
    for order, value in zip(known, enum.__strawberry_definition__.values, strict=True):
        value.deprecation_reason = order.deprecation_reason
    return enum  # type: ignore[no-any-return]


def filter_input(name: str, filters: Iterable[Filter], hints: Mapping[str, Any]) -> type | None:
    """The filters that a list of this type takes, or None where it takes none.

    :param hints: the annotations of the type's fields; a filter is named as its field.
    """
    kinds: dict[str, Any] = {}
    namespace: dict[str, Any] = {"__annotations__": kinds}
    for wanted in filters:
        plain = _without_none(hints[wanted.name])
        if isinstance(wanted, Equals):
            kinds[wanted.name] = list[plain] | None  # type: ignore[valid-type]
            meaning = f"Only where {wanted.name} is one of these (取值之一)."
        else:
            kinds[wanted.name] = (TimeSpan if plain is dt.datetime else DateSpan) | None
            meaning = f"Only where {wanted.name} lies within (起止范围)."
        namespace[wanted.name] = strawberry.field(
            default=None, description=meaning, deprecation_reason=wanted.deprecation_reason
        )
    if not kinds:
        return None
    made = type(f"{name}Filter", (), namespace)
    return strawberry.input(made, description=f"Which {name} a list shows (筛选条件).")


def _without_none(hint: Any) -> Any:
    """The type without Annotated and without None."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    rest = [argument for argument in get_args(hint) if argument is not type(None)]
    return rest[0] if len(rest) == 1 and type(None) in get_args(hint) else hint


def connection_type(cls: type) -> type:
    """``…Connection`` and ``…Edge`` for this type."""
    name = cls.__name__
    edge = _type(
        f"{name}Edge",
        f"One {name} in a list (列表项).",
        cursor=(str, strawberry.field(description="Where this item lies in the list (游标).")),
        node=(cls, strawberry.field(description="The item (对象).")),
    )

    async def total_count(root: Any) -> int:
        return int(await root.count())

    counted = strawberry.field(resolver=total_count, description="How many there are in all (总数).")
    return _type(
        f"{name}Connection",
        f"A page of a list of {name} (分页列表).",
        edges=(list[edge], strawberry.field(description="The items with their cursors (列表项).")),  # type: ignore[valid-type]
        nodes=(list[cls], strawberry.field(description="The items (对象).")),  # type: ignore[valid-type]
        page_info=(PageInfo, strawberry.field(description="Where the page lies (分页信息).")),
        total_count=(int, counted),
    )


def _type(name: str, description: str, **fields: tuple[Any, Any]) -> type:
    namespace: dict[str, Any] = {"__annotations__": {field: kind for field, (kind, _made) in fields.items()}}
    namespace |= {field: made for field, (_kind, made) in fields.items()}
    return strawberry.type(type(name, (), namespace), description=description)
