"""One community never sees or writes another's rows: each of the two fences alone, on every table there is.

Both halves enumerate the tables from the metadata, so that a new table is tested on the day it is declared.
The ground: county X has the communities A and C, county Y has B; every table holds rows of each of them.
"""

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege
from psycopg.types.json import Jsonb
from sqlalchemy import ARRAY, Column, Table, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

import gongzhi.core.models  # noqa: F401  # declares the kernel's tables
from gongzhi.core.address import DatabaseAddress
from gongzhi.core.errors import ScopeNeedsCommunity
from gongzhi.core.fence import FencedSession, OutOfScope
from gongzhi.core.kernel import Kernel
from gongzhi.core.plugins import Plugins
from gongzhi.core.roles import DatabaseRole
from gongzhi.core.scope import Community, Range, Scope
from gongzhi.core.tables import (
    Base,
    CodeEnum,
    Kind,
    NodeScoped,
    TenantRow,
    UpwardRow,
    belongs,
    tree_of,
)
from gongzhi.core.testing import clone, drop, settings_for_tests
from gongzhi.tenants.testing import make_place

Plugins.installed().ask("register_models")

TABLES = Base.metadata.sorted_tables
KEYED = [table for table in TABLES if belongs(table).key is not None]
KEYLESS = [table for table in TABLES if belongs(table).key is None]
MODELS = [mapper.class_ for mapper in Base.registry.mappers if mapper.class_.metadata is Base.metadata]
FENCED = sorted(
    (model for model in MODELS if issubclass(model, TenantRow | UpwardRow | NodeScoped)),
    key=lambda model: model.__name__,
)

_counter = itertools.count(1_000_000)


def named(tables):
    return pytest.mark.parametrize("table", tables, ids=lambda table: table.fullname)


every_keyed_table = named(KEYED)
every_fenced_model = pytest.mark.parametrize("model", FENCED, ids=lambda model: model.__name__)


def some_value(column: Column) -> Any:
    """A value this column takes, another one each time."""
    kind = column.type
    if isinstance(kind, CodeEnum):
        return next(iter(kind.enum_class)).value
    if isinstance(kind, ARRAY):
        return []
    if isinstance(kind, JSONB):
        return Jsonb({})
    made: dict[type, Any] = {
        UUID: uuid4,
        str: lambda: secrets.token_hex(8),
        int: lambda: next(_counter),
        bool: lambda: True,
        datetime: lambda: datetime(2026, 3, 2, tzinfo=UTC),
        date: lambda: date(2000, 1, 1) + timedelta(days=next(_counter) % 3_000),
        Decimal: lambda: Decimal("1.5"),
        bytes: lambda: secrets.token_bytes(8),
    }
    return made[kind.python_type]()


def identifier(table: Table) -> sql.Identifier:
    return sql.Identifier(str(table.schema), table.name)


def key_of(table: Table) -> str:
    return str(belongs(table).key)


def put(connection: psycopg.Connection, table: Table, row: dict[str, Any], otherwise: str = "") -> None:
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in row)
    values = sql.SQL(", ").join([sql.Placeholder()] * len(row))
    statement = sql.SQL(f"insert into {{}} ({{}}) values ({{}}) {otherwise}")
    connection.execute(statement.format(identifier(table), columns, values), list(row.values()))


@dataclass
class Ground:
    """The database of this module, and who is who in it."""

    address: DatabaseAddress
    kernel: Kernel
    a: Community
    b: Community
    c: Community
    x: Range

    def row(self, table: Table, node: UUID) -> dict[str, Any]:
        """A new row of this node, that points only at the node's own rows and at what is everybody's."""
        row = {column.name: some_value(column) for column in table.columns}
        if (key := belongs(table).key) is not None:
            row[key] = node
        for constraint in table.foreign_key_constraints:
            target = constraint.referred_table
            pairs = {element.parent.name: element.column.name for element in constraint.elements}
            if key is not None and pairs.get(key) == "id" and target is tree_of(Base.metadata):
                continue
            free = {name: None for name in pairs if name != key and table.c[name].nullable}
            row |= (
                free
                if target is table or free.keys() == pairs.keys() - {key}
                else self._pointer(target, pairs, node)
            )
        return row

    def _pointer(self, target: Table, pairs: dict[str, str], node: UUID) -> dict[str, Any]:
        of = sql.SQL("where {} = {}").format(sql.Identifier(key_of(target)), sql.Literal(node))
        with self.connect(DatabaseRole.OWNER) as connection:
            found = connection.execute(
                sql.SQL("select {} from {} {} limit 1").format(
                    sql.SQL(", ").join(sql.Identifier(name) for name in pairs.values()),
                    identifier(target),
                    of if belongs(target).key is not None else sql.SQL(""),
                )
            ).fetchone()
        assert found is not None, f"{target.fullname} has no row to point at"
        return dict(zip(pairs, found, strict=True))

    def fill(self) -> None:
        """A row of every node in every table; a table of one row a node keeps the one it has."""
        for table in TABLES:
            if table is tree_of(Base.metadata):
                continue
            nodes = [self.a.node, self.b.node, self.c.node]
            nodes += [self.x.node] if belongs(table).kind in (Kind.NODE, Kind.PLATFORM) else []
            for node in nodes:
                row = self.row(table, node)
                with self.connect(DatabaseRole.OWNER) as connection:
                    put(connection, table, row, "on conflict do nothing")
                    connection.commit()

    @contextmanager
    def connect(self, role: DatabaseRole, scope: Scope | None = None) -> Iterator[psycopg.Connection]:
        """A transaction as this role, told its scope by SQL alone; rolled back."""
        tenant, lo, hi = ("", "", "") if scope is None else scope.settings()
        with psycopg.connect(self.address.url_for(role.value)) as connection:
            connection.execute(
                "select set_config('gongzhi.tenant', %s, true), set_config('gongzhi.lo', %s, true), "
                "set_config('gongzhi.hi', %s, true)",
                [tenant, lo, hi],
            )
            yield connection
            connection.rollback()

    def nodes_in(
        self, table: Table, role: DatabaseRole = DatabaseRole.OWNER, scope: Scope | None = None
    ) -> set[UUID]:
        """Whose rows a role sees in this scope; the owner sees all."""
        query = sql.SQL("select distinct {} from {}").format(sql.Identifier(key_of(table)), identifier(table))
        with self.connect(role, scope) as connection:
            return {node for (node,) in connection.execute(query).fetchall()}

    def nodes_seen(self, table: Table, scope: Scope | None) -> set[UUID]:
        """Whose rows the serving role sees in this scope; none where it may not even look."""
        try:
            return self.nodes_in(table, DatabaseRole.APP, scope)
        except InsufficientPrivilege:
            return set()

    def beneath(self, scope: Range) -> set[UUID]:
        """The nodes of this range, its own among them, by their paths in Python."""
        with self.connect(DatabaseRole.OWNER) as connection:
            rows = connection.execute("select id, path from tenants.area").fetchall()
        return {node for node, path in rows if path.startswith(scope.path)}

    def session(self, scope: Scope | None) -> AsyncSession:
        """A session with the application's fence and no other: its role sees everything."""
        session = AsyncSession(
            self.kernel.database.engine(DatabaseRole.SYSTEM),
            sync_session_class=FencedSession,
            autoflush=False,
        )
        session.info["scope"] = scope
        return session


@pytest.fixture(scope="module")
def ground(_template, event_loop) -> Iterator[Ground]:
    name = f"isolation_{uuid4().hex[:12]}"
    kernel = Kernel.at(clone(name), settings_for_tests())
    first = event_loop.run(make_place(kernel, communities=2))
    second = event_loop.run(make_place(kernel, communities=1))
    a, c = (first.scopes[code] for code in first.communities)
    made = Ground(
        kernel.database.address, kernel, a, second.scopes[second.community], c, first.scopes[first.county]
    )
    made.fill()
    yield made
    event_loop.run(kernel.database.dispose())
    drop(name)


def refused(ground: Ground, scope: Scope, statement: Any, values: list[Any] | None = None) -> bool:
    """True when the statement, as the serving role, was refused or touched no row."""
    with ground.connect(DatabaseRole.APP, scope) as connection:
        try:
            return connection.execute(statement, values).rowcount == 0
        except InsufficientPrivilege:
            return True


def writes_to(table: Table, node: UUID) -> list[sql.Composed]:
    """Every way to change a row of this node that is already there."""
    names = {"table": identifier(table), "key": sql.Identifier(key_of(table)), "node": sql.Literal(node)}
    return [
        sql.SQL(statement).format(**names)
        for statement in (
            "update {table} set {key} = {key} where {key} = {node}",
            "delete from {table} where {key} = {node}",
            "select 1 from {table} where {key} = {node} for update",
            "truncate {table}",
        )
    ]


class TestTheGround:
    def test_holds_rows_of_every_community_in_every_table(self, ground):
        """Otherwise an empty answer below would prove nothing."""
        for table in KEYED:
            assert {ground.a.node, ground.b.node, ground.c.node} <= ground.nodes_in(table), table.fullname

    def test_covers_every_class(self):
        assert {belongs(table).kind for table in TABLES} == set(Kind)


class TestRowSecurityAlone:
    """Raw SQL as the serving role: no line of the application stands between."""

    @every_keyed_table
    def test_shows_a_community_its_own_rows_only(self, ground, table):
        expected = {ground.a.node} if "select" in belongs(table).app else set()
        assert ground.nodes_seen(table, ground.a) == expected

    @every_keyed_table
    def test_shows_nothing_without_a_scope(self, ground, table):
        assert ground.nodes_seen(table, None) == set()

    @every_keyed_table
    def test_shows_nothing_to_a_connection_that_was_never_told(self, ground, table):
        """Unset is not the same as empty: neither may mean "all"."""
        with psycopg.connect(ground.address.url_for(DatabaseRole.APP.value)) as connection:
            try:
                rows = connection.execute(sql.SQL("select * from {}").format(identifier(table))).fetchall()
            except InsufficientPrivilege:
                rows = []
        assert rows == []

    @every_keyed_table
    def test_takes_no_new_row_into_another_community(self, ground, table):
        row = ground.row(table, ground.b.node)
        with ground.connect(DatabaseRole.APP, ground.a) as connection, pytest.raises(InsufficientPrivilege):
            put(connection, table, row)

    @named([table for table in KEYED if "insert" in belongs(table).app])
    def test_takes_a_new_row_into_ones_own(self, ground, table):
        """The refusal above is the policy's, not a mistake in the row."""
        with ground.connect(DatabaseRole.APP, ground.a) as connection:
            put(connection, table, ground.row(table, ground.a.node))

    @every_keyed_table
    def test_changes_no_row_of_another_community(self, ground, table):
        for statement in writes_to(table, ground.b.node):
            assert refused(ground, ground.a, statement), statement

    @every_keyed_table
    def test_moves_no_row_into_another_community(self, ground, table):
        moving = sql.SQL("update {} set {} = {}").format(
            identifier(table), sql.Identifier(key_of(table)), sql.Literal(ground.b.node)
        )
        with ground.connect(DatabaseRole.APP, ground.a) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(moving)

    @every_keyed_table
    def test_changes_nothing_without_a_scope(self, ground, table):
        for statement in writes_to(table, ground.a.node):
            assert refused(ground, None, statement), statement
        with ground.connect(DatabaseRole.APP) as connection, pytest.raises(InsufficientPrivilege):
            put(connection, table, ground.row(table, ground.a.node))

    @named(KEYLESS)
    def test_opens_a_table_of_nobody_for_reading_at_most(self, ground, table):
        shared = belongs(table).kind is Kind.SHARED
        query = sql.SQL("select count(*) from {}").format(identifier(table))
        with ground.connect(DatabaseRole.APP, ground.a) as connection:
            if shared:
                assert connection.execute(query).fetchone()[0] > 0
            else:
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(query)
        for statement in ("delete from {}", "truncate {}", "insert into {} default values"):
            with (
                ground.connect(DatabaseRole.APP, ground.a) as connection,
                pytest.raises(InsufficientPrivilege),
            ):
                connection.execute(sql.SQL(statement).format(identifier(table)))

    def test_lets_the_serving_role_become_no_other(self, ground):
        for role in (DatabaseRole.OWNER, DatabaseRole.SYSTEM):
            with (
                ground.connect(DatabaseRole.APP, ground.a) as connection,
                pytest.raises(InsufficientPrivilege),
            ):
                connection.execute(f"set role {role.value}")

    def test_cannot_be_switched_off_by_the_serving_role(self, ground):
        """``row_security = off`` makes a query fail rather than show everything."""
        for table in KEYED:
            if "select" not in belongs(table).app:
                continue
            with ground.connect(DatabaseRole.APP, ground.a) as connection:
                connection.execute("set local row_security = off")
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(sql.SQL("select * from {}").format(identifier(table)))


class TestRowSecurityInARange:
    """A county's scope: registers and nodes beneath it, no community's own rows."""

    @every_keyed_table
    def test_shows_what_its_class_opens_upward_and_nothing_beside(self, ground, table):
        declared = belongs(table)
        expected: set[UUID] = set()
        if declared.kind is not Kind.TENANT and "select" in declared.app:
            expected = ground.nodes_in(table) & ground.beneath(ground.x)
            assert {ground.a.node, ground.c.node} <= expected
        assert ground.nodes_seen(table, ground.x) == expected

    @named([table for table in KEYED if belongs(table).kind in (Kind.TENANT, Kind.UPWARD)])
    def test_writes_nothing_of_a_community(self, ground, table):
        for statement in writes_to(table, ground.a.node):
            assert refused(ground, ground.x, statement), statement
        with ground.connect(DatabaseRole.APP, ground.x) as connection, pytest.raises(InsufficientPrivilege):
            put(connection, table, ground.row(table, ground.a.node))

    @named([table for table in KEYED if belongs(table).kind in (Kind.NODE, Kind.PLATFORM)])
    def test_writes_nothing_beside_its_own_branch(self, ground, table):
        for statement in writes_to(table, ground.b.node):
            assert refused(ground, ground.x, statement), statement
        with ground.connect(DatabaseRole.APP, ground.x) as connection, pytest.raises(InsufficientPrivilege):
            put(connection, table, ground.row(table, ground.b.node))


def key(model: Any) -> Any:
    """The column that says whose row it is."""
    return model.node_id if issubclass(model, NodeScoped) else model.tenant_id


def reads_of(model: Any) -> dict[str, Any]:
    """Ways to ask for a model's rows; each answers with whose they are."""
    other, mine = aliased(model), key(model)
    other_key = other.node_id if issubclass(model, NodeScoped) else other.tenant_id
    tree = tree_of(Base.metadata)
    inner = select(mine.label("whose")).subquery()
    return {
        "column": select(mine),
        "distinct": select(mine).distinct(),
        "alias": select(other_key),
        "self_join": select(other_key).select_from(model).join(other, mine == other_key),
        "implicit_join": select(other_key).where(mine == other_key),
        "join_from_the_tree": select(mine).select_from(tree).join(model, tree.c.id == mine),
        "subquery": select(inner.c.whose),
        "cte": select(select(mine.label("whose")).cte().c.whose),
        "union": select(mine).union_all(select(other_key)),
        "grouped": select(mine).group_by(mine).having(func.count() > 0),
    }


class TestTheFenceAlone:
    """The application's fence, as a role for which row-level security opens everything.

    It covers what the ORM reads, changes in bulk and flushes; bulk inserts and raw SQL are row security's.
    """

    @every_fenced_model
    async def test_shows_a_community_its_own_rows_only(self, ground, model):
        async with ground.session(ground.a) as session:
            for way, query in reads_of(model).items():
                seen = set((await session.scalars(query)).all())
                assert seen == {ground.a.node}, way
            rows = (await session.scalars(select(model))).all()
            assert {getattr(row, key(model).key) for row in rows} == {ground.a.node}

    @every_fenced_model
    async def test_counts_its_own_rows_only(self, ground, model):
        """``select_from`` puts no entity into the select; the criterion must land all the same."""
        async with ground.session(ground.a) as session:
            own = len((await session.scalars(select(model))).all())
            for query in (
                select(func.count()).select_from(model),
                select(func.count()).select_from(aliased(model)),
                select(func.count(key(model))),
                select(func.count()).select_from(select(model).subquery()),
            ):
                assert await session.scalar(query) == own

    @every_fenced_model
    async def test_denies_that_anothers_row_exists(self, ground, model):
        async with ground.session(ground.a) as session:
            of_b = exists(select(model).where(key(model) == ground.b.node))
            assert await session.scalar(select(of_b)) is False

    @every_fenced_model
    async def test_gets_no_row_of_another_by_its_key(self, ground, model):
        async with ground.session(None) as session:
            theirs = (await session.scalars(select(model).where(key(model) == ground.b.node))).first()
            identity = tuple(getattr(theirs, column.key) for column in model.__mapper__.primary_key)
        async with ground.session(ground.a) as session:
            assert await session.get(model, identity) is None

    @every_fenced_model
    async def test_changes_no_row_of_another_in_bulk(self, ground, model):
        mine = key(model)
        async with ground.session(ground.a) as session:
            for statement in (
                update(model).where(mine == ground.b.node).values({mine: mine}),
                delete(model).where(mine == ground.b.node),
            ):
                assert (await session.execute(statement)).rowcount == 0
            await session.rollback()

    @every_fenced_model
    async def test_flushes_no_row_of_another(self, ground, model):
        async with ground.session(None) as session:
            theirs = (await session.scalars(select(model).where(key(model) == ground.b.node))).first()
            session.expunge(theirs)
        async with ground.session(ground.a) as session:
            session.add(model(**{key(model).key: ground.b.node}))
            with pytest.raises(OutOfScope):
                await session.flush()
        async with ground.session(ground.a) as session:
            session.add(theirs)
            await session.delete(theirs)
            with pytest.raises(OutOfScope):
                await session.flush()

    @every_fenced_model
    async def test_moves_no_row_to_another(self, ground, model):
        async with ground.session(ground.a) as session:
            ours = (await session.scalars(select(model))).first()
            setattr(ours, key(model).key, ground.b.node)
            with pytest.raises(OutOfScope):
                await session.flush()


class TestTheFenceInARange:
    @pytest.mark.parametrize(
        "model", [m for m in FENCED if issubclass(m, TenantRow)], ids=lambda model: model.__name__
    )
    async def test_refuses_a_communitys_own_rows(self, ground, model):
        """A field of one community asked in a range is refused, never an empty list."""
        async with ground.session(ground.x) as session:
            with pytest.raises(ScopeNeedsCommunity):
                await session.scalars(select(model))
            with pytest.raises(ScopeNeedsCommunity):
                await session.scalar(select(func.count()).select_from(model))
            session.add(model(tenant_id=ground.a.node))
            with pytest.raises(ScopeNeedsCommunity):
                await session.flush()

    @pytest.mark.parametrize(
        "model", [m for m in FENCED if not issubclass(m, TenantRow)], ids=lambda model: model.__name__
    )
    async def test_shows_what_lies_beneath(self, ground, model):
        expected = ground.nodes_in(model.__table__) & ground.beneath(ground.x)
        assert {ground.a.node, ground.c.node} <= expected
        async with ground.session(ground.x) as session:
            for way, query in reads_of(model).items():
                assert set((await session.scalars(query)).all()) == expected, way

    @pytest.mark.parametrize(
        "model", [m for m in FENCED if issubclass(m, UpwardRow)], ids=lambda model: model.__name__
    )
    async def test_writes_nothing_upward(self, ground, model):
        async with ground.session(ground.x) as session:
            session.add(model(tenant_id=ground.a.node))
            with pytest.raises(ScopeNeedsCommunity):
                await session.flush()
