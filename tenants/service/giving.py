"""What giving roles, tokens and own roles have in common: where, which, by whom, and that somebody is left."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import or_, select

from gongzhi.core.api import Forbidden, Invalid, NotFound, Powers, RoleTable, Service, system_work
from gongzhi.tenants import policies
from gongzhi.tenants.access.holdings import Holding, by_account, holdings, reaching, together
from gongzhi.tenants.models import OWN, Area, GrantRow
from gongzhi.tenants.roles import KnownRole, at_and_above, may_give, offered_at, role_called


class RoleUnfit(Invalid):
    """The role is unknown, not held at such a node, or not offered there."""

    code = "GRANT_ROLE_UNFIT"
    zh = "角色“{role}”不能在此辖区授予；可选：{roles}"
    en = "The role “{role}” can't be given at this node; possible: {roles}"


class GivesMore(Forbidden):
    """Nobody gives what he lacks, save roles that his own role may give; nor acts on the account of who may more."""

    code = "GRANT_BEYOND_OWN"
    zh = "您不能授予自己没有的权限：{permission}"
    en = "You can't give what you lack: {permission}"


class LastAdmin(Invalid):
    """A node keeps somebody who may give roles there; only who stands above it may take the last one away."""

    code = "GRANT_LAST_ADMIN"
    zh = "这是本辖区最后一位可以长期授权的管理员，请先授权另一位，或由上级办理"
    en = (
        "This is the last account that may give roles here for good; "
        "give the role to another first, or ask the level above"
    )


class Giving(Service):
    """What is done about roles in one's own area."""

    @property
    def table(self) -> RoleTable:
        """The built-in roles."""
        return self.work.actor.roles

    @property
    def _deciding(self) -> int:
        """The mask of the permission to give roles."""
        return self.table.mask([policies.GRANT_GIVE.code])

    async def _area(self, node_id: UUID | None) -> Area:
        """The node, within the scope."""
        scope = self.work.scope
        assert scope is not None
        query = select(Area).where(Area.id == (node_id or scope.node))
        area: Area | None = (await self.session.scalars(query)).one_or_none()
        if area is None or not area.path.startswith(scope.path):
            raise NotFound(what="Area")
        return area

    async def role_at(self, code: str, area: Area) -> KnownRole:
        """A role that may be held at this node, with what it brings.

        :raises RoleUnfit: there is none of this code here.
        """
        async with system_work(self.work.kernel) as system:
            offered = await offered_at(system.session, self.table, area)
        if code not in offered:
            built_in = ", ".join(sorted(offered.keys() & self.table.roles.keys()))
            raise RoleUnfit(path="role", role=code, roles=built_in or "-", problem="")
        return offered[code]

    def _check_may_give(self, known: KnownRole, path: str) -> None:
        actor = self.work.actor
        if not may_give(actor, known, path):
            raise GivesMore(path="role", permission=self._told(known.powers.allow & ~actor.mask(path)))

    def _told(self, mask: int) -> str:
        return ", ".join(sorted(self.table.codes(mask))[:5]) or "-"

    async def _check_over(self, account_id: UUID) -> None:
        """Go on only where the caller could have given everything that this account holds, wherever it is.

        :raises GivesMore: who acts on this account could act as somebody who may more.
        """
        scope, actor = self.work.scope, self.work.actor
        assert scope is not None
        async with system_work(self.work.kernel) as system:
            query = (
                select(GrantRow.role, Area.path)
                .join(Area, Area.id == GrantRow.node_id)
                .where(
                    GrantRow.account_id == account_id,
                    or_(GrantRow.valid_until.is_(None), GrantRow.valid_until > self.work.at),
                )
            )
            held: Sequence[tuple[str, str]] = [
                (row.role, row.path) for row in (await system.session.execute(query)).all()
            ]
            known = {code: await role_called(system.session, self.table, code) for code, _path in held}
        for code, path in held:
            role = known[code]
            if role is None:
                continue
            if not path.startswith(scope.path) or not may_give(actor, role, path):
                raise GivesMore(permission=self._told(role.powers.allow))

    # Somebody is left

    async def _turn_at(self, node: UUID) -> None:
        """Wait for whoever changes who may give roles at this node."""
        await self.work.fetchrow("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"grants at {node}")

    async def _held(self, area: Area) -> list[Holding]:
        """The grants that reach this node and decide who may give roles, as they were before this command."""
        await self._turn_at(area.id)
        powers = {code: self.table.powers(code) for code in self.table.roles}
        deciding = [code for code, brings in powers.items() if (brings.allow | brings.deny) & self._deciding]
        # A community may have thousands of residents; who decides are few.
        which = GrantRow.role.in_(deciding) | GrantRow.role.startswith(OWN)
        async with system_work(self.work.kernel) as system:
            return await holdings(system.session, self.table, reaching(area.path), which)

    def _check_admins(self, area: Area, before: Iterable[Holding], after: Iterable[Holding]) -> None:
        """Go on only where somebody may give roles at this node for good, if somebody could before.

        :raises LastAdmin: nobody may any more, and the caller does not stand above.
        """
        actor = self.work.actor
        above = at_and_above(area.path)[:-1]
        if actor.robot is not None or (above and actor.may(policies.GRANT_GIVE, above[-1])):
            return
        if self._givers(area, before) and not self._givers(area, after):
            raise LastAdmin(problem="")

    def _givers(self, area: Area, held: Iterable[Holding]) -> set[UUID]:
        """The accounts that may give roles at this node, for good and by what they hold right there."""
        # What ends by itself allows nothing for good; what it denies, it denies as long as it lasts.
        lasting = (
            one if one.valid_until is None else replace(one, powers=Powers(0, one.powers.deny))
            for one in held
        )
        return {
            account_id
            for account_id, theirs in by_account(lasting).items()
            if together(theirs).left & self._deciding
            and any(one.area.id == area.id and one.powers.allow & self._deciding for one in theirs)
        }
