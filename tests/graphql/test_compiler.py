"""Compiled reads answer what the plain executor answers, to the letter."""

import msgspec
import pytest
from graphql import get_named_type, is_leaf_type

from gongzhi.core.api import Caller, Community, Range
from gongzhi.core.pool import Pool
from gongzhi.graphql.http import Endpoint
from gongzhi.graphql.requests import Request
from gongzhi.tenants.testing import actor_of

DOCUMENTS = [
    "{ __typename communities(first: 2) { totalCount nodes { id state blueprint area { code name parent { name } } } } }",
    "{ areas(first: 3, order: NAME) { edges { cursor node { id name level } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }",
    "{ areas(last: 2) { nodes { code } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }",
    "{ areas(filter: {level: [COMMUNITY]}) { totalCount nodes { ...P } } } fragment P on Area { code ... on Node { id } }",
    "{ grids { nodes { code kind versions(first: 3) { validFrom validTo households } } } }",
]


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("code", ["county", "community"])
async def test_says_the_same(kernel, county, exact, document, code):
    scope = county.scope(getattr(county, code))
    caller = Caller(actor=actor_of(kernel, "county_operator", scope), scope=scope)
    endpoint = Endpoint(kernel)
    asking = endpoint.asking(Request(query=document))
    plain, compiled = await endpoint.execute(caller, asking), await endpoint.reads.answer(caller, asking)
    assert "errors" not in plain.body, plain.body
    assert exact(compiled) == exact(msgspec.json.encode(plain.body["data"]))


class TestAKeptPlan:
    """A plan is kept for the shape of the arguments; their values are checked each time."""

    @pytest.mark.parametrize(
        ("document", "first", "then"),
        [
            ("query ($n: Int) { grids(first: $n) { totalCount } }", {"n": 1}, {"n": 1000}),
            ("query ($n: Int!) { grids { nodes { versions(first: $n) { id } } } }", {"n": 1}, {"n": 1000}),
            ("query ($c: String) { grids(after: $c) { totalCount } }", {"c": "grid"}, {"c": "area"}),
            ("query ($i: ID!) { grid(id: $i) { code } }", {"i": "Grid"}, {"i": "Person"}),
            ("query ($i: ID!) { grid(id: $i) { code } }", {"i": "Grid"}, {"i": "nonsense"}),
        ],
    )
    async def test_is_not_used_for_what_is_refused(self, kernel, sample, client, document, first, then):
        admin = client.as_(sample.tokens["community_admin"])
        ends = "{ grids { pageInfo { endCursor } } areas { pageInfo { endCursor } } }"
        cursors = (await admin.ask(ends)).data
        known = {
            "grid": cursors["grids"]["pageInfo"]["endCursor"],
            "area": cursors["areas"]["pageInfo"]["endCursor"],
        }
        known |= sample.ids

        def told(values):
            return {name: known.get(value, value) for name, value in values.items()}

        fine = await admin.ask(document, **told(first))
        assert not fine.errors
        refused = await admin.ask(document, **told(then))
        assert refused.errors or refused.data == {"grid": None}


class TestEveryRoot:
    """Each root field, for both kinds of scope, on one connection that goes from one place to the next."""

    async def test_answers_each_place_by_itself(self, kernel, schema, sample, exact):
        endpoint = Endpoint(kernel)
        callers = [
            Caller(actor=kernel.robot("test"), scope=sample.place.scope(code))
            for code in (*sample.place.communities, sample.place.county, sample.place.street)
        ]
        asked = [
            endpoint.asking(Request(query=f"{{ {name}{told} {beneath} }}"))
            for name, told, beneath in every_root(schema, sample)
        ]
        planned = {type(caller.scope): set() for caller in callers}
        pool = kernel.database._pool
        kernel.database._pool = Pool(kernel.database.address.url_for("gongzhi_app"), 1)
        try:
            for asking in asked:
                for caller in (*callers, *reversed(callers)):
                    compiled = await endpoint.reads.answer(caller, asking)
                    if compiled is None:
                        continue
                    planned[type(caller.scope)].add(asking.outline.roots[0].name)
                    plain = await endpoint.execute(caller, asking)
                    assert "errors" not in plain.body
                    assert exact(compiled) == exact(msgspec.json.encode(plain.body["data"]))
        finally:
            await kernel.database._pool.close()
            kernel.database._pool = pool
        community, county = planned[Community], planned[Range]
        assert community == set(schema.query_type.fields) - {"builtInRoles", "me", "permissions"}
        # A community's own rows are not read from above; one of the nodes is a case.
        own = {
            "households",
            "mediationCase",
            "mediationCases",
            "person",
            "persons",
            "pluginSwitches",
            "nodes",
        }
        assert county == community - own


def every_root(schema, sample):
    """(name, arguments, selection) of each root field, all plain fields of its type and of its nodes."""
    for name, field in schema.query_type.fields.items():
        kind = get_named_type(field.type)
        told = {
            "node": f'(id: "{sample.ids["Grid"]}")',
            "nodes": f'(ids: ["{sample.ids["Grid"]}", "{sample.ids["MediationCase"]}"])',
            "jobReport": f'(id: "{sample.ids["Job"]}")',
            "explainAccess": f'(accountId: "{sample.ids["Account"]}", permission: "tenants.area:read")',
            "whoCan": '(permission: "tenants.area:read")',
            "accessOf": f'(accountId: "{sample.ids["Account"]}")',
            "previewGrant": '(role: "auditor")',
        }.get(name) or (f'(id: "{sample.ids[kind.name]}")' if "id" in field.args else "")
        yield name, told, plain_fields(kind)


def plain_fields(kind):
    if is_leaf_type(kind):
        return ""
    names = [name for name, field in kind.fields.items() if is_leaf_type(get_named_type(field.type))]
    nodes = (
        [f"nodes {plain_fields(get_named_type(kind.fields['nodes'].type))}"] if "nodes" in kind.fields else []
    )
    return f"{{ __typename {' '.join([*names, *nodes])} }}"
