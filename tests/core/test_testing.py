"""The kit that strangers test their plugins with: what it hands out is real, theirs alone, and cleaned up."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from gongzhi.core.clock import now
from gongzhi.core.migrations import pending
from gongzhi.core.roles import DatabaseRole
from gongzhi.core.testing import Answered, Name, clone, drop, literal, settings_for_tests, work_off


def tables_in(address):
    with psycopg.connect(address.url_for(DatabaseRole.OWNER.value)) as connection:
        return connection.execute("select count(*) from pg_tables where schemaname = 'tenants'").fetchone()[0]


class TestDatabases:
    def test_are_empty_when_asked_for_empty(self, empty_address):
        assert tables_in(empty_address) == 0

    def test_are_migrated_when_asked_for_fresh(self, fresh_address, kernel):
        assert tables_in(fresh_address) > 0
        assert pending(fresh_address, kernel.histories) == []

    def test_are_nobody_elses(self, fresh_address, kernel, empty_address):
        names = {fresh_address.database, kernel.database.address.database, empty_address.database}
        assert len(names) == 3

    @pytest.mark.usefixtures("_template")
    def test_are_dropped_even_while_somebody_is_connected(self):
        name = f"testing_{uuid4().hex[:12]}"
        address = clone(name)
        with psycopg.connect(address.url_for(DatabaseRole.OWNER.value)) as held:
            drop(name)
            with pytest.raises(psycopg.OperationalError):
                held.execute("select 1")
        drop(name)


class TestCoroutineTests:
    async def test_run_by_themselves(self):
        assert asyncio.get_running_loop().is_running()

    async def test_share_a_loop_with_the_fixtures(self, kernel):
        """A pooled connection belongs to the loop that opened it."""
        async with kernel.database.session(DatabaseRole.APP, None) as session:
            connection = await session.connection()
            assert (await connection.exec_driver_sql("select 1")).scalar() == 1

    async def test_share_it_with_each_other(self, kernel):
        await self.test_share_a_loop_with_the_fixtures(kernel)


class TestTheClock:
    def test_stands_still(self, fixed_clock):
        assert now() == datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
        assert now() == now()


class TestTheTaskRunner:
    async def test_delivers_what_a_command_left_and_then_nothing(self, make_kernel, probe, tell):
        kernel = probe.kernel(make_kernel)
        await tell(kernel, None)
        [delivered] = await work_off(kernel)
        assert delivered.name == "probe.note"
        assert probe.calls == 1
        assert await work_off(kernel) == []

    async def test_raises_what_a_listener_raises(self, make_kernel, probe, tell):
        """A test sees the failure, where the worker would try again."""
        kernel = probe.kernel(make_kernel)
        probe.failures.append(OSError("no such printer"))
        await tell(kernel, None)
        with pytest.raises(OSError, match="no such printer"):
            await work_off(kernel)


class TestSettings:
    def test_touch_nothing_outside_the_tests_folder(self):
        assert "gongzhi-test-" in str(settings_for_tests().data_dir)
        assert settings_for_tests(database_pool_size=1).database_pool_size == 1


class TestLiteral:
    @pytest.mark.parametrize(
        ("value", "written"),
        [
            (None, "null"),
            (True, "true"),
            (3, "3"),
            (1.5, "1.5"),
            ('说"话"\n', r'"说\"话\"\n"'),
            (Name("RED"), "RED"),
            ([1, "a"], '[1, "a"]'),
            (
                {"name": "甲", "side": Name("LEFT"), "more": {"n": [None]}},
                '{name: "甲", side: LEFT, more: {n: [null]}}',
            ),
        ],
    )
    def test_writes_a_value_as_graphql_does(self, value, written):
        assert literal(value) == written


class TestAnswered:
    def test_gives_the_data_or_the_only_error(self):
        assert Answered(200, {"data": {"a": 1}}).data == {"a": 1}
        refused = Answered(200, {"data": None, "errors": [{"extensions": {"code": "NOT_FOUND"}}]})
        assert refused.code == "NOT_FOUND"
        with pytest.raises(AssertionError):
            _ = refused.data


class TestTheClient:
    def test_speaks_as_whom_it_is_told(self, client, county, token_for, event_loop):
        """Neither the token nor the scope of one sticks to another."""
        someone = client.as_(token_for("mediator", county.community), scope=county.community)
        assert event_loop.run(someone.ask("{ __typename }")).data == {"__typename": "Query"}
        assert client.headers == {}
        assert someone.as_(scope=county.county).headers["Gongzhi-Scope"] == county.county
        assert someone.headers["Gongzhi-Scope"] == county.community
