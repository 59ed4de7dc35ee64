"""Requests that would be large work for little: what each tries, its body, and the code that refuses it.

Each is made anew for every call, so that no cache helps. A code of None means that it is answered, cheaply.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

_number = count()


@dataclass(frozen=True)
class Hostile:
    """One way to make a server work.

    :param code: what it is refused with, or None where it is answered.
    :param signed_in: True where nobody else gets so far.
    """

    name: str
    body: Callable[[], bytes]
    code: str | None
    signed_in: bool = False


def _asks(query: str, **variables: object) -> bytes:
    # The comment makes every document a new one.
    return json.dumps({"query": f"{query} #{next(_number)}", "variables": variables}).encode()


def _spread_twice(levels: int, kind: str, field: str, leaf: str) -> str:
    fragments = (
        f"fragment f{n} on {kind} {{ a: {field} {{ ...f{n + 1} }} b: {field} {{ ...f{n + 1} }} }}"
        for n in range(levels)
    )
    return f"{' '.join(fragments)} fragment f{levels} on {kind} {{ {leaf} }}"


def _meeting() -> bytes:
    beneath = " ".join(
        f"fragment F{n} on Area {{ a: parent {{ ...F{n + 1} }} parent {{ ...F{n + 1} }} }}"
        for n in range(1, 60)
    )
    first = "fragment F0 on Area { a: parent { ...F0 ...F1 } parent { ...F0 } }"
    return _asks(f"{{ areas {{ nodes {{ ...F0 }} }} }} {first} {beneath} fragment F60 on Area {{ id }}")


_INTROSPECTION = (
    "{ __schema { types { name fields(includeDeprecated: true) { name args { name type { name } } type { name "
    "ofType { name ofType { name ofType { name } } } } } inputFields { name } enumValues { name } } } }"
)

HOSTILE = (
    Hostile(
        "deep nesting",
        lambda: _asks("{ here " + "{ parent " * 300 + "{ code }" + " }" * 300 + " }"),
        "LIMIT_EXCEEDED",
    ),
    Hostile("deep nesting without end", lambda: _asks("{a" * 900), "LIMIT_EXCEEDED"),
    Hostile(
        "deep list literal", lambda: _asks("{ version(a: " + "[" * 900 + "]" * 900 + ") }"), "LIMIT_EXCEEDED"
    ),
    Hostile(
        "aliases",
        lambda: _asks("{" + "".join(f" a{n}: version" for n in range(600)) + " }"),
        "LIMIT_EXCEEDED",
    ),
    Hostile("one field, often", lambda: _asks("{" + " version" * 1990 + " }"), "LIMIT_EXCEEDED"),
    Hostile(
        "one field with a selection, often",
        lambda: _asks("{" + " here { parent { code } }" * 220 + " }"),
        "LIMIT_EXCEEDED",
    ),
    Hostile(
        "fragments that double, forty deep",
        lambda: _asks(
            "{ ...f0 } "
            + " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(40))
            + " fragment f40 on Query { __typename }"
        ),
        None,
    ),
    Hostile("fragments that meet in every way", _meeting, "LIMIT_EXCEEDED"),
    Hostile(
        "aliases that double, fifteen deep",
        lambda: _asks("{ here { ...f0 } } " + _spread_twice(15, "Area", "parent", "code")),
        "LIMIT_EXCEEDED",
    ),
    Hostile(
        "fragments in a circle",
        lambda: _asks(
            "{ here { ...A } } fragment A on Area { parent { ...B } } fragment B on Area { parent { ...A } }"
        ),
        "GRAPHQL_INVALID",
    ),
    Hostile(
        "many fragments",
        lambda: _asks("{ version } " + " ".join(f"fragment f{n} on Area {{ code }}" for n in range(280))),
        "LIMIT_EXCEEDED",
    ),
    Hostile(
        "unknown fields",
        lambda: _asks("{" + "".join(f" versio{n}" for n in range(1900)) + " }"),
        "LIMIT_EXCEEDED",
    ),
    Hostile(
        "huge lists",
        lambda: _asks("{ grids(first: 500) { nodes { versions(first: 500) { id } } } }"),
        "LIMIT_EXCEEDED",
    ),
    Hostile(
        "many lists",
        lambda: _asks(
            "{"
            + "".join(
                f" a{n}: grids(first: 500) {{ nodes {{ versions(first: 90) {{ id }} }} }}" for n in range(20)
            )
            + " }"
        ),
        "LIMIT_EXCEEDED",
    ),
    Hostile(
        "directives on one field",
        lambda: _asks("{ version" + " @skip(if: false)" * 250 + " }"),
        "LIMIT_EXCEEDED",
    ),
    Hostile(
        "directives everywhere",
        lambda: _asks("{" + " version @include(if: true)" * 200 + " }"),
        "LIMIT_EXCEEDED",
    ),
    Hostile(
        "a document of a megabyte",
        lambda: _asks("#" + "x" * 1_000_000 + "\n{ version }"),
        "LIMIT_EXCEEDED",
        signed_in=True,
    ),
    Hostile(
        "ten megabytes in a variable",
        lambda: _asks("query ($a: String) { version }", a="x" * 10_000_000),
        "GRAPHQL_INVALID",
        signed_in=True,
    ),
    Hostile("ten megabytes from nobody", lambda: _asks("{ version }", a="x" * 10_000_000), "BODY_TOO_LARGE"),
    Hostile("a batch", lambda: json.dumps([{"query": "{ version }"}] * 1000).encode(), "REQUEST_MALFORMED"),
    Hostile("introspection by nobody", lambda: _asks(_INTROSPECTION), "NOT_SIGNED_IN"),
    Hostile("introspection, again and again", lambda: _asks(_INTROSPECTION), None, signed_in=True),
    Hostile(
        "deep JSON in variables",
        lambda: b'{"query": "{ version }", "variables": {"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}}",
        "REQUEST_MALFORMED",
    ),
    Hostile(
        "variables by the thousand", lambda: _asks("{ version }", **{f"v{n}": n for n in range(4000)}), None
    ),
    Hostile(
        "defined variables by the hundred",
        lambda: _asks("query (" + " ".join(f"$v{n}: Int" for n in range(400)) + ") { version }"),
        "GRAPHQL_INVALID",
    ),
    Hostile(
        "a number of a thousand digits",
        lambda: _asks("{ grids(first: " + "9" * 1000 + ") { totalCount } }"),
        "GRAPHQL_INVALID",
    ),
    Hostile(
        "ids by the thousand",
        lambda: _asks("query ($i: [ID!]!) { nodes(ids: $i) { id } }", i=["Grid:x"] * 5000),
        "INVALID_INPUT",
        signed_in=True,
    ),
    Hostile(
        "a million strings in a filter",
        lambda: _asks(
            "query ($c: [String!]) { areas(filter: {code: $c}) { totalCount } }", c=["x"] * 1_000_000
        ),
        "LIMIT_EXCEEDED",
        signed_in=True,
    ),
)


def named() -> Iterator[tuple[str, Hostile]]:
    """Each with its name, for tests."""
    return ((one.name, one) for one in HOSTILE)
