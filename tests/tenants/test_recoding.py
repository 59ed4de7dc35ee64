"""A community gets another code, keeps its id, and answers to both."""

from datetime import date

import pytest
from sqlalchemy import select

from gongzhi.core.api import NotFound, system_work
from gongzhi.tenants import desk
from gongzhi.tenants.models import AreaCode, CodeStatus
from gongzhi.tenants.recoding import CodeUnfit, RecodedTooEarly, recode

DAY = date(2026, 1, 1)


async def codes_of(kernel, node):
    async with system_work(kernel) as work:
        query = select(AreaCode).where(AreaCode.area_id == node).order_by(AreaCode.valid_from)
        return [(row.code, row.valid_to, row.status) for row in (await work.session.scalars(query)).all()]


class TestRecode:
    async def test_keeps_the_community_and_its_history(self, kernel, county):
        node, new = county.scope().node, f"{county.street}901"
        await recode(kernel, county.community, new, on=DAY)

        assert (await desk.scope_at(kernel, new)).node == node
        assert (await desk.scope_at(kernel, county.community)).node == node
        assert await codes_of(kernel, node) == [
            (county.community, DAY, CodeStatus.HISTORICAL),
            (new, None, CodeStatus.OFFICIAL),
        ]

    async def test_may_be_provisional(self, kernel, county):
        """Villages that are in no table yet."""
        await recode(kernel, county.community, f"{county.street}401P", on=DAY)
        assert (await codes_of(kernel, county.scope().node))[-1][2] is CodeStatus.PROVISIONAL

    @pytest.mark.parametrize(
        "new", ["", "12345", "53042500100A", "５３０４２５００１００６", "530425001006PP"]
    )
    async def test_refuses_what_is_no_code(self, kernel, county, new):
        with pytest.raises(CodeUnfit):
            await recode(kernel, county.community, new, on=DAY)

    async def test_refuses_a_code_that_somebody_has_or_had(self, kernel, county):
        first, second = county.communities
        with pytest.raises(CodeUnfit):
            await recode(kernel, first, second, on=DAY)
        await recode(kernel, second, f"{county.street}902", on=DAY)
        with pytest.raises(CodeUnfit):
            await recode(kernel, first, second, on=DAY)

    async def test_refuses_a_day_before_the_present_code_began(self, kernel, county):
        with pytest.raises(RecodedTooEarly, match="2024-01-01"):
            await recode(kernel, county.community, f"{county.street}903", on=date(2024, 1, 1))

    async def test_of_nobody_finds_nobody(self, kernel):
        with pytest.raises(NotFound):
            await recode(kernel, "110101001001", "110101001002", on=DAY)
