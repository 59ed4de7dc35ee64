"""The system role: sees across communities, keeps its records where it is told, all or nothing."""

import pytest
from sqlalchemy import select, text

from gongzhi.core.models import Audit, Number
from gongzhi.core.system import system_work
from gongzhi.core.work import PLATFORM


async def audited(kernel, action):
    async with system_work(kernel) as work:
        return (await work.session.scalars(select(Audit.scope_id).where(Audit.action == action))).all()


class TestSystemWork:
    async def test_is_done_as_the_system_role(self, kernel):
        async with system_work(kernel) as work:
            assert (await work.session.scalars(text("select current_user"))).one() == "gongzhi_system"

    async def test_sees_and_writes_across_communities(self, kernel, county):
        tenants = {county.scope(code).node for code in county.communities}
        async with system_work(kernel, scope=county.scope()) as work:
            work.session.add_all(Number(tenant_id=tenant, series="test.x", year=1) for tenant in tenants)
        async with system_work(kernel, scope=county.scope()) as work:
            found = (await work.session.scalars(select(Number.tenant_id).where(Number.year == 1))).all()
        assert set(found) == tenants

    async def test_keeps_its_records_with_the_platform_or_the_scope(self, kernel, county):
        async with system_work(kernel) as work:
            work.audit("test.system_platform")
        async with system_work(kernel, scope=county.scope()) as work:
            work.audit("test.system_scope")
        assert await audited(kernel, "test.system_platform") == [PLATFORM]
        assert await audited(kernel, "test.system_scope") == [county.scope().node]

    async def test_leaves_nothing_when_it_fails(self, kernel):
        async def fail():
            async with system_work(kernel) as work:
                work.audit("test.system_failed")
                await work.keep_records()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await audited(kernel, "test.system_failed") == []
