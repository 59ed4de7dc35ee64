"""What clients see of accounts, roles, grants and tokens, and the reasons behind every answer."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry

from gongzhi.core.api import (
    STEP,
    Argument,
    Caller,
    Community,
    Equals,
    Invalid,
    Kernel,
    Level,
    Node,
    Order,
    Permission,
    Role,
    Scope,
    Words,
    answered,
    column,
    item,
    listing,
    many,
    mutation,
    of_caller,
    one,
    parse_global_id,
    reads,
    step,
)
from gongzhi.tenants import models, policies
from gongzhi.tenants.access import holdings as held
from gongzhi.tenants.access import preview as previewing
from gongzhi.tenants.access import reasons
from gongzhi.tenants.access.answers import (
    AccessGrant,
    AccessOffer,
    AccessPage,
    AccessPlace,
    AccessReasons,
    BuiltInRole,
    GrantPreview,
    OpenedKind,
    PermissionInfo,
    SeparatedDuties,
)
from gongzhi.tenants.graphql import Area
from gongzhi.tenants.graphql import Grid as GridType
from gongzhi.tenants.roles import KnownRole, held_at, known_permissions, may_give
from gongzhi.tenants.service.accounts import Accounts
from gongzhi.tenants.service.grants import Grants
from gongzhi.tenants.service.own_roles import OwnRoles
from gongzhi.tenants.service.tokens import Tokens

#: How many holders or grants a page shows unless told, and at most.
_PAGE, _MOST = 50, 500


@reads(
    models.GrantRow,
    permission=policies.GRANT_READ,
    filters=(Equals("role"),),
    orders=(Order("NEWEST", "id", descending=True), Order("OLDEST", "id")),
)
class Grant(Node):
    """A role that an account holds at a node, who gave it and why (授权)."""

    role: str = column("The role's code (角色代码).")
    valid_from: dt.datetime = column("From when on (起).")
    valid_until: dt.datetime | None = column("Until when; null for good (止).")
    reason: str = column("Why (事由).")
    area: Area | None = one("node_id", "Where it is held (辖区).")
    grid: GridType | None = one("grid_id", "The grid it is limited to, if it is (限定网格).")
    account: Annotated["Account", strawberry.lazy("gongzhi.tenants.access.graphql")] | None = one(
        "account_id", "Whose it is, where this area opened the account (账号)."
    )


@reads(
    models.Account,
    permission=policies.GRANT_READ,
    filters=(Equals("login"), Equals("active")),
    orders=(Order("LOGIN", "login"), Order("NEWEST", "id", descending=True)),
)
class Account(Node):
    """Somebody who signs in (账号)."""

    login: str = column("The sign-in name (登录名).")
    display_name: str = column("The name colleagues know (姓名).")
    active: bool = column("Open, not closed (启用).")
    created_at: dt.datetime = column("When it was opened (开设时间).")
    version: int = column("Goes up with every change (版本号).")
    area: Area | None = one("node_id", "Who looks after it (所属辖区).")
    grants: list[Grant] = many("account_id", "The roles given here (授权).")


@reads(models.ApiToken, permission=policies.GRANT_READ, filters=(Equals("label"), Equals("role")))
class ApiToken(Node):
    """A token of another system; the secret itself is nowhere (对接令牌)."""

    label: str = column("What it is for (用途).")
    role: str = column("What it may do at most (角色).")
    permissions: list[str] | None = column("What it is limited to; null for all of the role (权限范围).")
    created_at: dt.datetime = column("When it was issued (签发时间).")
    expires_at: dt.datetime = column("When it ends (到期时间).")
    revoked_at: dt.datetime | None = column("When it was revoked, if it was (吊销时间).")
    last_used_at: dt.datetime | None = column("When it was last used, to five minutes (最近使用).")
    area: Area | None = one("node_id", "Where it works (辖区).")


@reads(models.OwnRole, permission=policies.GRANT_READ, filters=(Equals("level"),))
class OwnRole(Node):
    """A role that the node made for its own people (自定义角色)."""

    name: str = column("What people call it (名称).")
    level: Level = column("The level at which it is held (层级).")
    code: str = step(
        lambda row, _kernel: f"{models.OWN}{row.id}", "What grants call it (代码).", needs=("id",)
    )
    allowed: list[str] = column("What it allows (允许的权限).")
    denied: list[str] = column("What it takes away (禁止的权限).")
    included: list[str] = column("Roles whose permissions it brings (包含的角色).")
    retired_at: dt.datetime | None = column("When it was retired, if it was (停用时间).")
    version: int = column("Goes up with every change (版本号).")


def _id_of(given: str, kind: str, path: str) -> UUID:
    """:raises Invalid: it is the id of something else."""
    name, row_id = parse_global_id(given, path=path)
    if name != kind:
        problem = Words(zh=f"须为 {kind} 的编号", en=f"an id of a {kind} is wanted")
        raise Invalid(path=path, problem=problem)
    return row_id


def _known(kernel: Kernel, code: str) -> Permission:
    """:raises PermissionUnknown: there is none of this code."""
    [found] = known_permissions(kernel.roles, [code], path="permission")
    return found


async def _explain(
    kernel: Kernel, caller: Caller, *, account_id: str, permission: str, object_id: str | None
) -> AccessReasons:
    found = await reasons.explain(
        kernel,
        caller,
        account_id=_id_of(account_id, "Account", "accountId"),
        permission=_known(kernel, permission),
        place=await reasons.place_of(kernel, caller, object_id),
    )
    return AccessReasons(
        allowed=found.allowed,
        place=AccessPlace.of(found.area),
        chain=[AccessGrant.of(kernel, one) for one in found.chain],
        denials=[AccessGrant.of(kernel, one) for one in found.denials],
        offers=[AccessOffer.of(kernel, one) for one in found.offers],
        switched_off=found.switched_off,
    )


async def _who_can(
    kernel: Kernel,
    caller: Caller,
    *,
    permission: str,
    node_id: str | None,
    first: int | None,
    after: str | None,
) -> AccessPage:
    known = _known(kernel, permission)
    place = await reasons.place_of(kernel, caller, node_id)
    return _page(kernel, await held.who_can(kernel, known, place.path), first, after)


async def _access_of(
    kernel: Kernel, caller: Caller, *, account_id: str, first: int | None, after: str | None
) -> AccessPage:
    scope = caller.scope
    assert scope is not None
    wanted = _id_of(account_id, "Account", "accountId")
    return _page(kernel, await held.access_of(kernel, wanted, scope.reach), first, after)


def _page(kernel: Kernel, found: Sequence[held.Holding], first: int | None, after: str | None) -> AccessPage:
    """:raises Invalid: more is asked for than a page shows, or the cursor is none of ours."""
    many_ = _PAGE if first is None else first
    if not 1 <= many_ <= _MOST:
        raise Invalid(path="first", problem=Words(zh=f"须为1至{_MOST}", en=f"1 to {_MOST}"))
    ids = [str(one.id) for one in found]
    if after is not None and after not in ids:
        raise Invalid(path="after", problem=Words(zh="游标无效，请重新查询", en="no such place; ask again"))
    start = 0 if after is None else ids.index(after) + 1
    shown = found[start : start + many_]
    return AccessPage(
        nodes=[AccessGrant.of(kernel, one) for one in shown],
        total_count=len(found),
        end_cursor=ids[start + many_ - 1] if start + many_ < len(found) else None,
    )


async def _preview(
    kernel: Kernel, caller: Caller, *, role: str, node_id: str | None, account_id: str | None
) -> GrantPreview:
    area = (await reasons.place_of(kernel, caller, node_id)).area
    account = None if account_id is None else _id_of(account_id, "Account", "accountId")
    found = await previewing.preview(kernel, caller, account_id=account, role=role, node=area)
    language = caller.actor.language
    return GrantPreview(
        place=AccessPlace.of(found.area),
        nodes=found.nodes,
        permissions=[permission.code for permission in found.permissions],
        opened=[OpenedKind(kind=one.reading.name, rows=one.rows) for one in found.opened],
        conflicts=[
            SeparatedDuties(first=pair.first.code, second=pair.second.code, why=getattr(pair.words, language))
            for pair in found.conflicts
        ],
    )


def _level_of(scope: Scope | None) -> models.AreaLevel:
    """The level of a scope's node, as far as roles are held there."""
    if isinstance(scope, Community):
        return models.AreaLevel.COMMUNITY
    county = scope is None or scope.path.count(STEP) == 1
    return models.AreaLevel.COUNTY if county else models.AreaLevel.STREET


def _roles(caller: Caller) -> list[BuiltInRole]:
    """About what anybody signed in may know."""
    actor = caller.actor
    _ = actor.caller_id
    path = caller.scope.reach if caller.scope else ""
    giving = caller.scope is not None and actor.may(policies.GRANT_GIVE, path)
    level = _level_of(caller.scope)

    def told(role: Role) -> BuiltInRole:
        powers = actor.roles.powers(role.code)
        return BuiltInRole(
            code=role.code,
            zh=role.zh,
            en=role.en,
            level=role.level,
            permissions=sorted(actor.roles.codes(powers.left)),
            may_give=giving and held_at(role, level) and may_give(actor, KnownRole(role, powers), path),
        )

    return [told(role) for role in actor.roles.roles.values()]


def _permissions(caller: Caller) -> list[PermissionInfo]:
    """About what anybody signed in may know."""
    _ = caller.actor.caller_id
    known: Any = caller.actor.roles.permissions
    return [PermissionInfo(code=one.code, zh=one.zh, en=one.en) for _code, one in sorted(known.items())]


_ACCOUNT = Argument(strawberry.ID, "Which account (账号).")
_PERMISSION = Argument(str, "Which permission, such as mediation.case:read (权限代码).")
_NODE = Argument(strawberry.ID | None, "At which node; the scope's own unless told (辖区).", None)
_FIRST = Argument(int | None, "The first so many, 50 unless told, up to 500 (前几条).", None)
_AFTER = Argument(str | None, "After this cursor (在此游标之后).", None)


class AccessQuery:
    """What may be asked about who may do what."""

    account = item(Account, "An account by its id (账号).")
    accounts = listing(Account, "The accounts that the scope's nodes opened (账号列表).")
    grant = item(Grant, "A grant by its id (授权).")
    grants = listing(Grant, "The grants of the scope (授权列表).")
    api_tokens = listing(ApiToken, "The tokens of the scope (令牌列表).")
    own_roles = listing(OwnRole, "The roles that the scope's nodes made (自定义角色列表).")
    built_in_roles = of_caller(_roles, list[BuiltInRole] | None, "All built-in roles (内置角色列表).")
    permissions = of_caller(_permissions, list[PermissionInfo] | None, "All permissions (权限列表).")
    explain_access = answered(
        _explain,
        AccessReasons | None,
        "Why an account may do something with an object, or what it lacks (权限说明).",
        arguments={
            "account_id": _ACCOUNT,
            "permission": _PERMISSION,
            "object_id": Argument(
                strawberry.ID | None, "With which object; the scope's node unless told (对象).", None
            ),
        },
        needs=policies.GRANT_READ,
    )
    who_can = answered(
        _who_can,
        AccessPage | None,
        "Everybody who may do something at a node, by which grant (谁可以).",
        arguments={"permission": _PERMISSION, "node_id": _NODE, "first": _FIRST, "after": _AFTER},
        needs=policies.GRANT_READ,
    )
    access_of = answered(
        _access_of,
        AccessPage | None,
        "All that an account holds in the scope, beneath and above it (账号的授权).",
        arguments={"account_id": _ACCOUNT, "first": _FIRST, "after": _AFTER},
        needs=policies.GRANT_READ,
    )
    preview_grant = answered(
        _preview,
        GrantPreview | None,
        "What giving a role would open: nodes, and rows by kind (授权预览).",
        arguments={
            "role": Argument(str, "The role's code (角色代码)."),
            "node_id": _NODE,
            "account_id": Argument(
                strawberry.ID | None, "For this account; for a new one unless told (账号).", None
            ),
        },
        needs=policies.GRANT_READ,
    )


_TOLD_ONCE = "The token itself, told this once; null when the mutation is repeated (令牌原文，仅显示一次)."
_CODE = "With it the owner sets a password within seven days; told this once (激活码，仅显示一次)."


class AccessMutation:
    """What may be done about who may do what."""

    open_account = mutation(Accounts.open, Account, once={"activation_code": _CODE})
    reset_account = mutation(Accounts.reset, Account, once={"activation_code": _CODE})
    close_account = mutation(Accounts.close, Account)
    reopen_account = mutation(Accounts.reopen, Account)
    give_role = mutation(Grants.give, Grant)
    revoke_grant = mutation(Grants.revoke, Grant)
    make_role = mutation(OwnRoles.make, OwnRole)
    change_role = mutation(OwnRoles.change, OwnRole)
    retire_role = mutation(OwnRoles.retire, OwnRole)
    issue_token = mutation(Tokens.issue, ApiToken, once={"secret": _TOLD_ONCE})
    rotate_token = mutation(Tokens.rotate, ApiToken, once={"secret": _TOLD_ONCE})
    revoke_token = mutation(Tokens.withdraw, ApiToken)
