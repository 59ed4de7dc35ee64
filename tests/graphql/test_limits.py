"""What one request may ask for, and what callers may spend."""

import pytest

from gongzhi.core.actor import Actor
from gongzhi.core.api import Caller, Community, Credentials, NotSignedIn, TooMany
from gongzhi.graphql import http
from gongzhi.graphql.budget import Allowance, Budgets
from gongzhi.graphql.http import Endpoint
from gongzhi.graphql.limits import (
    MOST_ALIASES,
    MOST_CHARACTERS,
    MOST_DEPTH,
    MOST_DIRECTIVES,
    MOST_FIELDS,
    MOST_FRAGMENTS,
    LimitExceeded,
)
from gongzhi.graphql.requests import Request
from gongzhi.tenants.desk import create_token


def nested(levels):
    return "{ areas { nodes " + "{ parent " * (levels - 2) + "{ code }" + " }" * (levels - 2) + " } }"


@pytest.fixture(scope="module")
def endpoint(kernel):
    return Endpoint(kernel)


def cost_of(endpoint, query, **variables):
    return endpoint.asking(Request(query=query, variables=variables)).cost


class TestADocument:
    @pytest.mark.parametrize(
        ("document", "what"),
        [
            ("#" * (MOST_CHARACTERS + 1) + "\n{ version }", "characters"),
            ("{" + " version" * 2000 + "}", "tokens"),
            (nested(MOST_DEPTH), "levels"),
            ("{a" * 900 + "}" * 200, "levels"),
            ("{ version(a: " + "[" * 990 + "]" * 990 + ") }", "levels"),
            ("{" + " version" * (MOST_FIELDS + 1) + " }", "fields"),
            (
                "{ here { ...f0 } }"
                + "".join(f" fragment f{n} on Area {{ code }}" for n in range(MOST_FRAGMENTS + 1)),
                "fragments",
            ),
            ("{" + "".join(f" a{n}: version" for n in range(MOST_ALIASES + 1)) + " }", "aliases"),
            ("{ version" + " @skip(if: false)" * (MOST_DIRECTIVES + 1) + "}", "directives"),
            ("{ grids(first: 500) { nodes { versions(first: 500) { id } } } }", "objects"),
        ],
    )
    async def test_beyond_a_limit_is_refused_by_name(self, client, document, what):
        answer = await client.as_(**{"Accept-Language": "en"}).ask(document)
        assert answer.code == "LIMIT_EXCEEDED"
        assert what in answer.errors[0]["message"]
        assert answer.body["data"] is None

    @pytest.mark.parametrize(
        "document",
        [
            nested(MOST_DEPTH - 1),
            "{" + "".join(f" a{n}: version" for n in range(MOST_ALIASES)) + " }",
            "{ grids(first: 500) { nodes { versions(first: 90) { id } } } }",
        ],
    )
    async def test_at_a_limit_is_answered(self, reader, document):
        assert (await reader("community_admin").ask(document)).errors == []

    def test_of_fragments_is_as_deep_as_what_they_open(self, endpoint):
        levels = " ".join(f"fragment f{n} on Area {{ parent {{ ...f{n + 1} }} }}" for n in range(MOST_DEPTH))
        document = f"{{ here {{ ...f0 }} }} {levels} fragment f{MOST_DEPTH} on Area {{ code }}"
        with pytest.raises(LimitExceeded):
            cost_of(endpoint, document)

    async def test_whose_fragments_spread_each_other_is_not_valid(self, client):
        query = (
            "{ here { ...A } } fragment A on Area { parent { ...B } } fragment B on Area { parent { ...A } }"
        )
        assert {error["extensions"]["code"] for error in (await client.ask(query)).errors} == {
            "GRAPHQL_INVALID"
        }


class TestVariables:
    async def test_of_too_many_values_are_refused(self, reader):
        document = "query ($a: [String!]) { grids(filter: {code: $a}) { totalCount } }"
        answer = await reader("community_admin").ask(document, a=["x"] * 10_001)
        assert answer.code == "LIMIT_EXCEEDED"
        assert (await reader("community_admin").ask(document, a=["x"] * 9_000)).errors == []

    async def test_that_do_not_fit_where_they_stand_make_nothing_free(self, reader):
        """A null where a default would have stood: the whole document is refused, whatever else it asks."""
        document = """query ($o: AreaOrder) { bad: areas(order: $o) { nodes { id } }
            a: areas(first: 500) { nodes { parent { name } } } }"""
        answer = await reader("county_operator").ask(document, o=None)
        assert (answer.code, answer.body["data"]) == ("GRAPHQL_INVALID", None)

    async def test_of_another_operation_are_not_asked_for(self, reader):
        document = "query A { me { permissions } } query B($x: Boolean!) { me { plugins @skip(if: $x) } }"
        who = reader("mediator")
        body = {"query": document, "operationName": "A"}
        response = await who.http.post("/graphql", json=body, headers=who.headers)
        assert "errors" not in response.json()


class TestCost:
    """A point for each object, one for every ten fields of it, ten for a total or a mutation, one for asking."""

    @pytest.mark.parametrize(
        ("document", "points", "nodes"),
        [
            ("{ __typename version }", 1, 0),
            ("{ here { code } }", 2, 1),
            ("{ grids { nodes { code } } }", 21, 20),
            ("{ grids(first: 3) { totalCount nodes { code } } }", 14, 3),
            ("{ grids(last: 3) { edges { cursor node { code } } pageInfo { endCursor } } }", 4, 3),
            ("{ grids(first: 3) { nodes { versions { id } } } }", 64, 63),
            ("{ grids(first: 3) { nodes { versions(first: 2) { id } } } }", 10, 9),
            ("query ($n: Int = 5) { grids(first: $n) { nodes { code } } }", 6, 5),
            ("{ a: grids(first: 1) { nodes { code } } b: grids(first: 2) { nodes { code } } }", 4, 3),
            ('{ nodes(ids: ["Grid:x", "Grid:y"]) { id } }', 3, 2),
            ("{ households(first: 2) { nodes { grid { code } } } }", 5, 4),
            ("{ __schema { types { name } } }", 2001, 0),
            (
                "{ grids(first: 2) { nodes { ...F ...F } } } fragment F on Grid { code versions(first: 1) { id } }",
                5,
                4,
            ),
        ],
    )
    def test_is(self, endpoint, document, points, nodes):
        found = cost_of(endpoint, document)
        assert (found.points, found.nodes) == (points, nodes)

    def test_counts_wide_objects(self, endpoint):
        wide = " ".join(f"a{n}: code" for n in range(40))
        assert cost_of(endpoint, f"{{ grids(first: 10) {{ nodes {{ {wide} }} }} }}").points == 51

    async def test_is_told_with_every_answer(self, reader):
        body = (await reader("community_admin").ask("{ grids(first: 3) { nodes { code } } }")).body
        remaining = body["extensions"]["cost"].pop("remaining")
        assert body["extensions"]["cost"] == {"requested": 4, "nodes": 3, "depth": 3}
        assert 0 < remaining <= 200_000

    async def test_of_a_mutation_is_told_too(self, reader):
        asked = 'mutation { drawGrid(input: {number: 1, name: ""}) { __typename } }'
        assert (await reader("community_admin").ask(asked)).body["extensions"]["cost"]["requested"] > 10


class TestBudget:
    @pytest.fixture
    def clock(self):
        class Clock:
            seconds = 0.0

            def __call__(self):
                return self.seconds

        return Clock()

    @pytest.fixture
    def budgets(self, clock):
        return Budgets(Allowance(100, 10), Allowance(20, 1), Allowance(150, 10), clock)

    @pytest.fixture
    def somebody(self, kernel):
        from uuid import uuid4

        def make(tenant=None):
            scope = None if tenant is None else Community(tenant, "1.")
            return Caller(actor=Actor(roles=kernel.roles, token_id=uuid4()), scope=scope)

        return make

    def test_is_spent_and_refills(self, budgets, somebody, clock):
        caller = somebody()
        assert budgets.spend(caller, None, 70) == 30
        with pytest.raises(TooMany) as refused:
            budgets.spend(caller, None, 50)
        assert refused.value.facts == {"seconds": 2}
        clock.seconds += 2
        assert budgets.spend(caller, None, 50) == 0
        clock.seconds += 1000
        assert budgets.spend(caller, None, 1) == 99

    def test_is_each_callers_own(self, budgets, somebody):
        one, other = somebody(), somebody()
        budgets.spend(one, None, 100)
        assert budgets.spend(other, None, 100) == 0

    def test_of_a_community_is_all_its_callers_together(self, budgets, somebody):
        from uuid import uuid4

        tenant = uuid4()
        budgets.spend(somebody(tenant), None, 100)
        with pytest.raises(TooMany):
            budgets.spend(somebody(tenant), None, 60)
        assert budgets.spend(somebody(tenant), None, 50) == 0

    def test_of_who_is_not_signed_in_is_his_addresss(self, budgets, kernel):
        nobody = Caller(actor=Actor(roles=kernel.roles), scope=None)
        budgets.spend(nobody, "10.0.0.1", 20)
        with pytest.raises(TooMany):
            budgets.check(nobody, "10.0.0.1")
        budgets.check(nobody, "10.0.0.2")

    def test_lets_through_what_is_larger_than_it_once_it_is_full(self, budgets, somebody, clock):
        """Otherwise a document below every limit could never be asked."""
        caller = somebody()
        assert budgets.spend(caller, None, 130) == -30
        clock.seconds += 2
        with pytest.raises(TooMany):
            budgets.check(caller, None)

    async def test_that_is_used_up_says_when_to_come_back(self, client, sample, monkeypatch):
        http.Budgets.check, kept = (
            lambda *_told: (_ for _ in ()).throw(TooMany(seconds=7)),
            http.Budgets.check,
        )
        try:
            response = await client.http.post("/graphql", json={"query": "{ version }"})
        finally:
            http.Budgets.check = kept
        assert (response.status_code, response.headers["retry-after"]) == (429, "7")
        assert response.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"

    @pytest.mark.parametrize(
        ("request_", "points"),
        [
            (Request(query="{ nothing }"), 5),
            (Request(query="{ nothing #" + "x" * 1000 + "\n}"), 15),
            (Request(query="{ here { code } }"), 2),
            (Request(query="{ here { code } persons { totalCount } }"), 12 + 30 * 12),
            (Request(query="{ __schema { description } }"), 2001),
        ],
    )
    async def test_is_spent_on_work_that_no_object_shows(self, kernel, caller_of, sample, request_, points):
        """On reading a document for the first time, on refusing it, on executing it field by field."""
        endpoint = Endpoint(kernel)
        caller = await caller_of("integrator")
        endpoint.budgets.clock = lambda: 0.0
        full = endpoint.budgets.spend(caller, None, 0)
        await endpoint.respond(Credentials(bearer=sample.tokens["integrator"]), caller, request_)
        assert full - endpoint.budgets.spend(caller, None, 0) == points

    async def test_of_an_address_is_spent_by_who_tries_tokens(self, kernel, client):
        endpoint = Endpoint(kernel)
        for _ in range(2):
            with pytest.raises(NotSignedIn):
                await endpoint._caller(Credentials(bearer="gz_forged", address="192.0.2.7"))
        endpoint.budgets.spend_of_address("192.0.2.7", 20_000)
        with pytest.raises(TooMany):
            await endpoint._caller(Credentials(bearer="gz_forged", address="192.0.2.7"))

    async def test_is_spent_by_what_is_not_valid_too(self, kernel, sample, caller_of):
        endpoint = Endpoint(kernel)
        caller = await caller_of("integrator")
        full = endpoint.budgets.spend(caller, None, 0)
        await endpoint.respond(Credentials(), caller, Request(query="{ nothing }"))
        assert endpoint.budgets.spend(caller, None, 0) < full


class TestADocumentThatIsKept:
    async def test_is_answered_the_thousandth_time_as_the_first(self, kernel, client, county):
        """What opens selection sets counts them for one request, not for the life of the process."""
        token = await create_token(kernel, county.community, label="kept", role="community_admin")
        admin = client.as_(token)
        kept = "{ me { roles { code } permissions } }"
        refused = (
            'mutation { a: drawGrid(input: {number: 900, name: "x"}) '
            "{ __typename ... on Problem { code message path } } }"
        )
        first = [(await admin.ask(document)).data for document in (kept, refused)]
        for _ in range(600):
            assert (await admin.ask(kept)).data == first[0]
            assert (await admin.ask(refused)).data == first[1]
