"""Facts about communities that other rooms may hear."""

from typing import ClassVar

from gongzhi.core.api import Event


class CommunityOnboarded(Event, frozen=True):
    """A community came on board."""

    name: ClassVar[str] = "tenants.community_onboarded/1"

    community_id: str
    blueprint: str


class CommunityStateChanged(Event, frozen=True):
    """A community was suspended, resumed or archived."""

    name: ClassVar[str] = "tenants.community_state_changed/1"

    community_id: str
    state: str


class PluginSwitched(Event, frozen=True):
    """A community switched a plugin on or off."""

    name: ClassVar[str] = "tenants.plugin_switched/1"

    plugin: str
    on: bool


class GridDrawn(Event, frozen=True):
    """A grid was drawn or redrawn."""

    name: ClassVar[str] = "tenants.grid_drawn/1"

    grid_id: str


class ConsentWithdrawn(Event, frozen=True):
    """A person withdrew a consent; whoever acted on it stops."""

    name: ClassVar[str] = "tenants.consent_withdrawn/1"

    person_id: str
    purpose: str


EVENTS = (CommunityOnboarded, CommunityStateChanged, PluginSwitched, GridDrawn, ConsentWithdrawn)
