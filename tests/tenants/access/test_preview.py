"""What a grant would open, told before it is given, is what it opens once it is given."""

from uuid import uuid4

import pytest

from gongzhi.core.api import global_id
from gongzhi.tenants import desk

PREVIEW = """query ($role: String!, $node: ID, $account: ID) {
    previewGrant(role: $role, nodeId: $node, accountId: $account) {
        place { code } nodes permissions opened { kind rows } conflicts { first second why }
    }
}"""

#: The kinds that a client can count, by the list that shows them.
LISTS = {
    "Account": "accounts",
    "ApiToken": "apiTokens",
    "Area": "areas",
    "AuditEntry": "audit",
    "Community": "communities",
    "Grant": "grants",
    "Grid": "grids",
    "Household": "households",
    "Job": "jobs",
    "MediationCase": "mediationCases",
    "MediationTally": "mediationTallies",
    "Mediator": "mediators",
    "OwnRole": "ownRoles",
    "Person": "persons",
    "PluginSwitch": "pluginSwitches",
    "ProfileFigure": "profileFigures",
}
#: Those that are seen only with something else.
WITHIN = {"Consent", "GridVersion", "MediationAgreement", "MediationParty", "MediationStep"}


async def preview(who, role, **told):
    return (await who.ask(PREVIEW, role=role, **told)).data["previewGrant"]


def opened(told):
    return {one["kind"]: one["rows"] for one in told["opened"]}


async def seen(who):
    """How many of each kind a client sees; what it may not see are none."""
    asked = [(kind, await who.ask(f"{{ {name} {{ totalCount }} }}")) for kind, name in LISTS.items()]
    counts = {
        kind: 0 if answered.errors else answered.data[LISTS[kind]]["totalCount"] for kind, answered in asked
    }
    return {kind: count for kind, count in counts.items() if count}


class TestPreview:
    @pytest.mark.parametrize(
        "role",
        ["community_admin", "mediator", "grid_worker", "social_worker", "auditor", "integrator", "volunteer"],
    )
    async def test_counts_what_the_role_then_sees(
        self, admin, operator, person, signed_in, work_done, county, area_id, kernel, run_tasks, role
    ):
        await run_tasks()
        who = await person((role, county.community))
        theirs = await signed_in(who, county.community)

        told = await preview(admin, role)

        counts = opened(told)
        assert {kind: rows for kind, rows in counts.items() if kind in LISTS} == await seen(theirs)
        assert set(counts) <= LISTS.keys() | WITHIN
        assert (told["place"], told["nodes"]) == ({"code": county.community}, 1)
        may = (await theirs.ask("{ me { permissions } }")).data["me"]["permissions"]
        assert told["permissions"] == may

    @pytest.mark.parametrize("role", ["county_operator", "county_analyst", "auditor", "integrator"])
    async def test_counts_what_a_role_above_communities_then_sees(
        self, operator, person, signed_in, work_done, county, run_tasks, role
    ):
        """Which is nothing of a person."""
        await run_tasks()
        who = await person((role, county.county))
        theirs = await signed_in(who, county.county)

        told = await preview(operator, role)

        counts = opened(told)
        assert {kind: rows for kind, rows in counts.items() if kind in LISTS} == await seen(theirs)
        assert not counts.keys() & {"Person", "Household", "MediationCase", "MediationParty", "Consent"}
        assert told["nodes"] == 4

    async def test_counts_nothing_of_a_plugin_that_is_switched_off(
        self, admin, person, signed_in, work_done, county, kernel
    ):
        """What the role does not see then is not promised before."""
        await desk.switch_plugin(kernel, county.community, "mediation", "disable")
        theirs = await signed_in(await person(("mediator", county.community)), county.community)

        told = opened(await preview(admin, "mediator"))

        assert {kind: rows for kind, rows in told.items() if kind in LISTS} == await seen(theirs)
        assert not [kind for kind in told if kind.startswith("Medi")]

    async def test_counts_exactly(self, admin, work_done):
        told = opened(await preview(admin, "social_worker"))

        assert {kind: told[kind] for kind in ("Person", "Grid", "GridVersion")} == {
            "Person": 3,
            "Grid": 1,
            "GridVersion": 1,
        }
        assert "Household" not in told

    async def test_tells_only_what_is_new_to_an_account(self, admin, person, work_done, county):
        who = await person(("community_officer", county.community))

        assert await preview(admin, "community_officer", account=who.id) | {"place": None} == {
            "place": None,
            "nodes": 1,
            "permissions": [],
            "opened": [],
            "conflicts": [],
        }
        told = await preview(admin, "mediator", account=who.id)
        assert told["permissions"] == ["mediation.case:close", "mediation.case:mediate"]
        assert told["opened"] == []

    async def test_tells_nothing_new_of_what_is_held_above(self, admin, person, county):
        who = await person(("county_operator", county.county))

        told = await preview(admin, "volunteer", account=who.id)

        assert (told["permissions"], told["opened"]) == ([], [])

    async def test_tells_nothing_of_what_is_denied(self, admin, person, denying, work_done):
        """Deny wins over the grant that is about to be given, too."""
        who = await person()
        await denying(who, "tenants.grid:read")

        told = await preview(admin, "volunteer", account=who.id)

        assert told["permissions"] == ["tenants.area:read", "tenants.community:read"]
        assert not opened(told).keys() & {"Grid", "GridVersion"}

    async def test_tells_of_an_own_role(self, admin, work_done):
        told = {"name": "看网格的人", "allowed": ["tenants.grid:read"]}
        made = await admin.do("makeRole", told, read="ownRole { code }")

        told = await preview(admin, made["ownRole"]["code"])

        assert told["permissions"] == ["tenants.grid:read"]
        assert opened(told) == {"Grid": 1, "GridVersion": 1}

    async def test_tells_of_duties_that_two_people_should_have(self, operator, admin):
        """In the language of the request."""
        pair = {"first": "tenants.community:steer", "second": "tenants.community:archive"}
        chinese = (await preview(operator, "county_operator"))["conflicts"]
        english = (await preview(operator.as_(**{"Accept-Language": "en"}), "county_operator"))["conflicts"]

        assert chinese == [pair | {"why": "停用社区与归档社区须由两人办理，因归档不可撤销"}]
        assert english == [
            pair | {"why": "who suspends a community does not archive it, which can't be undone"}
        ]
        assert (await preview(admin, "mediator"))["conflicts"] == []

    async def test_tells_of_duties_that_come_together_by_the_grant(self, operator, person, kernel, county):
        who = await person()
        for permission, name in (("steer", "停复员"), ("archive", "归档员")):
            told = {"name": name, "allowed": [f"tenants.community:{permission}"]}
            document = (
                "mutation ($told: MakeRoleInput!) { makeRole(input: $told) "
                "{ ... on MakeRoleSuccess { ownRole { code } } } }"
            )
            made = await operator.ask(document, told=told | {"level": "COUNTY"})
            code = made.data["makeRole"]["ownRole"]["code"]
            told = await preview(operator, code, account=who.id)
            assert len(told["conflicts"]) == (permission == "archive")
            await operator.do("giveRole", {"login": who.login, "role": code, "reason": "分工"})

    async def test_changes_nothing(self, admin, person, contents, kernel):
        """Nor leaves it a trace, save that the token was used."""
        who = await person()
        await preview(admin, "mediator")
        before = contents(kernel)

        await preview(admin, "mediator", account=who.id)

        assert contents(kernel) == before


class TestRefused:
    async def test_at_a_node_elsewhere(self, admin, county, area_id):
        for node in (area_id(county.communities[1]), area_id(county.street), global_id("Area", uuid4())):
            assert (await admin.ask(PREVIEW, role="mediator", node=node)).code == "NOT_FOUND"

    @pytest.mark.parametrize("role", ["county_operator", "king", "own:x"])
    async def test_of_a_role_that_is_not_held_there(self, admin, role):
        chinese = await admin.ask(PREVIEW, role=role)
        english = await admin.as_(**{"Accept-Language": "en"}).ask(PREVIEW, role=role)

        assert chinese.code == english.code == "GRANT_ROLE_UNFIT"
        assert "can't be given at this node" in english.errors[0]["message"]

    async def test_for_an_id_of_something_else(self, admin, area_id):
        assert (await admin.ask(PREVIEW, role="mediator", account=area_id())).code == "INVALID_INPUT"

    async def test_without_the_permission(self, officer):
        assert (await officer.ask(PREVIEW, role="mediator")).code == "FORBIDDEN"
