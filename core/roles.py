"""The three database roles, none with BYPASSRLS, and how a database for the platform is made.

``gongzhi_owner`` changes tables and data in migrations, ``gongzhi_app`` serves, ``gongzhi_system`` does what
crosses communities: sign-in look-up, relay, sweeps, onboarding. Roles belong to the whole cluster.
"""

from enum import StrEnum

import psycopg
from psycopg import sql

from gongzhi.core.address import DatabaseAddress


class DatabaseRole(StrEnum):
    """Who connects."""

    OWNER = "gongzhi_owner"
    APP = "gongzhi_app"
    SYSTEM = "gongzhi_system"


_ONE_AT_A_TIME = 0x726F6C65

#: Set on the role, never at start-up of a connection, so that a transaction pooler can stand between.
_SETTINGS: dict[DatabaseRole, dict[str, str]] = {
    DatabaseRole.OWNER: {"lock_timeout": "10s", "timezone": "UTC"},
    DatabaseRole.APP: {
        "statement_timeout": "15s",
        "idle_in_transaction_session_timeout": "60s",
        "timezone": "UTC",
        "jit": "off",
        "plan_cache_mode": "force_generic_plan",
        # Rows of one community lie near each other or in memory; the default is that of a turning disk.
        "random_page_cost": "1.1",
    },
    DatabaseRole.SYSTEM: {"idle_in_transaction_session_timeout": "300s", "timezone": "UTC", "jit": "off"},
}


def create_roles(connection: psycopg.Connection, address: DatabaseAddress) -> None:
    """Create the three roles or bring them to what they must be; the connection is a superuser's."""
    for role in DatabaseRole:
        name = sql.Identifier(role.value)
        exists = connection.execute("select 1 from pg_roles where rolname = %s", [role.value]).fetchone()
        if not exists:
            connection.execute(sql.SQL("create role {}").format(name))
        connection.execute(
            sql.SQL(
                "alter role {} with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls"
            ).format(name)
        )
        password = address.password(role.value)
        if password is not None:
            connection.execute(sql.SQL("alter role {} password {}").format(name, sql.Literal(password)))
        for setting, value in _SETTINGS[role].items():
            connection.execute(
                sql.SQL("alter role {} set {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
            )


def create_database(admin_url: str, address: DatabaseAddress) -> None:
    """Create the roles, and the database where there is none; safe to repeat.

    :param admin_url: a superuser's URL, to any database of the cluster.
    """
    with psycopg.connect(admin_url, autocommit=True) as connection:
        # Web and worker may start at once, and PostgreSQL refuses to alter one role twice at a time.
        connection.execute("select pg_advisory_lock(%s)", [_ONE_AT_A_TIME])
        create_roles(connection, address)
        name = sql.Identifier(address.database)
        exists = connection.execute(
            "select 1 from pg_database where datname = %s", [address.database]
        ).fetchone()
        if not exists:
            connection.execute(
                sql.SQL("create database {} owner {} template template0 encoding 'UTF8' locale 'C'").format(
                    name, sql.Identifier(DatabaseRole.OWNER.value)
                )
            )
        close_to_strangers(connection, address.database)


def close_to_strangers(connection: psycopg.Connection, database: str) -> None:
    """Let the three roles connect to this database, and nobody else but superusers."""
    name = sql.Identifier(database)
    connection.execute(sql.SQL("revoke all on database {} from public").format(name))
    for role in DatabaseRole:
        connection.execute(
            sql.SQL("grant connect, temporary on database {} to {}").format(name, sql.Identifier(role.value))
        )
