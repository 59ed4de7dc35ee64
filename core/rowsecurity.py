"""Row-level security and grants, made from the tables' declarations and nothing else.

Alembic compares neither, so ``gongzhi migrate`` reconciles both after its revisions. A policy's name ends in
a digest of its declaration, and its comment holds a digest of what PostgreSQL made of it: one that somebody
altered by hand is recognised, and an unchanged table is never locked.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import Table

from gongzhi.core.roles import DatabaseRole
from gongzhi.core.tables import VERBS, Base, Belongs, Kind, Verb, belongs, tree_of

_TENANT = "nullif(current_setting('gongzhi.tenant', true), '')::uuid"
_LO = "nullif(current_setting('gongzhi.lo', true), '')"
_HI = "nullif(current_setting('gongzhi.hi', true), '')"

#: Each policy of the database: table, name, a digest of what it is, the digest written down when it was made.
_POLICIES = """
select n.nspname || '.' || c.relname, p.polname,
    md5(concat_ws('|', p.polpermissive, v.roles, p.polcmd, v.qual, v.with_check)),
    obj_description(p.oid, 'pg_policy')
from pg_policy p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_policies v on v.schemaname = n.nspname and v.tablename = c.relname and v.policyname = p.polname
"""

#: What is granted in these schemas to anybody but the owner: kind, name, role, privilege.
_PRIVILEGES = """
with granted as (
    select 'schema' as kind, nspname::text as name, nspacl as acl, '' as columns, nspname as schema
    from pg_namespace
    union all
    select case relkind when 'S' then 'sequence' else 'table' end,
        nspname || '.' || relname, relacl, '', nspname
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    union all
    select 'table', nspname || '.' || relname, attacl, format(' (%%I)', attname), nspname
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
)
select g.kind, g.name, coalesce(r.rolname, 'public'), lower(x.privilege_type) || g.columns
from granted g cross join aclexplode(g.acl) x left join pg_roles r on r.oid = x.grantee
where g.schema = any(%s) and r.rolname is distinct from %s
"""

_SEQUENCES = """
select nspname || '.' || relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and n.nspname = any(%s)
"""


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
            sql.SQL(self.verb),
            sql.Identifier(self.role.value),
        )
        if self.using is not None:
            statement += sql.SQL(f" using ({self.using})")
        if self.check is not None:
            statement += sql.SQL(f" with check ({self.check})")
        return statement


def governed(schemas: Collection[str]) -> list[Table]:
    """The declared tables of these schemas, in a stable order."""
    ours = (table for table in Base.metadata.tables.values() if table.schema in schemas)
    return sorted(ours, key=lambda table: table.fullname)


def policies(tables: Iterable[Table]) -> list[RowPolicy]:
    """All policies that the declarations ask for.

    :raises LookupError: a table does not declare its class.
    """
    return [policy for table in tables for policy in _policies_of(table, tree_of(table.metadata).fullname)]


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
    beneath = f"select n.id from {tree} n where n.path >= {_LO} and n.path < {_HI}"  # noqa: S608  # our own words
    return f"{key} = {_TENANT} or ({_LO} is not null and {key} in ({beneath}))"


def reconcile(connection: psycopg.Connection, schemas: Collection[str]) -> list[str]:
    """Bring policies, grants and FORCE in these schemas to what the declarations say; returns what it changed.

    The connection is the owner's, in a transaction of the caller.
    """
    tables = governed(schemas)
    # PostgreSQL writes a policy's expression out by the names that the search path leaves unqualified.
    connection.execute("set local search_path to pg_catalog")
    changed = _reconcile_force(connection, tables)
    changed += _reconcile_policies(connection, tables)
    changed += _reconcile_grants(connection, tables)
    return changed


def _identifier(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))


def _reconcile_force(connection: psycopg.Connection, tables: Sequence[Table]) -> list[str]:
    rows = connection.execute(
        "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relrowsecurity and c.relforcerowsecurity"
    ).fetchall()
    forced = {name for (name,) in rows}
    missing = [table.fullname for table in tables if table.fullname not in forced]
    for name in missing:
        connection.execute(sql.SQL("alter table {} enable row level security").format(_identifier(name)))
        connection.execute(sql.SQL("alter table {} force row level security").format(_identifier(name)))
    return [f"force row level security on {name}" for name in missing]


def drop_policies(connection: psycopg.Connection, schemas: Collection[str]) -> None:
    """Drop every policy in these schemas: they hold on to the tree, so that it could not be dropped before."""
    for table, name, _made, _written in connection.execute(_POLICIES).fetchall():
        if table.split(".")[0] in schemas:
            _drop(connection, table, name)


def _drop(connection: psycopg.Connection, table: str, name: str) -> None:
    connection.execute(sql.SQL("drop policy {} on {}").format(sql.Identifier(name), _identifier(table)))


def _reconcile_policies(connection: psycopg.Connection, tables: Sequence[Table]) -> list[str]:
    ours = {table.fullname for table in tables}
    wanted = {(policy.table, policy.name): policy for policy in policies(tables)}
    rows = [row for row in connection.execute(_POLICIES).fetchall() if row[0] in ours]
    sound = {(table, name) for table, name, made, written in rows if made == written} & wanted.keys()
    spoiled = sorted({(table, name) for table, name, _made, _written in rows} - sound)
    lacking = sorted(wanted.keys() - sound)
    for table, name in spoiled:
        _drop(connection, table, name)
    for key in lacking:
        connection.execute(wanted[key].create())
    if lacking:
        _write_down(connection, set(lacking))
    return [f"drop policy {name} on {table}" for table, name in spoiled] + [
        f"create policy {name} on {table}" for table, name in lacking
    ]


def _write_down(connection: psycopg.Connection, created: set[tuple[str, str]]) -> None:
    """Keep with each of these policies the digest by which an alteration shows."""
    for table, name, made, _written in connection.execute(_POLICIES).fetchall():
        if (table, name) in created:
            connection.execute(
                sql.SQL("comment on policy {} on {} is {}").format(
                    sql.Identifier(name), _identifier(table), sql.Literal(made)
                )
            )


@dataclass(frozen=True, order=True)
class Privilege:
    """One role's right to do one thing with one schema, table or sequence."""

    kind: str
    name: str
    role: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} on {self.kind} {self.name} to {self.role}"

    def statement(self, action: str) -> sql.Composed:
        """The statement that grants or revokes it."""
        role = sql.SQL("public") if self.role == "public" else sql.Identifier(self.role)
        preposition = "to" if action == "grant" else "from"
        return sql.SQL(f"{action} {self.verb} on {self.kind} {{}} {preposition} {{}}").format(
            _identifier(self.name), role
        )


def privileges(tables: Iterable[Table], sequences: Iterable[str] = ()) -> set[Privilege]:
    """What the two serving roles may do with tables, their schemas and sequences; the owner owns."""
    app, system = DatabaseRole.APP.value, DatabaseRole.SYSTEM.value
    wanted = {Privilege("sequence", name, system, verb) for name in sequences for verb in ("select", "usage")}
    for table in tables:
        wanted |= {Privilege("schema", str(table.schema), role, "usage") for role in (app, system)}
        wanted |= {Privilege("table", table.fullname, app, verb) for verb in belongs(table).app}
        wanted |= {Privilege("table", table.fullname, system, verb) for verb in VERBS}
    return wanted


def present_privileges(connection: psycopg.Connection, tables: Iterable[Table]) -> set[Privilege]:
    """What the database has granted on these tables, their schemas and sequences, to whomever but the owner."""
    ours = {table.fullname for table in tables}
    schemas = sorted({name.split(".")[0] for name in ours})
    rows = connection.execute(_PRIVILEGES, [schemas, DatabaseRole.OWNER.value]).fetchall()
    found = {Privilege(*row) for row in rows}
    return {privilege for privilege in found if privilege.kind != "table" or privilege.name in ours}


def _reconcile_grants(connection: psycopg.Connection, tables: Sequence[Table]) -> list[str]:
    schemas = sorted({str(table.schema) for table in tables})
    sequences = [name for (name,) in connection.execute(_SEQUENCES, [schemas]).fetchall()]
    wanted, present = privileges(tables, sequences), present_privileges(connection, tables)
    changed = [("revoke", privilege) for privilege in sorted(present - wanted)]
    changed += [("grant", privilege) for privilege in sorted(wanted - present)]
    for action, privilege in changed:
        connection.execute(privilege.statement(action))
    return [f"{action} {privilege}" for action, privilege in changed]
