"""A database is named once, without a user, and each role's URL is made from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from gongzhi.core.address import DatabaseAddress
from gongzhi.core.errors import Misconfigured
from gongzhi.core.roles import DatabaseRole


class TestParse:
    def test_reads_host_database_and_options(self):
        found = DatabaseAddress.parse("postgresql://db.example:6432/gongzhi?sslmode=require", {})
        assert (found.hosts, found.database, found.options) == (
            "db.example:6432",
            "gongzhi",
            {"sslmode": "require"},
        )

    def test_reads_a_socket_folder(self):
        found = DatabaseAddress.parse("postgresql:///gongzhi?host=/run/postgresql&port=5433", {})
        assert (found.hosts, found.options) == ("", {"host": "/run/postgresql", "port": "5433"})

    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("mysql://db/gongzhi", "postgresql://"),
            ("db.example/gongzhi", "postgresql://"),
            ("", "postgresql://"),
            ("postgresql://root@db/gongzhi", "leave the user out"),
            ("postgresql://root:secret@db/gongzhi", "leave the user out"),
            ("postgresql://:secret@db/gongzhi", "leave the user out"),
            ("postgresql://db", "the database's name"),
            ("postgresql://db/", "the database's name"),
        ],
    )
    def test_refuses_what_names_no_database_or_a_user(self, url, problem):
        with pytest.raises(Misconfigured, match=problem) as refused:
            DatabaseAddress.parse(url, {})
        assert "secret" not in refused.value.message("zh")

    def test_tells_nobody_the_passwords(self):
        assert "secret" not in repr(
            DatabaseAddress.parse("postgresql://db/gongzhi", {"gongzhi_app": "secret"})
        )


class TestUrlFor:
    def test_puts_in_the_role(self):
        address = DatabaseAddress("db:6432", "gongzhi", {"sslmode": "require"}, {"gongzhi_app": "p@ss/wörd?"})
        assert (
            address.url_for("gongzhi_owner") == "postgresql://gongzhi_owner@db:6432/gongzhi?sslmode=require"
        )
        assert conninfo_to_dict(address.url_for("gongzhi_app")) == {
            "user": "gongzhi_app",
            "password": "p@ss/wörd?",
            "host": "db",
            "port": "6432",
            "dbname": "gongzhi",
            "sslmode": "require",
        }

    @given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1))
    def test_keeps_every_password(self, password):
        address = DatabaseAddress("db", "gongzhi", {}, {"gongzhi_app": password})
        assert make_url(address.url_for("gongzhi_app", driver="asyncpg")).password == password
        assert conninfo_to_dict(address.url_for("gongzhi_app"))["password"] == password

    @pytest.mark.parametrize("options", [{}, {"sslmode": "require"}, {"host": "/run/a b", "port": "5433"}])
    def test_gives_each_driver_what_it_understands(self, options):
        """libpq says ``sslmode``, asyncpg says ``ssl``; an option unknown to a driver fails every connection."""
        address = DatabaseAddress("", "gongzhi", options)
        plain = create_engine(address.url_for("gongzhi_app", driver="psycopg"))
        _args, told = plain.dialect.create_connect_args(plain.url)
        assert {name: told[name] for name in options} == options
        loop = create_async_engine(address.url_for("gongzhi_app", driver="asyncpg"))
        _args, told = loop.dialect.create_connect_args(loop.url)
        assert "sslmode" not in told
        assert told.get("ssl") == options.get("sslmode")
        assert (told["user"], told["database"]) == ("gongzhi_app", "gongzhi")

    async def test_is_one_that_connects(self, kernel):
        """The kit's address is a socket's; both drivers reach it."""
        async with kernel.database.session(DatabaseRole.APP, None) as session:
            connection = await session.connection()
            assert (await connection.exec_driver_sql("select current_user")).scalar() == "gongzhi_app"
