"""What is compiled says what the plain executor says: documents, variables and data made at random."""

from uuid import UUID

import msgspec
from graphql import (
    GraphQLEnumType,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from gongzhi.core.ids import global_id
from gongzhi.graphql.http import Endpoint
from gongzhi.graphql.requests import Request

#: The root fields that find objects of any type.
OF_ANY_TYPE = {"node": "id", "nodes": "ids"}


@st.composite
def selections(draw, kind, depth):
    """A selection set of this type, with aliases, fragments, skips and repeated fields."""
    names = [
        name
        for name, field in kind.fields.items()
        if is_leaf_type(get_named_type(field.type))
        or (depth > 0 and isinstance(get_named_type(field.type), GraphQLObjectType))
    ]
    chosen = draw(st.lists(st.sampled_from([*names, "__typename"]), min_size=1, max_size=6))
    parts = []
    for place, name in enumerate(chosen):
        alias = f"a{place}: " if draw(st.booleans()) or chosen.count(name) > 1 else ""
        flag = draw(
            st.sampled_from(["", "", "", " @include(if: $yes)", " @skip(if: $no)", " @skip(if: true)"])
        )
        parts.append(f"{alias}{draw(field_text(kind, name, depth, flag))}")
    text = " ".join(parts)
    wrapped = draw(st.sampled_from(["{}", "{}", f"... on {kind.name} {{{{ {{}} }}}}", "... {{ {} }}"]))
    # A selection set that is skipped whole is legal; something else must stand beside it.
    return f"__typename {wrapped.format(text)}"


@st.composite
def field_text(draw, kind, name, depth, flag):
    if name == "__typename":
        return f"__typename{flag}"
    field = kind.fields[name]
    told = ""
    if "first" in field.args and kind.name != "Query":
        told = draw(st.sampled_from(["", "(first: 1)", "(first: $few)", "(first: 100)"]))
    inner = get_named_type(field.type)
    beneath = "" if is_leaf_type(inner) else f" {{ {draw(selections(inner, depth - 1))} }}"
    return f"{name}{told}{flag}{beneath}"


def arguments_of(name, sample):
    """What root fields are told that find their answer in Python."""
    account, permission = f'accountId: "{sample.ids["Account"]}"', 'permission: "tenants.area:read"'
    return {
        "explainAccess": f"({account}, {permission})",
        "whoCan": f"({permission}, first: 3)",
        "accessOf": f"({account})",
        "previewGrant": '(role: "integrator")',
    }.get(name)


@st.composite
def roots(draw, schema, sample, cursors):
    """A root field with arguments."""
    query = schema.query_type
    name = draw(st.sampled_from(sorted(query.fields)))
    field = query.fields[name]
    kind = get_named_type(field.type)
    if name in OF_ANY_TYPE:
        return draw(of_any_type(schema, sample, name))
    told = arguments_of(name, sample) or ""
    if "first" in field.args and not told:
        told = draw(page_arguments(field, cursors.get(name, [])))
    elif "id" in field.args:
        told = f'(id: "{sample.ids[{"JobReport": "Job"}.get(kind.name, kind.name)]}")'
    return name if is_leaf_type(kind) else f"{name}{told} {{ {draw(selections(kind, 3))} }}"


@st.composite
def of_any_type(draw, schema, sample, name):
    """``node`` and ``nodes``, by ids of objects, of nothing, and of types that have none."""
    kinds = draw(st.lists(st.sampled_from(sorted(sample.ids)), min_size=1, max_size=4))
    ids = [f'"{sample.ids[kind]}"' for kind in kinds]
    if name == "nodes":
        ids += draw(
            st.lists(st.sampled_from([f'"{global_id(kind, UUID(int=1))}"' for kind in ("Grid", "Query")]))
        )
    told = ids[0] if name == "node" else f"[{', '.join(ids)}]"
    # An alias of its own for every field: fields of one name may be of different types here and there.
    parts = [
        f"... on {kind} {{ k{place}: __typename x{place}: id {draw(one_field(schema, kind, place))} }}"
        for place, kind in enumerate(dict.fromkeys(kinds))
    ]
    return f"{name}({OF_ANY_TYPE[name]}: {told}) {{ __typename id {' '.join(parts)} }}"


@st.composite
def one_field(draw, schema, kind, place):
    known = schema.get_type(kind)
    name = draw(st.sampled_from(sorted(known.fields)))
    return f"y{place}: {draw(field_text(known, name, 2, ''))}"


@st.composite
def page_arguments(draw, field, cursors):
    told = []
    way = draw(st.sampled_from(["", "first: 1", "first: $few", "last: 1", "last: 2"]))
    told += [way] if way else []
    orders = list(get_named_type(field.args["order"].type).values)
    order = draw(st.sampled_from([None, *orders]))
    told += [f"order: {order}"] if order else []
    mine = [cursor for made_in, cursor in cursors if made_in == (order or orders[0])]
    if mine and draw(st.booleans()):
        told.append(f'{draw(st.sampled_from(["after", "before"]))}: "{draw(st.sampled_from(mine))}"')
    if "filter" in field.args and draw(st.booleans()):
        told.append(f"filter: {{{draw(filters(get_named_type(field.args['filter'].type)))}}}")
    return f"({', '.join(told)})" if told else ""


@st.composite
def filters(draw, kind):
    name = draw(st.sampled_from(sorted(kind.fields)))
    inner = get_nullable_type(kind.fields[name].type)
    if is_list_type(inner):
        named = get_named_type(inner)
        values = (
            list(named.values)
            if isinstance(named, GraphQLEnumType)
            else ["true", "false"]
            if named.name == "Boolean"
            else ['"1"', '"x"']
        )
        return f"{name}: [{', '.join(draw(st.lists(st.sampled_from(values), max_size=3)))}]"
    moments = ['"2020-01-01T00:00:00+08:00"', '"2030-01-01T00:00:00Z"']
    if inner.name == "DateSpan":
        moments = ['"2020-01-01"', '"2030-01-01"']
    return f"{name}: {{{draw(st.sampled_from(['since', 'until']))}: {draw(st.sampled_from(moments))}}}"


async def both(endpoint, caller, query):
    request = Request(query=query, variables={"yes": True, "no": False, "few": 2})
    asking = endpoint.asking(request)
    return await endpoint.execute(caller, asking), await endpoint.reads.answer(caller, asking)


def test_equals_the_plain_executor(kernel, schema, sample, caller_of, exact, event_loop):
    """Key order, number formats, nulls, cursors: to the letter, in a community's scope and in a county's."""
    endpoint = Endpoint(kernel)

    async def cursors_of(caller):
        found = {}
        for name, field in schema.query_type.fields.items():
            for order in get_named_type(field.args["order"].type).values if "order" in field.args else ():
                asked = f"{{ {name}(order: {order}) {{ edges {{ cursor }} }} }}"
                answer = await endpoint.execute(caller, endpoint.asking(Request(query=asked)))
                if not answer.body.get("errors"):
                    edges = answer.body["data"][name]["edges"]
                    found.setdefault(name, []).extend((order, edge["cursor"]) for edge in edges)
        return found

    callers = [
        event_loop.run(caller_of(role)) for role in ("community_admin", "county_operator", "integrator")
    ]
    cursors = [event_loop.run(cursors_of(caller)) for caller in callers]
    compared = []

    @settings(
        max_examples=150,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def compare(data):
        which = data.draw(st.integers(0, len(callers) - 1))
        fields = [
            data.draw(roots(schema, sample, cursors[which])) for _ in range(data.draw(st.integers(1, 3)))
        ]
        text = " ".join(f"r{place}: {field}" for place, field in enumerate(fields))
        query = f"query ($yes: Boolean!, $no: Boolean!, $few: Int!) {{ r: __typename @include(if: $yes) s: __typename @skip(if: $no) t: communities(first: $few) {{ totalCount }} {text} }}"
        note(query)
        plain, compiled = event_loop.run(both(endpoint, callers[which], query))
        if compiled is None:
            return
        assert not plain.body.get("errors"), plain.body["errors"]
        compared.append(query)
        assert exact(compiled) == exact(msgspec.json.encode(plain.body["data"]))

    compare()
    assert len(compared) > 20, endpoint.reads.fallbacks
