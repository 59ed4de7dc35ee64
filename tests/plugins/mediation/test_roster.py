"""The roster: who is appointed, for how long, and who reads it."""

import datetime as dt

import pytest

from gongzhi.plugins.mediation.models import Mediator
from gongzhi.plugins.mediation.service.roster import TermTooShort

DAY = dt.date(2026, 3, 2)


class TestAppoint:
    async def test_puts_a_mediator_on_the_roster(self, desk):
        await desk.appoint(DAY, DAY + dt.timedelta(days=1), name=" 试调解员 ", role="community_admin")
        [row] = await desk.rows(Mediator)
        assert (row.name, row.appointed_on, row.term_ends_on) == ("试调解员", DAY, dt.date(2026, 3, 3))
        assert row.version == 1

    @pytest.mark.parametrize("days", [0, -1])
    async def test_needs_a_term_that_ends_after_it_begins(self, desk, days):
        with pytest.raises(TermTooShort) as refused:
            await desk.appoint(DAY, DAY + dt.timedelta(days=days))
        assert refused.value.path == "termEndsOn"
        assert await desk.rows(Mediator) == []

    async def test_orders_names_by_their_sound(self, desk):
        for name in ("张三", "李四"):
            await desk.appoint(DAY, dt.date(2099, 1, 1), name=name)
        rows = sorted(await desk.rows(Mediator), key=lambda row: row.sort_key)
        assert [row.name for row in rows] == ["李四", "张三"]
