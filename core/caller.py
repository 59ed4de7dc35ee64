"""What a request brought, and who and where its caller turned out to be."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from gongzhi.core.actor import Actor
from gongzhi.core.errors import Language
from gongzhi.core.plugins import PluginCard
from gongzhi.core.scope import Scope


class CallerChanged(Exception):  # noqa: N818  # says what happened
    """Something about the caller changed since he was looked up; nothing has been done yet."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a request brought, as sent; nothing here has been believed yet.

    :param session: the session cookie.
    :param bearer: the token of the Authorization header.
    :param csrf: the token of the X-CSRF-Token header.
    :param scope: the Gongzhi-Scope header: a division code or a node's id.
    :param address: the client's network address, for rate limits.
    """

    session: str | None = None
    bearer: str | None = None
    csrf: str | None = None
    scope: str | None = None
    address: str | None = None
    language: Language = "zh"

    def __repr__(self) -> str:
        """Without secrets."""
        return f"Credentials(scope={self.scope!r}, address={self.address!r})"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks, in which scope, and which plugins that scope has switched on.

    :param scope: None where the header named none and the grants leave it open.
    :param switched_on: plugin names; None in a range scope, where each community decides for itself.
    :param epoch: of the policy that made the caller so; see :mod:`gongzhi.core.known_callers`.
    :param subjects: account, token and community: a change of one of them ends what is known of the caller.
    :param until: the moment at which this changes by itself; None where it never does.
    """

    actor: Actor
    scope: Scope | None
    switched_on: frozenset[str] | None = None
    epoch: int = 0
    subjects: frozenset[UUID] = frozenset()
    until: datetime | None = None

    def has(self, card: PluginCard) -> bool:
        """True when this plugin answers here: switched on, without a switch, or asked from above."""
        return self.switched_on is None or not card.switchable or card.name in self.switched_on
