"""The unit of work: all or nothing, one scope, one version at a time; and connections that stay clean."""

import asyncio
import json
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from gongzhi.core.db import IdempotentCall, reading, unit_of_work
from gongzhi.core.errors import NotFound, ScopeNeedsCommunity, Stale
from gongzhi.core.fence import OutOfScope
from gongzhi.core.models import Audit, Idempotency, Number, Outbox
from gongzhi.core.numbers import next_number
from gongzhi.core.roles import DatabaseRole
from gongzhi.core.scope import Community, Range
from gongzhi.core.system import system_work
from gongzhi.plugins.mediation.events import CaseAgreed
from gongzhi.tenants.models import PluginSwitch, Tenant
from gongzhi.tenants.service.onboarding import TASK

pytestmark = pytest.mark.usefixtures("outbox_left_empty")


@pytest.fixture
def here():
    """A community nobody else uses; the kernel's own tables ask for no node."""
    return Community(uuid4(), "01.02.")


async def records(kernel, scope):
    """How many (audit, outbox, idempotency) rows this scope has."""
    async with system_work(kernel) as work:
        counts = [
            (await work.session.scalars(select(func.count()).where(model.scope_id == scope.node))).one()
            for model in (Audit, Outbox, Idempotency)
        ]
    return tuple(counts)


def call():
    return IdempotentCall(operation="do", key=str(uuid4()), input_hash=b"x")


async def switch_of(kernel, scope):
    async with reading(kernel, scope, kernel.robot("test")) as work:
        return (await work.session.scalars(select(PluginSwitch).limit(1))).one()


class TestRecords:
    async def test_are_committed_together(self, kernel, here, county, working):
        """Audit, outbox and idempotency, with the domain's rows."""
        async with working("mediator") as work:
            before = await records(kernel, work.scope)
            work.call = call()
            work.audit("test.did")
            work.publish(CaseAgreed(case_id="x"))
            work.enqueue(TASK, job_id="x")
            assert await next_number(work, "test.together", 2026) == 1
        after = await records(kernel, county.scope())
        assert tuple(new - old for old, new in zip(before, after, strict=True)) == (1, 2, 1)

    async def test_are_rolled_back_together(self, kernel, county, working):
        before = await records(kernel, county.scope())

        async def fail():
            async with working("mediator") as work:
                work.call = call()
                work.audit("test.did")
                work.publish(CaseAgreed(case_id="x"))
                await next_number(work, "test.rolled_back", 2026)
                await work.keep_records()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await records(kernel, county.scope()) == before
        async with working("mediator") as work:
            assert await next_number(work, "test.rolled_back", 2026) == 1

    async def test_are_kept_once_though_asked_twice(self, kernel, here):
        async with unit_of_work(kernel, here, kernel.robot("test")) as work:
            work.audit("test.did")
            work.publish(CaseAgreed(case_id="x"))
            await work.keep_records()
        assert await records(kernel, here) == (1, 1, 0)

    async def test_hold_what_was_told_as_it_was_told(self, kernel, here):
        async with unit_of_work(kernel, here, kernel.robot("test")) as work:
            work.publish(CaseAgreed(case_id='梅营 "1" \\ {}'))
        async with system_work(kernel) as work:
            [row] = (await work.session.scalars(select(Outbox).where(Outbox.scope_id == here.node))).all()
        assert (row.name, row.payload) == ("mediation.case_agreed/1", {"case_id": '梅营 "1" \\ {}'})

    async def test_of_an_event_nobody_registered_are_refused(self, kernel, here):
        class Stranger(CaseAgreed):
            name = "test.unheard_of/1"

        class Impostor(CaseAgreed):
            """Has the name of another's event."""

        async with unit_of_work(kernel, here, kernel.robot("test")) as work:
            for fact in (Stranger(case_id="x"), Impostor(case_id="x")):
                with pytest.raises(LookupError, match="registered by no plugin"):
                    work.publish(fact)
        assert await records(kernel, here) == (0, 0, 0)

    async def test_of_a_task_nobody_registered_are_refused(self, kernel, here):
        async with unit_of_work(kernel, here, kernel.robot("test")) as work:
            with pytest.raises(LookupError, match=r"test\.unheard_of"):
                work.enqueue("test.unheard_of", job_id="x")
        assert await records(kernel, here) == (0, 0, 0)


class TestLoad:
    async def test_finds_nothing_of_another_community(self, kernel, county, working):
        theirs = await switch_of(kernel, county.scope(county.communities[1]))
        async with working("community_admin") as work:
            with pytest.raises(NotFound):
                await work.load(PluginSwitch, theirs.id)
            with pytest.raises(NotFound):
                await work.load(PluginSwitch, theirs.id, version=theirs.version)

    async def test_finds_nothing_that_never_was(self, working):
        async with working("community_admin") as work:
            with pytest.raises(NotFound, match="No such PluginSwitch here"):
                await work.load(PluginSwitch, uuid4())

    async def test_of_an_old_version_is_stale(self, kernel, county, working):
        mine = await switch_of(kernel, county.scope())
        async with working("community_admin") as work:
            with pytest.raises(Stale) as refused:
                await work.load(PluginSwitch, mine.id, version=mine.version + 1)
        assert refused.value.facts == {"current": mine.version}

    async def test_waits_for_who_is_changing_it_and_is_stale_then(self, kernel, county, working, until):
        mine = await switch_of(kernel, county.scope())

        async def second():
            async with working("community_admin") as work:
                await work.load(PluginSwitch, mine.id, version=mine.version)

        async with working("community_admin") as work:
            row = await work.load(PluginSwitch, mine.id, version=mine.version)
            row.on = False
            waiting = asyncio.create_task(second())
            await until(lambda: somebody_waits(kernel))
            assert not waiting.done()
        with pytest.raises(Stale) as refused:
            await waiting
        assert refused.value.facts == {"current": mine.version + 1}

    async def test_sees_what_changed_since_it_was_read_before(self, kernel, county, working):
        """The version is that of the locked row, not of the one in memory."""
        mine = await switch_of(kernel, county.scope())
        async with working("community_admin") as work:
            await work.load(PluginSwitch, mine.id)
            async with working("community_admin") as other:
                (await other.load(PluginSwitch, mine.id, version=mine.version)).on = False
            with pytest.raises(Stale):
                await work.load(PluginSwitch, mine.id, version=mine.version)


class TestFlush:
    async def test_is_stale_when_somebody_changed_the_row_meanwhile(self, kernel, county, working):
        mine = await switch_of(kernel, county.scope())

        async def both():
            async with working("community_admin") as work:
                row = await work.load(PluginSwitch, mine.id)
                async with working("community_admin") as other:
                    (await other.load(PluginSwitch, mine.id)).on = False
                row.on = False
                await work.flush()

        with pytest.raises(Stale):
            await both()
        assert (await switch_of(kernel, county.scope())).version == mine.version + 1


class TestScope:
    async def test_fills_in_the_community(self, working):
        async with working("community_admin") as work:
            work.session.add(row := Number(series="test.filled", year=2026))
            await work.flush()
            assert row.tenant_id == work.tenant

    async def test_refuses_a_row_of_another_community(self, county, working):
        theirs = county.scope(county.communities[1]).tenant
        with pytest.raises(OutOfScope, match="Number of another community"):
            async with working("community_admin") as work:
                work.session.add(Number(tenant_id=theirs, series="test.other", year=2026))

    async def test_refuses_the_row_of_another_node(self, kernel, county, working):
        """Also the row that was brought from elsewhere."""
        async with system_work(kernel) as system:
            theirs = await system.load(Tenant, county.scope(county.communities[1]).tenant)
        with pytest.raises(OutOfScope, match="Tenant of another node"):
            async with working("community_admin") as work:
                (await work.session.merge(theirs, load=False)).blueprint = "mine"

    async def test_of_a_county_has_no_community(self, kernel, county):
        scope = county.scope(county.county)
        async with reading(kernel, scope, kernel.robot("test")) as work:
            with pytest.raises(ScopeNeedsCommunity):
                work.tenant  # noqa: B018
            with pytest.raises(ScopeNeedsCommunity):
                await work.session.scalars(select(Number))
            with pytest.raises(ScopeNeedsCommunity):
                await work.load(Number, uuid4())

    async def test_of_a_county_writes_no_community_s_row(self, kernel, county):
        scope = county.scope(county.county)
        assert isinstance(scope, Range)
        with pytest.raises(ScopeNeedsCommunity):
            async with unit_of_work(kernel, scope, kernel.robot("test")) as work:
                work.session.add(Number(tenant_id=county.scope().tenant, series="test.range", year=2026))

    async def test_does_not_stay_on_the_connection(self, make_kernel, here):
        kernel = make_kernel(database_pool_size=1)
        async with unit_of_work(kernel, here, kernel.robot("test")) as work:
            assert await told(work.session) == (str(here.tenant), "off")
        async with kernel.database.engine(DatabaseRole.APP).connect() as connection:
            assert await told(connection) == ("", "off")


class TestReading:
    async def test_refuses_to_write(self, looking):
        async with looking("community_admin") as work:
            with pytest.raises(DBAPIError) as refused:
                await next_number(work, "test.read", 2026)
        assert refused.value.driver_exception.sqlstate == "25006"

    async def test_cannot_be_talked_out_of_it(self, looking):
        async with looking("community_admin") as work:
            with pytest.raises(DBAPIError, match="must be set before any query"):
                await work.session.execute(text("set transaction read write"))


class TestConnection:
    """There is one in the pool, so whoever comes next gets the one that was in trouble, or a new one."""

    async def test_of_a_transaction_that_failed_is_clean_again(self, make_kernel, here):
        kernel = make_kernel(database_pool_size=1)
        for _ in range(2):
            with pytest.raises(DBAPIError, match="division by zero"):
                async with unit_of_work(kernel, here, kernel.robot("test")) as work:
                    await work.session.execute(text("select 1 / 0"))
        await self.works(kernel)

    async def test_of_a_transaction_whose_error_was_swallowed_is_clean_again(self, make_kernel, here):
        """PostgreSQL answers the commit of an aborted transaction with a rollback; nothing is half done."""
        kernel = make_kernel(database_pool_size=1)
        async with unit_of_work(kernel, here, kernel.robot("test")) as work:
            await next_number(work, "test.swallowed", 2026)
            with pytest.raises(DBAPIError):
                await work.session.execute(text("select 1 / 0"))
        async with unit_of_work(kernel, here, kernel.robot("test")) as work:
            assert await next_number(work, "test.swallowed", 2026) == 1
        await self.works(kernel)

    async def test_of_work_that_was_cancelled_in_the_middle_is_clean_again(self, make_kernel, here, until):
        kernel = make_kernel(database_pool_size=1)
        lock = text("select pg_advisory_xact_lock(7)")

        async def long():
            async with unit_of_work(kernel, here, kernel.robot("test")) as work:
                await next_number(work, "test.cancelled", 2026)
                await work.session.execute(lock)

        async def nobody_waits():
            return not await somebody_waits(watching)

        watching = make_kernel()
        async with system_work(kernel) as holding:
            await holding.session.execute(lock)
            working = asyncio.create_task(long())
            await until(lambda: somebody_waits(watching))
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working
            await until(nobody_waits)
        await self.works(kernel)

    async def test_outlives_a_migration_with_one_failure_at_most(self, make_kernel, here):
        """A column's type changed under prepared statements: one transaction fails, and then none."""
        kernel = make_kernel(database_pool_size=2)
        owner = kernel.database.address.url_for(DatabaseRole.OWNER.value)
        query = select(Number.series, Number.last)

        async def read():
            async with reading(kernel, here, kernel.robot("test")) as work:
                await work.session.execute(query)
                return work

        async with reading(kernel, here, kernel.robot("test")) as one:
            await one.session.execute(query)
            await read()  # both connections have prepared it now
        with psycopg.connect(owner) as connection:
            connection.execute("alter table core.number add column colour text")
        await read()
        with psycopg.connect(owner) as connection:
            connection.execute("alter table core.number alter column last type bigint")
        with pytest.raises(DBAPIError, match="cached statement plan is invalid"):
            await read()
        async with reading(kernel, here, kernel.robot("test")) as one:
            await one.session.execute(query)
            await read()

    async def test_tells_no_values_in_its_errors(self, kernel, here):
        """They go to logs; SQLAlchemy would print what was bound."""
        async with system_work(kernel) as work:
            with pytest.raises(DBAPIError) as raised:
                await work.session.execute(text("select :name ::int"), {"name": "张三丰"})
            assert "张三丰" not in json.dumps(raised.value.statement)
            assert "hidden due to hide_parameters" in str(raised.value)

    async def works(self, kernel):
        """A transaction sees its own scope and commits."""
        scope = Community(uuid4(), "01.03.")
        async with unit_of_work(kernel, scope, kernel.robot("test")) as work:
            assert await told(work.session) == (str(scope.tenant), "off")
            work.audit("test.works")
        assert await records(kernel, scope) == (1, 0, 0)


async def told(connection):
    query = "select current_setting('gongzhi.tenant', true), current_setting('transaction_read_only')"
    row = (await connection.execute(text(query))).one()
    return (row[0] or "", row[1])


async def somebody_waits(kernel):
    async with system_work(kernel) as work:
        query = text("select count(*) from pg_locks where not granted")
        return (await work.session.scalars(query)).one() > 0
