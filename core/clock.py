"""What time it is: aware UTC instants, Shanghai dates, and a clock that tests may hold still."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

#: The one time zone in which dates, deadlines and office hours are reckoned.
SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Something that knows the time."""

    def now(self) -> datetime:
        """This instant, aware and in UTC."""
        ...


C = TypeVar("C", bound=Clock)


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, at: datetime) -> None:
        self.set(at)

    def now(self) -> datetime:
        return self._at

    def set(self, at: datetime) -> None:
        """Stand at this instant; a naive one is refused with ValueError, because nobody knows when it is."""
        if at.tzinfo is None:
            raise ValueError("a clock needs an aware instant")
        self._at = at.astimezone(UTC)

    def advance(
        self, *, weeks: float = 0, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> None:
        """Move on by so much; a negative amount moves back."""
        self._at += timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


_clock: ContextVar[Clock] = ContextVar("clock", default=SystemClock())  # noqa: B039  # it holds no state


def now() -> datetime:
    """This instant, aware and in UTC, as the clock in use tells it."""
    return _clock.get().now()


def today() -> date:
    """The date in Shanghai, whatever the machine's own time zone."""
    return now().astimezone(SHANGHAI).date()


@contextmanager
def use(clock: C) -> Iterator[C]:
    """Go by this clock inside the block: in this task and the ones it starts, not in threads already running."""
    token = _clock.set(clock)
    try:
        yield clock
    finally:
        _clock.reset(token)
