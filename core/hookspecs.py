"""Every question the kernel asks its plugins; the whole seam on one page.

``register_*`` hooks are asked once, at start, and answer with an iterable. ``find_caller`` is asked for
every request, ``plugin_switches`` for every scope: the first plugin that answers something wins.

A hook exists here when it has a docstring, a test and one plugin that needs it.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pluggy

if TYPE_CHECKING:
    import click
    from litestar.types import ASGIApp

    from gongzhi.core.caller import Caller, Credentials
    from gongzhi.core.events import Event, Listener, Task
    from gongzhi.core.health import HealthCheck
    from gongzhi.core.kernel import Kernel
    from gongzhi.core.migrations import History
    from gongzhi.core.permissions import Allow, Permission, Role, Separation
    from gongzhi.core.plugins import PluginCard
    from gongzhi.core.tables import Base

PROJECT = "gongzhi"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def plugin_card() -> "PluginCard":  # type: ignore[empty-body]
    """Who the plugin is: name, titles, version, what it requires. Asked first; without it a plugin is refused."""


@hookspec
def register_models() -> "Iterable[type[Base]]":  # type: ignore[empty-body]
    """The plugin's tables, each with its class. One that nobody names may be unknown when policies are made."""


@hookspec
def register_migrations() -> "Iterable[History]":  # type: ignore[empty-body]
    """The plugin's own alembic history. ``gongzhi migrate`` runs it after those of the plugins it requires."""


@hookspec
def register_permissions() -> "Iterable[Permission]":  # type: ignore[empty-body]
    """What can be allowed. A permission that no role is allowed is a permission nobody has."""


@hookspec
def register_roles() -> "Iterable[Role]":  # type: ignore[empty-body]
    """New kinds of work. Two plugins that declare one code stop the start."""


@hookspec
def register_allows() -> "Iterable[Allow]":  # type: ignore[empty-body]
    """Which role may do what by default. Answer narrowly: a wrong entry opens every community."""


@hookspec
def register_separations() -> "Iterable[Separation]":  # type: ignore[empty-body]
    """Pairs of permissions that one account never uses on one object (职责分离): claim and review."""


@hookspec
def register_queries() -> Iterable[type]:  # type: ignore[empty-body]
    """Classes whose fields join ``Query``. Two plugins with one field name stop the start."""


@hookspec
def register_mutations() -> Iterable[type]:  # type: ignore[empty-body]
    """Classes whose fields join ``Mutation``. Each field is a command of a service."""


@hookspec
def register_events() -> "Iterable[type[Event]]":  # type: ignore[empty-body]
    """The facts the plugin tells. Publishing one that is not named here is refused."""


@hookspec
def register_listeners() -> "Iterable[Listener]":  # type: ignore[empty-body]
    """What the plugin hears. A listener is silent for communities where the plugin is switched off."""


@hookspec
def register_tasks() -> "Iterable[Task]":  # type: ignore[empty-body]
    """Work after the response. A handler must be safe to repeat: delivery is at least once."""


@hookspec
def register_settings() -> Iterable[type]:  # type: ignore[empty-body]
    """At most one msgspec Struct: the plugin's settings in a community. Every field needs a default."""


@hookspec
def register_commands() -> "Iterable[click.Command]":  # type: ignore[empty-body]
    """The plugin's groups on the ``gongzhi`` command line."""


@hookspec
def register_mounts(kernel: "Kernel") -> "Iterable[tuple[str, ASGIApp]]":  # type: ignore[empty-body]
    """ASGI applications, each with the one path it answers; for what routing would slow down.

    :param kernel: the kernel.
    """


@hookspec
def register_routes(kernel: "Kernel") -> Iterable[Any]:  # type: ignore[empty-body]
    """Litestar route handlers, asked once when the web process starts.

    :param kernel: what the handlers work with.
    """


@hookspec
def register_health_checks() -> "Iterable[HealthCheck]":  # type: ignore[empty-body]
    """What readiness and ``gongzhi doctor`` look at. A slow check makes every probe slow."""


@hookspec(firstresult=True)
async def find_caller(kernel: "Kernel", credentials: "Credentials") -> "Caller | None":
    """Who sent a request, with grants and scope. Answering badly lets a stranger in.

    :param kernel: the kernel.
    :param credentials: cookie, bearer token, CSRF token and scope header, as sent.
    """


@hookspec(firstresult=True)
async def plugin_switches(kernel: "Kernel", tenant: UUID) -> frozenset[str] | None:
    """The plugins this community has switched on. Asked in the worker, before each delivery.

    :param kernel: the kernel.
    :param tenant: the community.
    """
