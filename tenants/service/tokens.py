"""Tokens of other systems: bound to a node, limited to permissions, never without an end."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from gongzhi.core.api import (
    Input,
    Invalid,
    NotFound,
    Words,
    hash_token,
    new_token,
    ref,
    system_work,
    told,
    use_case,
)
from gongzhi.tenants import policies
from gongzhi.tenants.models import ApiToken
from gongzhi.tenants.roles import role_called
from gongzhi.tenants.service.giving import Giving


class TokenPermissionUnknown(Invalid):
    """A token is limited to some of its role's permissions; one that could do nothing is not made."""

    code = "TOKEN_PERMISSION_UNKNOWN"
    zh = "角色“{role}”没有此项权限：{unknown}；可选：{allowed}"
    en = "The role “{role}” has no permission {unknown}; it has: {allowed}"


class IssueToken(Input, frozen=True, kw_only=True):
    """A token for a system that works with the platform (对接令牌)."""

    label: Annotated[str, told("What it is for (用途).", min_length=1, max_length=60)]
    role: Annotated[str, told("What it may do at most (角色).", min_length=2, max_length=60)] = "integrator"
    permissions: (
        Annotated[list[str], told("Which of the role's permissions; all unless told (权限).", max_length=200)]
        | None
    ) = None
    days: Annotated[int, told("For how many days (有效天数).", ge=1, le=730)] = 365
    node_id: Annotated[UUID, ref("Area", "Where; the scope's own node unless told (辖区).")] | None = None


class RotateToken(Input, frozen=True):
    """A token that another takes the place of (轮换令牌)."""

    token_id: Annotated[UUID, ref("ApiToken", "Which token (令牌).")]
    overlap_hours: Annotated[
        int, told("How long the old one still works (新旧并用小时数).", ge=0, le=720)
    ] = 24


class RevokeToken(Input, frozen=True):
    """A token that ends now (吊销令牌)."""

    token_id: Annotated[UUID, ref("ApiToken", "Which token (令牌).")]


class Tokens(Giving):
    """The tokens of one's own area."""

    @use_case(policies.TOKEN_ISSUE, where="anywhere")
    async def issue(self, issued: IssueToken) -> ApiToken:
        """Issue a token; it is told once, and only its hash is kept (签发令牌)."""
        area = await self._area(issued.node_id)
        known = await self.role_at(issued.role, area)
        self._check_may_give(known, area.path)
        allowed = self.table.codes(known.powers.left)
        limited = None if issued.permissions is None else sorted(set(issued.permissions))
        unknown = [code for code in limited or () if code not in allowed]
        if unknown or limited == []:
            raise TokenPermissionUnknown(
                path="permissions",
                unknown=", ".join(unknown) or "-",
                role=issued.role,
                allowed=", ".join(sorted(allowed)),
                problem="",
            )
        token = ApiToken(
            label=issued.label,
            node_id=area.id,
            role=issued.role,
            permissions=limited,
            expires_at=self.work.at + dt.timedelta(days=issued.days),
        )
        return self._told_once(token)

    @use_case(policies.TOKEN_ISSUE, where="anywhere")
    async def rotate(self, rotated: RotateToken) -> ApiToken:
        """Issue a token that may do the same for as long; the old one ends after the overlap (轮换令牌)."""
        old = await self._open(rotated.token_id)
        await self.role_at(old.role, await self._area(old.node_id))
        token = ApiToken(
            label=old.label,
            node_id=old.node_id,
            role=old.role,
            permissions=old.permissions,
            expires_at=self.work.at + (old.expires_at - old.created_at),
        )
        old.expires_at = min(old.expires_at, self.work.at + dt.timedelta(hours=rotated.overlap_hours))
        return self._told_once(token)

    @use_case(policies.TOKEN_ISSUE, where="anywhere")
    async def withdraw(self, revoked: RevokeToken) -> ApiToken:
        """Revoke a token; it ends at this moment (吊销令牌)."""
        token = await self._open(revoked.token_id)
        token.revoked_at = self.work.at
        return token

    async def _open(self, token_id: UUID) -> ApiToken:
        token = await self.work.load(ApiToken, token_id)
        area = await self._area(token.node_id)
        if token.revoked_at is not None or token.expires_at <= self.work.at:
            raise NotFound(what=Words(zh="有效的令牌", en="token that works"))
        async with system_work(self.work.kernel) as system:
            known = await role_called(system.session, self.table, token.role)
        if known is not None:
            self._check_may_give(known, area.path)
        return token

    def _told_once(self, token: ApiToken) -> ApiToken:
        secret = new_token("gz_")
        token.token_hash = hash_token(secret)
        token.created_by = self.work.actor.account_id
        self.session.add(token)
        self.work.once["secret"] = secret
        return token
