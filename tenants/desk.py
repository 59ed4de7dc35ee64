"""What an operator does at the server's own command line: accounts, grants, tokens, switches, states."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.api import (
    Community,
    Invalid,
    Kernel,
    Level,
    NotFound,
    Range,
    Scope,
    Words,
    hash_token,
    new_token,
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
    GrantRow,
    PluginSwitch,
    SignInSession,
    Tenant,
)
from gongzhi.tenants.passwords import hash_password
from gongzhi.tenants.service.communities import ChangeState, Communities
from gongzhi.tenants.service.switches import Plugins, SwitchPlugin
from gongzhi.tenants.service.taken import add_unless_taken
from gongzhi.tenants.sign_in import LOGIN

#: How a community's life on the platform turns.
Turn = Literal["suspend", "resume", "archive"]

#: The nodes at which a role of a level is held.
_HELD_AT = {
    Level.COUNTY: (AreaLevel.COUNTY,),
    Level.STREET: (AreaLevel.COUNTY, AreaLevel.STREET, AreaLevel.AREA),
    Level.COMMUNITY: (AreaLevel.COMMUNITY,),
    Level.GRID: (AreaLevel.COMMUNITY,),
    Level.PLATFORM: (),
}


class LoginUnfit(Invalid):
    """A login has three to forty small letters, digits, dots, dashes."""

    code = "ACCOUNT_LOGIN_UNFIT"
    zh = "账号须为3至40位小写字母、数字、点、横线或下划线"
    en = "A login has 3 to 40 small letters, digits, dots, dashes or underscores"


class LoginTaken(Invalid):
    """There is an account of this login."""

    code = "ACCOUNT_LOGIN_TAKEN"
    zh = "账号“{login}”已存在"
    en = "There is an account “{login}” already"


class RoleUnfit(Invalid):
    """The role is unknown, not held at such a node, or not offered there."""

    code = "GRANT_ROLE_UNFIT"
    zh = "角色“{role}”不能在此辖区授予；可选：{roles}"
    en = "The role “{role}” can't be given at this node; possible: {roles}"


class PermissionUnknown(Invalid):
    """A token is limited to some of its role's permissions; one that could do nothing is not made."""

    code = "TOKEN_PERMISSION_UNKNOWN"
    zh = "角色“{role}”没有此项权限：{unknown}；可选：{allowed}"
    en = "The role “{role}” has no permission {unknown}; it has: {allowed}"


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
    account = Account(login=login, display_name=display_name, password_hash=hash_password(made))
    async with system_work(kernel) as work:
        await add_unless_taken(work, account, LoginTaken(path="login", login=login, problem=""))
        work.audit("tenants.account.create", account)
    return MadeAccount(login, None if password else made)


async def set_password(kernel: Kernel, login: str, password: str) -> None:
    """Give an account another password; whoever signed in with the old one is signed out."""
    hashed = hash_password(password)
    async with system_work(kernel) as work:
        account = await _account(work.session, login)
        account.password_hash = hashed
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


async def grant(
    kernel: Kernel, login: str, role: str, code: str, *, reason: str, days: int | None = None
) -> None:
    """Give an account a role at a node; giving it again changes its end and reason.

    :raises RoleUnfit: the role is not held at such a node, or the community's blueprint does not offer it.
    """
    scope = await scope_at(kernel, code)
    async with system_work(kernel, scope=scope) as work:
        account = await _account(work.session, login)
        await _check_role(kernel, work.session, role, scope)
        row = await _grant_row(work.session, account, role, scope)
        if row is None:
            row = GrantRow(account_id=account.id, node_id=scope.node, role=role)
            work.session.add(row)
        elif row.valid_until is not None and row.valid_until <= now():
            row.valid_from = now()
        row.reason = reason
        row.valid_until = None if days is None else now() + timedelta(days=days)
        await work.flush()
        work.audit("tenants.grant.give", row, fields=("role",))


async def revoke_grant(kernel: Kernel, login: str, role: str, code: str) -> None:
    """End a role of an account at a node at this moment.

    :raises NotFound: it is not held there.
    """
    scope = await scope_at(kernel, code)
    async with system_work(kernel, scope=scope) as work:
        account = await _account(work.session, login)
        row = await _grant_row(work.session, account, role, scope)
        if row is None or (row.valid_until is not None and row.valid_until <= now()):
            raise NotFound(what=Words(zh=f"授权 {role}", en=f"grant {role}"))
        row.valid_until = now()
        work.audit("tenants.grant.revoke", row, fields=("role",))


async def _grant_row(session: AsyncSession, account: Account, role: str, scope: Scope) -> GrantRow | None:
    query = select(GrantRow).where(
        GrantRow.account_id == account.id, GrantRow.node_id == scope.node, GrantRow.role == role
    )
    found: GrantRow | None = (await session.scalars(query)).one_or_none()
    return found


async def _check_role(kernel: Kernel, session: AsyncSession, role: str, scope: Scope) -> None:
    level = (await session.scalars(select(Area.level).where(Area.id == scope.node))).one()
    roles = kernel.roles.roles.values()
    offered = {known.code for known in roles if known.anywhere or level in _HELD_AT[known.level]}
    tenant = await session.get(Tenant, scope.node)
    if tenant is not None and tenant.roles:
        offered &= {*tenant.roles, *(known.code for known in roles if known.anywhere)}
    if role not in offered:
        raise RoleUnfit(path="role", role=role, roles=", ".join(sorted(offered)) or "-", problem="")


def _check_permissions(kernel: Kernel, role: str, permissions: Collection[str] | None) -> None:
    """A token's permissions are some of its role's; one that could do nothing is not made."""
    allowed = kernel.roles.allowed(role)
    if unknown := sorted(set(permissions or ()) - allowed):
        raise PermissionUnknown(
            path="permissions",
            unknown=", ".join(unknown),
            role=role,
            allowed=", ".join(sorted(allowed)),
            problem="",
        )


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
    :raises PermissionUnknown: the role does not allow one of them.
    """
    scope = await scope_at(kernel, code)
    token = new_token("gz_")
    async with system_work(kernel, scope=scope) as work:
        await _check_role(kernel, work.session, role, scope)
        _check_permissions(kernel, role, permissions)
        row = ApiToken(
            label=label,
            token_hash=hash_token(token),
            node_id=scope.node,
            role=role,
            permissions=None if permissions is None else sorted(permissions),
            expires_at=now() + timedelta(days=days),
        )
        work.session.add(row)
        await work.flush()
        work.audit("tenants.token.create", row, fields=("role", "permissions"))
    return token


async def revoke_tokens(kernel: Kernel, code: str, label: str) -> int:
    """Revoke the tokens of this label at a node; answers how many."""
    scope = await scope_at(kernel, code)
    async with system_work(kernel, scope=scope) as work:
        revoking = (
            update(ApiToken)
            .where(ApiToken.node_id == scope.node, ApiToken.label == label, ApiToken.revoked_at.is_(None))
            .values(revoked_at=now())
            .returning(ApiToken.id)
        )
        revoked = (await work.session.scalars(revoking)).all()
        work.audit("tenants.token.revoke")
    return len(revoked)


async def switch_plugin(kernel: Kernel, code: str, plugin: str, turn: str) -> None:
    """Switch a plugin on or off in a community, as the operator of the server."""
    scope = await scope_at(kernel, code)
    async with unit_of_work(kernel, scope, kernel.robot("desk")) as work:
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
