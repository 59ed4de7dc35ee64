"""The kernel put together: settings, plugins, database, keys, and what the plugins registered."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import select

from gongzhi.core.actor import Actor
from gongzhi.core.address import DatabaseAddress
from gongzhi.core.crypto import KeyRing
from gongzhi.core.db import Database
from gongzhi.core.embedded import EmbeddedPostgres
from gongzhi.core.errors import Misconfigured, Words
from gongzhi.core.events import Event, Listener, Task
from gongzhi.core.known_callers import KnownCallers
from gongzhi.core.known_keys import remember_keys, ring_for
from gongzhi.core.migrations import KERNEL, History, migrate
from gongzhi.core.permissions import Level, RoleTable
from gongzhi.core.plugins import Plugins
from gongzhi.core.roles import DatabaseRole, create_database
from gongzhi.core.scope import Community, Range, Scope
from gongzhi.core.settings import Settings
from gongzhi.core.tables import Base, tree_of


@dataclass
class Kernel:
    """What every way in (web, worker, command line, tests) works with."""

    settings: Settings
    plugins: Plugins
    database: Database
    keys: KeyRing = field(repr=False)

    @classmethod
    def at(cls, address: DatabaseAddress, settings: Settings, plugins: Plugins | None = None) -> "Kernel":
        """A kernel for the database at this address.

        :raises Misconfigured: the database was begun with another key ring.
        """
        plugins = Plugins.installed() if plugins is None else plugins
        plugins.ask("register_models")
        return cls(
            settings=settings,
            plugins=plugins,
            database=Database(address, pool_size=settings.database_pool_size),
            keys=ring_for(address, settings.keys),
        )

    @cached_property
    def callers(self) -> KnownCallers:
        """Who was looked up before."""
        return KnownCallers(self)

    @cached_property
    def roles(self) -> RoleTable:
        """All roles with what they may do."""
        ask = self.plugins.ask
        return RoleTable(
            ask("register_roles"),
            ask("register_permissions"),
            ask("register_allows"),
            ask("register_separations"),
        )

    @cached_property
    def histories(self) -> list[History]:
        """The kernel's and the plugins' migrations, in the order they run."""
        return [KERNEL, *self.plugins.ask("register_migrations")]

    @cached_property
    def events(self) -> dict[str, type[Event]]:
        """The events that may be published, by name."""
        return _by_name(self.plugins.ask("register_events"))

    @cached_property
    def listeners(self) -> dict[str, tuple[str, Listener]]:
        """Listener name to (plugin, listener)."""
        registered = self.plugins.ask_each("register_listeners")
        _by_name(ear for _plugin, ear in registered)
        return {ear.name: (plugin, ear) for plugin, ear in registered}

    @cached_property
    def ears(self) -> dict[str, list[str]]:
        """Event name to the names of those who hear it."""
        ears: dict[str, list[str]] = defaultdict(list)
        for name, (_plugin, listener) in self.listeners.items():
            ears[listener.hears].append(name)
        return dict(ears)

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """Task name to task."""
        return _by_name(self.plugins.ask("register_tasks"))

    def require_event(self, fact: Event) -> None:
        """:raises LookupError: no plugin registered this event."""
        if type(fact) is not self.events.get(fact.name):
            raise LookupError(f"{fact.name} is published but registered by no plugin")

    def require_task(self, name: str) -> None:
        """:raises LookupError: no plugin registered this task."""
        if name not in self.tasks:
            raise LookupError(f"{name} is enqueued but registered by no plugin")

    def robot(self, name: str) -> Actor:
        """The platform itself, working on behalf of a plugin."""
        return Actor(roles=self.roles, robot=name)

    async def scope_of(self, node: UUID) -> Scope | None:
        """The scope of this node of the tree, or None where there is no such node."""
        tree = tree_of(Base.metadata)
        async with self.database.session(DatabaseRole.SYSTEM, None, read_only=True) as session:
            query = select(tree.c.path, tree.c.level).where(tree.c.id == node)
            row = (await session.execute(query)).one_or_none()
        if row is None:
            return None
        return Community(node, row.path) if row.level == Level.COMMUNITY else Range(node, row.path)

    async def migrate(self) -> list[str]:
        """Bring the database to what the plugins need; returns what was reconciled."""
        changed = await asyncio.to_thread(migrate, self.database.address, self.histories)
        await asyncio.to_thread(remember_keys, self.database.address, self.keys)
        return changed


def _by_name(registered: Iterable[Any]) -> dict[str, Any]:
    """:raises ValueError: two have one name, so that one of them would never be reached."""
    found: dict[str, Any] = {}
    for one in registered:
        if found.setdefault(one.name, one) is not one:
            raise ValueError(f"{one.name} is registered twice")
    return found


@contextmanager
def database_address(settings: Settings) -> Iterator[DatabaseAddress]:
    """Where the database is; an embedded one runs until the last of its users leaves."""
    if settings.database_url:
        address = DatabaseAddress.parse(settings.database_url, settings.database_passwords)
        if settings.database_admin_url:
            create_database(settings.database_admin_url, address)
        yield address
        return
    with EmbeddedPostgres(settings.data_dir / "postgres") as server:
        address = DatabaseAddress("", "gongzhi", {"host": str(server.host), "port": str(server.port)})
        create_database(server.url("postgres", "postgres"), address)
        yield address


@contextmanager
def opened(settings: Settings) -> Iterator[Kernel]:
    """A kernel on this installation's database.

    :raises Misconfigured: the settings do not fit together.
    """
    if settings.database_admin_url and not settings.database_url:
        raise Misconfigured(
            problem=Words(
                zh="设置了 database_admin_url，须同时设置 database_url",
                en="database_admin_url needs database_url",
            )
        )
    with database_address(settings) as address:
        yield Kernel.at(address, settings)
