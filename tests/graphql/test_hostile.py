"""Small documents that would be large work, and names that would be others': answered, or left alone."""

import gc
import importlib.util
import sys
from pathlib import Path

import httpx
import msgspec
import pytest

from gongzhi.core.api import opaque
from gongzhi.core.app import make_app
from gongzhi.graphql.compiler import Left
from gongzhi.graphql.http import Endpoint
from gongzhi.graphql.requests import Request


@pytest.fixture
def admin(client, sample):
    return client.as_(sample.tokens["community_admin"])


class TestNames:
    @pytest.mark.parametrize("alias", ["r", "x", "e", "m", "s", "n", "t1", "place", "a" * 63, "a" * 64])
    async def test_of_the_caller_are_never_the_statements(self, admin, alias):
        document = f"{{ grids(first: 1) {{ {alias}: totalCount edges {{ {alias}: cursor node {{ {alias}: name }} }} }} }}"
        [edge] = (await admin.ask(document)).data["grids"]["edges"]
        assert edge["node"] == {alias: "第一网格"}

    async def test_that_differ_beyond_what_postgresql_keeps_stay_apart(self, admin):
        long = "a" * 70
        document = f"{{ grids(first: 1) {{ nodes {{ {long}1: name {long}2: code }} }} }}"
        [grid] = (await admin.ask(document)).data["grids"]["nodes"]
        assert set(grid) == {f"{long}1", f"{long}2"}

    @pytest.mark.parametrize("count", [60, 100])
    async def test_may_be_many(self, admin, count):
        aliases = " ".join(f"a{n}: hasNextPage" for n in range(count))
        answer = await admin.ask(f"{{ grids(first: 1) {{ pageInfo {{ {aliases} }} }} }}")
        assert len(answer.data["grids"]["pageInfo"]) == count


class TestBombs:
    async def test_of_fragments_are_opened_once_each(self, admin):
        """Forty levels that each spread the next twice: a million million fields, or forty fragments."""
        levels = " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(40))
        answer = await admin.ask(f"{{ ...f0 }} {levels} fragment f40 on Query {{ __typename }}")
        assert answer.data == {"__typename": "Query"}

    async def test_of_aliases_are_refused(self, admin):
        """A small document that asks for thousands of objects."""
        levels = " ".join(
            f"fragment f{n} on Area {{ a: parent {{ ...f{n + 1} }} b: parent {{ ...f{n + 1} }} }}"
            for n in range(12)
        )
        document = f"{{ areas(first: 1) {{ nodes {{ ...f0 }} }} }} {levels} fragment f12 on Area {{ code }}"
        assert (await admin.ask(document)).code == "LIMIT_EXCEEDED"

    async def test_of_tokens_are_refused_before_they_are_validated(self, client):
        answer = await client.ask("{ " + "version " * 3000 + "}")
        assert answer.code == "LIMIT_EXCEEDED"


class TestTheCache:
    async def test_keeps_no_request(self, kernel, sample, caller_of):
        """An exception that is kept and raised again would hold on to every body it has seen."""
        endpoint, caller = Endpoint(kernel), await caller_of("community_admin")
        document = (
            "query Q($a: [String!]) { __schema { description } grids(filter: {code: $a}) { totalCount } }"
        )
        for _ in range(3):
            request = Request(query=document, variables={"a": ["a body"]})
            assert await endpoint.reads.answer(caller, endpoint.asking(request)) is None
        gc.collect()
        kept = [found for found in gc.get_objects() if isinstance(found, Request) and found.query == document]
        assert kept == [request]
        [prepared] = endpoint._documents._kept.values()
        assert [made for key, made in prepared.made.items() if key[0] == "plan"] == [Left("introspection")]

    async def test_keeps_no_long_document(self, kernel, sample, caller_of):
        endpoint = Endpoint(kernel)
        document = "#" + "x" * 20_000 + "\n{ grids { totalCount } }"
        asking = endpoint.asking(Request(query=document))
        assert await endpoint.reads.answer(await caller_of("community_admin"), asking)
        assert not endpoint._documents._kept


class TestCursors:
    @pytest.mark.parametrize(
        "keys",
        [
            ["Grid", "CODE", "a", 5],
            ["Grid", "CODE", 5, 5],
            ["Grid", "NEWEST", 5],
            ["Grid", "CODE", None, "a"],
        ],
    )
    async def test_made_by_hand_are_refused(self, admin, keys):
        document = "query ($c: String, $o: GridOrder!) { grids(after: $c, order: $o) { totalCount } }"
        assert (await admin.ask(document, c=opaque(keys), o=keys[1])).code == "INVALID_INPUT"


async def test_a_flag_that_is_null_is_no_flag(admin):
    document = "query ($a: Boolean = true) { grids(first: 1) { totalCount @skip(if: $a) nodes { id } } }"
    assert (await admin.ask(document, a=None)).errors


async def test_a_moment_beyond_time_is_refused(admin):
    document = '{ mediationCases(filter: {receivedAt: {since: "0001-01-01T00:00:00+23:59"}}) { totalCount } }'
    assert (await admin.ask(document)).code == "GRAPHQL_INVALID"


async def test_a_null_where_there_must_be_a_number_is_refused(admin):
    """The document is valid, because the argument has a default; the variable's null is not."""
    document = "query ($n: Int) { grids { nodes { versions(first: $n) { id } } } }"
    answer = await admin.ask(document, n=None)
    assert {error["extensions"]["code"] for error in answer.errors} == {"GRAPHQL_INVALID"}


def hostile_requests():
    """The corpus that ``make bench-hostile`` measures."""
    path = Path(__file__).parents[2] / "benchmarks" / "hostile_requests.py"
    spec = importlib.util.spec_from_file_location("hostile_requests", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return dict(module.named())


HOSTILE = hostile_requests()


class TestTheCorpus:
    @pytest.fixture
    def in_use(self, kernel, monkeypatch):
        """The application as in production: nobody who is not signed in learns the schema."""
        monkeypatch.setattr(kernel, "settings", msgspec.structs.replace(kernel.settings, mode="production"))
        return make_app(kernel)

    @pytest.mark.parametrize("name", list(HOSTILE))
    async def test_is_refused_by_its_code(self, in_use, sample, name):
        hostile = HOSTILE[name]
        headers = {"Authorization": f"Bearer {sample.tokens['community_admin']}"} if hostile.signed_in else {}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(in_use), base_url="http://test") as client:
            response = await client.post("/graphql", content=hostile.body(), headers=headers)
        codes = {error["extensions"]["code"] for error in response.json().get("errors", ())}
        assert codes == ({hostile.code} if hostile.code else set())
        assert response.status_code < 500
