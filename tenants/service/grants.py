"""Giving roles to accounts at nodes, and taking them back."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from sqlalchemy import select

from gongzhi.core.api import Input, Invalid, Level, NotFound, Role, Words, ref, system_work, told, use_case
from gongzhi.tenants import policies
from gongzhi.tenants.access.holdings import Holding, holding_of
from gongzhi.tenants.models import Area, GrantRow, Grid
from gongzhi.tenants.roles import KnownRole, role_called
from gongzhi.tenants.service.accounts import AccountClosed, account_called
from gongzhi.tenants.service.giving import GivesMore, Giving


class PeriodUnfit(Invalid):
    """A grant ends after it begins, and not in the past."""

    code = "GRANT_PERIOD_UNFIT"
    zh = "授权的截止时间须晚于开始时间，且不早于现在"
    en = "A grant ends after it begins, and not in the past"


class GridUnfit(Invalid):
    """Roles of grids alone are held at one grid, and it is a grid of the community."""

    code = "GRANT_GRID_UNFIT"
    zh = "只有网格层级的角色可以限定到网格，且网格须属于该社区"
    en = "Only roles of the grid level are held at one grid, and it must be one of the community's"


class GiveRole(Input, frozen=True, kw_only=True):
    """A role for an account at a node, for good or for a time (授权)."""

    login: Annotated[str, told("The account's sign-in name (账号).", min_length=3, max_length=40)]
    role: Annotated[str, told("The role's code (角色代码).", min_length=2, max_length=60)]
    grid_id: (
        Annotated[UUID, ref("Grid", "At one grid of the community, for roles of grids (网格).")] | None
    ) = None
    node_id: (
        Annotated[UUID, ref("Area", "Where it is held; the scope's own node unless told (辖区).")] | None
    ) = None
    valid_from: Annotated[dt.datetime, told("From when on; at once unless told (起).")] | None = None
    valid_until: Annotated[dt.datetime, told("Until when; for good unless told (止).")] | None = None
    reason: Annotated[str, told("Why, for whoever looks at it later (事由).", min_length=2, max_length=200)]


class RevokeRole(Input, frozen=True):
    """A grant that ends now (收回授权)."""

    grant_id: Annotated[UUID, ref("Grant", "Which grant (授权).")]
    reason: Annotated[str, told("Why (事由).", min_length=2, max_length=200)]


class Grants(Giving):
    """Who holds which role where, in one's own area."""

    @use_case(policies.GRANT_GIVE, where="anywhere")
    async def give(self, given: GiveRole) -> GrantRow:
        """Give an account a role at a node; given again, its period and reason change (授予角色)."""
        area = await self._area(given.node_id)
        known = await self.role_at(given.role, area)
        self._check_may_give(known, area.path)
        self._check_period(given)
        await self._check_grid(known.role, given.grid_id, area)
        account = await account_called(self.work.kernel, given.login)
        if not account.active:
            raise AccountClosed(path="login", login=given.login, problem="")
        before = await self._held(area)
        self._check_denials(known, account.id, area, before)
        query = select(GrantRow).where(
            GrantRow.account_id == account.id,
            GrantRow.node_id == area.id,
            GrantRow.role == given.role,
            GrantRow.grid_id.is_not_distinct_from(given.grid_id),
        )
        row: GrantRow | None = (await self.session.scalars(query)).one_or_none()
        if row is None:
            row = GrantRow(
                account_id=account.id,
                node_id=area.id,
                role=given.role,
                grid_id=given.grid_id,
                valid_from=self.work.at,
            )
            self.session.add(row)
        elif row.valid_until is not None and row.valid_until <= self.work.at:
            row.valid_from = self.work.at
        row.valid_from = given.valid_from or row.valid_from
        row.valid_until = given.valid_until
        row.reason, row.granted_by = given.reason, self.work.actor.account_id
        await self.work.flush()
        after = [one for one in before if one.id != row.id]
        if row.valid_from <= self.work.at and row.grid_id is None:
            after.append(holding_of(row, account, area, known))
        self._check_admins(area, before, after)
        return row

    @use_case(policies.GRANT_GIVE, where="anywhere")
    async def revoke(self, revoked: RevokeRole) -> GrantRow:
        """Take a role back; it ends at this moment (收回角色)."""
        row = await self.work.load(GrantRow, revoked.grant_id)
        area = await self._area(row.node_id)
        if row.valid_until is not None and row.valid_until <= self.work.at:
            raise NotFound(what=Words(zh="有效的授权", en="grant that holds"))
        async with system_work(self.work.kernel) as system:
            known = await role_called(system.session, self.table, row.role)
        if known is not None:
            self._check_may_give(known, area.path)
        before = await self._held(area)
        row.valid_until = self.work.at
        row.reason = revoked.reason
        self._check_admins(area, before, [one for one in before if one.id != row.id])
        return row

    def _check_denials(self, known: KnownRole, account_id: UUID, area: Area, held: list[Holding]) -> None:
        """:raises GivesMore: who decides here from above would be kept from it."""
        above = any(
            one.account_id == account_id
            and one.area.path != area.path
            and one.powers.allow & self._deciding
            and not self.work.actor.may(policies.GRANT_GIVE, one.area.path)
            for one in held
        )
        if known.powers.deny & self._deciding and above:
            raise GivesMore(path="role", permission=policies.GRANT_GIVE.code)

    async def _check_grid(self, role: Role, grid_id: UUID | None, area: Area) -> None:
        if grid_id is None:
            return
        query = select(Grid.id).where(
            Grid.id == grid_id, Grid.tenant_id == area.id, Grid.retired_on.is_(None)
        )
        if role.level is not Level.GRID or (await self.session.scalars(query)).one_or_none() is None:
            raise GridUnfit(path="gridId", problem="")

    def _check_period(self, given: GiveRole) -> None:
        since = given.valid_from or self.work.at
        if given.valid_until is not None and given.valid_until <= max(since, self.work.at):
            raise PeriodUnfit(path="validUntil", problem="")
