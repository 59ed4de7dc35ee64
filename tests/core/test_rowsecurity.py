"""Policies, grants and FORCE equal the declarations, and whatever drifts from them is found and mended."""

import psycopg
import pytest
from psycopg import sql

from gongzhi.core.roles import DatabaseRole
from gongzhi.core.rowsecurity import (
    Privilege,
    drop_policies,
    governed,
    policies,
    present_privileges,
    privileges,
    reconcile,
)
from gongzhi.core.tables import Kind, belongs

MINE = "nullif(current_setting('gongzhi.tenant', true), '')::uuid"
PRESENT = "select * from pg_policies where schemaname = any(%s) order by schemaname, tablename, policyname"


@pytest.fixture
def schemas(kernel):
    return sorted({schema for history in kernel.histories for schema in history.schemas})


@pytest.fixture
def owner(kernel):
    """A transaction of the owner, rolled back."""
    with psycopg.connect(kernel.database.address.url_for(DatabaseRole.OWNER.value)) as connection:
        yield connection
        connection.rollback()


def named(policy):
    return f"{policy.name} on {policy.table}"


class TestAMigratedDatabase:
    def test_needs_no_reconciling(self, owner, schemas):
        assert reconcile(owner, schemas) == []

    def test_has_the_policies_that_are_declared(self, owner, schemas):
        """Expressions are compared as PostgreSQL writes them out: all are made afresh, and nothing changes."""
        owner.execute("set local search_path to pg_catalog")
        before = owner.execute(PRESENT, [schemas]).fetchall()
        drop_policies(owner, schemas)
        assert owner.execute(PRESENT, [schemas]).fetchall() == []
        for policy in policies(governed(schemas)):
            owner.execute(policy.create())
        assert owner.execute(PRESENT, [schemas]).fetchall() == before
        assert len(before) == len(policies(governed(schemas)))

    def test_has_the_grants_that_are_declared(self, owner, schemas):
        tables = governed(schemas)
        present = {one for one in present_privileges(owner, tables) if one.kind != "sequence"}
        assert present == privileges(tables)

    def test_opens_sequences_to_the_system_role_alone(self, owner, schemas):
        present = present_privileges(owner, governed(schemas))
        assert {one for one in present if one.kind == "sequence"} == {
            Privilege("sequence", name, DatabaseRole.SYSTEM.value, verb)
            for name in ("core.outbox_position", "tenants.area_step")
            for verb in ("select", "usage")
        }

    def test_forces_row_security_on_every_table_but_the_exempt(self, owner, schemas):
        """Exempt by name: where alembic keeps its versions. dramatiq's tables lie in a schema of their own."""
        bare = owner.execute(
            "select distinct relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where c.relkind in ('r', 'p') and n.nspname = any(%s) "
            "and not (c.relrowsecurity and c.relforcerowsecurity)",
            [schemas],
        ).fetchall()
        assert bare == [("alembic_version",)]

    def test_gives_public_nothing(self, owner, schemas):
        """Neither on the database nor on anything in its schemas, dramatiq's and the exempt tables included."""
        found = owner.execute(
            """
            with granted as (
                select datname::text as name, coalesce(datacl, acldefault('d', datdba)) as acl
                from pg_database where datname = current_database()
                union all
                select nspname, coalesce(nspacl, acldefault('n', nspowner)) from pg_namespace
                where nspname = any(%(schemas)s)
                union all
                select nspname || '.' || relname,
                    coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner))
                from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where nspname = any(%(schemas)s) and relkind in ('r', 'p', 'S', 'v', 'm')
            )
            select name, privilege_type from granted cross join aclexplode(acl) where grantee = 0
            """,
            {"schemas": [*schemas, "dramatiq"]},
        ).fetchall()
        assert found == []

    def test_shows_the_serving_role_neither_versions_nor_the_queue(self, kernel, schemas):
        address = kernel.database.address.url_for(DatabaseRole.APP.value)
        for name in (
            *(f"{history.schemas[0]}.alembic_version" for history in kernel.histories),
            "dramatiq.queue",
        ):
            with psycopg.connect(address) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL("select 1 from {}").format(sql.Identifier(*name.split("."))))


class TestTheRoles:
    def test_have_no_way_around_row_security(self, owner):
        rows = owner.execute(
            "select rolname from pg_roles where rolname like 'gongzhi%' "
            "and not (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)"
        ).fetchall()
        assert {name for (name,) in rows} == {role.value for role in DatabaseRole}

    def test_belong_to_no_other_role(self, owner):
        """Membership would let one of them act as another."""
        found = owner.execute(
            "select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.member "
            "where r.rolname = any(%s)",
            [[role.value for role in DatabaseRole]],
        ).fetchall()
        assert found == []

    def test_let_the_owner_see_and_write_rows(self, owner):
        """Under FORCE alone it would see none, and a data migration would silently change nothing."""
        owner.execute(
            "insert into core.number (tenant_id, id, series, year, last) "
            "values (gen_random_uuid(), gen_random_uuid(), 'x', 2026, 1)"
        )
        [seen] = owner.execute("select count(*) > 0 from core.number").fetchone()
        assert seen is True


def reconciled(connection, schemas):
    """What a reconcile mends; a second one has nothing left to do."""
    changed = reconcile(connection, schemas)
    assert reconcile(connection, schemas) == []
    return changed


@pytest.fixture
def policy(schemas):
    """The policy by which the serving role reads households."""
    [found] = [
        one
        for one in policies(governed(schemas))
        if (one.table, one.role, one.verb) == ("tenants.household", DatabaseRole.APP, "select")
    ]
    return found


class TestDrift:
    """Each is done by hand, by somebody who owns the tables; ``gongzhi migrate`` finds and mends it."""

    def test_of_a_dropped_policy(self, owner, schemas, policy):
        owner.execute(f"drop policy {named(policy)}")
        assert reconciled(owner, schemas) == [f"create policy {named(policy)}"]

    @pytest.mark.parametrize("altered", ["using (true)", "to public", "to gongzhi_app, gongzhi_system"])
    def test_of_an_altered_policy(self, owner, schemas, policy, altered):
        """Its name is unchanged, so the name alone would not tell."""
        before = owner.execute(PRESENT, [schemas]).fetchall()
        owner.execute(f"alter policy {named(policy)} {altered}")
        assert reconciled(owner, schemas) == [
            f"drop policy {named(policy)}",
            f"create policy {named(policy)}",
        ]
        assert owner.execute(PRESENT, [schemas]).fetchall() == before

    def test_of_a_policy_replaced_under_its_name(self, owner, schemas, policy):
        owner.execute(f"drop policy {named(policy)}")
        owner.execute(f"create policy {named(policy)} for select to gongzhi_app using (true)")
        assert reconciled(owner, schemas) == [
            f"drop policy {named(policy)}",
            f"create policy {named(policy)}",
        ]

    def test_of_an_extra_policy(self, owner, schemas):
        owner.execute("create policy backdoor on tenants.household for select to public using (true)")
        assert reconciled(owner, schemas) == ["drop policy backdoor on tenants.household"]

    @pytest.mark.parametrize("off", ["no force", "disable"])
    def test_of_row_security_switched_off(self, owner, schemas, off):
        owner.execute(f"alter table tenants.household {off} row level security")
        assert reconciled(owner, schemas) == ["force row level security on tenants.household"]

    @pytest.mark.parametrize(
        ("what", "role"),
        [
            ("truncate on table tenants.household", "gongzhi_app"),
            ("update on table core.audit", "gongzhi_app"),
            ("update (outcome) on table core.audit", "gongzhi_app"),
            ("select on table tenants.account", "public"),
            ("create on schema tenants", "gongzhi_app"),
            ("usage on schema tenants", "public"),
            ("usage on sequence core.outbox_position", "gongzhi_app"),
            ("select on table tenants.grant", "pg_monitor"),
        ],
    )
    def test_of_a_grant_too_many(self, owner, schemas, what, role):
        owner.execute(f"grant {what} to {role}")
        assert reconciled(owner, schemas) == [f"revoke {what} to {role}"]

    @pytest.mark.parametrize(
        ("what", "role"),
        [
            ("select on table tenants.household", "gongzhi_app"),
            ("delete on table tenants.grant", "gongzhi_system"),
            ("usage on schema mediation", "gongzhi_app"),
            ("usage on sequence tenants.area_step", "gongzhi_system"),
        ],
    )
    def test_of_a_grant_too_few(self, owner, schemas, what, role):
        owner.execute(f"revoke {what} from {role}")
        assert reconciled(owner, schemas) == [f"grant {what} to {role}"]

    def test_is_mended_without_touching_other_tables(self, owner, schemas, policy):
        """An unchanged table is never locked, so a migration does not stop those who work on it."""
        owner.execute(f"drop policy {named(policy)}")
        reconcile(owner, schemas)
        locked = owner.execute(
            "select relation::regclass::text from pg_locks "
            "where pid = pg_backend_pid() and mode = 'AccessExclusiveLock' and relation is not null"
        ).fetchall()
        assert {name for (name,) in locked if not name.startswith("pg_")} == {"tenants.household"}


class TestGoverned:
    def test_leaves_out_what_no_migrated_plugin_owns(self, schemas):
        """The tables of a plugin that was set aside are declared and do not exist."""
        assert {str(table.schema) for table in governed(["core"])} == {"core"}
        assert {str(table.schema) for table in governed(schemas)} == set(schemas)


class TestPolicies:
    def test_give_each_verb_of_each_class_its_rows(self, schemas):
        """Spelled out once for a table of each class, so that a change of the rule is seen here."""
        said = {
            (one.table, one.verb): (one.using, one.check)
            for one in policies(governed(schemas))
            if one.role is DatabaseRole.APP
        }
        mine = f"tenant_id = {MINE}"
        lo, hi = (f"nullif(current_setting('gongzhi.{end}', true), '')" for end in ("lo", "hi"))
        beneath = (
            f"{{0}} = {MINE} or ({lo} is not null and {{0}} in "
            f"(select n.id from tenants.area n where n.path >= {lo} and n.path < {hi}))"
        )
        assert said["tenants.household", "select"] == (mine, None)
        assert said["tenants.household", "insert"] == (None, mine)
        assert said["tenants.household", "update"] == (mine, mine)
        assert said["tenants.household", "delete"] == (mine, None)
        assert said["tenants.grid", "select"] == (beneath.format("tenant_id"), None)
        assert said["tenants.grid", "update"] == (mine, mine)
        assert said["tenants.tenant", "update"] == (beneath.format("node_id"),) * 2
        assert said["core.outbox", "insert"] == (None, beneath.format("scope_id"))
        assert said["tenants.area", "select"] == ("true", None)
        assert ("tenants.credential", "select") not in said
        assert ("core.audit", "update") not in said

    def test_open_everything_to_owner_and_system(self, schemas):
        for table in governed(schemas):
            for role in (DatabaseRole.OWNER, DatabaseRole.SYSTEM):
                [one] = [p for p in policies([table]) if p.role is role]
                assert (one.verb, one.using, one.check) == ("all", "true", "true")

    def test_let_nobody_but_the_system_write_what_is_shared(self, schemas):
        shared = [table for table in governed(schemas) if belongs(table).kind is Kind.SHARED]
        assert {one.verb for one in policies(shared) if one.role is DatabaseRole.APP} == {"select"}
