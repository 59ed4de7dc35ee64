"""Roles that a node makes for its own people, of permissions that its level may give and the maker has."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Annotated
from uuid import UUID

from sqlalchemy import select

from gongzhi.core.api import Input, Invalid, Level, Powers, Stale, new_id, ref, told, use_case
from gongzhi.tenants import policies
from gongzhi.tenants.access.holdings import Holding
from gongzhi.tenants.models import Area, AreaLevel, OwnRole
from gongzhi.tenants.roles import known_permissions, own_id, rows_of
from gongzhi.tenants.service.giving import GivesMore, Giving
from gongzhi.tenants.service.taken import add_unless_taken, named


class BeyondLevel(Invalid):
    """A role brings only what people of its level may be given."""

    code = "ROLE_BEYOND_LEVEL"
    zh = "本级角色不能包含此项权限：{permission}"
    en = "A role of this level can't bring {permission}"


class LevelUnfit(Invalid):
    """A node makes roles of its own level and of those beneath."""

    code = "ROLE_LEVEL_UNFIT"
    zh = "本辖区不能设立此层级的角色；可选：{levels}"
    en = "This node makes no roles of that level; possible: {levels}"


class RoleUnknown(Invalid):
    """A role that is to be included is not there."""

    code = "ROLE_UNKNOWN"
    zh = "没有可包含的角色“{role}”"
    en = "There is no role “{role}” to include"


class RoleCycle(Invalid):
    """A role that includes itself, however far around."""

    code = "ROLE_CYCLE"
    zh = "角色不能直接或间接包含自身：{roles}"
    en = "A role can't include itself, not even by way of others: {roles}"


class RoleTooDeep(Invalid):
    """Roles include roles that include roles; casbin follows ten steps, and people fewer."""

    code = "ROLE_TOO_DEEP"
    zh = "角色的包含关系最多{most}层"
    en = "Roles include each other through {most} steps at most"


class RoleNameTaken(Invalid):
    """The node has a role of this name."""

    code = "ROLE_NAME_TAKEN"
    zh = "本辖区已有名为“{name}”的角色"
    en = "This node has a role called “{name}”"


#: Through how many roles one may bring what another has.
MOST_STEPS = 8

#: The levels of which a node of each level makes roles.
_MAKES = {
    AreaLevel.COUNTY: (Level.COUNTY, Level.STREET, Level.COMMUNITY, Level.GRID),
    AreaLevel.STREET: (Level.STREET, Level.COMMUNITY, Level.GRID),
    AreaLevel.AREA: (Level.STREET, Level.COMMUNITY, Level.GRID),
    AreaLevel.COMMUNITY: (Level.COMMUNITY, Level.GRID),
}

_CODES = "Codes such as mediation.case:read (权限代码)"


class MakeRole(Input, frozen=True, kw_only=True):
    """A role of one's own (自定义角色)."""

    name: Annotated[str, told("What people call it (名称).", min_length=2, max_length=40)]
    level: Annotated[Level, told("The level at which it is held (层级).")] = Level.COMMUNITY
    allowed: Annotated[list[str], told(f"What it allows. {_CODES}.", max_length=300)] | None = None
    denied: (
        Annotated[list[str], told(f"What it takes away, whatever else is held. {_CODES}.", max_length=300)]
        | None
    ) = None
    included: (
        Annotated[list[str], told("Roles whose permissions it brings as well (包含的角色).", max_length=20)]
        | None
    ) = None


class ChangeRole(Input, frozen=True, kw_only=True):
    """An own role as it is from now on, for all who hold it (修改角色)."""

    role_id: Annotated[UUID, ref("OwnRole", "Which role (角色).")]
    version: Annotated[int, told("The version that was read (版本号).")]
    allowed: Annotated[list[str], told(f"What it allows. {_CODES}.", max_length=300)] | None = None
    denied: Annotated[list[str], told(f"What it takes away. {_CODES}.", max_length=300)] | None = None
    included: (
        Annotated[list[str], told("Roles whose permissions it brings as well (包含的角色).", max_length=20)]
        | None
    ) = None


class RetireRole(Input, frozen=True):
    """An own role that brings nothing any more (停用角色)."""

    role_id: Annotated[UUID, ref("OwnRole", "Which role (角色).")]
    version: Annotated[int, told("The version that was read (版本号).")]


class OwnRoles(Giving):
    """The roles that the scope's node made."""

    @use_case(policies.ROLE_MAKE, where="anywhere")
    async def make(self, made: MakeRole) -> OwnRole:
        """Make a role of one's own (自定义角色)."""
        area = await self._area(None)
        levels = _MAKES[area.level]
        if made.level not in levels:
            raise LevelUnfit(path="level", levels=", ".join(level.value for level in levels), problem="")
        await self._turn_at(area.id)
        role = OwnRole(id=new_id(), node_id=area.id, name=named(made.name), level=made.level)
        await self._fill(role, made, area)
        await add_unless_taken(self.work, role, RoleNameTaken(path="name", name=role.name, problem=""))
        return role

    @use_case(policies.ROLE_MAKE, where="anywhere")
    async def change(self, changed: ChangeRole) -> OwnRole:
        """Change what an own role brings; who holds it may do so at once (修改角色)."""
        role, area = await self._mine(changed.role_id, changed.version)
        before = await self._held(area)
        await self._fill(role, changed, area)
        self._check_admins(area, before, await self._as_now(before, role))
        return role

    @use_case(policies.ROLE_MAKE, where="anywhere")
    async def retire(self, retired: RetireRole) -> OwnRole:
        """Retire an own role: whoever holds it has nothing by it any more (停用角色)."""
        role, area = await self._mine(retired.role_id, retired.version)
        before = await self._held(area)
        role.retired_at = self.work.at
        self._check_admins(area, before, await self._as_now(before, role))
        return role

    async def _mine(self, role_id: UUID, version: int) -> tuple[OwnRole, Area]:
        role = await self.work.load(OwnRole, role_id, version=version)
        area = await self._area(role.node_id)
        if role.retired_at is not None:
            raise Stale(current=role.version)
        return role, area

    async def _siblings(self, role: OwnRole) -> dict[str, OwnRole]:
        """The roles of the same node, with this one as it is now, by code."""
        query = select(OwnRole).where(OwnRole.node_id == role.node_id, OwnRole.retired_at.is_(None))
        found = {one.code: one for one in (await self.session.scalars(query)).all()}
        found.pop(role.code, None)
        return {**found, role.code: role} if role.retired_at is None else found

    async def _as_now(self, before: list[Holding], role: OwnRole) -> list[Holding]:
        """These grants with what the node's own roles bring from now on."""
        siblings = await self._siblings(role)
        powers = self.table.with_rows(rows_of(siblings.values()))
        mine = siblings.keys() | {role.code}
        return [
            replace(one, powers=powers.get(one.grant.role, Powers())) if one.grant.role in mine else one
            for one in before
        ]

    async def _fill(self, role: OwnRole, told: MakeRole | ChangeRole, area: Area) -> None:
        """Give the role what it is told to bring.

        :raises Refusal: some of it can't be.
        """
        table = self.table
        role.allowed = [one.code for one in known_permissions(table, told.allowed or (), path="allowed")]
        role.denied = [one.code for one in known_permissions(table, told.denied or (), path="denied")]
        role.included = sorted(set(told.included or ()))
        siblings = await self._siblings(role)
        for code in role.included:
            if code not in (table.roles if own_id(code) is None else siblings):
                raise RoleUnknown(path="included", role=code, problem="")
        _check_cycles(role, siblings)
        if _steps(siblings) > MOST_STEPS:
            raise RoleTooDeep(path="included", most=MOST_STEPS, problem="")
        powers = table.with_rows(rows_of(siblings.values()))
        for one in siblings.values():
            # Another one may include this one, and be held at a lower level.
            brings = powers.get(one.code, Powers()).allow
            if beyond := table.codes(brings & ~table.within(one.level)):
                raise BeyondLevel(path="allowed", permission=", ".join(sorted(beyond)), problem="")
        brings = powers.get(role.code, Powers()).allow
        if lacking := table.codes(brings & ~self.work.actor.mask(area.path)):
            raise GivesMore(path="allowed", permission=", ".join(sorted(lacking)))


def _check_cycles(role: OwnRole, siblings: Mapping[str, OwnRole]) -> None:
    """:raises RoleCycle: the role includes itself, at once or by way of others."""
    waiting, way = list(role.included), [role.name]
    seen: set[str] = set()
    while waiting:
        code = waiting.pop()
        if code == role.code:
            raise RoleCycle(path="included", roles=" → ".join([*way, role.name]), problem="")
        if code in siblings and code not in seen:
            seen.add(code)
            way.append(siblings[code].name)
            waiting += siblings[code].included


def _steps(siblings: Mapping[str, OwnRole]) -> int:
    """Through how many steps these roles include others at most; there are no cycles."""

    @cache
    def beneath(code: str) -> int:
        included = siblings[code].included if code in siblings else ()
        return max((1 + beneath(one) for one in included), default=0)

    return max(map(beneath, siblings), default=0)
