"""Work in one grid: what belongs to it is read and written, and nothing of the grids beside it."""

import pytest

from gongzhi.core.scope import Community
from gongzhi.core.testing import Name
from gongzhi.tenants import desk

DISPUTE = {
    "title": "邻里通行",
    "category": Name("NEIGHBOURS"),
    "facts": "两家争执",
    "parties": [{"side": Name("APPLICANT"), "name": "甲方"}, {"side": Name("RESPONDENT"), "name": "乙方"}],
}
HOUSEHOLDS = "{ households(order: NUMBER) { totalCount nodes { id number grid { name } } } }"


@pytest.fixture
def admin(client, county, token_for):
    return client.as_(token_for("community_admin", county.community))


@pytest.fixture
def grids(admin, event_loop):
    """Two grids with a household each: (code, id of the grid, id of its household)."""

    async def make(number):
        drawn = await admin.do(
            "drawGrid", {"number": number, "name": f"第{number}网格"}, read="grid { id code }"
        )
        told = {"number": f"户{number}", "gridId": drawn["grid"]["id"], "place": "试验路1号"}
        registered = await admin.do("registerHousehold", told, read="household { id }")
        return drawn["grid"]["code"], drawn["grid"]["id"], registered["household"]["id"]

    return [event_loop.run(make(number)) for number in (1, 2)]


@pytest.fixture
def login(kernel, somebody):
    """An account that holds nothing yet."""
    return somebody(kernel)


@pytest.fixture
def worker(kernel, grids, login, signed_in, event_loop):
    """A grid worker of the first grid alone, signed in."""
    event_loop.run(desk.grant(kernel, login, "grid_worker", grids[0][0], reason="分片包干"))
    return event_loop.run(signed_in(login))


@pytest.fixture
def signed_in(client):
    from tests.tenants.conftest import PASSWORD

    async def sign_in(login):
        response = await client.http.post("/session", json={"login": login, "password": PASSWORD})
        return client.as_(**{"X-CSRF-Token": response.json()["csrfToken"]})

    return sign_in


class TestScope:
    async def test_of_the_only_grant_needs_no_name(self, worker, county):
        assert (await worker.ask("{ here { code } me { roles { code } } }")).data == {
            "here": {"code": county.community},
            "me": {"roles": [{"code": "grid_worker"}]},
        }

    async def test_is_named_by_code_or_id(self, kernel, grids, login, signed_in):
        for code, _id, _household in grids:
            await desk.grant(kernel, login, "grid_worker", code, reason="兼两格")
        who = await signed_in(login)
        assert (await who.ask(HOUSEHOLDS)).code == "SCOPE_MISSING"
        for number, (code, id_, _household) in enumerate(grids, 1):
            for named in (code, id_.removeprefix("Grid:")):
                [row] = (await who.as_(None, named).ask(HOUSEHOLDS)).data["households"]["nodes"]
                assert row["number"] == f"户{number}"

    async def test_reaches_neither_up_nor_sideways(self, worker, county, grids):
        for code in (county.community, county.communities[1], county.street, county.county, grids[1][0]):
            assert (await worker.as_(None, code).ask("{ here { code } }")).code == "SCOPE_UNKNOWN"

    async def test_of_a_community_reaches_its_grids(self, admin, grids):
        found = (await admin.as_(None, grids[1][0]).ask(HOUSEHOLDS)).data["households"]
        assert (found["totalCount"], found["nodes"][0]["grid"]) == (1, {"name": "第2网格"})


class TestReading:
    async def test_shows_the_grids_own_rows(self, worker, grids):
        found = (await worker.ask(HOUSEHOLDS)).data["households"]
        assert found == {
            "totalCount": 1,
            "nodes": [{"id": grids[0][2], "number": "户1", "grid": {"name": "第1网格"}}],
        }
        assert [
            grid["code"] for grid in (await worker.ask("{ grids { nodes { code } } }")).data["grids"]["nodes"]
        ] == [grids[0][0]]

    async def test_finds_nothing_of_the_next_by_its_id(self, worker, grids):
        _code, grid, household = grids[1]
        query = "query ($h: ID!, $g: ID!) { grid(id: $g) { code } node(id: $h) { id } nodes(ids: [$h, $g]) { id } }"
        assert (await worker.ask(query, h=household, g=grid)).data == {
            "grid": None,
            "node": None,
            "nodes": [None, None],
        }

    @pytest.mark.parametrize("field", ["mediators", "profileFigures", "communities"])
    async def test_refuses_what_belongs_to_the_whole_community(self, worker, field):
        answered = await worker.ask(f"{{ {field} {{ totalCount }} }}")
        assert answered.code in ("SCOPE_NEEDS_COMMUNITY", "FORBIDDEN")

    async def test_answers_alike_without_the_compiler(self, worker, kernel, county, grids):
        """Field by field, through the fence of the session."""
        from gongzhi.core.api import Caller, parse_global_id
        from gongzhi.graphql.http import Endpoint
        from gongzhi.graphql.requests import Request

        here = county.scope()
        scope = Community(here.tenant, here.path, parse_global_id(grids[0][1])[1])
        endpoint = Endpoint(kernel)
        asking = endpoint.asking(Request(query=HOUSEHOLDS))
        plain = await endpoint.execute(Caller(actor=kernel.robot("test"), scope=scope), asking)
        assert plain.body["data"] == (await worker.ask(HOUSEHOLDS)).data


class TestCommands:
    async def test_write_the_grids_own_rows(self, worker, grids):
        told = {"number": "户9", "gridId": grids[0][1], "place": "试验路9号"}
        made = await worker.do("registerHousehold", told, read="household { number }")
        assert made == {"__typename": "RegisterHouseholdSuccess", "household": {"number": "户9"}}

    async def test_write_nothing_of_the_next(self, worker, grids):
        told = {"number": "户9", "gridId": grids[1][1], "place": "试验路9号"}
        assert (await worker.do("registerHousehold", told))["code"] == "NOT_FOUND"
        assert (await worker.do("openMediationCase", DISPUTE | {"gridId": grids[1][1]}))[
            "code"
        ] == "NOT_FOUND"

    async def test_open_cases_in_the_grid_where_none_is_named(self, worker, admin):
        await worker.do("openMediationCase", DISPUTE)
        [case] = (await admin.ask("{ mediationCases { nodes { grid { name } } } }")).data["mediationCases"][
            "nodes"
        ]
        assert case["grid"] == {"name": "第1网格"}

    async def test_of_the_whole_community_are_refused(self, admin, grids):
        """Also to who may: he names the community instead."""
        inside = admin.as_(None, grids[0][0])
        ask = 'mutation { drawGrid(input: {number: 9, name: "九"}) { __typename } }'
        assert (await inside.ask(ask)).code == "SCOPE_NEEDS_COMMUNITY"


class TestGrant:
    async def test_is_shown_with_its_grid(self, worker, admin, grids):
        query = '{ grants(filter: {role: "grid_worker"}) { nodes { role grid { code } } } }'
        found = (await admin.ask(query)).data["grants"]["nodes"]
        assert {"role": "grid_worker", "grid": {"code": grids[0][0]}} in found

    @pytest.mark.parametrize("role", ["mediator", "community_officer"])
    async def test_of_a_communitys_role_knows_no_grid(self, admin, grids, login, role):
        told = {"login": login, "role": role, "gridId": grids[0][1], "reason": "分工"}
        assert (await admin.do("giveRole", told))["code"] == "GRANT_GRID_UNFIT"

    async def test_at_a_grid_of_another_community_is_refused(self, client, kernel, county, grids, login):
        token = await desk.create_token(kernel, county.communities[1], label="x", role="community_admin")
        told = {"login": login, "role": "grid_worker", "gridId": grids[0][1], "reason": "分工"}
        assert (await client.as_(token).do("giveRole", told))["code"] == "GRANT_GRID_UNFIT"

    async def test_is_explained_with_its_grid(self, worker, admin, kernel, grids):
        account = (await admin.ask('{ grants(filter: {role: "grid_worker"}) { nodes { id } } }')).data
        assert account["grants"]["nodes"]
        who = await admin.ask('{ whoCan(permission: "tenants.household:register") { nodes { role grid } } }')
        assert {"role": "grid_worker", "grid": grids[0][0]} not in who.data["whoCan"]["nodes"]
        query = '{ whoCan(permission: "tenants.household:register", nodeId: "%s") { nodes { role grid } } }'
        there = await admin.ask(query % grids[0][2])
        assert {"role": "grid_worker", "grid": grids[0][0]} in there.data["whoCan"]["nodes"]
