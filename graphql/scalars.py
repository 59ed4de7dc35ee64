"""Numbers and times in JSON: what is exact goes as text, and a moment says its offset."""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition


def _moment(told: Any) -> dt.datetime:
    """A moment; one without offset could be an hour of anywhere."""
    try:
        moment = dt.datetime.fromisoformat(told)
        _ = moment.astimezone(dt.UTC)  # the first and the last day of time have none
    except (TypeError, ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise GraphQLError(
            "A DateTime reads 2026-03-02T10:00:00+08:00, with its offset / 时间须带时区，如 2026-03-02T10:00:00+08:00"
        )
    return moment


def _written(moment: dt.datetime) -> str:
    """A moment as PostgreSQL writes it in JSON: fractions of a second without zeros at the end."""
    text = moment.astimezone(dt.UTC).isoformat()
    clock, plus, offset = text.rpartition("+")
    return f"{clock.rstrip('0') if '.' in clock else clock}{plus}{offset}"


#: What a number has at most, before and behind the point; 1e999999999 is short to write.
_DIGITS = 40
_WRITTEN = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")


def _number(told: Any) -> Decimal:
    """A finite number of a length that anybody writes, from text or from a JSON number that is exact."""
    text = str(told) if isinstance(told, str | int | float) and not isinstance(told, bool) else ""
    number = Decimal(text) if len(text) <= _DIGITS and _WRITTEN.fullmatch(text) else None
    if number is None or abs(number.adjusted()) > _DIGITS:
        raise GraphQLError("A Decimal reads “14.88” / 小数写作“14.88”")
    return number


def _day(told: Any) -> dt.date:
    try:
        return dt.date.fromisoformat(told)
    except (TypeError, ValueError):
        raise GraphQLError("A Date reads 2026-03-02 / 日期写作 2026-03-02") from None


SCALARS: dict[object, ScalarDefinition] = {
    dt.datetime: strawberry.scalar(
        name="DateTime",
        description="A moment with its offset, as in ISO 8601: 2026-03-02T10:00:00+08:00 (时间，带时区).",
        serialize=_written,
        parse_value=_moment,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description="An exact decimal number, as text: “14.88” (小数，以文字表示).",
        serialize=lambda number: format(number, "f"),
        parse_value=_number,
    ),
    dt.date: strawberry.scalar(
        name="Date",
        description="A day: 2026-03-02 (日期).",
        serialize=dt.date.isoformat,
        parse_value=_day,
    ),
}
