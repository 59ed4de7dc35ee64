"""Compiled reads answer what the plain executor answers, to the letter."""

import msgspec
import pytest

from gongzhi.core.api import Caller
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
