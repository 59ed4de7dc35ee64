"""Who is on the platform: divisions, the tree, communities, people, accounts, grants, plugin switches."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any
from uuid import UUID

from gongzhi.core.api import (
    Allow,
    Base,
    Caller,
    Credentials,
    Event,
    HealthCheck,
    Kernel,
    Permission,
    PluginCard,
    Role,
    Separation,
    Task,
    hookimpl,
    system_work,
)
from gongzhi.tenants import callers, events, models, policies


@hookimpl
def plugin_card() -> PluginCard:
    return PluginCard(
        name="tenants", zh="社区与辖区", en="Communities", version=version("gongzhi"), switchable=False
    )


@hookimpl
def register_models() -> Iterable[type[Base]]:
    return tuple(
        model
        for name in models.__all__
        if isinstance(model := getattr(models, name), type) and issubclass(model, Base)
    )


@hookimpl
def register_permissions() -> Iterable[Permission]:
    return policies.PERMISSIONS


@hookimpl
def register_roles() -> Iterable[Role]:
    return policies.ROLES


@hookimpl
def register_allows() -> Iterable[Allow]:
    return policies.ALLOWS


@hookimpl
def register_separations() -> Iterable[Separation]:
    return policies.SEPARATIONS


@hookimpl
def register_events() -> Iterable[type[Event]]:
    return events.EVENTS


@hookimpl
def register_tasks() -> Iterable[Task]:
    from gongzhi.tenants.service.onboarding import TASK, run_onboarding

    return (Task(name=TASK, handler=run_onboarding),)


@hookimpl
def register_queries() -> Iterable[type]:
    from gongzhi.tenants.access.graphql import AccessQuery
    from gongzhi.tenants.graphql import TenantQuery

    return (TenantQuery, AccessQuery)


@hookimpl
def register_mutations() -> Iterable[type]:
    from gongzhi.tenants.access.graphql import AccessMutation
    from gongzhi.tenants.graphql import TenantMutation

    return (TenantMutation, AccessMutation)


@hookimpl
def register_commands() -> Iterable[Any]:
    from gongzhi.tenants import commands

    return commands.COMMANDS


@hookimpl
def register_routes(kernel: Kernel) -> Iterable[Any]:
    from gongzhi.tenants.routes import routes

    return routes(kernel)


@hookimpl
def register_health_checks() -> Iterable[HealthCheck]:
    return (HealthCheck(name="plugin switches", check=callers.lost_switches, needed=False),)


@hookimpl
async def find_caller(kernel: Kernel, credentials: Credentials) -> Caller | None:
    return await callers.find_caller(kernel, credentials)


@hookimpl
async def plugin_switches(kernel: Kernel, tenant: UUID) -> frozenset[str] | None:
    async with system_work(kernel) as work:
        return await callers.switched_on(work.session, tenant)
