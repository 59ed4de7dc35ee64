"""Working days: the State Council's holidays and make-up workdays, and the deadlines counted with them."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, TypeAlias

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger

from gongzhi.core.errors import Misconfigured

log: FilteringBoundLogger = structlog.get_logger(__name__)

DayKind: TypeAlias = Literal["working", "natural"]

#: No holiday has come near this; a longer one is a slip of the pen that would stop every deadline.
LONGEST_HOLIDAY_DAYS: Final = 20
_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5

_Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]


class Holiday(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named run of days off, both ends included."""

    name: _Text
    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")

    def days(self) -> Iterator[date]:
        """Every day of it, in order."""
        for offset in range((self.last - self.first).days + 1):
            yield self.first + offset * _DAY


class Year(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one notice says about one year.

    :param basis: the notice, with its number.
    :param issued: the date of the notice.
    :param holidays: days off, weekends inside them included.
    :param workdays: Saturdays and Sundays on which people work (调休上班).
    """

    year: Annotated[int, msgspec.Meta(ge=1949, le=2199)]
    basis: _Text
    issued: date
    holidays: tuple[Holiday, ...]
    workdays: tuple[date, ...] = ()

    def days(self) -> dict[date, bool]:
        """The days that differ from the plain week, and whether people work on them.

        :raises ValueError: an entry contradicts itself or another; the message names it.
        """
        found: dict[date, bool] = {}
        for holiday in self.holidays:
            where = f"{self.year} {holiday.name}"
            if not 0 <= (holiday.last - holiday.first).days < LONGEST_HOLIDAY_DAYS:
                raise ValueError(f"{where}: {holiday.first} to {holiday.last} is no run of days")
            for day in holiday.days():
                self._note(found, day, where, works=False)
        for day in self.workdays:
            where = f"{self.year} workdays"
            if day.weekday() < _SATURDAY:
                raise ValueError(f"{where}: {day} is neither a Saturday nor a Sunday")
            self._note(found, day, where, works=True)
        return found

    def _note(self, found: dict[date, bool], day: date, where: str, *, works: bool) -> None:
        # A notice may reach back into December, as the one for 2012 did with 2011-12-31.
        if not (day.year == self.year or (day.year == self.year - 1 and day.month == 12)):
            raise ValueError(f"{where}: {day} lies outside the year")
        if day in found:
            raise ValueError(f"{where}: {day} is named twice")
        found[day] = works


class _File(msgspec.Struct, forbid_unknown_fields=True):
    year: list[Year]


class WorkCalendar:
    """Which days people work, and when a period ends.

    A year nobody described counts Monday to Friday; it is collected in ``unknown_years`` and warned of once.

    :raises ValueError: from the constructor, when a year contradicts itself.
    """

    def __init__(self, years: Iterable[Year]) -> None:
        by_year = {year.year: year for year in years}
        self._years = MappingProxyType(dict(sorted(by_year.items())))
        self._days: dict[date, bool] = {}
        # In order of years, so that a later notice about a December day has the last word.
        for year in self._years.values():
            self._days |= year.days()
        self._unknown: set[int] = set()

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """The packaged calendar; each year that a ``*.toml`` in the operator's folder describes replaces ours.

        :raises Misconfigured: a file is unreadable, contradicts itself, or two of them describe one year.
        """
        years = _read(files("gongzhi.core") / "calendars" / "cn.toml")
        sources: dict[int, str] = {}
        for file in sorted(folder.glob("*.toml")) if folder else ():
            for number, year in _read(file).items():
                if number in sources:
                    raise Misconfigured(problem=f"{file}: the year {number} is also in {sources[number]}")
                sources[number] = str(file)
                years[number] = year
        return cls(years.values())

    @property
    def years(self) -> Mapping[int, Year]:
        """The years described, each with the notice it rests on."""
        return self._years

    @property
    def unknown_years(self) -> frozenset[int]:
        """The years somebody asked about and nobody described."""
        return frozenset(self._unknown)

    def is_workday(self, day: date) -> bool:
        """Whether people work on this day."""
        _refuse_instant(day)
        known = self._days.get(day)
        if known is not None:
            return known
        if day.year not in self._years:
            self._warn_of(day.year)
        return day.weekday() < _SATURDAY

    def add_workdays(self, start: date, days: int) -> date:
        """The working day on which so many working days have passed; the start itself is not counted.

        :param days: 0 gives the start back, be it a working day or not; a negative number is a ValueError.
        """
        _refuse_instant(start)
        if days < 0:
            raise ValueError("working days are counted forwards")
        day = start
        for _ in range(days):
            day = self._next_workday(day + _DAY)
        return day

    def workdays_between(self, start: date, end: date) -> int:
        """How many working days lie after start, up to and including end; below zero where end comes first."""
        _refuse_instant(start)
        _refuse_instant(end)
        if end < start:
            return -self.workdays_between(end, start)
        return sum(self.is_workday(start + n * _DAY) for n in range(1, (end - start).days + 1))

    def due(
        self, start: date, days: int, *, kind: DayKind = "working", extend_to_workday: bool = False
    ) -> date:
        """The last day of a period; the day it starts on is not counted (Civil Code art. 201).

        :param extend_to_workday: when the last day is none, the next working day counts (Civil Code art. 203):
            for periods before a court; a service promise says so itself.
        """
        _refuse_instant(start)
        if days < 0:
            raise ValueError("a period runs forwards")
        last = self.add_workdays(start, days) if kind == "working" else start + days * _DAY
        return self._next_workday(last) if extend_to_workday else last

    def _next_workday(self, day: date) -> date:
        """This day, or the first working day after it."""
        while not self.is_workday(day):
            day += _DAY
        return day

    def _warn_of(self, year: int) -> None:
        if year not in self._unknown:
            self._unknown.add(year)
            log.warning("calendar.year_unknown", year=year, counted_as="monday to friday")


def _refuse_instant(day: date) -> None:
    # A datetime is a date to the type checker, but never equal to one: every holiday would be missed in silence.
    if isinstance(day, datetime):
        raise TypeError("a working day is a date, not an instant; take its date in Shanghai first")


def _read(file: Traversable) -> dict[int, Year]:
    """The years of one file.

    :raises Misconfigured: naming the file and the entry.
    """
    years: dict[int, Year] = {}
    try:
        # utf-8-sig, because an editor on Windows leaves a byte order mark.
        document = msgspec.convert(tomllib.loads(file.read_bytes().decode("utf-8-sig")), _File)
        for year in document.year:
            if year.year in years:
                raise ValueError(f"the year {year.year} is described twice")  # noqa: TRY301
            year.days()
            years[year.year] = year
    except (OSError, ValueError) as problem:
        raise Misconfigured(problem=f"{file}: {problem}") from problem
    return years
