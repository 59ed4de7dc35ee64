"""What a request brought, and who and where its caller turned out to be."""

from dataclasses import dataclass, field

from gongzhi.core.errors import Language
from gongzhi.core.permissions import Actor
from gongzhi.core.plugins import PluginCard
from gongzhi.core.scope import Scope


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a request brought, as sent; nothing here has been believed yet.

    :param session: the session cookie.
    :param bearer: the token of the Authorization header.
    :param csrf: the token of the X-CSRF-Token header.
    :param scope: the Gongzhi-Scope header: a division code or a node's id.
    :param address: the client's network address, for rate limits.
    """

    session: str | None = field(default=None, repr=False)
    bearer: str | None = field(default=None, repr=False)
    csrf: str | None = field(default=None, repr=False)
    scope: str | None = None
    address: str | None = None
    language: Language = "zh"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks, in which scope, and which plugins that scope has switched on.

    :param scope: None where the header named none and the grants leave it open.
    :param switched_on: plugin names; None in a range scope, where each community decides for itself.
    """

    actor: Actor
    scope: Scope | None
    switched_on: frozenset[str] | None = None

    def has(self, card: PluginCard) -> bool:
        """True when this plugin answers here: switched on, without a switch, or asked from above."""
        return self.switched_on is None or not card.switchable or card.name in self.switched_on
