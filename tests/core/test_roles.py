"""Three roles, none with a way around row-level security, and a database that lets in nobody else."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from gongzhi.core.roles import DatabaseRole, create_database, create_roles
from gongzhi.core.testing import _admin_url

FORBIDDEN = "rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication"


@pytest.fixture
def admin():
    """A superuser's transaction, rolled back: roles are everybody's on this server."""
    with psycopg.connect(_admin_url()) as connection:
        connection.execute("select pg_advisory_xact_lock(1)")
        yield connection
        connection.rollback()


class TestCreateRoles:
    def test_makes_them_what_they_must_be(self, admin, empty_address):
        """Whatever somebody made of them before."""
        admin.execute("alter role gongzhi_app superuser bypassrls createrole createdb replication nologin")
        create_roles(admin, empty_address)
        rows = admin.execute(
            f"select rolname, rolcanlogin, {FORBIDDEN} from pg_roles where rolname like 'gongzhi_%' order by 1"
        ).fetchall()
        assert rows == [(role.value, True, False) for role in sorted(DatabaseRole)]

    def test_sets_limits_on_the_role_not_on_connections(self, admin, empty_address):
        """So that a transaction pooler can stand between."""
        create_roles(admin, empty_address)
        with psycopg.connect(empty_address.url_for(DatabaseRole.APP.value)) as connection:
            for setting, value in (
                ("statement_timeout", "15s"),
                ("jit", "off"),
                ("plan_cache_mode", "force_generic_plan"),
            ):
                assert connection.execute(sql.SQL("show {}").format(sql.Identifier(setting))).fetchone() == (
                    value,
                )

    def test_sets_the_passwords_it_is_given(self, admin, empty_address):
        told = replace(empty_address, passwords={"gongzhi_app": "it's 秘密"})
        create_roles(admin, told)
        stored = admin.execute(
            "select rolname from pg_authid where rolpassword is not null and rolname like 'gongzhi_%'"
        ).fetchall()
        assert stored == [("gongzhi_app",)]


class TestCreateDatabase:
    def test_again_is_harmless(self, empty_address):
        create_database(_admin_url(), empty_address)
        with psycopg.connect(empty_address.url_for(DatabaseRole.OWNER.value)) as connection:
            assert connection.execute("select current_database()").fetchone() == (empty_address.database,)

    def test_several_times_at_once_is_safe(self, empty_address):
        """Web and worker start together; PostgreSQL refuses to alter one role twice at a time."""
        at_once = threading.Barrier(4)

        def one():
            at_once.wait()
            for _ in range(3):
                create_database(_admin_url(), empty_address)

        with ThreadPoolExecutor(4) as pool:
            for running in [pool.submit(one) for _ in range(4)]:
                running.result()

    @pytest.mark.parametrize("address", ["empty_address", "fresh_address"])
    def test_lets_in_the_three_roles_and_nobody_else(self, address, request):
        """A clone of the kit's template too: PostgreSQL does not copy who may connect."""
        database = request.getfixturevalue(address).database
        with psycopg.connect(_admin_url()) as connection:
            rows = connection.execute(
                "select distinct coalesce(r.rolname, 'public') from pg_database d "
                "cross join aclexplode(d.datacl) x left join pg_roles r on r.oid = x.grantee "
                "where d.datname = %s order by 1",
                [database],
            ).fetchall()
        assert [name for (name,) in rows] == sorted(role.value for role in DatabaseRole)

    def test_lets_no_serving_role_make_anything(self, empty_address):
        for role in (DatabaseRole.APP, DatabaseRole.SYSTEM):
            for statement in ("create schema mine", "create table public.mine ()"):
                with (
                    psycopg.connect(empty_address.url_for(role.value)) as connection,
                    pytest.raises(psycopg.errors.InsufficientPrivilege),
                ):
                    connection.execute(statement)

    def test_orders_text_by_bytes(self, empty_address):
        """Paths and keysets compare as Python compares them, on every platform."""
        with psycopg.connect(empty_address.url_for(DatabaseRole.OWNER.value)) as connection:
            rows = connection.execute(
                "select encoding_name, datcollate from (select pg_encoding_to_char(encoding) as encoding_name, "
                "datcollate from pg_database where datname = current_database()) d"
            ).fetchall()
        assert rows == [("UTF8", "C")]
