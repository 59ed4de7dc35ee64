"""Why an account may, by which grants; why it may not, and the smallest grant that would help."""

from uuid import uuid4

import pytest

from gongzhi.core import clock
from gongzhi.core.api import global_id
from gongzhi.tenants import desk
from gongzhi.tenants.testing import make_place

GRID_READ = "tenants.grid:read"
EXPLAIN = """query ($account: ID!, $permission: String!, $object: ID) {
    explainAccess(accountId: $account, permission: $permission, objectId: $object) {
        allowed switchedOff place { code level }
        chain { login role roleName reason place { code } }
        denials { login role place { code } }
        offers { role permissions place { code } givers { login role place { code } } }
    }
}"""


async def explain(who, account, permission=GRID_READ, object_id=None):
    answered = await who.ask(EXPLAIN, account=account, permission=permission, object=object_id)
    return answered.data["explainAccess"]


async def refused(who, account, permission=GRID_READ, object_id=None):
    """(code, message) of the only error."""
    answered = await who.ask(EXPLAIN, account=account, permission=permission, object=object_id)
    [error] = answered.errors
    assert answered.body["data"] == {"explainAccess": None}
    return error["extensions"]["code"], error["message"]


def places(grants):
    return [(grant["role"], grant["place"]["code"]) for grant in grants]


class TestYes:
    async def test_tells_the_chain_from_the_county_down(self, admin, person, county):
        """In the order of the tree, whatever the order of giving; what does not bring it is no link."""
        who = await person(
            ("grid_head", county.community),
            ("street_dispatcher", county.street),
            ("county_analyst", county.county),
            ("county_operator", county.county),
        )

        told = await explain(admin, who.id)

        assert told["allowed"] is True
        assert told["place"] == {"code": county.community, "level": "COMMUNITY"}
        assert places(told["chain"]) == [
            ("county_operator", county.county),
            ("street_dispatcher", county.street),
            ("grid_head", county.community),
        ]
        assert told["chain"][0]["roleName"] == "县级运营员"
        assert {(link["login"], link["reason"]) for link in told["chain"]} == {(who.login, "换届")}
        assert (told["denials"], told["offers"], told["switchedOff"]) == ([], [], None)

    async def test_tells_only_grants_that_reach_the_object(self, operator, person, county, area_id):
        """Never up, never sideways."""
        who = await person(("mediator", county.community), ("mediator", county.communities[1]))

        below = await explain(operator, who.id, object_id=area_id())
        assert places(below["chain"]) == [("mediator", county.community)]
        above = await explain(operator, who.id, object_id=area_id(county.street))
        assert (above["allowed"], above["chain"]) == (False, [])

    async def test_tells_of_objects_where_they_belong(self, admin, person, county, work_done):
        """Of each kind whose ids a client has in hand."""
        who = await person(("community_admin", county.community))
        lists = ("grids", "persons", "households", "mediationCases", "mediators", "pluginSwitches", "grants")
        asked = await admin.ask("{ %s }" % " ".join(f"{name} {{ nodes {{ id }} }}" for name in lists))  # noqa: UP031

        for name in lists:
            object_id = asked.data[name]["nodes"][0]["id"]
            told = await explain(admin, who.id, object_id=object_id)
            assert (told["allowed"], told["place"]["code"]) == (True, county.community), name

    async def test_tells_of_an_own_role_by_its_name(self, admin, person):
        who = await person()
        told = {"name": "网格联络员", "allowed": [GRID_READ]}
        made = await admin.do("makeRole", told, read="ownRole { code }")
        await admin.do("giveRole", {"login": who.login, "role": made["ownRole"]["code"], "reason": "分工"})

        [link] = (await explain(admin, who.id))["chain"]

        assert (link["role"], link["roleName"]) == (made["ownRole"]["code"], "网格联络员")

    async def test_agrees_with_what_the_account_then_may(self, admin, person, signed_in, county, kernel):
        """For every permission there is."""
        who = await person(("mediator", county.community), ("auditor", county.street))
        theirs = await signed_in(who, county.community)
        may = set((await theirs.ask("{ me { permissions } }")).data["me"]["permissions"])

        told = {code for code in kernel.roles.permissions if (await explain(admin, who.id, code))["allowed"]}

        assert told == may


class TestNo:
    async def test_tells_the_smallest_grant_and_who_may_give_it(self, admin, person, county):
        """Only mediators mediate; the community's admin gives that role, and the county's operator does not."""
        who, chief = (
            await person(("volunteer", county.community)),
            await person(("community_admin", county.community)),
        )
        await person(("county_operator", county.county))

        told = await explain(admin, who.id, "mediation.case:mediate")

        assert (told["allowed"], told["chain"], told["denials"]) == (False, [], [])
        [offer] = told["offers"]
        assert (offer["role"], offer["place"]["code"]) == ("mediator", county.community)
        assert "mediation.case:mediate" in offer["permissions"]
        assert [(giver["login"], giver["role"]) for giver in offer["givers"]] == [
            (chief.login, "community_admin")
        ]

    async def test_offers_what_brings_least_and_reaches_least_first(self, admin, person, county, kernel):
        who = await person()
        await person(("community_admin", county.community))
        opened = await admin.do("giveRole", {"login": who.login, "role": "auditor", "reason": "试办"})
        assert opened["__typename"] == "GiveRoleSuccess"

        told = await explain(admin, who.id, "tenants.person:read")

        assert [offer["role"] for offer in told["offers"]] == [
            "social_worker",
            "community_officer",
            "community_admin",
        ]
        sizes = [len(offer["permissions"]) for offer in told["offers"]]
        assert sizes == sorted(sizes)

    @pytest.mark.parametrize(
        "permission",
        [
            GRID_READ,
            "tenants.person:read",
            "mediation.case:open",
            "tenants.grant:give",
            "tenants.community:steer",
        ],
    )
    async def test_offers_what_helps(self, admin, operator, kernel, person, county, permission):
        """Given, it answers yes; and who is named may give it."""
        who = await person(("integrator", county.communities[1]), ("county_analyst", county.county))
        await person(("community_admin", county.community))
        await person(("county_operator", county.county))
        told = await explain(admin, who.id, permission)
        assert told["allowed"] is False
        offer = told["offers"][0]
        assert offer["givers"] or permission == "tenants.community:steer"

        await desk.grant(kernel, who.login, offer["role"], offer["place"]["code"], reason="x")

        assert (await explain(admin, who.id, permission))["allowed"] is True

    async def test_offers_no_role_that_the_community_leaves_out(self, admin, person, county, kernel, rows_of):
        """What can't be given there is no way to get it."""
        who = await person(("auditor", county.community))
        limit = (
            "update tenants.tenant set roles = '{community_admin,mediator}' where node_id = %s returning 1"
        )
        assert rows_of(kernel, limit, county.scope().node) == [(1,)]

        told = await explain(admin, who.id, "mediation.case:open")

        here = [offer["role"] for offer in told["offers"] if offer["place"]["code"] == county.community]
        assert here == ["mediator"]

    async def test_tells_who_is_denied_by_which_grant(self, admin, person, denying, county):
        who = await person(("mediator", county.community))
        role = await denying(who, GRID_READ)

        told = await explain(admin, who.id)

        assert told["allowed"] is False
        assert places(told["chain"]) == [("mediator", county.community)]
        assert places(told["denials"]) == [(role, county.community)]
        assert told["offers"] == []

    async def test_tells_the_plugin_that_is_switched_off(self, admin, person, kernel, county):
        """No grant would help whoever has one already."""
        who = await person(("mediator", county.community))
        assert (await explain(admin, who.id, "mediation.case:read"))["allowed"] is True
        await desk.switch_plugin(kernel, county.community, "mediation", "disable")

        told = await explain(admin, who.id, "mediation.case:read")

        assert (told["allowed"], told["switchedOff"]) == (False, "mediation")
        assert places(told["chain"]) == [("mediator", county.community)]
        assert told["offers"] == []

    async def test_heeds_no_grant_that_ended_or_has_not_begun(self, admin, person, kernel, county):
        who = await person(("auditor", county.community))
        later = {
            "login": who.login,
            "role": "mediator",
            "reason": "明年起",
            "validFrom": "2999-01-01T00:00:00Z",
        }
        assert (await admin.do("giveRole", later))["__typename"] == "GiveRoleSuccess"
        await desk.grant(kernel, who.login, "grid_head", county.community, reason="x", days=1)
        with clock.use(clock.FixedClock(clock.now())) as standing:
            standing.advance(days=2)

            told = await explain(admin, who.id)

        assert (told["allowed"], told["chain"]) == (False, [])

    async def test_heeds_no_closed_account(self, admin, operator, person, kernel, county):
        who = await person(("mediator", county.community))
        await person(("community_admin", county.community))
        await desk.set_active(kernel, who.login, active=False)

        answered = await admin.ask(EXPLAIN, account=who.id, permission=GRID_READ, object=None)

        assert not (answered.body["data"]["explainAccess"] or {"allowed": False})["allowed"]


class TestOfWhatIsNone:
    async def test_of_an_object_elsewhere_is_not_found(self, admin, person, client, kernel, county, area_id):
        """Whether it exists is nobody's business."""
        who = await person(("mediator", county.community))
        other = await make_place(kernel, communities=1)
        token = await desk.create_token(kernel, county.communities[1], label="x", role="community_admin")
        told = {"number": 1, "name": "邻居网格"}
        drawn = await client.as_(token).do("drawGrid", told, read="grid { id }")
        foreign = (
            drawn["grid"]["id"],
            area_id(county.communities[1]),
            area_id(county.street),
            global_id("Area", other.scope().node),
            global_id("Grid", uuid4()),
            global_id("Nothing", uuid4()),
        )

        answers = {await refused(admin, who.id, object_id=one) for one in foreign}

        assert answers == {("NOT_FOUND", "找不到object，请核对编号，或确认所选的社区是否正确")}

    async def test_of_an_account_of_no_business_is_not_found(self, admin, person, county):
        next_door = await person(("mediator", county.communities[1]))
        nobody = global_id("Account", uuid4())

        answers = {await refused(admin, account) for account in (next_door.id, nobody, (await person()).id)}

        assert answers == {("NOT_FOUND", "找不到Account，请核对编号，或确认所选的社区是否正确")}

    async def test_of_an_account_that_was_opened_here_is_told(self, admin):
        told = {"login": f"person-{uuid4().hex[:12]}", "displayName": "某人"}
        opened = await admin.do("openAccount", told, read="account { id }")

        assert (await explain(admin, opened["account"]["id"]))["allowed"] is False

    async def test_of_an_account_whose_role_here_was_taken_is_told(self, admin, person, kernel, county):
        """Whoever took it is the one who is asked why that person may not any more."""
        who = await person(("mediator", county.community))
        await desk.revoke_grant(kernel, who.login, "mediator", county.community)

        told = await explain(admin, who.id)

        assert (told["allowed"], told["chain"]) == (False, [])

    async def test_of_an_unknown_permission_says_so(self, admin, person, county):
        who = await person(("mediator", county.community))

        assert await refused(admin, who.id, "tenants.grid:devour") == (
            "PERMISSION_UNKNOWN",
            "没有权限“tenants.grid:devour”，请核对权限代码",
        )
        assert await refused(admin.as_(**{"Accept-Language": "en"}), who.id, "x") == (
            "PERMISSION_UNKNOWN",
            "There is no permission x; check its code",
        )

    async def test_of_an_id_of_something_else_says_so(self, admin, person, county, area_id):
        who = await person(("mediator", county.community))

        assert (await refused(admin, area_id()))[0] == "INVALID_INPUT"
        assert (await refused(admin, "x"))[0] == "INVALID_INPUT"
        assert (await refused(admin, who.id, object_id="x"))[0] == "INVALID_INPUT"

    async def test_needs_the_permission(self, officer, person, county):
        who = await person(("mediator", county.community))

        code, message = await refused(officer, who.id)

        assert (code, "tenants.grant:read" in message) == ("FORBIDDEN", True)
