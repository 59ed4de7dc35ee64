"""An empty database becomes what the models say, and can be taken back; several may try at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from gongzhi.core import migrations
from gongzhi.core.kernel import Kernel
from gongzhi.core.migrations import KERNEL, difference, downgrade, migrate, pending
from gongzhi.core.roles import DatabaseRole
from gongzhi.core.testing import settings_for_tests


def connected(address, role=DatabaseRole.OWNER):
    return psycopg.connect(address.url_for(role.value), autocommit=True)


def left_behind(address):
    """Everything in the database that is neither PostgreSQL's, dramatiq's nor alembic's list of versions."""
    with connected(address) as connection:
        rows = connection.execute(
            "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname !~ '^(pg_|information_schema|dramatiq)' and c.relname !~ '^alembic_version' "
            "union all select polname from pg_policy "
            "union all select typname from pg_type t join pg_namespace n on n.oid = t.typnamespace "
            "where n.nspname !~ '^(pg_|information_schema|dramatiq)' and typname !~ 'alembic_version$' "
            "union all select proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace "
            "where n.nspname !~ '^(pg_|information_schema|dramatiq)'"
        ).fetchall()
    return [name for (name,) in rows]


@pytest.fixture
def histories(kernel):
    return kernel.histories


class TestMigrate:
    def test_of_an_empty_database_equals_the_models(self, empty_address, histories):
        changed = migrate(empty_address, histories)
        assert difference(empty_address, histories) == []
        assert "create policy" in " ".join(changed)
        assert "force row level security on tenants.household" in changed

    def test_again_changes_nothing(self, empty_address, histories):
        migrate(empty_address, histories)
        assert migrate(empty_address, histories) == []

    def test_twice_at_once_is_safe(self, empty_address, histories):
        """Web and worker may both start on an empty database; one of them works, the other waits for it."""
        at_once = threading.Barrier(2)

        def one():
            at_once.wait()
            return migrate(empty_address, histories)

        with ThreadPoolExecutor(2) as pool:
            first, second = (pool.submit(one) for _ in range(2))
            changed = [first.result(), second.result()]
        assert min(changed, key=len) == []
        assert difference(empty_address, histories) == []

    def test_waits_for_another_longer_than_for_a_lock(self, empty_address, histories):
        """A data migration may take minutes; the owner's patience for a lock (here 1 ms) does not count."""
        with connected(empty_address) as other:
            other.execute(
                f"alter role gongzhi_owner in database {empty_address.database} set lock_timeout = '1ms'"
            )
            other.execute("select pg_advisory_lock(%s)", [migrations._ONE_AT_A_TIME])
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(migrate, empty_address, histories)
                waited = (
                    "select count(*) from pg_stat_activity where wait_event_type = 'Lock' "
                    "and datname = current_database() and clock_timestamp() - query_start > interval '20 ms'"
                )
                while other.execute(waited).fetchone() == (0,):
                    assert not waiting.done(), waiting.exception()
                other.execute("select pg_advisory_unlock_all()")
                assert waiting.result()

    def test_mends_what_drifted(self, fresh_address, histories):
        with connected(fresh_address) as connection:
            connection.execute("grant delete on core.audit to gongzhi_app")
        assert migrate(fresh_address, histories) == ["revoke delete on table core.audit to gongzhi_app"]

    def test_leaves_tables_alone_whose_plugin_is_absent(self, empty_address, histories):
        """A plugin that was set aside has declared tables and no migrations; the rest must not fail for it."""
        kernel_only = [history for history in histories if history.name == "kernel"]
        migrate(empty_address, kernel_only)
        assert pending(empty_address, kernel_only) == []
        assert pending(empty_address, histories) == ["mediation"]


class TestDowngrade:
    def test_to_base_and_up_again_leaves_nothing_behind(self, empty_address, histories):
        migrate(empty_address, histories)
        for history in reversed(histories):
            downgrade(empty_address, history)
        assert left_behind(empty_address) == []
        assert pending(empty_address, histories) == [history.name for history in histories]
        migrate(empty_address, histories)
        assert difference(empty_address, histories) == []
        assert migrate(empty_address, histories) == []

    def test_of_one_plugin_leaves_the_others(self, empty_address, histories):
        migrate(empty_address, histories)
        [mediation] = [history for history in histories if history.name == "mediation"]
        downgrade(empty_address, mediation)
        assert difference(empty_address, [KERNEL]) == []
        assert pending(empty_address, histories) == ["mediation"]
        with connected(empty_address) as connection:
            rows = connection.execute("select distinct schemaname from pg_policies order by 1").fetchall()
        assert rows == [("core",), ("tenants",)]


class TestPending:
    def test_names_everything_for_an_empty_database(self, empty_address, histories):
        """Asked as the system role, before it may look into any schema."""
        assert pending(empty_address, histories) == ["kernel", "mediation"]

    def test_names_nothing_once_migrated(self, fresh_address, histories):
        assert pending(fresh_address, histories) == []

    def test_names_nothing_where_the_database_is_newer(self, fresh_address, histories):
        """Old processes stay ready while new ones start."""
        with connected(fresh_address) as connection:
            connection.execute("update core.alembic_version set version_num = 'of tomorrow'")
        assert pending(fresh_address, histories) == []


class TestDifference:
    def test_names_what_the_database_lacks(self, fresh_address, histories):
        with connected(fresh_address) as connection:
            connection.execute("alter table tenants.household drop column place")
            connection.execute("alter table mediation.case alter column title type varchar(10)")
        found = difference(fresh_address, histories)
        assert [line.split(":")[0] for line in found] == ["kernel", "mediation"]
        assert "'household'" in found[0]
        assert "place" in found[0]
        assert "'case'" in found[1]

    def test_is_a_historys_own(self, fresh_address, histories):
        """One plugin's missing table is no concern of another's history."""
        with connected(fresh_address) as connection:
            connection.execute("drop table mediation.agreement")
        assert difference(fresh_address, [KERNEL]) == []


class TestAHistory:
    def test_lies_in_schemas_of_its_own(self, histories):
        schemas = [schema for history in histories for schema in history.schemas]
        assert len(schemas) == len(set(schemas))

    def test_runs_after_those_it_requires(self, histories):
        assert [history.name for history in histories] == ["kernel", "mediation"]

    def test_that_fails_leaves_those_before_it(self, empty_address, histories, tmp_path):
        """Each history is a transaction of its own; the next ``gongzhi migrate`` goes on from there."""
        broken = replace(histories[-1], folder=tmp_path)
        (tmp_path / "env.py").write_text("raise RuntimeError('broken')")
        (tmp_path / "versions").mkdir()
        with pytest.raises(RuntimeError, match="broken"):
            migrate(empty_address, [KERNEL, broken])
        assert pending(empty_address, histories) == ["mediation"]
        migrate(empty_address, histories)
        assert difference(empty_address, histories) == []


async def test_the_kernel_migrates_its_own_histories(empty_address):
    kernel = Kernel.at(empty_address, settings_for_tests())
    await kernel.migrate()
    assert pending(empty_address, kernel.histories) == []
    await kernel.database.dispose()
