"""The audit: sealed into a chain for each stream, and a broken chain is found where it breaks."""

import os
import subprocess
import sys
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import select

from gongzhi.core import audit
from gongzhi.core.audit import verify
from gongzhi.core.db import unit_of_work
from gongzhi.core.models import Audit
from gongzhi.core.relay import relay_once
from gongzhi.core.roles import DatabaseRole
from gongzhi.core.scope import Community
from gongzhi.core.system import system_work
from gongzhi.core.work import PLATFORM

HERE, THERE = Community(uuid4(), "01."), Community(uuid4(), "02.")


@pytest.fixture
def sealed(make_kernel, event_loop):
    """A kernel with five sealed entries here, two there, and one of the platform."""

    async def seal():
        kernel = make_kernel()
        for scope, number in ((HERE, 0), (THERE, 1), (HERE, 2), (HERE, 3), (THERE, 4), (HERE, 5), (HERE, 6)):
            await did(kernel, scope, f"test.did_{number}")
        async with system_work(kernel) as work:
            work.audit("test.swept")
        assert await seal_all(kernel) == 8
        return kernel

    return event_loop.run(seal())


async def did(kernel, scope, action):
    async with unit_of_work(kernel, scope, kernel.robot("test")) as work:
        work.audit(action, fields=("text",))


async def seal_all(kernel):
    async def send(_delivery):
        """Nobody hears anything here."""

    return await relay_once(kernel, send)


async def verdicts(kernel):
    """Stream to (holding entries, waiting entries, where it breaks)."""
    return {
        verdict.stream: (verdict.sealed, verdict.unsealed, verdict.broken_at)
        async for verdict in verify(kernel)
    }


def tamper(kernel, statement, *values):
    """Do what somebody with the database's password could do."""
    with psycopg.connect(kernel.database.address.url_for(DatabaseRole.SYSTEM.value)) as connection:
        assert connection.execute(statement, values).rowcount > 0


WELL = {PLATFORM: (1, 0, None), HERE.node: (5, 0, None), THERE.node: (2, 0, None)}


class TestSealing:
    async def test_makes_a_chain_for_each_stream(self, sealed):
        async with system_work(sealed) as work:
            query = select(Audit).where(Audit.scope_id == HERE.node).order_by(Audit.id)
            entries = (await work.session.scalars(query)).all()
        assert [entry.position for entry in entries] == [1, 2, 3, 4, 5]
        previous = bytes(32)
        for entry in entries:
            assert entry.hash == audit.link(previous, entry)
            previous = entry.hash

    async def test_goes_on_where_it_ended(self, sealed):
        await did(sealed, HERE, "test.did_more")
        assert await seal_all(sealed) == 1
        assert await verdicts(sealed) == WELL | {HERE.node: (6, 0, None)}

    async def test_takes_what_commits_late_at_its_end(self, sealed):
        async with unit_of_work(sealed, HERE, sealed.robot("test")) as late:
            late.audit("test.late")
            await late.keep_records()
            await did(sealed, HERE, "test.early")
            await seal_all(sealed)
        await seal_all(sealed)
        async with system_work(sealed) as work:
            query = select(Audit.action).where(Audit.position > 5).order_by(Audit.position)
            assert (await work.session.scalars(query)).all() == ["test.early", "test.late"]
        assert await verdicts(sealed) == WELL | {HERE.node: (7, 0, None)}

    async def test_works_in_batches(self, make_kernel, monkeypatch):
        monkeypatch.setattr(audit, "_BATCH", 2)
        kernel = make_kernel()
        for number in range(5):
            await did(kernel, HERE, f"test.did_{number}")
        assert [await seal_all(kernel) for _ in range(4)] == [2, 2, 1, 0]
        assert await verdicts(kernel) == {HERE.node: (5, 0, None)}


class TestVerify:
    async def test_finds_nothing_where_nothing_was_done(self, sealed):
        assert await verdicts(sealed) == WELL

    async def test_counts_what_waits_for_the_relay(self, sealed):
        await did(sealed, THERE, "test.waits")
        new = Community(uuid4(), "03.")
        await did(sealed, new, "test.waits")
        assert await verdicts(sealed) == WELL | {THERE.node: (2, 1, None), new.node: (0, 1, None)}

    @pytest.mark.parametrize(
        "change",
        [
            "action = 'test.did_otherwise'",
            "outcome = 'FORBIDDEN'",
            "fields = '{text,more}'",
            "account_id = scope_id",
            "token_id = scope_id",
            "subject_type = 'Person'",
            "subject_id = scope_id",
            "at = at + interval '1 microsecond'",
            "hash = sha256('x')",
            "position = 30",
        ],
    )
    async def test_finds_a_changed_entry(self, sealed, change):
        tamper(sealed, f"update core.audit set {change} where scope_id = %s and position = 3", HERE.node)
        assert await verdicts(sealed) == WELL | {HERE.node: (2, 0, 3)}

    @pytest.mark.parametrize("position", [1, 3, 5])
    async def test_finds_a_removed_entry(self, sealed, position):
        """Also the last one, which no link follows."""
        tamper(sealed, "delete from core.audit where scope_id = %s and position = %s", HERE.node, position)
        assert await verdicts(sealed) == WELL | {HERE.node: (position - 1, 0, position)}

    async def test_finds_a_removed_stream(self, sealed):
        tamper(sealed, "delete from core.audit where scope_id = %s", THERE.node)
        assert await verdicts(sealed) == WELL | {THERE.node: (0, 0, 1)}

    async def test_finds_a_swapped_pair(self, sealed):
        tamper(
            sealed,
            "with a as (delete from core.audit where scope_id = %s and position in (2, 3) returning *) "
            "insert into core.audit (id, scope_id, at, account_id, token_id, action, subject_type, subject_id, "
            "fields, outcome, position, hash) select id, scope_id, at, account_id, token_id, action, "
            "subject_type, subject_id, fields, outcome, 5 - position + 10, hash from a",
            HERE.node,
        )
        tamper(sealed, "update core.audit set position = position - 10 where position > 10")
        assert await verdicts(sealed) == WELL | {HERE.node: (1, 0, 2)}

    async def test_finds_an_entry_put_in_without_the_relay(self, sealed):
        tamper(
            sealed,
            "insert into core.audit (id, scope_id, at, action, fields, outcome, position, hash) "
            "select gen_random_uuid(), scope_id, at, action, fields, outcome, 6, hash "
            "from core.audit where scope_id = %s and position = 5",
            HERE.node,
        )
        assert await verdicts(sealed) == WELL | {HERE.node: (5, 0, 6)}

    async def test_finds_a_moved_end(self, sealed):
        tamper(sealed, "delete from core.audit_end where scope_id = %s", HERE.node)
        assert await verdicts(sealed) == WELL | {HERE.node: (5, 0, 1)}


class TestServingRole:
    @pytest.mark.parametrize("statement", ["update core.audit set action = 'x'", "delete from core.audit"])
    def test_cannot_change_the_audit(self, sealed, statement):
        """Neither as somebody in the community whose entries they are."""
        with psycopg.connect(sealed.database.address.url_for(DatabaseRole.APP.value)) as connection:
            connection.execute("select set_config('gongzhi.tenant', %s, true)", [str(HERE.tenant)])
            assert connection.execute("select count(*) from core.audit").fetchone() == (5,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)

    def test_knows_nothing_of_where_streams_end(self, sealed):
        url = sealed.database.address.url_for(DatabaseRole.APP.value)
        with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from core.audit_end")


class TestCommand:
    def test_says_what_it_found_and_fails_when_a_chain_is_broken(self, sealed):
        well = self.run(sealed)
        assert (well.returncode, well.stdout) == (0, "3 streams, 8 sealed entries, 0 waiting, 0 broken\n")
        tamper(sealed, "update core.audit set action = 'x' where scope_id = %s and position = 3", HERE.node)
        broken = self.run(sealed)
        assert broken.returncode == 1
        assert f"{HERE.node}: 第3条起不符 broken from entry 3" in broken.stdout

    def run(self, kernel):
        address = kernel.database.address
        told = {name: value for name, value in os.environ.items() if not name.startswith("GONGZHI_")}
        told |= {
            "GONGZHI_DATABASE_URL": f"postgresql:///{address.database}?host={address.options['host']}&port=5432",
            "GONGZHI_DATA_DIR": str(kernel.settings.data_dir),
            "COLUMNS": "200",
        }
        command = [sys.executable, "-m", "gongzhi.core.cli", "audit", "verify"]
        return subprocess.run(command, env=told, capture_output=True, text=True, check=False, timeout=60)
