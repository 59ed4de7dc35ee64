"""People's mediation (人民调解): two sides, one mediator, an agreement both of them keep."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from gongzhi.core.api import (
    Allow,
    Base,
    Event,
    History,
    Listener,
    Permission,
    PluginCard,
    hookimpl,
)
from gongzhi.plugins.mediation import events, models, policies, tasks
from gongzhi.plugins.mediation.settings import MediationSettings


@hookimpl
def plugin_card() -> PluginCard:
    return PluginCard(
        name="mediation",
        zh="人民调解",
        en="People's mediation",
        version=version("gongzhi"),
        requires=("tenants",),
    )


@hookimpl
def register_models() -> Iterable[type[Base]]:
    return models.MODELS


@hookimpl
def register_migrations() -> Iterable[History]:
    return (History("mediation", Path(__file__).parent / "migrations", (models.SCHEMA,)),)


@hookimpl
def register_permissions() -> Iterable[Permission]:
    return policies.PERMISSIONS


@hookimpl
def register_allows() -> Iterable[Allow]:
    return policies.ALLOWS


@hookimpl
def register_events() -> Iterable[type[Event]]:
    return events.EVENTS


@hookimpl
def register_listeners() -> Iterable[Listener]:
    return tasks.LISTENERS


@hookimpl
def register_settings() -> Iterable[type]:
    return (MediationSettings,)


@hookimpl
def register_queries() -> Iterable[type]:
    from gongzhi.plugins.mediation.graphql import MediationQuery

    return (MediationQuery,)


@hookimpl
def register_mutations() -> Iterable[type]:
    from gongzhi.plugins.mediation.graphql import MediationMutation

    return (MediationMutation,)
