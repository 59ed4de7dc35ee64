"""The shapes of answers about who may do what: made in Python, of grants and roles."""

import datetime as dt

import strawberry

from gongzhi.core.api import Kernel, Level, global_id
from gongzhi.tenants import models
from gongzhi.tenants.access.holdings import Holding
from gongzhi.tenants.access.reasons import Offer
from gongzhi.tenants.graphql import Area  # noqa: F401  # its module says what levels are called

strawberry.enum(Level, name="RoleLevel", description="Levels at which roles are held (角色层级).")


@strawberry.type(description="A built-in role (内置角色).")
class BuiltInRole:
    """A built-in role."""

    code: str = strawberry.field(description="The role's code (角色代码).")
    zh: str = strawberry.field(description="Its Chinese name (中文名).")
    en: str = strawberry.field(description="Its English name (英文名).")
    level: Level = strawberry.field(description="The level at which it is held (层级).")
    permissions: list[str] = strawberry.field(description="What it allows (权限).")
    may_give: bool = strawberry.field(description="The caller may give it in the scope (可授予).")


@strawberry.type(description="A right to one kind of act on one kind of object (权限).")
class PermissionInfo:
    """A permission."""

    code: str = strawberry.field(description="Such as mediation.case:read (权限代码).")
    zh: str = strawberry.field(description="Its Chinese name (中文名).")
    en: str = strawberry.field(description="Its English name (英文名).")


@strawberry.type(description="A place in the tree (辖区).")
class AccessPlace:
    """A place in the tree."""

    area_id: strawberry.ID = strawberry.field(description="The area's id (辖区编号).")
    code: str | None = strawberry.field(description="Its division code (区划代码).")
    name: str = strawberry.field(description="Its name (名称).")
    level: models.AreaLevel = strawberry.field(description="How high it lies (层级).")

    @classmethod
    def of(cls, area: models.Area) -> "AccessPlace":
        """This area."""
        return cls(
            area_id=strawberry.ID(global_id("Area", area.id)),
            code=area.code,
            name=area.name,
            level=area.level,
        )


@strawberry.type(description="A grant that reaches the place asked about (生效的授权).")
class AccessGrant:
    """A grant that reaches the place asked about."""

    grant_id: strawberry.ID = strawberry.field(description="The grant's id (授权编号).")
    account_id: strawberry.ID = strawberry.field(description="The account's id (账号编号).")
    login: str = strawberry.field(description="The account's sign-in name (登录名).")
    display_name: str = strawberry.field(description="The name colleagues know (姓名).")
    role: str = strawberry.field(description="The role's code (角色代码).")
    role_name: str = strawberry.field(description="What people call it (角色名称).")
    place: AccessPlace = strawberry.field(description="Where it is held (辖区).")
    grid: str | None = strawberry.field(description="The grid it is limited to, by its code (限定网格).")
    reason: str = strawberry.field(description="Why it was given (事由).")
    valid_until: dt.datetime | None = strawberry.field(description="Until when; null for good (止).")
    permissions: list[str] = strawberry.field(description="What it allows (权限).")

    @classmethod
    def of(cls, kernel: Kernel, one: Holding) -> "AccessGrant":
        """This holding."""
        return cls(
            grant_id=strawberry.ID(global_id("Grant", one.id)),
            account_id=strawberry.ID(global_id("Account", one.account_id)),
            login=one.login,
            display_name=one.display_name,
            role=one.grant.role,
            role_name=one.grant.role if one.role is None else one.role.zh,
            place=AccessPlace.of(one.area),
            grid=None if one.grid is None else one.grid.code,
            reason=one.reason,
            valid_until=one.valid_until,
            permissions=sorted(kernel.roles.codes(one.powers.left)),
        )


@strawberry.type(description="A role that would do, and who may give it (可行的授权).")
class AccessOffer:
    """A role that would do, and who may give it."""

    role: str = strawberry.field(description="The role's code (角色代码).")
    role_name: str = strawberry.field(description="What people call it (角色名称).")
    place: AccessPlace = strawberry.field(description="Where it would be held (辖区).")
    permissions: list[str] = strawberry.field(description="All that it would bring (连带的权限).")
    givers: list[AccessGrant] = strawberry.field(description="Who may give it there, up to five (可授权人).")

    @classmethod
    def of(cls, kernel: Kernel, one: Offer) -> "AccessOffer":
        """This offer."""
        return cls(
            role=one.known.role.code,
            role_name=one.known.role.zh,
            place=AccessPlace.of(one.area),
            permissions=sorted(kernel.roles.codes(one.known.powers.left)),
            givers=[AccessGrant.of(kernel, giver) for giver in one.givers],
        )


@strawberry.type(description="Why an account may do something, or may not (权限说明).")
class AccessReasons:
    """Why an account may do something, or may not."""

    allowed: bool = strawberry.field(description="It may (允许).")
    place: AccessPlace = strawberry.field(description="The place the object belongs to (所属辖区).")
    chain: list[AccessGrant] = strawberry.field(
        description="The grants that allow it, from the county down (授权链)."
    )
    denials: list[AccessGrant] = strawberry.field(
        description="The grants that forbid it; one is enough (禁止的授权)."
    )
    offers: list[AccessOffer] = strawberry.field(
        description="The smallest grants that would allow it, up to three (可行的授权)."
    )
    switched_off: str | None = strawberry.field(
        description="The plugin that is switched off there (未启用的模块)."
    )


@strawberry.type(description="A page of grants (授权列表).")
class AccessPage:
    """A page of grants."""

    nodes: list[AccessGrant] = strawberry.field(description="The grants, from the county down (授权).")
    total_count: int = strawberry.field(description="How many there are in all (总数).")
    end_cursor: str | None = strawberry.field(description="For after, where there is more (下一页游标).")


@strawberry.type(description="Rows of a kind that would become readable (新增可见).")
class OpenedKind:
    """Rows of a kind that would become readable."""

    kind: str = strawberry.field(description="The type of object (对象类型).")
    rows: int = strawberry.field(description="How many (条数).")


@strawberry.type(description="Duties that two people should have (职责分离).")
class SeparatedDuties:
    """Duties that two people should have."""

    first: str = strawberry.field(description="The one permission (权限一).")
    second: str = strawberry.field(description="The other (权限二).")
    why: str = strawberry.field(description="Why (理由).")


@strawberry.type(description="What a grant would change (授权预览).")
class GrantPreview:
    """What a grant would change."""

    place: AccessPlace = strawberry.field(description="Where it would be held (辖区).")
    nodes: int = strawberry.field(description="How many nodes it would reach (涉及辖区数).")
    permissions: list[str] = strawberry.field(description="Permissions that are new there (新增权限).")
    opened: list[OpenedKind] = strawberry.field(description="What would become readable, by kind (新增可见).")
    conflicts: list[SeparatedDuties] = strawberry.field(
        description="Duties it would bring together; one object never sees both (职责冲突)."
    )
