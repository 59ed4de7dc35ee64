"""Who may do something at a node, and all that an account holds; a page at a time."""

from uuid import uuid4

import pytest

from gongzhi.core import clock
from gongzhi.core.api import global_id
from gongzhi.tenants import desk

GRID_READ = "tenants.grid:read"
PAGE = "{ totalCount endCursor nodes { login role validUntil permissions place { code } } }"
WHO_CAN = f"""query ($permission: String!, $node: ID, $first: Int, $after: String) {{
    whoCan(permission: $permission, nodeId: $node, first: $first, after: $after) {PAGE}
}}"""
ACCESS_OF = f"""query ($account: ID!, $first: Int, $after: String) {{
    accessOf(accountId: $account, first: $first, after: $after) {PAGE}
}}"""


async def who_can(who, permission=GRID_READ, **told):
    return (await who.ask(WHO_CAN, permission=permission, **told)).data["whoCan"]


async def access_of(who, account, **told):
    return (await who.ask(ACCESS_OF, account=account, **told)).data["accessOf"]


def holders(page):
    return [(one["login"], one["role"], one["place"]["code"]) for one in page["nodes"]]


def roles(page):
    return [(one["role"], one["place"]["code"]) for one in page["nodes"]]


class TestWhoCan:
    async def test_lists_everybody_by_which_grant(self, admin, person, county):
        """From the county down; whose roles bring it not are none of them, nor is who works next door."""
        mediator = await person(("mediator", county.community), ("county_analyst", county.county))
        operator = await person(("county_operator", county.county))
        await person(("mediator", county.communities[1]))
        await person(("auditor", county.community))

        page = await who_can(admin)

        assert holders(page) == [
            (operator.login, "county_operator", county.county),
            (mediator.login, "mediator", county.community),
        ]
        assert (page["totalCount"], page["endCursor"]) == (2, None)
        assert all(GRID_READ in one["permissions"] for one in page["nodes"])

    async def test_lists_those_of_a_node_beneath(self, operator, person, county, area_id):
        one, two = [await person(("mediator", code)) for code in county.communities]

        for who, code in ((one, county.communities[0]), (two, county.communities[1])):
            assert holders(await who_can(operator, node=area_id(code))) == [(who.login, "mediator", code)]
        assert holders(await who_can(operator)) == []

    async def test_lists_nobody_who_is_denied(self, admin, person, denying, county):
        who = await person(("mediator", county.community), ("county_operator", county.county))
        assert len(holders(await who_can(admin))) == 2

        await denying(who, GRID_READ)

        assert holders(await who_can(admin)) == []
        assert len(holders(await who_can(admin, "mediation.case:read"))) == 1

    async def test_lists_no_grant_that_ended_was_taken_or_has_not_begun(self, admin, person, kernel, county):
        who = await person(("mediator", county.community))
        later = {
            "login": who.login,
            "role": "grid_head",
            "reason": "明年",
            "validFrom": "2999-01-01T00:00:00Z",
        }
        assert (await admin.do("giveRole", later))["__typename"] == "GiveRoleSuccess"
        await desk.revoke_grant(kernel, who.login, "mediator", county.community)
        await desk.grant(kernel, who.login, "grid_worker", county.community, reason="x", days=1)
        assert roles(await who_can(admin)) == [("grid_worker", county.community)]

        with clock.use(clock.FixedClock(clock.now())) as standing:
            standing.advance(days=2)
            assert roles(await who_can(admin)) == []

    async def test_lists_no_closed_account(self, admin, person, kernel, county):
        who = await person(("mediator", county.community))
        await desk.set_active(kernel, who.login, active=False)

        assert roles(await who_can(admin)) == []

    async def test_lists_page_by_page(self, admin, person, county):
        logins = {(await person(("mediator", county.community))).login for _ in range(5)}
        found, after = [], None
        for size in (2, 2, 1):
            page = await who_can(admin, first=2, after=after)
            assert (page["totalCount"], len(page["nodes"])) == (5, size)
            found += [one["login"] for one in page["nodes"]]
            after = page["endCursor"]

        assert after is None
        assert len(found) == 5
        assert set(found) == logins

    async def test_holds_nothing_back_from_an_exact_page(self, admin, person, county):
        for _ in range(2):
            await person(("mediator", county.community))

        assert (await who_can(admin, first=2))["endCursor"] is None

    @pytest.mark.parametrize(
        ("told", "code"),
        [
            ({"first": 0}, "INVALID_INPUT"),
            ({"first": 501}, "INVALID_INPUT"),
            ({"first": -1}, "INVALID_INPUT"),
            ({"after": "nowhere"}, "INVALID_INPUT"),
            ({"permission": "tenants.grid:devour"}, "PERMISSION_UNKNOWN"),
            ({"node": "x"}, "INVALID_INPUT"),
        ],
    )
    async def test_refuses_what_does_not_fit(self, admin, told, code):
        told = {"permission": GRID_READ} | told
        chinese = await admin.ask(WHO_CAN, **told)
        english = await admin.as_(**{"Accept-Language": "en"}).ask(WHO_CAN, **told)

        assert chinese.code == english.code == code
        assert chinese.errors[0]["message"] != english.errors[0]["message"]

    async def test_of_a_node_elsewhere_is_not_found(self, admin, county, area_id):
        nodes = (area_id(county.communities[1]), area_id(county.county), global_id("Area", uuid4()))

        for node in nodes:
            assert (await admin.ask(WHO_CAN, permission=GRID_READ, node=node)).code == "NOT_FOUND"

    async def test_needs_the_permission(self, officer):
        assert (await officer.ask(WHO_CAN, permission=GRID_READ)).code == "FORBIDDEN"

    async def test_names_who_may_in_fact(self, admin, operator, person, signed_in, county):
        """And nobody else: every person asks for himself."""
        people = [
            await person(("mediator", county.community)),
            await person(("auditor", county.county)),
            await person(("county_operator", county.county)),
            await person(("street_dispatcher", county.street)),
        ]
        may = set()
        for who in people:
            theirs = await signed_in(who, county.community)
            if not (await theirs.ask("{ grids { totalCount } }")).errors:
                may.add(who.login)

        assert {one["login"] for one in (await who_can(admin))["nodes"]} == may
        assert len(may) == 3


class TestAccessOf:
    async def test_lists_what_reaches_or_lies_in_the_scope(self, admin, operator, person, county):
        """A community learns nothing of what somebody holds next door."""
        who = await person(
            ("mediator", county.communities[1]),
            ("community_officer", county.community),
            ("street_dispatcher", county.street),
        )

        here = [("street_dispatcher", county.street), ("community_officer", county.community)]
        assert roles(await access_of(admin, who.id)) == here
        assert roles(await access_of(operator, who.id)) == [*here, ("mediator", county.communities[1])]

    async def test_lists_only_what_holds_now(self, admin, person, kernel, county):
        who = await person(("mediator", county.community), ("grid_head", county.community))
        await desk.grant(kernel, who.login, "grid_worker", county.community, reason="x", days=1)
        await desk.revoke_grant(kernel, who.login, "grid_head", county.community)
        assert roles(await access_of(admin, who.id)) == [
            ("grid_worker", county.community),
            ("mediator", county.community),
        ]

        with clock.use(clock.FixedClock(clock.now())) as standing:
            standing.advance(days=2)
            assert roles(await access_of(admin, who.id)) == [("mediator", county.community)]

    async def test_lists_page_by_page(self, admin, person, county):
        given = ["community_officer", "grid_head", "grid_worker", "mediator", "volunteer"]
        who = await person(*((role, county.community) for role in reversed(given)))
        found, after = [], None
        for _ in range(3):
            page = await access_of(admin, who.id, first=2, after=after)
            assert page["totalCount"] == 5
            found += [one["role"] for one in page["nodes"]]
            after = page["endCursor"]

        assert (found, after) == (given, None)

    async def test_tells_of_a_stranger_what_it_tells_of_nobody(self, admin, person, county):
        stranger = await person(("mediator", county.communities[1]))
        nobody = global_id("Account", uuid4())

        answers = [(await admin.ask(ACCESS_OF, account=one)).body for one in (stranger.id, nobody)]

        assert answers[0]["data"] == answers[1]["data"]
        assert [error["extensions"]["code"] for error in answers[0].get("errors", ())] == [
            error["extensions"]["code"] for error in answers[1].get("errors", ())
        ]
        assert stranger.login not in str(answers)

    async def test_refuses_what_does_not_fit(self, admin, person, county, area_id):
        who = await person(("mediator", county.community))

        for told in ({"first": 0}, {"first": 501}, {"after": "nowhere"}, {"account": area_id()}):
            assert (await admin.ask(ACCESS_OF, **{"account": who.id} | told)).code == "INVALID_INPUT"

    async def test_needs_the_permission(self, officer, person, county):
        who = await person(("mediator", county.community))

        assert (await officer.ask(ACCESS_OF, account=who.id)).code == "FORBIDDEN"
