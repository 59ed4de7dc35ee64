"""Values that nobody expects, everywhere where a value may stand: kept or refused, never a mistake of ours."""

import itertools
import json
from random import Random

from graphql import get_named_type, is_leaf_type, is_required_argument, is_union_type

from gongzhi.core.ids import opaque, unopaque
from gongzhi.core.testing import Name, literal

# Values as JSON spells them, or nearly; CANARY stands for a name.
_TEXTS = r"""
    "" "\u0020" "\u0000" "CANARYCANARY\u0000" "\ud800" "\udc00\ud800" "\ufeff" "\u202eCANARY" "{problem}" "%s%n" "$1"
    "\\" "'--" "[" "null" "W10" "W251bGxd" "Og" "=" "CANARY" "CANARYCANARYCANARYCANARYCANARYCANARYCANARYCANARY"
    "NaN" "-Infinity" "1e400" "1e999999999" "1E-999999999" "1e-20000" "1e5" "-1e-7" "-0" "٣" "1_0" "0x1"
    "99999999999999.9999999999999999" "0001-01-01" "9999-12-31" "10000-01-01" "0000-00-00" "2026-02-30"
    "2026-W01-1" "20260302" "24:00:00Z" "2026-03-02T10:00:00" "2026-03-02T10:00:00.0000001+00:00:01"
    "0001-01-01T00:00:00+23:59" "9999-12-31T23:59:59-23:59" "Grid:" "Grid:00000000-0000-0000-0000-000000000000"
    "Nobody:00000000-0000-0000-0000-000000000000" "Grid:FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"
"""
_NUMBERS = """
    0 -0 -1 100 1.5 1e3 2147483647 -2147483648 2147483648 9223372036854775808 18446744073709551616
    1e400 -1e400 1e-400 NaN Infinity
"""
_OTHERS = 'null true CANARY [] [null] [[]] {} {id:1} {"__typename":"Grid"} ["CANARY",1,null]'
TEXTS = [
    *_TEXTS.split(),
    *(f'"{letter * times}"' for letter in ("a", "字", r"\u0000", "9") for times in (300, 70_000)),
]
NUMBERS = [
    *_NUMBERS.split(),
    *("9" * 400, "-" + "9" * 400, "9" * 5000, "1e" + "9" * 5000, "0." + "1" * 400),
]
OTHERS = [
    *_OTHERS.split(),
    *("[" * 60 + "]" * 60, "[" * 2000 + "]" * 2000, '{"a":' * 400 + "1" + "}" * 400, f"[{'1,' * 5000}1]"),
]
#: Most of what is tried is of the kind that fits.
SUITED = {"Int": NUMBERS, "Decimal": NUMBERS + TEXTS, "Boolean": OTHERS}
#: Written without quotes in a document, and with them in variables.
HERE = Name("@here@")
NOT_MINE = {"FORBIDDEN", "SCOPE_NEEDS_COMMUNITY", "SCOPE_NEEDS_RANGE"}
PAGE = {"first", "after", "last", "before"}


def everything(kind, depth=3):
    """A selection of all that is to be read, some levels deep."""
    if is_leaf_type(kind):
        return ""
    if is_union_type(kind):
        [success] = [one for one in kind.types if not one.interfaces]
        return f"{{ __typename ... on Problem {{ code message path }} ... on {success.name} {everything(success)} }}"
    fields = {name: (get_named_type(one.type), one.args) for name, one in kind.fields.items()}
    parts = (
        f"{name} {everything(inner, depth - 1)}"
        for name, (inner, told) in fields.items()
        if is_leaf_type(inner) or (depth and not any(map(is_required_argument, told.values())))
    )
    return f"{{ __typename {' '.join(parts)} }}"


def in_document(ground, label, told, value):
    """A request whose arguments stand in its document, with this value where HERE is."""
    kind, _, name = label.partition(".")
    given = ", ".join(f"{one}: {literal(some)}" for one, some in told.items()).replace(HERE, value)
    read = everything(get_named_type(ground.roots[label].type))
    return json.dumps({"query": f"{kind.lower()} {{ {name}{f'({given})' if given else ''} {read} }}"})


def in_variables(ground, label, told, value):
    """The same with its arguments in variables."""
    kind, _, name = label.partition(".")
    root = ground.roots[label]
    types, given = (
        ", ".join(way.format(one, root.args[one].type) for one in told) for way in ("${0}: {1}", "{0}: ${0}")
    )
    query = f"{kind.lower()} ({types}) {{ {name}({given}) {everything(get_named_type(root.type))} }}"
    return json.dumps({"query": query, "variables": told}).replace(json.dumps(HERE), value)


def put(told, path):
    """Put HERE where the path leads, and what has to stand around it."""
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    for step, following in itertools.pairwise([*steps, last]):
        if isinstance(told, dict):
            told.setdefault(step, [None] if following == 0 else {})
        told = told[step]
    told[last] = HERE


def forged(cursors):
    """Cursors that lead to keys which the list can't have."""
    for keys in map(unopaque, cursors[:2]):
        for at in range(len(keys)):
            for key in (None, "", "x" * 300, "9999-12-31", -1, 2**63 - 1):
                yield json.dumps(opaque([*keys[:at], key, *keys[at + 1 :]]))


def send(ground, random, body):
    """Send a body as one who may do this, if there is one; the codes of what was refused."""
    language = random.choice(("zh", "en"))
    for role in random.sample(ground.roles[:3], 3):
        codes = ground.check(role, language, body)
        if not codes & NOT_MINE:
            return codes
    return codes


def test_a_value_is_kept_or_refused(ground, place):
    """In each run others of the values, in variables or in the document; all of them when it is long enough."""
    label, path, leaf = place
    random = Random(f"{ground.seed} {place}")
    suited = SUITED.get(leaf, TEXTS)
    if path in ("after", "before"):
        suited = [*suited, *forged(ground.fits[f"{label}.after"])]
    others = [one for one in (*TEXTS, *NUMBERS, *OTHERS) if one not in suited]
    others += map(json.dumps, random.sample(ground.fits["ID"], 3))
    others += (json.dumps("".join(map(chr, random.sample(range(0x20000), 9)))) for _ in range(ground.times))
    for values, share in ((suited, 2), (others, 1)):
        tried = list(itertools.product(values, (in_document, in_variables)))
        for value, way in random.sample(tried, min(share * ground.times, len(tried))):
            told = ground.arguments(label, random.choice)
            for name in PAGE & told.keys() if path in PAGE else ():
                del told[name]
            put(told, path)
            body = way(ground, label, told, value.replace("CANARY", ground.canary))
            send(ground, random, body)


def test_what_fits_is_accepted(ground, label):
    """Otherwise all the rest would knock at the door and never come in."""
    random = Random(f"{ground.seed} {label}")
    bodies = (in_document(ground, label, ground.arguments(label, random.choice), "") for _ in range(100))
    assert any(not send(ground, random, body) for body in bodies), f"FUZZ_SEED={ground.seed}"
