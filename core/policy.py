"""The policy: a casbin model and its rows, which are the truth; and the bit masks they are compiled into.

``p, role, permission, allow|deny`` says what a role may do; ``g, role, included,`` that it may do what another may;
``g, account, role, path`` that an account holds it at a node, and so at everything beneath. Any casbin reads model
and rows (``gongzhi access policy``); asking one costs a walk through all rows, so that nothing is asked of it while
requests are answered. A test compares its answers with those of the masks.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import casbin

#: One deny outweighs any number of allows.
MODEL = """
[request_definition]
r = account, path, permission

[policy_definition]
p = role, permission, eft

[role_definition]
g = _, _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = g(r.account, p.role, r.path) && r.permission == p.permission
"""

#: A row as casbin writes it: its kind, then its values.
Row = tuple[str, ...]
#: Where what a role includes holds: everywhere.
EVERYWHERE = ""


class Powers(NamedTuple):
    """What is allowed and what is denied, a bit for each permission."""

    allow: int = 0
    deny: int = 0

    @property
    def left(self) -> int:
        """What may be done: deny wins."""
        return self.allow & ~self.deny

    def with_(self, other: "Powers") -> "Powers":
        """Both together."""
        return Powers(self.allow | other.allow, self.deny | other.deny)


def role_rows(
    role: str, allowed: Iterable[str], denied: Iterable[str] = (), included: Iterable[str] = ()
) -> list[Row]:
    """The rows that make a role."""
    return [
        *(("p", role, code, "allow") for code in sorted(allowed)),
        *(("p", role, code, "deny") for code in sorted(denied)),
        *(("g", role, other, EVERYWHERE) for other in sorted(included)),
    ]


def compiled(rows: Iterable[Row], bits: Mapping[str, int]) -> dict[str, Powers]:
    """The powers of each role that these rows make, with what it includes.

    :param bits: the place of each permission; a row about one that no plugin registers any more says nothing.
    """
    own: dict[str, Powers] = {}
    includes: dict[str, list[str]] = {}
    for kind, role, *told in rows:
        if kind == "g":
            includes.setdefault(role, []).append(told[0])
        else:
            code, effect = told
            mask = 1 << bits[code] if code in bits else 0
            more = Powers(mask, 0) if effect == "allow" else Powers(0, mask)
            own[role] = own.get(role, Powers()).with_(more)
    return {role: _together(role, own, includes) for role in {*own, *includes}}


def _together(role: str, own: Mapping[str, Powers], includes: Mapping[str, list[str]]) -> Powers:
    powers, seen, waiting = Powers(), {role}, [role]
    while waiting:
        one = waiting.pop()
        powers = powers.with_(own.get(one, Powers()))
        fresh = [other for other in includes.get(one, ()) if other not in seen]
        seen.update(fresh)
        waiting += fresh
    return powers


def enforcer(rows: Iterable[Row]) -> "casbin.Enforcer":
    """Casbin itself with these rows: the oracle, and the way of whoever wants to check us."""
    import casbin
    from casbin.model import Model

    model = Model()
    model.load_model_from_text(MODEL)
    asked = casbin.Enforcer(model)
    asked.add_named_domain_matching_func("g", str.startswith)
    for kind, *told in rows:
        if kind == "p":
            asked.add_named_policy("p", *told)
        else:
            asked.add_named_grouping_policy("g", *told)
    return asked
