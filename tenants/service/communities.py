"""A community's life and its profile."""

import datetime as dt
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from gongzhi.core.api import Input, Invalid, Service, Words, WrongState, ref, told, use_case
from gongzhi.tenants import events, policies
from gongzhi.tenants.models import ProfileFigure, Tenant, TenantState
from gongzhi.tenants.service.taken import add_unless_taken

#: No figure of a community comes near it.
LARGEST = 10**14


class FigureKnown(Invalid):
    """The profile already has this figure of this day."""

    code = "PROFILE_FIGURE_KNOWN"
    zh = "该日期的“{indicator}”已登记；更正请用新的日期或说明来源"
    en = "The profile has “{indicator}” of this day already; record a correction under its own day"


class RecordFigure(Input, frozen=True):
    """A figure of the community's profile (社区概况指标)."""

    indicator: Annotated[
        str, told("What is counted, such as area, households, residents (指标).", min_length=1, max_length=40)
    ]
    value: Annotated[Decimal, told("How much (数值).")]
    unit: Annotated[str, told("In which unit: km², 户, 人 (单位).", min_length=1, max_length=12)]
    as_of: Annotated[dt.date, told("The day it held (数据日期).")]
    source: Annotated[str, told("Where it comes from (来源).", min_length=2, max_length=200)]


class ChangeState(Input, frozen=True):
    """A community whose life on the platform takes a turn (暂停或恢复)."""

    community_id: Annotated[UUID, ref("Community", "Which community (社区).")]
    version: Annotated[int, told("The version that was read (版本号).")]


class Communities(Service):
    """The communities of a county or street, as far as its operator may steer them."""

    @use_case(policies.COMMUNITY_STEER, where="range")
    async def suspend(self, change: ChangeState) -> Tenant:
        """Suspend a community: its people keep their data and can't work until it is resumed (暂停)."""
        return await self._turn(change, TenantState.ACTIVE, TenantState.SUSPENDED, "suspend")

    @use_case(policies.COMMUNITY_STEER, where="range")
    async def resume(self, change: ChangeState) -> Tenant:
        """Resume a suspended community (恢复)."""
        return await self._turn(change, TenantState.SUSPENDED, TenantState.ACTIVE, "resume")

    @use_case(policies.COMMUNITY_ARCHIVE, where="range")
    async def archive(self, change: ChangeState) -> Tenant:
        """Archive a suspended community for good: its data stays until its retention ends (归档)."""
        return await self._turn(change, TenantState.SUSPENDED, TenantState.ARCHIVED, "archive")

    async def _turn(self, change: ChangeState, since: TenantState, to: TenantState, step: str) -> Tenant:
        tenant = await self.work.load(Tenant, change.community_id, version=change.version)
        if tenant.state is not since:
            raise WrongState(state=tenant.state.value, step=step, allowed=since.value)
        tenant.state = to
        self.work.publish(events.CommunityStateChanged(community_id=str(tenant.id), state=to.value))
        return tenant


class Profiles(Service):
    """The profile of one community."""

    @use_case(policies.PROFILE_RECORD)
    async def record_figure(self, figure: RecordFigure) -> ProfileFigure:
        """Record a dated figure of the community's profile; older ones stay (登记概况指标)."""
        if not figure.value.is_finite() or abs(figure.value) >= LARGEST:
            raise Invalid(
                path="value", problem=Words(zh=f"须为小于{LARGEST}的数", en=f"a number below {LARGEST}")
            )
        row = ProfileFigure(
            indicator=figure.indicator,
            value=figure.value,
            unit=figure.unit,
            as_of=figure.as_of,
            source=figure.source,
            recorded_by=self.work.actor.account_id,
        )
        known = FigureKnown(path="indicator", indicator=figure.indicator, problem="")
        await add_unless_taken(self.work, row, known)
        return row
