"""Who asks, and what that account or token may do where.

A grant reaches its node and what lies beneath, never up or sideways; a deny wins over any allow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from gongzhi.core.errors import Forbidden, Language, NotSignedIn
from gongzhi.core.permissions import Permission, Role, RoleTable
from gongzhi.core.policy import Powers


@dataclass(frozen=True)
class Grant:
    """A role that an account holds at a node.

    :param held: the role, where it is one that people made; a built-in one is in the table.
    :param powers: what such a role may do.
    """

    role: str
    node_id: UUID
    path: str
    held: Role | None = None
    powers: Powers | None = None


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
    #: Masks by path: a caller who is known asks about the same places again and again.
    _masks: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def caller_id(self) -> UUID:
        """What tells callers apart where keys and limits are counted: the token, or the account.

        :raises NotSignedIn: nobody asks.
        """
        caller = self.token_id or self.account_id
        if caller is None:
            raise NotSignedIn
        return caller

    def mask(self, path: str) -> int:
        """What may be done at this path, a bit for each permission."""
        found = self._masks.get(path)
        if found is None:
            found = self._masks[path] = self._mask(path)
        return found

    def _mask(self, path: str) -> int:
        if self.robot is not None:
            return self.roles.everything
        powers = Powers()
        for grant in self.grants:
            if path.startswith(grant.path):
                powers = powers.with_(self.powers_of(grant))
        return powers.left if self.only is None else powers.left & self.roles.mask(self.only)

    def powers_of(self, grant: Grant) -> Powers:
        """What a grant brings."""
        return self.roles.powers(grant.role) if grant.powers is None else grant.powers

    def may(self, permission: Permission, path: str) -> bool:
        """True when some grant at or above this path allows it, and none denies it."""
        place = self.roles.bits.get(permission.code)
        if place is None:
            return self.robot is not None
        return bool(self.mask(path) >> place & 1)

    def require(self, permission: Permission, path: str) -> None:
        """Go on only with this permission.

        :raises NotSignedIn: nobody asks.
        :raises Forbidden: no grant allows it here, or one denies it.
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
        held = ((grant, grant.held or self.roles.roles.get(grant.role)) for grant in self.grants)
        return {grant.role: role for grant, role in held if role is not None and at.startswith(grant.path)}
