"""Numbers: rising per community, series and year, and never given twice."""

import asyncio

import pytest

from gongzhi.core.db import unit_of_work
from gongzhi.core.errors import ScopeNeedsCommunity
from gongzhi.core.numbers import next_number


async def draw(kernel, scope, series="test.letter", year=2026):
    async with unit_of_work(kernel, scope, kernel.robot("test")) as work:
        return await next_number(work, series, year)


class TestNextNumber:
    async def test_begins_with_one_and_rises(self, kernel, county):
        assert [await draw(kernel, county.scope()) for _ in range(3)] == [1, 2, 3]

    async def test_counts_each_community_series_and_year_by_itself(self, kernel, county):
        there = county.scope(county.communities[1])
        assert await draw(kernel, county.scope()) == 1
        assert await draw(kernel, there) == 1
        assert await draw(kernel, county.scope(), series="test.case") == 1
        assert await draw(kernel, county.scope(), year=2027) == 1
        assert await draw(kernel, county.scope()) == 2

    async def test_gives_callers_at_the_same_time_different_ones(self, kernel, county):
        """Also when none was drawn before, so that all of them come to make the first."""
        drawn = await asyncio.gather(*(draw(kernel, county.scope()) for _ in range(12)))
        assert sorted(drawn) == list(range(1, 13))

    async def test_makes_the_second_wait_until_the_first_has_ended(self, kernel, county, until):
        async with unit_of_work(kernel, county.scope(), kernel.robot("test")) as work:
            assert await next_number(work, "test.letter", 2026) == 1
            second = asyncio.create_task(draw(kernel, county.scope()))
            async with unit_of_work(kernel, county.scope(), kernel.robot("test")) as watching:

                async def waits():
                    connection = await watching.session.connection()
                    query = "select count(*) from pg_locks where not granted"
                    return (await connection.exec_driver_sql(query)).scalar_one() > 0

                await until(waits)
            assert not second.done()
        assert await second == 2

    async def test_takes_one_back_that_was_never_given(self, kernel, county):
        """Whoever drew it rolled back, so nobody has it; the next one who commits may."""

        async def draw_in_vain():
            async with unit_of_work(kernel, county.scope(), kernel.robot("test")) as work:
                await next_number(work, "test.letter", 2026)
                raise ZeroDivisionError

        kept = [await draw(kernel, county.scope())]
        with pytest.raises(ZeroDivisionError):
            await draw_in_vain()
        kept += [await draw(kernel, county.scope()) for _ in range(2)]
        assert kept == [1, 2, 3]

    async def test_is_for_communities(self, kernel, county):
        with pytest.raises(ScopeNeedsCommunity):
            await draw(kernel, county.scope(county.county))
