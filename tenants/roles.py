"""Roles at nodes: which may be held where, what a node's own roles bring, and who may give which."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.api import (
    STEP,
    Actor,
    Grant,
    Invalid,
    Level,
    Permission,
    Powers,
    Role,
    RoleTable,
    Row,
    grid_step,
    role_rows,
)
from gongzhi.tenants.models import OWN, Area, AreaLevel, OwnRole, Tenant

#: The nodes at which a role of a level is held; whose work is in a grid holds it at the grid's community.
HELD_AT: dict[Level, tuple[AreaLevel, ...]] = {
    Level.PLATFORM: (AreaLevel.COUNTY,),
    Level.COUNTY: (AreaLevel.COUNTY,),
    Level.STREET: (AreaLevel.COUNTY, AreaLevel.STREET, AreaLevel.AREA),
    Level.COMMUNITY: (AreaLevel.COMMUNITY,),
    Level.GRID: (AreaLevel.COMMUNITY,),
}

#: Characters of a grid's step; those of nodes are much shorter.
_HEX = 32

#: Role, node, path: a grant before it is known what it brings.
Held = tuple[str, UUID, str]


class PermissionUnknown(Invalid):
    """No plugin registers a permission of this code."""

    code = "PERMISSION_UNKNOWN"
    zh = "没有权限“{permission}”，请核对权限代码"
    en = "There is no permission {permission}; check its code"


def known_permissions(table: RoleTable, codes: Iterable[str], *, path: str) -> list[Permission]:
    """The permissions of these codes.

    :param path: where in the input they stand.
    :raises PermissionUnknown: there is none of one of them.
    """
    wanted = sorted(set(codes))
    if unknown := [code for code in wanted if code not in table.permissions]:
        raise PermissionUnknown(path=path, permission=", ".join(unknown)[:200], problem="")
    return [table.permissions[code] for code in wanted]


def held_at(role: Role, level: AreaLevel) -> bool:
    """True when this role is held at nodes of this level."""
    return role.anywhere or level in HELD_AT[role.level]


def own_id(code: str) -> UUID | None:
    """The id of the own role that grants call so; None for a built-in one."""
    try:
        return UUID(code.removeprefix(OWN)) if code.startswith(OWN) else None
    except ValueError:
        return None


def path_of(path: str, grid: UUID | None) -> str:
    """The path of a community, or that of a grid beneath it."""
    return path if grid is None else path + grid_step(grid)


def grid_of(path: str) -> UUID | None:
    """The grid that a grant's path ends with; None where it is a node's."""
    last = path.rstrip(STEP).rpartition(STEP)[2]
    return UUID(hex=last) if len(last) == _HEX else None


async def own_roles(session: AsyncSession, codes: Iterable[str]) -> dict[str, OwnRole]:
    """The own roles of these codes, with those that they include, by code; the retired ones are none."""
    found: dict[str, OwnRole] = {}
    wanted = {code for code in codes if own_id(code) is not None}
    while wanted:
        query = select(OwnRole).where(
            OwnRole.id.in_([own_id(code) for code in wanted]), OwnRole.retired_at.is_(None)
        )
        rows: Sequence[OwnRole] = (await session.scalars(query)).all()
        found |= {row.code: row for row in rows}
        wanted = {code for row in rows for code in row.included if own_id(code) is not None} - found.keys()
    return found


def rows_of(roles: Iterable[OwnRole]) -> list[Row]:
    """What these roles add to the policy."""
    return [row for role in roles for row in role_rows(role.code, role.allowed, role.denied, role.included)]


def as_role(own: OwnRole) -> Role:
    """An own role as the table knows roles; nobody gives it who lacks what it brings."""
    return Role(own.code, own.level, own.name, own.name)


async def granted(session: AsyncSession, table: RoleTable, held: Sequence[Held]) -> tuple[Grant, ...]:
    """These grants with what they bring."""
    own = await own_roles(session, {role for role, _node, _path in held})
    if not own:
        return tuple(Grant(*one) for one in held)
    powers = table.with_rows(rows_of(own.values()))
    return tuple(
        Grant(role, node, path, as_role(own[role]), powers.get(role, Powers()))
        if role in own
        else Grant(role, node, path)
        for role, node, path in held
    )


@dataclass(frozen=True)
class KnownRole:
    """A role with what it brings."""

    role: Role
    powers: Powers


async def role_called(session: AsyncSession, table: RoleTable, code: str) -> KnownRole | None:
    """The role that grants call so, built in or somebody's own; None where it is gone."""
    if code in table.roles:
        return KnownRole(table.roles[code], table.powers(code))
    own = await own_roles(session, [code])
    if code not in own:
        return None
    powers = table.with_rows(rows_of(own.values())).get(code, Powers())
    return KnownRole(as_role(own[code]), powers)


async def offered_at(session: AsyncSession, table: RoleTable, area: Area) -> dict[str, KnownRole]:
    """The roles that may be held at this node, by code: what its blueprint offers, its own and those made above."""
    tenant = await session.get(Tenant, area.id) if area.level is AreaLevel.COMMUNITY else None
    chosen = set(tenant.roles) if tenant is not None and tenant.roles else None
    found = {
        role.code: KnownRole(role, table.powers(role.code))
        for role in table.roles.values()
        if held_at(role, area.level) and (chosen is None or role.anywhere or role.code in chosen)
    }
    query = (
        select(OwnRole)
        .join(Area, Area.id == OwnRole.node_id)
        .where(Area.path.in_(at_and_above(area.path)), OwnRole.retired_at.is_(None))
    )
    own: Sequence[OwnRole] = (await session.scalars(query)).all()
    powers = table.with_rows(rows_of(own))
    for role in map(as_role, own):
        if held_at(role, area.level):
            found[role.code] = KnownRole(role, powers.get(role.code, Powers()))
    return found


def at_and_above(path: str) -> list[str]:
    """The paths of the nodes whose grants and roles reach this one, from the county down."""
    steps = path.rstrip(STEP).split(STEP)
    return [STEP.join(steps[:count]) + STEP for count in range(1, len(steps) + 1)]


def may_give(actor: Actor, known: KnownRole, path: str) -> bool:
    """True when this actor may give the role at this path: it lacks nothing of it, or its own role may give it.

    What works on the whole platform nobody gives but the operator of the server; a limited token gives only what it
    is allowed itself.
    """
    if actor.robot is not None:
        return True
    if known.role.level is Level.PLATFORM:
        return False
    if not known.powers.allow & ~actor.mask(path):
        return True
    return actor.only is None and not actor.labels(path).keys().isdisjoint(known.role.given_by)
