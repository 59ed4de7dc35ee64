"""Grids are numbered as the standard says, what they were stays on record, and households lie in them."""

import asyncio
from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy import select

from gongzhi.core.api import Invalid, NotFound, Stale
from gongzhi.core.commands import understand
from gongzhi.tenants.models import Grid, GridKind, GridVersion
from gongzhi.tenants.service.grids import (
    DrawGrid,
    GridNumberTaken,
    GridNumberUnfit,
    Grids,
    HouseholdNumberTaken,
    Households,
    RedrawGrid,
    RegisterHousehold,
)


async def draw(working, number=1, **told):
    async with working("community_admin") as work:
        return await Grids(work).draw(DrawGrid(number=number, name=f"第{number}网格", **told))


async def redraw(working, grid, **told):
    async with working("community_admin") as work:
        told = {"version": grid.version} | told
        return await Grids(work).redraw(RedrawGrid(grid_id=grid.id, **told))


async def versions(looking, grid):
    async with looking("community_admin") as work:
        query = select(GridVersion).where(GridVersion.grid_id == grid.id).order_by(GridVersion.valid_from)
        rows = (await work.session.scalars(query)).all()
    return [(row.valid_from, row.valid_to, row.households, row.bounds) for row in rows]


class TestDraw:
    async def test_numbers_a_grid_after_its_community(self, working, county):
        grid = await draw(working, 7, households=312, bounds="东至兴文路")

        assert grid.code == f"{county.community}007"
        assert (grid.kind, grid.version, grid.retired_on) == (GridKind.BASIC, 1, None)

    @pytest.mark.parametrize(
        ("kind", "number"),
        [("basic", 1), ("basic", 899), ("micro", 1), ("micro", 899), ("dedicated", 901), ("dedicated", 999)],
    )
    async def test_takes_the_numbers_of_the_kind(self, kind, number, working):
        assert (await draw(working, number, kind=GridKind(kind))).kind == kind

    @pytest.mark.parametrize(
        ("kind", "number"),
        [("basic", 900), ("basic", 901), ("micro", 900), ("dedicated", 1), ("dedicated", 900)],
    )
    async def test_refuses_the_numbers_of_another_kind(self, kind, number, working, looking):
        with pytest.raises(GridNumberUnfit, match=f"A {kind} grid is numbered"):
            await draw(working, number, kind=GridKind(kind))

        async with looking("community_admin") as work:
            assert (await work.session.scalars(select(Grid))).all() == []

    @pytest.mark.parametrize("number", [0, 1000, -1])
    def test_knows_three_digits_only(self, number):
        with pytest.raises(Invalid) as refused:
            understand(DrawGrid, {"number": number, "name": "甲"})

        assert refused.value.path == "number"

    async def test_gives_a_number_once(self, working):
        await draw(working, 1)

        with pytest.raises(GridNumberTaken, match="numbered 1"):
            await draw(working, 1)

    async def test_gives_a_number_once_to_two_at_once(self, working, kernel, county, rows_of):
        drawn = await asyncio.gather(draw(working, 3), draw(working, 3), return_exceptions=True)

        assert sorted(type(one).__name__ for one in drawn) == ["Grid", "GridNumberTaken"]
        codes = "select code from tenants.grid where tenant_id = %s"
        assert rows_of(kernel, codes, county.scope().node) == [(f"{county.community}003",)]

    async def test_gives_it_again_in_the_next_community(self, working, county):
        await draw(working, 1)

        async with working("community_admin", county.communities[1]) as work:
            other = await Grids(work).draw(DrawGrid(number=1, name="第一网格"))

        assert other.code == f"{county.communities[1]}001"

    async def test_is_told(self, working, kernel, county, rows_of):
        grid = await draw(working, 1)

        told = "select payload from core.outbox where scope_id = %s and name = 'tenants.grid_drawn/1'"
        assert rows_of(kernel, told, county.scope().node) == [({"grid_id": str(grid.id)},)]


class TestRedraw:
    async def test_leaves_what_was_on_record(self, working, looking, fixed_clock):
        """2 March until 1 April the old bounds, then the new ones."""
        grid = await draw(working, 1, households=300, bounds="旧四至")
        fixed_clock.advance(days=30)

        redrawn = await redraw(working, grid, households=320, bounds="新四至", name="春和网格")

        assert (redrawn.name, redrawn.version, redrawn.code) == ("春和网格", 2, grid.code)
        assert await versions(looking, grid) == [
            (date(2026, 3, 2), date(2026, 4, 1), 300, "旧四至"),
            (date(2026, 4, 1), None, 320, "新四至"),
        ]

    async def test_of_the_same_day_corrects(self, working, looking, fixed_clock):
        grid = await draw(working, 1, households=300)

        await redraw(working, grid, households=301)

        assert await versions(looking, grid) == [(date(2026, 3, 2), None, 301, None)]

    @pytest.mark.parametrize("days", [0, 1])
    async def test_keeps_what_it_is_not_told(self, days, working, looking, fixed_clock):
        grid = await draw(working, 1, households=300, bounds="四至")
        fixed_clock.advance(days=days)

        redrawn = await redraw(working, grid, name="春和网格")

        assert redrawn.name == "春和网格"
        assert (await versions(looking, grid))[-1][2:] == (300, "四至")

    @pytest.mark.parametrize("days", [0, 1])
    async def test_by_the_second_of_two_is_refused(self, days, working, looking, fixed_clock):
        """Even where only the bounds changed, which lie in a row of their own."""
        grid = await draw(working, 1, bounds="旧")
        fixed_clock.advance(days=days)
        await redraw(working, grid, bounds="先")

        with pytest.raises(Stale, match="version 2"):
            await redraw(working, grid, bounds="后", version=1)

        assert (await versions(looking, grid))[-1][3] == "先"

    @pytest.mark.parametrize("days", [0, 1])
    async def test_is_told(self, days, working, kernel, county, rows_of, fixed_clock):
        grid = await draw(working, 1)
        fixed_clock.advance(days=days)
        await redraw(working, grid, bounds="新")

        told = "select payload from core.outbox where scope_id = %s and name = 'tenants.grid_drawn/1'"
        assert rows_of(kernel, told, county.scope().node) == [({"grid_id": str(grid.id)},)] * 2

    async def test_of_another_community_s_grid_finds_none(self, working, county):
        grid = await draw(working, 1)

        with pytest.raises(NotFound):
            async with working("community_admin", county.communities[1]) as work:
                await Grids(work).redraw(RedrawGrid(grid_id=grid.id, version=1))


class TestHousehold:
    async def register(self, working, grid_id, number="1-101", code=None, **told):
        async with working("grid_worker", code) as work:
            household = RegisterHousehold(number=number, grid_id=grid_id, place="兴文路1号", **told)
            return await Households(work).register(household)

    async def test_lies_in_a_grid(self, working):
        grid = await draw(working, 1)

        household = await self.register(working, grid.id, people=3)

        assert (household.number, household.grid_id, household.people) == ("1-101", grid.id, 3)

    async def test_has_a_number_of_its_own(self, working, kernel, county, rows_of):
        grid = await draw(working, 1)
        await self.register(working, grid.id)

        with pytest.raises(HouseholdNumberTaken, match="1-101"):
            await self.register(working, grid.id)

        count = "select count(*) from tenants.household where tenant_id = %s"
        assert rows_of(kernel, count, county.scope().node) == [(1,)]

    async def test_lies_in_no_other_community_s_grid(self, working, county, kernel, rows_of):
        grid = await draw(working, 1)

        for grid_id in (grid.id, uuid4()):
            with pytest.raises(NotFound, match="No such Grid"):
                await self.register(working, grid_id, code=county.communities[1])

        count = "select count(*) from tenants.household where tenant_id = %s"
        assert rows_of(kernel, count, county.scope(county.communities[1]).node) == [(0,)]
