"""Row-level security and grants, made from the tables' declarations and nothing else.

Alembic compares neither, so ``gongzhi migrate`` reconciles both after its revisions. A policy's name ends in
a digest of its definition: an unchanged one is recognised by name, and an unchanged table is never locked.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import MetaData, Table

from gongzhi.core.roles import DatabaseRole
from gongzhi.core.tables import Belongs, Kind, Verb, belongs, tree_of

_TENANT = "nullif(current_setting('gongzhi.tenant', true), '')::uuid"
_LO = "nullif(current_setting('gongzhi.lo', true), '')"
_HI = "nullif(current_setting('gongzhi.hi', true), '')"


@dataclass(frozen=True)
class RowPolicy:
    """One policy of one table."""

    table: str
    role: DatabaseRole
    verb: str
    using: str | None
    check: str | None

    @property
    def name(self) -> str:
        """``app_select_3fa9c1d2``: who, what, and a digest of the definition."""
        digest = hashlib.sha256(f"{self.using}|{self.check}".encode()).hexdigest()[:8]
        return f"{self.role.value.removeprefix('gongzhi_')}_{self.verb}_{digest}"

    def create(self) -> sql.Composed:
        """The statement that creates it."""
        schema, table = self.table.split(".")
        statement = sql.SQL("create policy {} on {} for {} to {}").format(
            sql.Identifier(self.name),
            sql.Identifier(schema, table),
            sql.SQL(self.verb),  # type: ignore[arg-type]  # one of our own words
            sql.Identifier(self.role.value),
        )
        if self.using is not None:
            statement += sql.SQL(f" using ({self.using})")  # type: ignore[arg-type]
        if self.check is not None:
            statement += sql.SQL(f" with check ({self.check})")  # type: ignore[arg-type]
        return statement


def governed(metadata: MetaData) -> list[Table]:
    """Every table of ours, in a stable order."""
    return sorted(metadata.tables.values(), key=lambda table: table.fullname)


def policies(metadata: MetaData) -> list[RowPolicy]:
    """All policies that the declarations ask for.

    :raises LookupError: a table does not declare its class.
    """
    tree = tree_of(metadata).fullname
    return [policy for table in governed(metadata) for policy in _policies_of(table, tree)]


def _policies_of(table: Table, tree: str) -> Iterable[RowPolicy]:
    declared = belongs(table)
    for role in (DatabaseRole.OWNER, DatabaseRole.SYSTEM):
        yield RowPolicy(table.fullname, role, "all", "true", "true")
    for verb in sorted(declared.app):
        yield _app_policy(table.fullname, verb, _sees(declared, tree), _writes(declared, tree))


def _app_policy(table: str, verb: Verb, sees: str, writes: str) -> RowPolicy:
    using = {"select": sees, "insert": None, "update": writes, "delete": writes}[verb]
    check = writes if verb in ("insert", "update") else None
    return RowPolicy(table, DatabaseRole.APP, verb, using, check)


def _sees(declared: Belongs, tree: str) -> str:
    """Which rows the serving role may read."""
    if declared.kind is Kind.SHARED:
        return "true"
    if declared.kind is Kind.TENANT:
        return f"{declared.key} = {_TENANT}"
    return _own_or_beneath(str(declared.key), tree)


def _writes(declared: Belongs, tree: str) -> str:
    """Which rows the serving role may write: an upward table's only in the community's own scope."""
    if declared.kind in (Kind.TENANT, Kind.UPWARD):
        return f"{declared.key} = {_TENANT}"
    if declared.kind is Kind.SHARED:
        return "false"
    return _own_or_beneath(str(declared.key), tree)


def _own_or_beneath(key: str, tree: str) -> str:
    """The scope's own rows, or those of its range; one expression, which keeps the keyset index in use."""
    return (
        f"{key} = {_TENANT} or ({_LO} is not null and {key} in "
        f"(select n.id from {tree} n where n.path >= {_LO} and n.path < {_HI}))"
    )


def reconcile(connection: psycopg.Connection, metadata: MetaData) -> list[str]:
    """Bring policies, grants and FORCE to what the declarations say; returns what it changed.

    The connection is the owner's, in a transaction of the caller.
    """
    changed = _reconcile_force(connection, metadata)
    changed += _reconcile_policies(connection, metadata)
    changed += _reconcile_grants(connection, metadata)
    return changed


def _reconcile_force(connection: psycopg.Connection, metadata: MetaData) -> list[str]:
    rows = connection.execute(
        "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relrowsecurity and c.relforcerowsecurity"
    ).fetchall()
    forced = {name for (name,) in rows}
    missing = [table for table in governed(metadata) if table.fullname not in forced]
    for table in missing:
        name = sql.Identifier(str(table.schema), table.name)
        connection.execute(sql.SQL("alter table {} enable row level security").format(name))
        connection.execute(sql.SQL("alter table {} force row level security").format(name))
    return [f"force row level security on {table.fullname}" for table in missing]


def _reconcile_policies(connection: psycopg.Connection, metadata: MetaData) -> list[str]:
    ours = {table.fullname for table in governed(metadata)}
    wanted = {(policy.table, policy.name): policy for policy in policies(metadata)}
    rows = connection.execute("select schemaname || '.' || tablename, policyname from pg_policies").fetchall()
    present = {(table, name) for table, name in rows if table in ours}
    changed = []
    for table, name in sorted(present - wanted.keys()):
        connection.execute(
            sql.SQL("drop policy {} on {}").format(sql.Identifier(name), sql.Identifier(*table.split(".")))
        )
        changed.append(f"drop policy {name} on {table}")
    for table, name in sorted(wanted.keys() - present):
        connection.execute(wanted[table, name].create())
        changed.append(f"create policy {name} on {table}")
    return changed


def grants(metadata: MetaData) -> set[tuple[str, str, str]]:
    """(table, role, verb) for the two roles that serve; the owner owns."""
    wanted = set()
    for table in governed(metadata):
        verbs = belongs(table).app
        wanted |= {(table.fullname, DatabaseRole.APP.value, verb) for verb in verbs}
        wanted |= {
            (table.fullname, DatabaseRole.SYSTEM.value, verb)
            for verb in ("select", "insert", "update", "delete")
        }
    return wanted


def present_grants(connection: psycopg.Connection, metadata: MetaData) -> set[tuple[str, str, str]]:
    """What the database has granted to the two serving roles on our tables."""
    rows = connection.execute(
        "select table_schema || '.' || table_name, grantee, lower(privilege_type) "
        "from information_schema.role_table_grants where grantee = any(%s)",
        [[DatabaseRole.APP.value, DatabaseRole.SYSTEM.value]],
    ).fetchall()
    ours = {table.fullname for table in governed(metadata)}
    return {(table, grantee, verb) for table, grantee, verb in rows if table in ours}


def _reconcile_grants(connection: psycopg.Connection, metadata: MetaData) -> list[str]:
    serving = sql.SQL("{}, {}").format(
        sql.Identifier(DatabaseRole.APP.value), sql.Identifier(DatabaseRole.SYSTEM.value)
    )
    for schema in sorted({str(table.schema) for table in governed(metadata)}):
        connection.execute(sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(schema), serving))
        connection.execute(
            sql.SQL("grant usage, select on all sequences in schema {} to {}").format(
                sql.Identifier(schema), sql.Identifier(DatabaseRole.SYSTEM.value)
            )
        )
    wanted, present = grants(metadata), present_grants(connection, metadata)
    changed = []
    for action, preposition, items in (
        ("revoke", "from", present - wanted),
        ("grant", "to", wanted - present),
    ):
        for table, role, verb in sorted(items):
            connection.execute(
                sql.SQL(f"{action} {verb} on {{}} {preposition} {{}}").format(  # type: ignore[arg-type]
                    sql.Identifier(*table.split(".")), sql.Identifier(role)
                )
            )
            changed.append(f"{action} {verb} on {table} {preposition} {role}")
    return changed
