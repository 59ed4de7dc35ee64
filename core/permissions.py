"""Permissions and roles: what may be allowed, and what kinds of work allow it.

Plugins declare them; :mod:`gongzhi.core.actor` says who holds which role where.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TypeVar

from gongzhi.core.errors import Words
from gongzhi.core.policy import Powers, Row, compiled, role_rows

_CODE = re.compile(r"[a-z_]+\.[a-z_]+:[a-z_]+")


class Level(StrEnum):
    """How high a role sits: platform, county (县), street (镇街), community (社区/村), grid (网格)."""

    PLATFORM = "platform"
    COUNTY = "county"
    STREET = "street"
    COMMUNITY = "community"
    GRID = "grid"

    def reaches(self, other: "Level") -> bool:
        """True when this level is the other one or above it."""
        order = list(Level)
        return order.index(self) <= order.index(other)


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
    :param given_by: the roles whose holders may give it without being allowed all that it allows.
    """

    code: str
    level: Level
    zh: str
    en: str
    anywhere: bool = False
    given_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Allow:
    """What a plugin lets a role do, and what it never lets it do, whatever else its holder is allowed."""

    role: str
    permissions: tuple[Permission, ...]
    denied: tuple[Permission, ...] = ()


@dataclass(frozen=True)
class Separation:
    """Two permissions that one account never uses on one object (职责分离): who claims does not review.

    :param zh: why, in Chinese.
    :param en: why, in English.
    """

    first: Permission
    second: Permission
    zh: str
    en: str

    @property
    def words(self) -> Words:
        """Why."""
        return Words(zh=self.zh, en=self.en)

    def other(self, permission: Permission) -> Permission | None:
        """The other of the two; None where this is neither."""
        if permission == self.first:
            return self.second
        return self.first if permission == self.second else None


_CodedT = TypeVar("_CodedT", Role, Permission)


def _by_code(declared: Iterable[_CodedT]) -> dict[str, _CodedT]:
    found: dict[str, _CodedT] = {}
    for one in declared:
        if found.setdefault(one.code, one) is not one:
            raise ValueError(f"two plugins declare {one.code!r}: {found[one.code].en!r}, {one.en!r}")
    return found


class RoleTable:
    """The built-in roles and what they may do, gathered from all plugins; fixed while the process runs.

    :raises ValueError: two plugins declare one code, or one allows what or whom nobody declared.
    """

    def __init__(
        self,
        roles: Iterable[Role],
        permissions: Iterable[Permission],
        allows: Iterable[Allow],
        separations: Iterable[Separation] = (),
    ) -> None:
        self.roles = _by_code(roles)
        self.permissions = _by_code(permissions)
        self.separations = tuple(separations)
        #: The place of each permission in a mask.
        self.bits = {code: at for at, code in enumerate(sorted(self.permissions))}
        #: The built-in part of the policy, as casbin reads it.
        self.rows: list[Row] = []
        for allow in allows:
            self._check(allow)
            codes = [[permission.code for permission in some] for some in (allow.permissions, allow.denied)]
            self.rows += role_rows(allow.role, *codes)
        self._powers = compiled(self.rows, self.bits)
        for role in self.roles.values():
            if unknown := set(role.given_by) - self.roles.keys():
                raise ValueError(f"{role.code} is given by {unknown}, which no plugin registers")

    def _check(self, allow: Allow) -> None:
        if allow.role not in self.roles:
            raise ValueError(f"no role is called {allow.role!r}")
        declared = (*allow.permissions, *allow.denied)
        if unknown := [p.code for p in declared if p.code not in self.permissions]:
            raise ValueError(f"{allow.role} is allowed {unknown}, which no plugin registers")

    def powers(self, role: str) -> Powers:
        """What this role may do; nothing where it is gone."""
        return self._powers.get(role, Powers())

    def with_rows(self, rows: Iterable[Row]) -> dict[str, Powers]:
        """The powers of all roles, those included that these rows make."""
        return compiled([*self.rows, *rows], self.bits)

    def allowed(self, role: str) -> frozenset[str]:
        """The permissions of this role; none where the role is gone."""
        return self.codes(self.powers(role).left)

    def codes(self, mask: int) -> frozenset[str]:
        """The permissions of a mask."""
        return frozenset(code for code, at in self.bits.items() if mask >> at & 1)

    def mask(self, codes: Iterable[str]) -> int:
        """The mask of these permissions; of one that is gone it has no bit."""
        return sum(1 << self.bits[code] for code in set(codes) if code in self.bits)

    @cached_property
    def everything(self) -> int:
        """The mask of all permissions."""
        return (1 << len(self.bits)) - 1

    def within(self, level: Level) -> int:
        """The mask of what people of this level and below may be given: what built-in roles there have."""
        masks = (
            self.powers(role.code).allow
            for role in self.roles.values()
            if level.reaches(role.level) and not role.anywhere
        )
        found = 0
        for mask in masks:
            found |= mask
        return found
