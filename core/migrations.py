"""Bringing the database to what the installed plugins need: revisions, then policies and grants.

Each history is an alembic environment of its own, with its version table in its own schema, so that one that
is absent or broken stops no other.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg
from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from dramatiq_postgres.schema import init as init_dramatiq
from psycopg import sql
from sqlalchemy import Connection, NullPool, create_engine

from gongzhi.core.address import DatabaseAddress
from gongzhi.core.roles import DatabaseRole
from gongzhi.core.rowsecurity import drop_policies, reconcile
from gongzhi.core.tables import Base, CodeEnum

_ONE_AT_A_TIME = 0x676F6E67


@dataclass(frozen=True)
class History:
    """An alembic history.

    :param name: the plugin's name, or ``kernel``.
    :param folder: where ``env.py`` and ``versions/`` lie.
    :param schemas: the PostgreSQL schemas it owns; the first holds its version table.
    """

    name: str
    folder: Path
    schemas: tuple[str, ...]


#: The kernel's history also carries the room without which there is no platform.
KERNEL = History("kernel", Path(__file__).parent.parent / "migrations", ("core", "tenants"))


def config_for(history: History, connection: Connection) -> Config:
    """Alembic's configuration for this history, on this connection."""
    config = Config()
    config.set_main_option("script_location", str(history.folder))
    config.attributes.update(connection=connection, history=history)
    return config


def run() -> None:
    """What every ``env.py`` does: run the revisions of its history on the connection it was given."""
    attributes = context.config.attributes
    history: History = attributes["history"]
    context.configure(connection=attributes["connection"], **_options(history))
    with context.begin_transaction():
        context.run_migrations()


def _options(history: History) -> dict[str, Any]:
    def ours(name: str | None, kind: str, parents: Any) -> bool:
        if kind == "schema":
            return name in history.schemas
        return kind != "table" or parents.get("schema_name") in history.schemas

    def mine(subject: Any, _name: str | None, kind: str, _reflected: bool, _compared: Any) -> bool:
        if kind == "table":
            return subject.schema in history.schemas and subject.name != "alembic_version"
        return True

    return {
        "target_metadata": Base.metadata,
        "version_table_schema": history.schemas[0],
        "include_schemas": True,
        "include_name": ours,
        "include_object": mine,
        "compare_type": True,
        "render_item": _render,
    }


def _render(kind: str, subject: Any, _context: Any) -> str | Literal[False]:
    """An enum is a text column in the database, and so in a revision."""
    return "sa.Text()" if kind == "type" and isinstance(subject, CodeEnum) else False


def migrate(address: DatabaseAddress, histories: Sequence[History]) -> list[str]:
    """Run all histories forward, each with its policies; returns what changed besides revisions."""
    with _connected(address) as connection:
        raw = _raw(connection)
        # The owner waits ten seconds for a lock; here it waits for as long as another's migration takes.
        connection.exec_driver_sql("set local lock_timeout = 0")
        connection.exec_driver_sql("select pg_advisory_lock(%s)", (_ONE_AT_A_TIME,))
        connection.commit()
        _queue_tables(raw)
        raw.commit()
        changed = []
        for history in histories:
            try:
                changed += _forward(connection, history)
            except Exception as error:
                error.add_note(f"while migrating {history.name}")
                raise
    return changed


def _forward(connection: Connection, history: History) -> list[str]:
    """Bring one history to its head, policies included, in one transaction: no table stands open meanwhile."""
    for schema in history.schemas:
        connection.exec_driver_sql(f'create schema if not exists "{schema}"')
    command.upgrade(config_for(history, connection), "head")
    changed = reconcile(_raw(connection), history.schemas)
    _let_read_version(_raw(connection), history)
    connection.commit()
    return changed


def _raw(connection: Connection) -> psycopg.Connection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw


def _queue_tables(connection: psycopg.Connection) -> None:
    """The tables of dramatiq's PostgreSQL broker; exempt from classes, the system role's alone."""
    with connection.cursor() as cursor:
        init_dramatiq(cursor)
    system = sql.Identifier(DatabaseRole.SYSTEM.value)
    for statement in (
        "grant usage on schema dramatiq to {}",
        "grant select, insert, update, delete on all tables in schema dramatiq to {}",
        "grant usage, select on all sequences in schema dramatiq to {}",
    ):
        connection.execute(sql.SQL(statement).format(system))


def _let_read_version(connection: psycopg.Connection, history: History) -> None:
    """Health looks whether revisions are pending, as the system role."""
    table = sql.Identifier(history.schemas[0], "alembic_version")
    system = sql.Identifier(DatabaseRole.SYSTEM.value)
    connection.execute(sql.SQL("grant select on {} to {}").format(table, system))


def downgrade(address: DatabaseAddress, history: History, revision: str = "base") -> None:
    """Run this history backward; its tables stay closed until ``migrate`` has made their policies anew."""
    with _connected(address) as connection:
        drop_policies(_raw(connection), history.schemas)
        command.downgrade(config_for(history, connection), revision)
        connection.commit()


def difference(address: DatabaseAddress, histories: Iterable[History]) -> list[str]:
    """What a migrated database still lacks of the models; empty when they agree."""
    with _connected(address) as connection:
        found = []
        for history in histories:
            opened = MigrationContext.configure(connection, opts=_options(history))
            found += [f"{history.name}: {change}" for change in compare_metadata(opened, Base.metadata)]
    return found


def pending(address: DatabaseAddress, histories: Iterable[History]) -> list[str]:
    """The histories that ``gongzhi migrate`` would still run forward.

    A database that is newer than this code has nothing pending: old processes go on serving while new ones start.
    """
    behind = []
    with _connected(address, DatabaseRole.SYSTEM) as connection:
        for history in histories:
            scripts = ScriptDirectory.from_config(config_for(history, connection))
            opened = MigrationContext.configure(connection, opts={"version_table_schema": history.schemas[0]})
            heads, known = (
                set(opened.get_current_heads()),
                {script.revision for script in scripts.walk_revisions()},
            )
            if heads <= known and heads != set(scripts.get_heads()):
                behind.append(history.name)
    return behind


@contextmanager
def _connected(address: DatabaseAddress, role: DatabaseRole = DatabaseRole.OWNER) -> Iterator[Connection]:
    """A connection as this role, for revisions; what is bound may be a person's, so errors don't show it."""
    url = address.url_for(role.value, driver="psycopg")
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
