"""What a grant would open before it is given: nodes, and rows by kind; counts alone."""

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from gongzhi.core.api import (
    Caller,
    Community,
    Kernel,
    Kind,
    Permission,
    Range,
    Reading,
    Role,
    Separation,
    belongs,
    reading,
    system_work,
)
from gongzhi.tenants.access.holdings import holdings, reaching, together
from gongzhi.tenants.access.kinds import readings, switch_of
from gongzhi.tenants.callers import switched_on
from gongzhi.tenants.models import Account, Area, AreaLevel
from gongzhi.tenants.service.giving import Giving


@dataclass(frozen=True)
class Opened:
    """Rows of a kind that become readable."""

    reading: Reading
    rows: int


@dataclass(frozen=True)
class Preview:
    """What a grant would change.

    :param nodes: the nodes it reaches.
    :param permissions: those that the account does not have there yet.
    :param opened: kinds of which it would see rows that it does not see now.
    :param conflicts: separations whose both sides the account would have.
    """

    role: Role
    area: Area
    nodes: int
    permissions: tuple[Permission, ...]
    opened: tuple[Opened, ...]
    conflicts: tuple[Separation, ...]


async def preview(
    kernel: Kernel, caller: Caller, *, account_id: UUID | None, role: str, node: Area
) -> Preview:
    """What giving this role at this node would open, for an account or for one that has nothing yet.

    :raises RoleUnfit: the role can't be held there.
    """
    table = kernel.roles
    assert caller.scope is not None
    async with reading(kernel, caller.scope, caller.actor) as work:
        known = await Giving(work).role_at(role, node)
    async with system_work(kernel) as system:
        held = (
            []
            if account_id is None
            else await holdings(system.session, table, reaching(node.path), Account.id == account_id)
        )
        beneath = Range(node.id, node.path)
        counting = select(func.count()).select_from(Area)
        counting = counting.where(Area.path >= beneath.lo, Area.path < beneath.hi)
        nodes = (await system.session.scalars(counting)).one()
    before = together(held)
    after = before.with_(known.powers)
    new = table.codes(after.left & ~before.left)
    both = table.codes(after.left)
    opened = [one for one in readings(kernel) if one.permission.code in new]
    rows = await _rows(kernel, caller, opened, node)
    return Preview(
        role=known.role,
        area=node,
        nodes=nodes,
        permissions=tuple(table.permissions[code] for code in sorted(new)),
        opened=tuple(Opened(one, rows[one.name]) for one in opened if rows[one.name]),
        conflicts=tuple(pair for pair in table.separations if {pair.first.code, pair.second.code} <= both),
    )


async def _rows(kernel: Kernel, caller: Caller, opened: list[Reading], node: Area) -> Counter[str]:
    """How many rows of each kind the node's scope shows: above communities, what these show upward."""
    community = node.level is AreaLevel.COMMUNITY
    scope = Community(node.id, node.path) if community else Range(node.id, node.path)
    found: Counter[str] = Counter()
    async with reading(kernel, scope, caller.actor) as work:
        on = await switched_on(work.session, node.id) if community else None
        for one in opened:
            plugin = switch_of(kernel, one.permission)
            if on is not None and plugin is not None and plugin not in on:
                continue
            if not community and belongs(one.model.__table__).kind is Kind.TENANT:  # type: ignore[arg-type]
                continue
            query = select(func.count()).select_from(one.model)
            if one.criterion is not None:
                query = query.where(one.criterion(scope))
            found[one.name] += (await work.session.scalars(query)).one()
    return found
