"""Who holds which role where at this moment, with what it brings."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.api import Grant, Kernel, Permission, Powers, Role, RoleTable, Row, now, system_work
from gongzhi.tenants import models
from gongzhi.tenants.models import Account, Area, GrantRow, OwnRole
from gongzhi.tenants.roles import KnownRole, at_and_above, granted, grid_of, path_of, rows_of


@dataclass(frozen=True)
class Holding:
    """A grant that holds, with whose it is and where.

    :param grid: the grid that it is limited to, if it is.
    :param role: None where the role is gone.
    """

    id: UUID
    account_id: UUID
    login: str
    display_name: str
    area: Area
    grid: models.Grid | None
    grant: Grant
    role: Role | None
    powers: Powers
    reason: str
    valid_until: dt.datetime | None


async def holdings(session: AsyncSession, table: RoleTable, *where: ColumnElement[bool]) -> list[Holding]:
    """The grants of open accounts that hold now and meet these conditions, from the county down."""
    moment = now()
    query = (
        select(GrantRow, Account, Area, models.Grid)
        .join(Account, Account.id == GrantRow.account_id)
        .join(Area, Area.id == GrantRow.node_id)
        .outerjoin(models.Grid, models.Grid.id == GrantRow.grid_id)
        .where(
            GrantRow.valid_from <= moment,
            or_(GrantRow.valid_until.is_(None), GrantRow.valid_until > moment),
            Account.active.is_(True),
            *where,
        )
        .order_by(Area.path, GrantRow.grid_id.nulls_first(), GrantRow.role, GrantRow.id)
    )
    rows: Sequence[Any] = (await session.execute(query)).all()
    held = [(row.role, area.id, path_of(area.path, row.grid_id)) for row, _account, area, _grid in rows]
    grants = await granted(session, table, held)
    return [
        Holding(
            id=row.id,
            account_id=account.id,
            login=account.login,
            display_name=account.display_name,
            area=area,
            grid=grid,
            grant=grant,
            role=grant.held or table.roles.get(grant.role),
            powers=table.powers(grant.role) if grant.powers is None else grant.powers,
            reason=row.reason,
            valid_until=row.valid_until,
        )
        for (row, account, area, grid), grant in zip(rows, grants, strict=True)
    ]


def holding_of(row: GrantRow, account: Account, area: Area, known: KnownRole) -> Holding:
    """A grant that is being given, as it will be held."""
    return Holding(
        id=row.id,
        account_id=account.id,
        login=account.login,
        display_name=account.display_name,
        area=area,
        grid=None,
        grant=Grant(row.role, area.id, area.path),
        role=known.role,
        powers=known.powers,
        reason=row.reason,
        valid_until=row.valid_until,
    )


def reaching(path: str) -> ColumnElement[bool]:
    """The condition that a grant reaches this path."""
    grid = grid_of(path)
    nodes = Area.path.in_(at_and_above(path))
    here = GrantRow.grid_id.is_(None)
    return nodes & (here if grid is None else here | (GrantRow.grid_id == grid))


def together(held: Iterable[Holding]) -> Powers:
    """What these bring together."""
    powers = Powers()
    for one in held:
        powers = powers.with_(one.powers)
    return powers


def by_account(held: Iterable[Holding]) -> dict[UUID, list[Holding]]:
    """What each account holds of these."""
    found: dict[UUID, list[Holding]] = {}
    for one in held:
        found.setdefault(one.account_id, []).append(one)
    return found


async def who_can(kernel: Kernel, permission: Permission, path: str) -> list[Holding]:
    """The grants by which accounts may use this permission at this path; who is denied it is left out."""
    bit = kernel.roles.mask([permission.code])
    async with system_work(kernel) as work:
        held = await holdings(work.session, kernel.roles, reaching(path))
    able = {account for account, theirs in by_account(held).items() if together(theirs).left & bit}
    return [one for one in held if one.account_id in able and one.powers.allow & bit]


async def access_of(kernel: Kernel, account_id: UUID, path: str) -> list[Holding]:
    """What an account holds at this path, above it and beneath it."""
    async with system_work(kernel) as work:
        held = await holdings(work.session, kernel.roles, Account.id == account_id)
    return [one for one in held if one.grant.path.startswith(path) or path.startswith(one.grant.path)]


async def policy_rows(kernel: Kernel) -> list[Row]:
    """All rows of the policy as it is now; accounts by their ids, nodes by their paths."""
    async with system_work(kernel) as work:
        own = (await work.session.scalars(select(OwnRole).where(OwnRole.retired_at.is_(None)))).all()
        held = await holdings(work.session, kernel.roles)
    grants = [("g", str(one.account_id), one.grant.role, one.grant.path) for one in held]
    return [*kernel.roles.rows, *rows_of(own), *grants]
