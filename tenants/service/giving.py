"""What giving roles, tokens and own roles have in common: where, which, by whom, and that somebody is left."""

from uuid import UUID

from sqlalchemy import or_, select

from gongzhi.core.api import Forbidden, Invalid, NotFound, Powers, Role, Service
from gongzhi.tenants import policies
from gongzhi.tenants.models import Account, Area, AreaLevel, GrantRow, Tenant
from gongzhi.tenants.roles import as_role, granted, held_at, may_give, own_roles, rows_of


class RoleUnfit(Invalid):
    """The role is unknown, not held at such a node, or not offered there."""

    code = "GRANT_ROLE_UNFIT"
    zh = "角色“{role}”不能在此辖区授予；可选：{roles}"
    en = "The role “{role}” can't be given at this node; possible: {roles}"


class GivesMore(Forbidden):
    """Nobody gives what he lacks, save roles that his own role may give."""

    code = "GRANT_BEYOND_OWN"
    zh = "您不能授予自己没有的权限：{permission}"
    en = "You can't give what you lack: {permission}"


class LastAdmin(Invalid):
    """A node keeps somebody who may give roles there; only who stands above it may take the last one away."""

    code = "GRANT_LAST_ADMIN"
    zh = "这是本辖区最后一位可以授权的管理员，请先授权另一位，或由上级办理"
    en = "This is the last account that may give roles here; give the role to another first, or ask the level above"


class Giving(Service):
    """What is done about roles in one's own area."""

    async def _area(self, node_id: UUID | None) -> Area:
        """The node, within the scope."""
        scope = self.work.scope
        assert scope is not None
        query = select(Area).where(Area.id == (node_id or scope.node))
        area: Area | None = (await self.session.scalars(query)).one_or_none()
        if area is None or not area.path.startswith(scope.path):
            raise NotFound(what="Area")
        return area

    async def _role(self, code: str) -> tuple[Role | None, Powers]:
        table = self.work.actor.roles
        if code in table.roles:
            return table.roles[code], table.powers(code)
        own = await own_roles(self.session, [code])
        if code not in own:
            return None, Powers()
        return as_role(own[code]), table.with_rows(rows_of(own.values()))[code]

    async def role_at(self, code: str, area: Area) -> tuple[Role, Powers]:
        """A role that may be held at this node, with what it brings.

        :raises RoleUnfit: there is none of this code here.
        """
        role, powers = await self._role(code)
        tenant = await self.session.get(Tenant, area.id) if area.level is AreaLevel.COMMUNITY else None
        offered = {one.code for one in self.work.actor.roles.roles.values() if held_at(one, area.level)}
        if tenant is not None and tenant.roles:
            offered &= {
                *tenant.roles,
                *(one.code for one in self.work.actor.roles.roles.values() if one.anywhere),
            }
        own = role is not None and role.code not in self.work.actor.roles.roles
        if role is None or not (held_at(role, area.level) and (own or code in offered)):
            raise RoleUnfit(path="role", role=code, roles=", ".join(sorted(offered)) or "-", problem="")
        return role, powers

    def _check_may_give(self, role: Role, powers: Powers, path: str) -> None:
        actor = self.work.actor
        if not may_give(actor, role, powers, path):
            lacking = sorted(actor.roles.codes(powers.allow & ~actor.mask(path)))
            raise GivesMore(path="role", permission=", ".join(lacking[:5]))

    async def _turn_at(self, node: UUID) -> None:
        """Wait for whoever changes who may give roles at this node."""
        await self.work.fetchrow("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"grants at {node}")

    async def _givers(self, area: Area) -> set[UUID]:
        """The accounts that may give roles at this node by what they hold there."""
        await self.work.flush()
        moment = self.work.at
        query = (
            select(GrantRow.account_id, GrantRow.role)
            .join(Account, Account.id == GrantRow.account_id, isouter=True)
            .where(
                GrantRow.node_id == area.id,
                GrantRow.grid_id.is_(None),
                GrantRow.valid_from <= moment,
                or_(GrantRow.valid_until.is_(None), GrantRow.valid_until > moment),
                # One that was opened elsewhere is not seen here; whether it is active is not asked.
                or_(Account.id.is_(None), Account.active.is_(True)),
            )
        )
        held: dict[UUID, list[str]] = {}
        for account_id, role in (await self.session.execute(query)).all():
            held.setdefault(account_id, []).append(role)
        table = self.work.actor.roles
        found = set()
        for account_id, roles in held.items():
            powers = Powers()
            for grant in await granted(self.session, table, [(role, area.id, area.path) for role in roles]):
                powers = powers.with_(self.work.actor.powers_of(grant))
            if policies.GRANT_GIVE.code in table.codes(powers.left):
                found.add(account_id)
        return found

    async def _check_admins(self, area: Area, before: set[UUID]) -> None:
        """:raises LastAdmin: there was somebody who may give roles here, and now there is nobody."""
        above = area.path.rstrip(".").rpartition(".")[0]
        if self.work.actor.robot is not None or (
            above and self.work.actor.may(policies.GRANT_GIVE, f"{above}.")
        ):
            return
        if before and not await self._givers(area):
            raise LastAdmin(problem="")
