"""Permissions, roles and grants: who may do what, and how far down the tree.

A grant reaches its node and what lies beneath, never up or sideways.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from gongzhi.core.errors import Forbidden, Language, NotSignedIn

_CODE = re.compile(r"[a-z_]+\.[a-z_]+:[a-z_]+")


class Level(StrEnum):
    """How high a role sits: platform, county (县), street (镇街), community (社区/村), grid (网格)."""

    PLATFORM = "platform"
    COUNTY = "county"
    STREET = "street"
    COMMUNITY = "community"
    GRID = "grid"


@dataclass(frozen=True)
class Permission:
    """The right to one kind of act on one kind of object: ``mediation.case:accept``."""

    code: str
    zh: str
    en: str

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.code):
            raise ValueError(f"a permission reads room.object:act, not {self.code!r}")

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True)
class Role:
    """A kind of work that people do on one level.

    :param anywhere: True where it is held at nodes of every level, as by another system.
    """

    code: str
    level: Level
    zh: str
    en: str
    anywhere: bool = False


@dataclass(frozen=True)
class Allow:
    """What a plugin lets a role do."""

    role: str
    permissions: tuple[Permission, ...]


@dataclass(frozen=True)
class Grant:
    """A role that an account holds at a node."""

    role: str
    node_id: UUID
    path: str


_CodedT = TypeVar("_CodedT", Role, Permission)


def _by_code(declared: Iterable[_CodedT]) -> dict[str, _CodedT]:
    found: dict[str, _CodedT] = {}
    for one in declared:
        if found.setdefault(one.code, one) is not one:
            raise ValueError(f"two plugins declare {one.code!r}: {found[one.code].en!r}, {one.en!r}")
    return found


class RoleTable:
    """Which role may do what, gathered from all plugins; fixed while the process runs.

    :raises ValueError: two plugins declare one code, or one allows what or whom nobody declared.
    """

    def __init__(
        self, roles: Iterable[Role], permissions: Iterable[Permission], allows: Iterable[Allow]
    ) -> None:
        self.roles = _by_code(roles)
        self.permissions = _by_code(permissions)
        self._allowed: dict[str, frozenset[str]] = dict.fromkeys(self.roles, frozenset())
        for allow in allows:
            if allow.role not in self._allowed:
                raise ValueError(f"no role is called {allow.role!r}")
            unknown = [p.code for p in allow.permissions if p.code not in self.permissions]
            if unknown:
                raise ValueError(f"{allow.role} is allowed {unknown}, which no plugin registers")
            self._allowed[allow.role] |= {permission.code for permission in allow.permissions}

    def allowed(self, role: str) -> frozenset[str]:
        """The permissions of this role; none where the role is gone."""
        return self._allowed.get(role, frozenset())


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who asks: an account or token with its grants, or the platform itself on a plugin's behalf.

    :param only: the permissions a token is limited to; None for people.
    """

    roles: RoleTable = field(repr=False)
    grants: tuple[Grant, ...] = ()
    account_id: UUID | None = None
    token_id: UUID | None = None
    only: frozenset[str] | None = None
    language: Language = "zh"
    robot: str | None = None
    #: What was asked before: a caller who is known asks the same again and again.
    _known: dict[tuple[str, str], bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def caller_id(self) -> UUID:
        """What tells callers apart where keys and limits are counted: the token, or the account.

        :raises NotSignedIn: nobody asks.
        """
        caller = self.token_id or self.account_id
        if caller is None:
            raise NotSignedIn
        return caller

    def may(self, permission: Permission, path: str) -> bool:
        """True when some grant at or above this path allows it."""
        known = self._known.get((permission.code, path))
        if known is None:
            known = self._known[permission.code, path] = self._may(permission.code, path)
        return known

    def _may(self, code: str, path: str) -> bool:
        if self.robot is not None:
            return True
        if self.only is not None and code not in self.only:
            return False
        return any(
            path.startswith(grant.path) and code in self.roles.allowed(grant.role) for grant in self.grants
        )

    def require(self, permission: Permission, path: str) -> None:
        """Go on only with this permission.

        :raises NotSignedIn: nobody asks.
        :raises Forbidden: no grant allows it here.
        """
        if self.may(permission, path):
            return
        if self.account_id is None and self.token_id is None:
            raise NotSignedIn
        raise Forbidden(permission=permission.code)

    def holds(self, path: str) -> bool:
        """True when some grant lies at or above this path: the caller may enter it."""
        return self.robot is not None or any(path.startswith(grant.path) for grant in self.grants)

    def labels(self, at: str) -> Mapping[str, Role]:
        """The roles held at this path."""
        return {
            grant.role: self.roles.roles[grant.role]
            for grant in self.grants
            if at.startswith(grant.path) and grant.role in self.roles.roles
        }
