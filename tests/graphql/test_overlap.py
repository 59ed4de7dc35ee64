"""The check of response keys, held against graphql-core's own, which takes the square of the time."""

import pytest
from graphql import NoUnusedFragmentsRule, OverlappingFieldsCanBeMergedRule, parse, validate
from hypothesis import given, settings
from hypothesis import strategies as st

from gongzhi.graphql.limits import LimitExceeded
from gongzhi.graphql.overlap import OneFieldPerKey

FIELDS = {
    "Query": {"here": "Area", "node": "Node", "grids": "GridConnection"},
    "Area": {"code": None, "name": None, "id": None, "parent": "Area"},
    "Node": {"id": None},
    "Grid": {"code": None, "name": None, "id": None, "versions": "GridVersion"},
    "GridVersion": {"id": None, "bounds": None},
    "GridConnection": {"totalCount": None, "nodes": "Grid"},
}
ARGUMENTS = {"node": ['(id: "a")', '(id: "b")'], "versions": ["", "(first: 1)"], "grids": ["", "(last: 1)"]}


@st.composite
def selections(draw, kind, depth, fragments):
    """A selection set whose aliases are few, so that they meet."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        ways = ["field", "field", "field", "inline"]
        if fragments.get(kind):
            ways.append("spread")
        way = draw(st.sampled_from(ways))
        if way == "spread":
            parts.append(f"...{draw(st.sampled_from(fragments[kind]))}")
        elif way == "inline":
            within = draw(st.sampled_from(["Grid", "Area"])) if kind == "Node" else kind
            parts.append(f"... on {within} {{ {draw(selections(within, depth, fragments))} }}")
        else:
            names = [name for name, leads in FIELDS[kind].items() if leads is None or depth]
            name = draw(st.sampled_from(names or ["__typename"]))
            alias = draw(st.sampled_from(["", "", "x: ", "y: "]))
            told = draw(st.sampled_from(ARGUMENTS.get(name, [""])))
            leads = FIELDS[kind].get(name)
            inner = f" {{ {draw(selections(leads, depth - 1, fragments))} }}" if leads else ""
            parts.append(f"{alias}{name}{told}{inner}")
    return " ".join(parts)


@st.composite
def documents(draw):
    area, grid = (draw(selections(kind, 1, {})) for kind in ("Area", "Grid"))
    fragments = {"Area": ["A"], "Grid": ["G"]}
    return f"{{ {draw(selections('Query', 3, fragments))} }} fragment A on Area {{ {area} }} fragment G on Grid {{ {grid} }}"


@settings(max_examples=400, deadline=None, print_blob=True)
@given(documents())
def test_says_what_the_specification_says(schema, document):
    parsed = parse(document)
    ours = validate(schema, parsed, [OneFieldPerKey, NoUnusedFragmentsRule])
    theirs = validate(schema, parsed, [OverlappingFieldsCanBeMergedRule, NoUnusedFragmentsRule])
    if theirs:
        assert ours
    elif ours:
        # Stricter on purpose: two objects that can't be the same, and fields of different types.
        assert "... on" in document


@pytest.mark.parametrize(
    ("document", "fine"),
    [
        ("{ here { code code } here { code name } }", True),
        ("{ x: here { code } x: version }", False),
        ("{ grids(first: 1, last: null) { totalCount } grids(last: null, first: 1) { totalCount } }", True),
        ("{ here { x: code } ...F } fragment F on Query { here { x: name } }", False),
        ('{ node(id: "a") { ... on Grid { x: code } ... on Area { x: name } } }', True),
        ('{ node(id: "a") { ... on Grid { x: name } ... on Area { x: name } } }', True),
        ('{ node(id: "a") { ... on Grid { x: code } ... on Mediator { x: name } } }', True),
        ('{ node(id: "a") { ... on Grid { x: id } x: __typename } }', False),
    ],
)
def test_knows_the_usual_cases(schema, document, fine):
    assert (validate(schema, parse(document), [OneFieldPerKey]) == []) is fine


def test_ends_where_fragments_spread_each_other(schema):
    parsed = parse(
        "{ here { ...A } } fragment A on Area { parent { ...B } } fragment B on Area { parent { ...A } }"
    )
    assert validate(schema, parsed, [OneFieldPerKey]) == []


@pytest.mark.parametrize("count", [20, 60])
def test_gives_up_where_fragments_meet_in_too_many_ways(schema, count):
    """Each fragment may or may not be laid together with the others: a set of sets."""
    fragments = " ".join(
        f"fragment F{n} on Area {{ a: parent {{ ...F{n + 1} }} parent {{ ...F{n + 1} }} }}"
        for n in range(1, count)
    )
    document = (
        "{ areas { nodes { ...F0 } } } fragment F0 on Area { a: parent { ...F0 ...F1 } parent { ...F0 } } "
        f"{fragments} fragment F{count} on Area {{ id }}"
    )
    with pytest.raises(LimitExceeded):
        validate(schema, parse(document), [OneFieldPerKey])
