"""The second fence, where it is met by other doors than objects and flushes."""

from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, update

from gongzhi.core.api import ScopeNeedsCommunity, new_id, reading, unit_of_work
from gongzhi.core.fence import OutOfScope
from gongzhi.core.models import Number
from gongzhi.tenants.testing import actor_of


def _row(tenant):
    return {"tenant_id": tenant, "id": new_id(), "series": "test.fence", "year": 2026, "last": 1}


class TestARange:
    async def test_refuses_to_count_what_belongs_to_one_community(self, kernel, county):
        """Never an empty answer where the question is wrong."""
        scope = county.scope(county.county)
        async with reading(kernel, scope, actor_of(kernel, "county_operator", scope)) as work:
            with pytest.raises(ScopeNeedsCommunity):
                await work.session.execute(select(func.count()).select_from(Number))


class TestBulkWriting:
    @pytest.mark.parametrize("inline", [True, False])
    async def test_of_another_community_is_refused(self, kernel, county, inline):
        scope = county.scope()
        inserting = insert(Number).values(**_row(uuid4())) if inline else insert(Number)
        rows = None if inline else [_row(scope.tenant), _row(uuid4())]
        async with unit_of_work(kernel, scope, actor_of(kernel, "community_admin", scope)) as work:
            with pytest.raises(OutOfScope):
                await work.session.execute(inserting, rows)

    async def test_moving_rows_to_another_community_is_refused(self, kernel, county):
        scope = county.scope()
        async with unit_of_work(kernel, scope, actor_of(kernel, "community_admin", scope)) as work:
            with pytest.raises(OutOfScope):
                await work.session.execute(update(Number).values(tenant_id=uuid4()))

    async def test_of_ones_own_is_done(self, kernel, county):
        scope = county.scope()
        async with unit_of_work(kernel, scope, actor_of(kernel, "community_admin", scope)) as work:
            await work.session.execute(insert(Number), [_row(scope.tenant)])
            found = await work.session.scalars(select(Number.last).where(Number.series == "test.fence"))
            assert found.all() == [1]
