"""Who sent a request: a session cookie or a bearer token turned into an actor, a scope, switched-on plugins."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.api import (
    Actor,
    Audit,
    Caller,
    Community,
    Credentials,
    Forbidden,
    Grant,
    Kernel,
    NotSignedIn,
    Range,
    RoleTable,
    Scope,
    ScopeUnknown,
    hash_token,
    now,
    system_work,
)
from gongzhi.tenants.models import (
    Account,
    ApiToken,
    Area,
    AreaCode,
    AreaLevel,
    GrantRow,
    Grid,
    PluginSwitch,
    SignInSession,
    Tenant,
    TenantState,
)
from gongzhi.tenants.roles import granted, grid_of, path_of

_CODE = re.compile(r"[0-9]{6,15}P?")
_GRID = re.compile(r"[0-9]{15}")
#: What the audit calls it when a token is used after its end.
_USED = "tenants.token.use"
#: A token's last use is written at most this often.
_TOUCH = timedelta(minutes=5)


class CsrfMissing(Forbidden):
    """A browser's request did not prove that it comes from our own page."""

    code = "CSRF_MISSING"
    zh = "请求缺少有效的 X-CSRF-Token，请刷新页面后重试"
    en = "The request lacks a valid X-CSRF-Token; reload the page and retry"
    top_level = True
    audited = False


class CommunitySuspended(ScopeUnknown):
    """The community is not open for work."""

    code = "COMMUNITY_NOT_ACTIVE"
    zh = "社区“{scope}”当前未启用，请联系县级运营员"
    en = "The community “{scope}” is not active; ask the county operator"
    audited = False


@dataclass(frozen=True)
class _Found:
    """An account or token that the credentials belong to.

    :param until: when it is something else by itself: a grant begins or ends, a session or token expires.
    """

    account_id: UUID | None
    token_id: UUID | None
    grants: tuple[Grant, ...]
    until: datetime
    only: frozenset[str] | None = None


class _TokenEnded(NotSignedIn):
    """A token of ours that has expired or was revoked; its node is told that somebody uses it."""

    def __init__(self, token: ApiToken) -> None:
        super().__init__()
        self.token = token


async def find_caller(kernel: Kernel, credentials: Credentials) -> Caller:
    """The caller behind these credentials; without any, nobody in no scope.

    :raises NotSignedIn: the cookie or token is unknown, expired or revoked.
    :raises CsrfMissing: a cookie came without the token that goes with it.
    :raises ScopeUnknown: the scope header names what no grant opens.
    """
    if credentials.bearer is None and credentials.session is None:
        return Caller(actor=Actor(roles=kernel.roles, language=credentials.language), scope=None)
    try:
        return await _look_up(kernel, credentials)
    except _TokenEnded as error:
        await _note_use(kernel, error.token)
        raise NotSignedIn from None


async def _note_use(kernel: Kernel, token: ApiToken) -> None:
    """Keep on record that a token was used after its end; once in a while, for whoever tries, tries again."""
    async with system_work(kernel, scope=await kernel.scope_of(token.node_id)) as work:
        told = (Audit.subject_id == token.id, Audit.action == _USED, Audit.at > now() - _TOUCH)
        query = select(Audit.id).where(*told).limit(1)
        if (await work.session.scalars(query)).first() is None:
            work.actor = Actor(roles=kernel.roles, token_id=token.id)
            work.audit(_USED, token, outcome=NotSignedIn.code)


async def _look_up(kernel: Kernel, credentials: Credentials) -> Caller:
    refused: ScopeUnknown | None = None
    async with system_work(kernel) as work:
        found = await _found(work.session, kernel.roles, credentials)
        actor = Actor(
            roles=kernel.roles,
            grants=found.grants,
            account_id=found.account_id,
            token_id=found.token_id,
            only=found.only,
            language=credentials.language,
        )
        try:
            scope = await _scope(work.session, actor, credentials.scope)
        except ScopeUnknown as error:
            refused = error
            work.actor = actor
            work.audit("tenants.scope.enter", outcome=error.code)
        else:
            switched_on = await _switched_on(work.session, scope)
    if refused is not None:
        raise refused
    about = (found.account_id, found.token_id, None if scope is None else scope.node)
    return Caller(
        actor=actor,
        scope=scope,
        switched_on=switched_on,
        epoch=work.epoch,
        subjects=frozenset(subject for subject in about if subject is not None),
        until=found.until,
    )


async def _found(session: AsyncSession, table: RoleTable, credentials: Credentials) -> _Found:
    if credentials.bearer is not None:
        return await _by_token(session, table, credentials.bearer)
    signed_in = await session_behind(session, str(credentials.session), credentials.csrf)
    grants, until = await grants_of(session, table, signed_in.account_id)
    return _Found(signed_in.account_id, None, grants, min([signed_in.expires_at, *until]))


async def _by_token(session: AsyncSession, table: RoleTable, bearer: str) -> _Found:
    query = (
        select(ApiToken, Area.path)
        .join(Area, Area.id == ApiToken.node_id)
        .where(ApiToken.token_hash == hash_token(bearer))
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotSignedIn
    token, path = row
    if token.revoked_at is not None or token.expires_at <= now():
        raise _TokenEnded(token)
    touched = token.last_used_at
    if touched is None or now() - touched > _TOUCH:
        touched = now()
        await session.execute(update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=touched))
    only = None if token.permissions is None else frozenset(token.permissions)
    until = min(token.expires_at, touched + _TOUCH)
    grants = await granted(session, table, [(token.role, token.node_id, path)])
    return _Found(None, token.id, grants, until, only)


async def session_behind(session: AsyncSession, cookie: str, csrf: str | None) -> SignInSession:
    """The open session of this cookie.

    :raises NotSignedIn: there is none, it has expired, or the account is closed.
    :raises CsrfMissing: the token that goes with it is missing or another's.
    """
    query = (
        select(SignInSession)
        .join(Account, Account.id == SignInSession.account_id)
        .where(
            SignInSession.token_hash == hash_token(cookie),
            SignInSession.expires_at > now(),
            Account.active.is_(True),
            or_(Account.signed_out_at.is_(None), SignInSession.created_at > Account.signed_out_at),
        )
    )
    found: SignInSession | None = (await session.scalars(query)).one_or_none()
    if found is None:
        raise NotSignedIn
    if csrf is None or hash_token(csrf) != found.csrf_hash:
        raise CsrfMissing(permission="X-CSRF-Token")
    return found


async def grants_of(
    session: AsyncSession, table: RoleTable, account_id: UUID
) -> tuple[tuple[Grant, ...], list[datetime]]:
    """(the grants of this account that hold at this moment, the moments at which that changes)."""
    moment = now()
    query = (
        select(
            GrantRow.role,
            GrantRow.node_id,
            GrantRow.grid_id,
            Area.path,
            GrantRow.valid_from,
            GrantRow.valid_until,
        )
        .join(Area, Area.id == GrantRow.node_id)
        .where(
            GrantRow.account_id == account_id,
            or_(GrantRow.valid_until.is_(None), GrantRow.valid_until > moment),
        )
    )
    rows = (await session.execute(query)).all()
    held = [
        (row.role, row.node_id, path_of(row.path, row.grid_id)) for row in rows if row.valid_from <= moment
    ]
    turns = [row.valid_from for row in rows if row.valid_from > moment]
    return await granted(session, table, held), turns + [
        row.valid_until for row in rows if row.valid_until is not None
    ]


async def find_area(session: AsyncSession, named: str) -> Area | None:
    """The area with this code, past or present, or this id; one statement, whatever there is to find."""
    if not _CODE.fullmatch(named):
        try:
            return await session.get(Area, UUID(named))
        except ValueError:
            return None
    once = select(AreaCode.area_id).where(AreaCode.code == named).order_by(AreaCode.valid_from.desc())
    query = (
        select(Area)
        .where(or_(Area.code == named, Area.id == once.limit(1).scalar_subquery()))
        .order_by(Area.code.is_not_distinct_from(named).desc())
        .limit(1)
    )
    found: Area | None = (await session.scalars(query)).one_or_none()
    return found


async def _scope(session: AsyncSession, actor: Actor, named: str | None) -> Scope | None:
    """The scope that was named, or the only one the grants leave."""
    grid = None
    if named is None:
        places = {(grant.node_id, grid_of(grant.path)) for grant in actor.grants}
        if len(places) != 1:
            return None
        [(node, grid)] = places
        area = await session.get(Area, node)
    else:
        area = await find_area(session, named.strip())
        if area is None or not actor.holds(area.path):
            # Asked also where there is such an area, so that a stranger can't tell by the time it takes.
            area, grid = await _find_grid(session, named.strip())
    if area is None or not actor.holds(path_of(area.path, grid)):
        raise ScopeUnknown(scope=(named or "")[:40])
    if area.level is not AreaLevel.COMMUNITY:
        return Range(area.id, area.path)
    tenant = await session.get(Tenant, area.id)
    if tenant is None or tenant.state is not TenantState.ACTIVE:
        raise CommunitySuspended(scope=(named or area.code or "")[:40])
    return Community(area.id, area.path, grid)


async def _find_grid(session: AsyncSession, named: str) -> tuple[Area | None, UUID | None]:
    """(the community, the grid) of this code or id."""
    try:
        wanted = Grid.code == named if _GRID.fullmatch(named) else Grid.id == UUID(named)
    except ValueError:
        return None, None
    query = select(Area, Grid.id).join(Grid, Grid.tenant_id == Area.id).where(wanted)
    found = (await session.execute(query)).one_or_none()
    return (None, None) if found is None else (found[0], found[1])


async def _switched_on(session: AsyncSession, scope: Scope | None) -> frozenset[str] | None:
    return await switched_on(session, scope.tenant) if isinstance(scope, Community) else None


async def switched_on(session: AsyncSession, tenant: UUID) -> frozenset[str]:
    """The plugins this community has switched on."""
    query = select(PluginSwitch.plugin).where(PluginSwitch.tenant_id == tenant, PluginSwitch.on.is_(True))
    return frozenset((await session.scalars(query)).all())


async def lost_switches(kernel: Kernel) -> str | None:
    """The plugins that communities have switched on and that are gone or broken; None where there are none."""
    query = (
        select(PluginSwitch.plugin)
        .where(PluginSwitch.on.is_(True), PluginSwitch.plugin.not_in(list(kernel.plugins.cards)))
        .distinct()
        .order_by(PluginSwitch.plugin)
    )
    async with system_work(kernel) as work:
        lost = (await work.session.scalars(query)).all()
    return f"switched on and not installed: {', '.join(lost)}" if lost else None
