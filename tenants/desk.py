"""What an operator does at the server's own command line: accounts, grants, tokens, switches, states."""

import re
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.api import (
    Community,
    Kernel,
    NotFound,
    Range,
    Scope,
    UnitOfWork,
    Words,
    now,
    system_work,
    unit_of_work,
)
from gongzhi.tenants.callers import find_area
from gongzhi.tenants.models import (
    Account,
    ApiToken,
    Area,
    AreaLevel,
    Credential,
    GrantRow,
    Grid,
    PluginSwitch,
    SignInSession,
    Tenant,
)
from gongzhi.tenants.passwords import hash_password
from gongzhi.tenants.service.accounts import LoginTaken, LoginUnfit, account_called
from gongzhi.tenants.service.communities import ChangeState, Communities
from gongzhi.tenants.service.grants import GiveRole, Grants, RevokeRole
from gongzhi.tenants.service.switches import Plugins, SwitchPlugin
from gongzhi.tenants.service.taken import add_unless_taken
from gongzhi.tenants.service.tokens import IssueToken, RevokeToken, Tokens
from gongzhi.tenants.sign_in import LOGIN

_GRID = re.compile(r"[0-9]{15}")

#: How a community's life on the platform turns.
Turn = Literal["suspend", "resume", "archive"]


@dataclass(frozen=True)
class MadeAccount:
    """A new account; the password only where it was made here."""

    login: str
    password: str | None


async def area_at(session: AsyncSession, code: str) -> Area:
    """The area with this code.

    :raises NotFound: there is none.
    """
    area = await find_area(session, code)
    if area is None:
        raise NotFound(what=Words(zh=f"辖区 {code}", en=f"area {code}"))
    return area


async def scope_at(kernel: Kernel, code: str) -> Scope:
    """The scope of the node with this code."""
    async with system_work(kernel) as work:
        area = await area_at(work.session, code)
    return Community(area.id, area.path) if area.level is AreaLevel.COMMUNITY else Range(area.id, area.path)


async def create_account(
    kernel: Kernel, login: str, display_name: str, *, password: str | None = None
) -> MadeAccount:
    """Create an account; without a password one is made.

    :raises LoginUnfit: the login is spelt otherwise than logins are.
    :raises LoginTaken: somebody has it.
    """
    if not LOGIN.fullmatch(login):
        raise LoginUnfit(path="login", problem="")
    made = password or secrets.token_urlsafe(12)
    account = Account(login=login, display_name=display_name)
    hashed = hash_password(made)
    async with system_work(kernel) as work:
        await add_unless_taken(work, account, LoginTaken(path="login", login=login, problem=""))
        work.session.add(Credential(account_id=account.id, password_hash=hashed))
        work.audit("tenants.account.create", account)
    return MadeAccount(login, None if password else made)


async def set_password(kernel: Kernel, login: str, password: str) -> None:
    """Give an account another password; whoever signed in with the old one is signed out."""
    hashed = hash_password(password)
    async with system_work(kernel) as work:
        account = await _account(work.session, login)
        await work.session.merge(Credential(account_id=account.id, password_hash=hashed, set_at=now()))
        await work.session.execute(delete(SignInSession).where(SignInSession.account_id == account.id))
        work.audit("tenants.account.set_password", account)


async def set_active(kernel: Kernel, login: str, *, active: bool) -> None:
    """Close an account, or open it again; closing signs it out everywhere."""
    async with system_work(kernel) as work:
        account = await _account(work.session, login)
        account.active = active
        if not active:
            await work.session.execute(delete(SignInSession).where(SignInSession.account_id == account.id))
        work.audit(f"tenants.account.{'open' if active else 'close'}", account)


async def _account(session: AsyncSession, login: str) -> Account:
    account = (await session.scalars(select(Account).where(Account.login == login))).one_or_none()
    if account is None:
        raise NotFound(what=Words(zh=f"账号 {login}", en=f"account {login}"))
    return account


@asynccontextmanager
async def _at(kernel: Kernel, code: str) -> AsyncIterator[UnitOfWork]:
    """Work at the node with this code, as the operator of the server."""
    async with unit_of_work(kernel, await scope_at(kernel, code), kernel.robot("desk")) as work:
        yield work


def _community_of(code: str) -> str:
    """The code of the community that a grid's code begins with; any other code is its own."""
    return code[:12] if _GRID.fullmatch(code) else code


async def _grid(work: UnitOfWork, code: str) -> UUID | None:
    """The id of the grid with this code; None where it is none's.

    :raises NotFound: it looks like a grid's, and there is none.
    """
    if not _GRID.fullmatch(code):
        return None
    found: UUID | None = (await work.session.scalars(select(Grid.id).where(Grid.code == code))).one_or_none()
    if found is None:
        raise NotFound(what=Words(zh=f"网格 {code}", en=f"grid {code}"))
    return found


async def grant(
    kernel: Kernel, login: str, role: str, code: str, *, reason: str, days: int | None = None
) -> None:
    """Give an account a role at a node; giving it again changes its end and reason.

    :param code: a node's code, or the fifteen digits of a grid.
    :raises RoleUnfit: the role is not held at such a node, or the community's blueprint does not offer it.
    """
    until = None if days is None else now() + timedelta(days=days)
    async with _at(kernel, _community_of(code)) as work:
        given = GiveRole(
            login=login, role=role, grid_id=await _grid(work, code), valid_until=until, reason=reason
        )
        await Grants(work).give(given)


async def revoke_grant(kernel: Kernel, login: str, role: str, code: str) -> None:
    """End a role of an account at a node at this moment.

    :raises NotFound: it is not held there.
    """
    async with _at(kernel, _community_of(code)) as work:
        account_id = (await account_called(kernel, login)).id
        grid_id = await _grid(work, code)
        held = (
            GrantRow.account_id == account_id,
            GrantRow.node_id == work.stream,
            GrantRow.role == role,
            GrantRow.grid_id.is_not_distinct_from(grid_id),
        )
        grant_id = (await work.session.scalars(select(GrantRow.id).where(*held))).one_or_none()
        if grant_id is None:
            raise NotFound(what=Words(zh=f"授权 {role}", en=f"grant {role}"))
        await Grants(work).revoke(RevokeRole(grant_id=grant_id, reason="由服务器命令行收回"))


async def create_token(
    kernel: Kernel,
    code: str,
    *,
    label: str,
    role: str = "integrator",
    days: int = 365,
    permissions: Collection[str] | None = None,
) -> str:
    """Make a token bound to a node; only its hash is kept.

    :param permissions: what of the role's permissions the token is limited to; None for all of them.
    :raises RoleUnfit: no role is called so, or it is not held at such a node.
    :raises TokenPermissionUnknown: the role does not allow one of them.
    """
    limited = None if permissions is None else list(permissions)
    async with _at(kernel, code) as work:
        await Tokens(work).issue(IssueToken(label=label, role=role, days=days, permissions=limited))
        return work.once["secret"]


async def revoke_tokens(kernel: Kernel, code: str, label: str) -> int:
    """Revoke the tokens of this label at a node; answers how many."""
    async with _at(kernel, code) as work:
        working = (
            ApiToken.node_id == work.stream,
            ApiToken.label == label,
            ApiToken.revoked_at.is_(None),
            ApiToken.expires_at > now(),
        )
        ids = (await work.session.scalars(select(ApiToken.id).where(*working))).all()
        for token_id in ids:
            await Tokens(work).withdraw(RevokeToken(token_id=token_id))
    return len(ids)


async def switch_plugin(kernel: Kernel, code: str, plugin: str, turn: str) -> None:
    """Switch a plugin on or off in a community, as the operator of the server."""
    async with _at(kernel, code) as work:
        switches = Plugins(work)
        switch = SwitchPlugin(plugin=plugin)
        await (switches.enable(switch) if turn == "enable" else switches.disable(switch))


async def turn_community(kernel: Kernel, code: str, turn: Turn) -> None:
    """Suspend, resume or archive a community, as the operator of the server."""
    async with system_work(kernel) as work:
        area = await area_at(work.session, code)
        tenant = await work.load(Tenant, area.id)
    async with unit_of_work(kernel, Range(area.id, area.path), kernel.robot("desk")) as work:
        change = ChangeState(community_id=tenant.id, version=tenant.version)
        await getattr(Communities(work), turn)(change)


async def list_communities(kernel: Kernel, under: str | None) -> list[tuple[str, str, str, str]]:
    """Code, name, state and switched-on plugins of the communities beneath a code, in the tree's order."""
    async with system_work(kernel) as work:
        query = select(Area, Tenant).join(Tenant, Tenant.id == Area.id).order_by(Area.path)
        if under is not None:
            top = await area_at(work.session, under)
            beneath = Range(top.id, top.path)
            query = query.where(Area.path >= beneath.lo, Area.path < beneath.hi)
        rows = (await work.session.execute(query)).all()
        on: dict[object, list[str]] = {}
        switches = select(PluginSwitch.tenant_id, PluginSwitch.plugin).where(PluginSwitch.on.is_(True))
        for tenant_id, name in await work.session.execute(switches):
            on.setdefault(tenant_id, []).append(name)
    return [
        (area.code or "", area.name, tenant.state.value, ", ".join(sorted(on.get(area.id, []))) or "-")
        for area, tenant in rows
    ]
