"""Everything a plugin may import from the room of communities; re-exports, nothing else."""

from gongzhi.tenants.events import CommunityOnboarded, ConsentWithdrawn, GridDrawn, PluginSwitched
from gongzhi.tenants.graphql import Area, Community, Grid, Person
from gongzhi.tenants.models import Area as AreaRow
from gongzhi.tenants.models import Grid as GridRow
from gongzhi.tenants.models import Person as PersonRow
from gongzhi.tenants.settings import settings_of

__all__ = [
    "Area",
    "AreaRow",
    "Community",
    "CommunityOnboarded",
    "ConsentWithdrawn",
    "Grid",
    "GridDrawn",
    "GridRow",
    "Person",
    "PersonRow",
    "PluginSwitched",
    "settings_of",
]
