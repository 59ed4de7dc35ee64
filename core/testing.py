"""What a plugin's tests need, shipped: a real PostgreSQL, a kernel, a clock, a worker, an HTTP client.

Loaded by pytest through an entry point. The database server is embedded, started once for the whole run and
thrown away; each worker process gets a clone of one migrated template, and tests keep apart by using
communities of their own. ``fresh_address`` gives a database that nobody else sees.
"""

import asyncio
import contextvars
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg import sql

from gongzhi.core import clock
from gongzhi.core.address import DatabaseAddress
from gongzhi.core.app import make_app
from gongzhi.core.deliver import deliver
from gongzhi.core.embedded import EmbeddedPostgres
from gongzhi.core.kernel import Kernel
from gongzhi.core.plugins import Plugins
from gongzhi.core.relay import Delivery, relay_once
from gongzhi.core.roles import close_to_strangers, create_database
from gongzhi.core.settings import Settings

TEMPLATE = "gongzhi_template"
_HOME = "TEST_GONGZHI_HOME"
_HOST = "TEST_GONGZHI_HOST"
_server = pytest.StashKey[EmbeddedPostgres]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the server in the controlling process, so that all workers share it."""
    config.addinivalue_line("markers", "gongzhi_asyncio: set on every coroutine test by the kit")
    if hasattr(config, "workerinput") or config.option.collectonly or config.option.help:
        return
    # Reachable by the user that runs PostgreSQL when the tests run as root.
    home = Path(tempfile.mkdtemp(prefix="gongzhi-test-"))
    home.chmod(0o711)
    server = EmbeddedPostgres(home / "postgres", settings={"max_connections": "200"}, durable=False)
    config.stash[_server] = server
    address = server.start()
    os.environ[_HOME], os.environ[_HOST] = str(home), str(address.host)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server and throw its data away."""
    server = config.stash.get(_server, None)
    if server is not None:
        server.stop()
        shutil.rmtree(os.environ[_HOME], ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """Run a coroutine test on the session's event loop."""
    if not asyncio.iscoroutinefunction(pyfuncitem.obj):
        return None
    told = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}  # noqa: SLF001
    loop = pyfuncitem._request.getfixturevalue("event_loop")  # noqa: SLF001
    # In the test's own context, for the clock that a fixture has stopped is a context variable.
    loop.run(pyfuncitem.obj(**told), context=contextvars.copy_context())
    return True


@pytest.fixture(scope="session")
def event_loop() -> Iterator[asyncio.Runner]:
    """The event loop that all coroutine tests of this process share; ``event_loop.run(coroutine)``."""
    with asyncio.Runner() as runner:
        yield runner


def _admin_url(database: str = "postgres") -> str:
    return f"postgresql://postgres@/{database}?host={os.environ[_HOST]}&port=5432"


def address_of(database: str) -> DatabaseAddress:
    """The address of a database on the tests' server."""
    return DatabaseAddress("", database, {"host": os.environ[_HOST], "port": "5432"})


def clone(database: str, template: str = TEMPLATE) -> DatabaseAddress:
    """A new database like the template, migrated and empty."""
    with psycopg.connect(_admin_url(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {} owner gongzhi_owner").format(
                sql.Identifier(database), sql.Identifier(template)
            )
        )
        # PostgreSQL copies what is in a database, not who may enter it.
        close_to_strangers(connection, database)
    return address_of(database)


def drop(database: str) -> None:
    """Drop a database, whoever is still connected."""
    with psycopg.connect(_admin_url(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database))
        )


def settings_for_tests(**changed: Any) -> Settings:
    """Settings that touch nothing outside the tests' folder."""
    told: dict[str, Any] = {
        "data_dir": Path(os.environ[_HOME]) / "data",
        "mode": "development",
        "database_pool_size": 5,
    }
    return Settings(**(told | changed))


@pytest.fixture(scope="session")
def _template() -> str:
    """The migrated template; the first worker makes it while the others wait."""
    with psycopg.connect(_admin_url(), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(1)")
        found = connection.execute("select 1 from pg_database where datname = %s", [TEMPLATE]).fetchone()
        if found is None:
            making = f"{TEMPLATE}_making"
            drop(making)
            create_database(_admin_url(), address_of(making))
            asyncio.run(_migrate_and_close(Kernel.at(address_of(making), settings_for_tests())))
            connection.execute(
                sql.SQL("alter database {} rename to {}").format(
                    sql.Identifier(making), sql.Identifier(TEMPLATE)
                )
            )
    return TEMPLATE


async def _migrate_and_close(kernel: Kernel) -> None:
    await kernel.migrate()
    await kernel.database.dispose()


@pytest.fixture
def empty_address() -> Iterator[DatabaseAddress]:
    """A database with the three roles and no tables."""
    name = f"empty_{uuid4().hex[:12]}"
    create_database(_admin_url(), address_of(name))
    yield address_of(name)
    drop(name)


@pytest.fixture
def fresh_address(_template: str) -> Iterator[DatabaseAddress]:
    """A migrated, empty database that no other test sees."""
    name = f"fresh_{uuid4().hex[:12]}"
    yield clone(name)
    drop(name)


@pytest.fixture(scope="session")
def kernel(_template: str, event_loop: asyncio.Runner) -> Iterator[Kernel]:
    """A kernel with everything installed, on this process's own database."""
    name = f"worker_{uuid4().hex[:12]}"
    made = Kernel.at(clone(name), settings_for_tests())
    yield made
    event_loop.run(made.database.dispose())
    drop(name)


@pytest.fixture
def make_kernel(
    event_loop: asyncio.Runner, fresh_address: DatabaseAddress
) -> Iterator[Callable[..., Kernel]]:
    """Kernels on a database of their own, with other plugins or settings."""
    made: list[Kernel] = []

    def make(plugins: Plugins | None = None, **settings: Any) -> Kernel:
        made.append(Kernel.at(fresh_address, settings_for_tests(**settings), plugins))
        return made[-1]

    yield make
    for one in made:
        event_loop.run(one.database.dispose())


@pytest.fixture
def fixed_clock() -> Iterator[clock.FixedClock]:
    """A clock that stands at ten in the morning of a Monday in Shanghai until it is moved."""
    with clock.use(clock.FixedClock(datetime(2026, 3, 2, 2, 0, tzinfo=UTC))) as standing:
        yield standing


async def work_off(kernel: Kernel) -> list[Delivery]:
    """Relay and deliver in this process until nothing waits; answers what was delivered."""
    delivered: list[Delivery] = []

    async def take(delivery: Delivery) -> None:
        delivered.append(delivery)

    while True:
        known = len(delivered)
        moved = await relay_once(kernel, take)
        for delivery in delivered[known:]:
            await deliver(kernel, delivery.kind, delivery.name, delivery.told)
        if not moved:
            return delivered


@pytest.fixture
def run_tasks(kernel: Kernel) -> Callable[[], Awaitable[list[Delivery]]]:
    """Do what waits in the outbox, as the worker would; tasks raise what they raise."""
    return lambda: work_off(kernel)


@dataclass
class Answered:
    """What a GraphQL request came back with."""

    status: int
    body: dict[str, Any]

    @property
    def data(self) -> Any:
        """The data, when there are no errors; a test that expects errors asks for ``errors``."""
        assert not self.body.get("errors"), self.body["errors"]
        return self.body["data"]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The errors, empty when there are none."""
        return list(self.body.get("errors") or [])

    @property
    def code(self) -> str:
        """The code of the only error."""
        [error] = self.errors
        return str(error["extensions"]["code"])


@dataclass
class Client:
    """A GraphQL client on the whole application, in this process."""

    http: httpx.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)

    def as_(self, token: str | None = None, scope: str | None = None, **headers: str) -> "Client":
        """The same client with a token, a scope, other headers."""
        told = dict(self.headers) | headers
        if token is not None:
            told["Authorization"] = f"Bearer {token}"
        if scope is not None:
            told["Gongzhi-Scope"] = scope
        return Client(self.http, told)

    async def ask(self, query: str, **variables: Any) -> Answered:
        """Send a document with these variables."""
        body = {"query": query, "variables": variables}
        response = await self.http.post("/graphql", json=body, headers=self.headers)
        return Answered(response.status_code, response.json())

    async def do(
        self, mutation: str, told: dict[str, Any] | None = None, *, key: str | None = None, read: str = ""
    ) -> Any:
        """Perform a mutation; answers its payload with ``__typename``, problems whole, ``read`` of success."""
        kind = mutation[0].upper() + mutation[1:]
        given = [] if told is None else [f"input: {literal(told)}"]
        given += [] if key is None else [f'idempotencyKey: "{key}"']
        arguments = f"({', '.join(given)})" if given else ""
        success = f"... on {kind}Success {{ {read} }}" if read else ""
        document = f"mutation {{ {mutation}{arguments} {{ __typename {success} ... on Problem {{ code message path }} }} }}"
        return (await self.ask(document)).data[mutation]


class Name(str):
    """A GraphQL enum value, written without quotes."""

    __slots__ = ()


def literal(value: Any) -> str:
    """A value as GraphQL writes it."""
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return str(value)
    import json

    return json.dumps(str(value), ensure_ascii=False)


@asynccontextmanager
async def client_of(kernel: Kernel) -> AsyncIterator[Client]:
    """A client on the application of this kernel."""
    app: Any = make_app(kernel)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        yield Client(http)


@pytest.fixture
def client(kernel: Kernel, event_loop: asyncio.Runner) -> Iterator[Client]:
    """A client on the whole application."""
    opening = client_of(kernel)
    yield event_loop.run(opening.__aenter__())
    event_loop.run(opening.__aexit__(None, None, None))
