"""Bare connections: lent, given back, and thrown away when something did not end as it should."""

import asyncio

import asyncpg
import pytest

from gongzhi.core import pool as pool_
from gongzhi.core.pool import Pool
from gongzhi.core.roles import DatabaseRole


@pytest.fixture
def url(kernel):
    return kernel.database.address.url_for(DatabaseRole.APP.value)


@pytest.fixture
def one(url, event_loop):
    """A pool of one connection."""
    pool = Pool(url, 1)
    yield pool
    event_loop.run(pool.close())


async def backend(pool):
    [pid] = await pool.fetchrow("select pg_backend_pid()")
    return pid


async def turns(condition):
    """Let the other tasks run until this holds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # there is nothing to set an event
            await asyncio.sleep(0)


class TestConnection:
    async def test_is_used_again(self, one):
        assert await backend(one) == await backend(one)

    async def test_that_came_back_last_is_lent_first(self, url):
        pool = Pool(url, 3)
        pids = await asyncio.gather(*(backend(pool) for _ in range(3)))
        last = await backend(pool)
        assert last in pids
        assert {await backend(pool) for _ in range(5)} == {last}
        await pool.close()

    async def test_stays_after_an_error(self, one):
        before = await backend(one)
        with pytest.raises(asyncpg.DivisionByZeroError):
            await one.fetchrow("select 1 / $1::int", 0)
        assert await backend(one) == before

    async def test_goes_with_a_statement_that_was_broken_off(self, one, kernel):
        """Whoever gets it next would get the end of somebody else's answer."""
        before = await backend(one)
        waiting = asyncio.ensure_future(one.fetchrow("select pg_sleep(60)"))
        await turns(lambda: not one._free)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await backend(one) != before

    async def test_goes_with_a_transaction_that_was_left_open(self, one):
        before = await backend(one)
        await one.fetchrow("begin")
        assert await backend(one) != before

    async def test_that_cannot_be_made_leaves_room_for_another(self, kernel):
        address = kernel.database.address
        pool = Pool(address.url_for("nobody_of_this_name"), 1)
        for _ in range(2):
            with pytest.raises(asyncpg.PostgresError):
                await pool.fetchrow("select 1")

    async def test_that_was_lost_is_made_anew_without_anybody_noticing(self, url):
        """PostgreSQL was started anew, and every connection of the pool is gone."""
        pool = Pool(url, 3)
        await asyncio.gather(*(backend(pool) for _ in range(3)))
        for link in pool._free:
            link.connection.terminate()
        assert await pool.fetchrow("select 1") == (1,)
        assert (len(pool._free), pool._opened) == (1, 1)
        await pool.close()

    async def test_that_comes_back_to_a_closed_pool_is_closed(self, url):
        pool = Pool(url, 1)
        await backend(pool)
        link = pool._free.pop()
        waiting = asyncio.ensure_future(pool.fetchrow("select 1"))
        await turns(lambda: pool._waiting)
        await pool.close()
        with pytest.raises(ConnectionError):
            await waiting
        pool._give_back(link)
        assert link.connection.is_closed()
        assert (pool._free, pool._opened) == ([], 0)

    async def test_keeps_so_many_statements(self, one, monkeypatch):
        monkeypatch.setattr(pool_, "PREPARED", 3)
        for number in range(9):
            assert await one.fetchrow(f"select {number}") == (number,)
        [link] = one._free
        assert len(link.statements) == 3

    async def test_gives_json_as_it_came(self, one):
        assert await one.fetchrow("select '{\"a\": 1.50}'::json") == (b'{"a": 1.50}',)


class TestTurns:
    async def test_are_waited_for(self, one):
        rows = await asyncio.gather(*(one.fetchrow("select $1::int", number) for number in range(20)))
        assert rows == [(number,) for number in range(20)]
        assert one._opened == 1

    async def test_that_are_given_up_go_to_the_next(self, one):
        await backend(one)
        link = one._free.pop()
        given_up = asyncio.ensure_future(one.fetchrow("select 1"))
        patient = asyncio.ensure_future(one.fetchrow("select 2"))
        await turns(lambda: len(one._waiting) == 2)
        given_up.cancel()
        one._give_back(link)
        assert await patient == (2,)
        with pytest.raises(asyncio.CancelledError):
            await given_up


class TestTransaction:
    async def test_is_committed_and_gives_its_connection_back(self, one):
        before = await backend(one)
        async with one.transaction("select set_config('gongzhi.lo', '01.', true)") as link:
            told = await link.fetchrow("select current_setting('gongzhi.lo'), pg_current_xact_id()::text")
        assert told[0] == "01."
        assert await one.fetchrow("select pg_xact_status($1::text::xid8)", told[1]) == ("committed",)
        assert await one.fetchrow("select current_setting('gongzhi.lo', true)") == ("",)
        assert await backend(one) == before

    async def test_that_failed_is_rolled_back(self, one):
        before = await backend(one)
        numbers = []

        async def work():
            async with one.transaction("select 1") as link:
                numbers.extend(await link.fetchrow("select pg_current_xact_id()::text"))
                await link.fetchrow("select 1 / $1::int", 0)

        with pytest.raises(asyncpg.DivisionByZeroError):
            await work()
        assert await one.fetchrow("select pg_xact_status($1::text::xid8)", *numbers) == ("aborted",)
        assert await backend(one) == before

    async def test_that_was_broken_off_goes_with_its_connection(self, one):
        before = await backend(one)

        async def work():
            async with one.transaction("select 1") as link:
                await link.fetchrow("select pg_sleep(60)")

        waiting = asyncio.ensure_future(work())
        await turns(lambda: one._opened and not one._free)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await backend(one) != before

    async def test_begins_anew_where_the_connection_was_lost(self, one):
        await backend(one)
        one._free[0].connection.terminate()
        async with one.transaction("select 1") as link:
            assert await link.fetchrow("select 1") == (1,)
        assert len(one._free) == 1

    async def test_that_loses_its_connection_is_not_begun_again(self, one):
        async def work():
            async with one.transaction("select 1") as link:
                link.connection.terminate()
                await link.fetchrow("select 1")

        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await work()
        assert (one._free, one._opened) == ([], 0)
        assert await one.fetchrow("select 1") == (1,)

    async def test_that_can_not_begin_gives_its_connection_back(self, one):
        before = await backend(one)
        with pytest.raises(asyncpg.PostgresSyntaxError):
            async with one.transaction("selekt"):
                pass
        assert await backend(one) == before
