"""The clock: aware instants, Shanghai dates, and a block that goes by another clock."""

import contextvars
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from gongzhi.core import clock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class TestNow:
    def test_is_aware_and_in_utc(self):
        assert clock.now().tzinfo is UTC

    def test_follows_the_machine(self):
        before = datetime.now(UTC)
        assert before <= clock.now() <= datetime.now(UTC)


class TestToday:
    def test_turns_at_midnight_in_shanghai(self):
        with clock.use(clock.FixedClock(datetime(2026, 2, 28, 15, 59, 59, tzinfo=UTC))) as fixed:
            assert clock.today() == date(2026, 2, 28)
            fixed.advance(seconds=1)
            assert clock.today() == date(2026, 3, 1)


class TestUse:
    def test_ends_with_the_block(self):
        with clock.use(clock.FixedClock(NOON)):
            assert clock.now() == NOON
        assert clock.now() != NOON

    def test_ends_when_the_block_fails(self):
        with pytest.raises(LookupError), clock.use(clock.FixedClock(NOON)):
            raise LookupError
        assert clock.now() != NOON

    def test_nests(self):
        with clock.use(clock.FixedClock(NOON)):
            with clock.use(clock.FixedClock(NOON + timedelta(days=1))):
                assert clock.now() == NOON + timedelta(days=1)
            assert clock.now() == NOON

    def test_stays_in_its_own_context(self):
        elsewhere = contextvars.copy_context()
        with clock.use(clock.FixedClock(NOON)):
            assert elsewhere.run(clock.now) != NOON


class TestFixedClock:
    def test_moves_when_told(self):
        fixed = clock.FixedClock(NOON)
        fixed.advance(days=1, hours=2, minutes=3)
        assert fixed.now() == datetime(2026, 3, 2, 14, 3, tzinfo=UTC)
        fixed.set(NOON)
        assert fixed.now() == NOON

    def test_answers_in_utc_whatever_it_was_set_to(self):
        fixed = clock.FixedClock(datetime(2026, 3, 1, 20, tzinfo=timezone(timedelta(hours=8))))
        assert fixed.now() == NOON
        assert fixed.now().tzinfo is UTC

    def test_refuses_a_naive_instant(self):
        with pytest.raises(ValueError, match="aware"):
            clock.FixedClock(NOON.replace(tzinfo=None))
