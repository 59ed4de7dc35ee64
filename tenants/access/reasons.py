"""Why an account may do something with an object: the grants that say so; or the smallest that would."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import inspect, null, select
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.api import (
    Actor,
    Base,
    Caller,
    Community,
    Grant,
    GridRow,
    Kernel,
    NotFound,
    Permission,
    Range,
    Scope,
    belongs,
    parse_global_id,
    reading,
    system_work,
)
from gongzhi.tenants import policies
from gongzhi.tenants.access.holdings import Holding, by_account, holdings, reaching, together
from gongzhi.tenants.access.kinds import model_called, switch_of
from gongzhi.tenants.callers import switched_on
from gongzhi.tenants.models import Account, Area, AreaLevel, GrantRow
from gongzhi.tenants.roles import KnownRole, at_and_above, may_give, offered_at, path_of

#: How many ways to get what is missing are told, and how many people who may open each.
_OFFERS, _GIVERS = 3, 5


@dataclass(frozen=True)
class Offer:
    """A role that would do at a node, and who may give it there."""

    known: KnownRole
    area: Area
    givers: tuple[Holding, ...]


@dataclass(frozen=True)
class Reasons:
    """Why an account may or may not.

    :param chain: the grants that allow it, from the county down; ``denials``, those that forbid it.
    :param offers: the smallest grants that would allow it, where nothing forbids it.
    :param switched_off: the plugin that the community has not switched on, if that is in the way.
    """

    allowed: bool
    area: Area
    chain: tuple[Holding, ...]
    denials: tuple[Holding, ...]
    offers: tuple[Offer, ...] = ()
    switched_off: str | None = field(default=None)


@dataclass(frozen=True)
class Place:
    """A node, or a grid of a community."""

    area: Area
    grid: UUID | None = None

    @property
    def path(self) -> str:
        """Where a grant must lie at or above."""
        return path_of(self.area.path, self.grid)


async def place_of(kernel: Kernel, caller: Caller, object_id: str | None) -> Place:
    """Where an object belongs, which is the scope's own place without one; nothing outside the scope is found.

    :raises NotFound: there is no such object here.
    """
    scope = caller.scope
    assert scope is not None
    grid: UUID | None = scope.grid if isinstance(scope, Community) else None
    model, row_id = (Area, scope.node) if object_id is None else _named(kernel, object_id)
    async with reading(kernel, scope, caller.actor) as work:
        node: UUID | None = row_id
        if model is not Area:
            node, grid = await _node_of(work.session, scope, model, row_id)
        area = None if node is None else await work.session.get(Area, node)
    if area is None or not area.path.startswith(scope.path):
        raise NotFound(what="object")
    return Place(area, grid)


def _named(kernel: Kernel, object_id: str) -> tuple[type[Base], UUID]:
    """The model and the id that a global id says.

    :raises NotFound: it says no kind of object.
    """
    kind, row_id = parse_global_id(object_id, path="objectId")
    model = model_called(kernel, kind)
    if model is None:
        raise NotFound(what="object")
    return model, row_id


async def _node_of(
    session: AsyncSession, scope: Scope, model: type[Base], row_id: UUID
) -> tuple[UUID | None, UUID | None]:
    """(the node a row belongs to, its grid)."""
    key = belongs(model.__table__).key  # type: ignore[arg-type]  # always a Table
    table: Any = inspect(model).local_table
    identity: Any = model.id  # type: ignore[attr-defined]  # in some tables it is called otherwise
    node = identity if key is None else table.c[key]
    within = scope.grid if isinstance(scope, Community) else None
    if within is not None and not issubclass(model, GridRow):
        return None, None
    grid: Any = table.c[model.__grid_key__] if issubclass(model, GridRow) else null()
    query = select(node, grid).where(identity == row_id)
    if key is not None and isinstance(scope, Community):
        query = query.where(node == scope.node)
    if within is not None:
        query = query.where(grid == within)
    found = (await session.execute(query)).one_or_none()
    return (None, None) if found is None else (found[0], found[1])


async def explain(
    kernel: Kernel, caller: Caller, *, account_id: UUID, permission: Permission, place: Place
) -> Reasons:
    """Why this account may or may not use this permission at this place.

    :raises NotFound: no such account, or none that has to do with the caller's area.
    """
    table, area = kernel.roles, place.area
    bit = table.mask([permission.code])
    async with system_work(kernel) as work:
        held = await holdings(work.session, table, reaching(place.path), Account.id == account_id)
        if not held:
            await _check_account(work.session, caller, account_id)
        chain = tuple(one for one in held if one.powers.allow & bit)
        denials = tuple(one for one in held if one.powers.deny & bit)
        off = await _switched_off(kernel, work.session, permission, area)
        may = bool(together(held).left & bit)
        offers = () if may or denials else await _offers(work.session, kernel, bit, area)
        allowed = may and off is None
    return Reasons(allowed, area, chain, denials, offers, off)


async def _check_account(session: AsyncSession, caller: Caller, account_id: UUID) -> None:
    """:raises NotFound: this account is none of the caller's business."""
    scope = caller.scope
    assert scope is not None
    account = await session.get(Account, account_id)
    home = None if account is None or account.node_id is None else await session.get(Area, account.node_id)
    if home is not None and home.path.startswith(scope.path):
        return
    beneath = Range(scope.node, scope.path)
    # Also what ended, or has not begun, or is of a closed account: that is what one asks about.
    query = (
        select(GrantRow.id)
        .join(Area, Area.id == GrantRow.node_id)
        .where(GrantRow.account_id == account_id, Area.path >= beneath.lo, Area.path < beneath.hi)
        .limit(1)
    )
    if (await session.scalars(query)).first() is None:
        raise NotFound(what="Account")


async def _switched_off(
    kernel: Kernel, session: AsyncSession, permission: Permission, area: Area
) -> str | None:
    if area.level is not AreaLevel.COMMUNITY:
        return None
    plugin = switch_of(kernel, permission)
    return None if plugin is None or plugin in await switched_on(session, area.id) else plugin


async def _offers(session: AsyncSession, kernel: Kernel, bit: int, area: Area) -> tuple[Offer, ...]:
    """The roles that bring it, the one that brings least and reaches least first."""
    above = at_and_above(area.path)
    areas = list((await session.scalars(select(Area).where(Area.path.in_(above)).order_by(Area.path))).all())
    fitting = [
        (known, where)
        for where in areas
        for known in (await offered_at(session, kernel.roles, where)).values()
        if known.powers.left & bit
    ]
    fitting.sort(key=lambda one: (-len(one[1].path), one[0].powers.allow.bit_count(), one[0].role.code))
    held = await holdings(session, kernel.roles, reaching(area.path))
    return tuple(
        Offer(known, where, givers_of(kernel, held, known, where.path)[:_GIVERS])
        for known, where in fitting[:_OFFERS]
    )


def givers_of(kernel: Kernel, held: list[Holding], known: KnownRole, path: str) -> tuple[Holding, ...]:
    """Whose grants let them give this role at this path, one for each account."""
    found = []
    for account_id, theirs in by_account(one for one in held if path.startswith(one.grant.path)).items():
        grants: tuple[Grant, ...] = tuple(one.grant for one in theirs)
        actor = Actor(roles=kernel.roles, grants=grants, account_id=account_id)
        if actor.may(policies.GRANT_GIVE, path) and may_give(actor, known, path):
            found.append(theirs[-1])
    return tuple(found)
