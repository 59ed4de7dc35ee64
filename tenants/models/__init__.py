"""Who is on the platform: divisions, the tree, communities, grids, households, persons, accounts."""

from gongzhi.tenants.models.accounts import (
    OWN,
    Account,
    ApiToken,
    Credential,
    GrantRow,
    OwnRole,
    SignInFailure,
    SignInSession,
)
from gongzhi.tenants.models.communities import (
    Grid,
    GridKind,
    GridVersion,
    Household,
    PluginSwitch,
    ProfileFigure,
    Tenant,
    TenantState,
)
from gongzhi.tenants.models.persons import Consent, Person, Purpose
from gongzhi.tenants.models.tree import (
    NODE_STEP,
    Area,
    AreaCode,
    AreaLevel,
    CodeStatus,
    Division,
    DivisionLevel,
    DivisionSuccessor,
)

__all__ = [
    "NODE_STEP",
    "OWN",
    "Account",
    "ApiToken",
    "Area",
    "AreaCode",
    "AreaLevel",
    "CodeStatus",
    "Consent",
    "Credential",
    "Division",
    "DivisionLevel",
    "DivisionSuccessor",
    "GrantRow",
    "Grid",
    "GridKind",
    "GridVersion",
    "Household",
    "OwnRole",
    "Person",
    "PluginSwitch",
    "ProfileFigure",
    "Purpose",
    "SignInFailure",
    "SignInSession",
    "Tenant",
    "TenantState",
]
