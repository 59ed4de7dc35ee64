"""A node makes roles of its own, of what its level may give and the maker has; nobody gains by them."""

import secrets

import pytest

from gongzhi.core.api import global_id
from gongzhi.core.testing import Name
from gongzhi.tenants import desk
from gongzhi.tenants.sign_in import SignIn, sign_in

PASSWORD = "梅营社区 correct horse"
ROLE = "ownRole { id code name level allowed denied included retiredAt version }"
GRID_READ, GRID_DRAW = "tenants.grid:read", "tenants.grid:draw"
GRIDS = "{ grids { totalCount } }"


async def make(who, name="接待员", **told):
    payload = await who.do("makeRole", {"name": name} | told, read=ROLE)
    return payload.get("ownRole", payload)


async def change(who, role, **told):
    told = {"roleId": role["id"], "version": role["version"]} | told
    payload = await who.do("changeRole", told, read=ROLE)
    return payload.get("ownRole", payload)


async def retire(who, role):
    payload = await who.do("retireRole", {"roleId": role["id"], "version": role["version"]}, read=ROLE)
    return payload.get("ownRole", payload)


async def give(who, login, role, **told):
    return await who.do("giveRole", {"login": login, "role": role["code"], "reason": "分工"} | told)


def problem(payload):
    return payload["__typename"], payload["code"], payload["path"]


async def draw(who):
    return await who.do("drawGrid", {"number": 1 + secrets.randbelow(899), "name": "一"})


@pytest.fixture
def admin(client, county, token_for):
    return client.as_(token_for("community_admin", county.community))


@pytest.fixture
def operator(client, county, token_for):
    return client.as_(token_for("county_operator", county.county))


@pytest.fixture
def person(kernel, client, county, event_loop):
    """(login, client) of somebody without any role, at work in the first community."""

    async def make_person():
        login = f"person-{secrets.token_hex(6)}"
        await desk.create_account(kernel, login, "某人", password=PASSWORD)
        told = await sign_in(kernel, SignIn(login=login, password=PASSWORD), address=login)
        cookie = f"gongzhi_session={told.session}"
        return login, client.as_(None, county.community, Cookie=cookie, **{"X-CSRF-Token": told.csrf})

    return event_loop.run(make_person())


@pytest.fixture
def kept(kernel, rows_of, county):
    """``kept()``: (name, allowed) of every own role of the county."""
    query = "select name, allowed from tenants.own_role where node_id = any(%s) order by name"
    return lambda: rows_of(kernel, query, [scope.node for scope in county.scopes.values()])


class TestMake:
    async def test_gives_a_role_that_people_hold(self, admin, person, kernel, county, rows_of):
        login, who = person
        role = await make(admin, allowed=[GRID_READ, GRID_DRAW, GRID_READ])

        assert role | {"id": "", "code": ""} == {
            "id": "",
            "code": "",
            "name": "接待员",
            "level": "COMMUNITY",
            "allowed": [GRID_DRAW, GRID_READ],
            "denied": [],
            "included": [],
            "retiredAt": None,
            "version": 1,
        }
        assert role["code"] == f"own:{role['id'].removeprefix('OwnRole:')}"
        assert (await give(admin, login, role))["__typename"] == "GiveRoleSuccess"
        assert (await draw(who))["__typename"] == "DrawGridSuccess"
        assert (await who.ask("{ persons { totalCount } }")).code == "FORBIDDEN"
        seen = "select outcome from core.audit where scope_id = %s and action = 'tenants.ownroles.make'"
        assert rows_of(kernel, seen, county.scope().node) == [("done",)]

    async def test_shows_its_holder_what_it_brings(self, admin, person):
        login, who = person
        await give(admin, login, await make(admin, allowed=[GRID_READ]))

        assert (await who.ask("{ me { permissions roles { zh } } }")).data == {
            "me": {"permissions": [GRID_READ], "roles": [{"zh": "接待员"}]}
        }

    async def test_brings_what_it_includes(self, admin, person):
        """Built-in roles and own ones, and what these include."""
        login, who = person
        inner = await make(admin, "绘图员", allowed=[GRID_DRAW])
        outer = await make(admin, "组长", included=[inner["code"], "social_worker"])
        await give(admin, login, await make(admin, "站长", included=[outer["code"]]))

        assert (await draw(who))["__typename"] == "DrawGridSuccess"
        assert (await who.ask("{ persons { totalCount } }")).errors == []

    async def test_of_a_role_that_brings_nothing_lets_in_and_no_more(self, admin, person):
        login, who = person
        given = await give(admin, login, await make(admin, "挂名"))

        assert given["__typename"] == "GiveRoleSuccess"
        assert (await who.ask(GRIDS)).code == "FORBIDDEN"

    async def test_by_the_county_serves_its_communities(self, operator, person, county):
        login, who = person
        role = await make(operator, level=Name("COMMUNITY"), allowed=[GRID_READ])

        given = await give(operator, login, role, nodeId=global_id("Area", county.scope().node))

        assert given["__typename"] == "GiveRoleSuccess"
        assert (await who.ask(GRIDS)).errors == []

    async def test_is_listed_at_its_node_alone(self, kernel, client, admin, operator, county):
        role = await make(admin, allowed=[GRID_READ])
        sibling = await desk.create_token(kernel, county.communities[1], label="x", role="community_admin")
        listed = "{ ownRoles { nodes { code name } } }"

        here = {"ownRoles": {"nodes": [{"code": role["code"], "name": "接待员"}]}}
        assert (await admin.ask(listed)).data == here
        assert (await operator.ask(listed)).data == here
        assert (await client.as_(sibling).ask(listed)).data == {"ownRoles": {"nodes": []}}


class TestMakeIsRefused:
    async def test_with_an_unknown_permission(self, admin, kept):
        for path in ("allowed", "denied"):
            refused = await make(admin, **{path: [GRID_READ, "tenants.grid:devour"]})
            assert problem(refused) == ("InvalidInput", "PERMISSION_UNKNOWN", path)
            assert "tenants.grid:devour" in refused["message"]
        assert kept() == []

    async def test_beyond_the_level(self, admin, operator, kept):
        """A community's people steer no community; a county's maker may do it, and gives it to no grid."""
        refused = await make(admin, allowed=["tenants.community:steer"])
        assert problem(refused) == ("InvalidInput", "ROLE_BEYOND_LEVEL", "allowed")
        refused = await make(operator, level=Name("COMMUNITY"), allowed=["tenants.community:steer"])
        assert problem(refused) == ("InvalidInput", "ROLE_BEYOND_LEVEL", "allowed")
        refused = await make(admin, level=Name("GRID"), allowed=[GRID_DRAW])
        assert problem(refused) == ("InvalidInput", "ROLE_BEYOND_LEVEL", "allowed")
        refused = await make(admin, included=["county_operator"])
        assert problem(refused)[:2] == ("InvalidInput", "ROLE_BEYOND_LEVEL")
        assert kept() == []

    async def test_of_a_level_above_the_node(self, admin, operator, kept):
        for who, level in ((admin, "STREET"), (admin, "COUNTY"), (admin, "PLATFORM"), (operator, "PLATFORM")):
            refused = await make(who, level=Name(level), allowed=["tenants.area:read"])
            assert problem(refused) == ("InvalidInput", "ROLE_LEVEL_UNFIT", "level")
        assert kept() == []

    async def test_with_more_than_the_maker_has(self, kernel, admin, client, county, kept):
        """Directly, or by what is included: an admin mediates nothing."""
        refused = await make(admin, allowed=["mediation.case:mediate"])
        assert problem(refused) == ("PermissionMissing", "GRANT_BEYOND_OWN", "allowed")
        refused = await make(admin, included=["mediator"])
        assert problem(refused)[:2] == ("PermissionMissing", "GRANT_BEYOND_OWN")
        token = await desk.create_token(
            kernel, county.community, label="x", role="community_admin", permissions=["tenants.role:make"]
        )
        refused = await make(client.as_(token), allowed=[GRID_READ])
        assert problem(refused) == ("PermissionMissing", "GRANT_BEYOND_OWN", "allowed")
        assert kept() == []

    async def test_with_a_role_to_include_that_is_not_there(self, kernel, client, admin, county, kept):
        sibling = await desk.create_token(kernel, county.communities[1], label="x", role="community_admin")
        foreign = await make(client.as_(sibling), "邻居", allowed=[GRID_READ])
        before = kept()
        unknown = "own:00000000-0000-0000-0000-000000000000"

        for code in ("king", "own:x", unknown, foreign["code"]):
            assert problem(await make(admin, included=[code])) == ("InvalidInput", "ROLE_UNKNOWN", "included")
        assert kept() == before

    async def test_with_a_retired_role_to_include(self, admin):
        gone = await make(admin, "旧岗", allowed=[GRID_READ])
        await retire(admin, gone)

        assert (await make(admin, included=[gone["code"]]))["code"] == "ROLE_UNKNOWN"

    async def test_under_a_name_that_is_taken(self, admin, kernel, client, county):
        await make(admin)
        assert problem(await make(admin, " 接待员 ")) == ("InvalidInput", "ROLE_NAME_TAKEN", "name")

        sibling = await desk.create_token(kernel, county.communities[1], label="x", role="community_admin")
        assert (await make(client.as_(sibling)))["name"] == "接待员"

    @pytest.mark.parametrize("name", ["", "一", "   ", "长" * 41])
    async def test_without_a_name(self, admin, name, kept):
        assert (await make(admin, name))["code"] == "INVALID_INPUT"
        assert kept() == []

    async def test_without_the_permission(self, kernel, client, county, kept, rows_of):
        token = await desk.create_token(kernel, county.community, label="x", role="community_officer")

        refused = await make(client.as_(token), allowed=[GRID_READ])

        assert problem(refused) == ("PermissionMissing", "FORBIDDEN", None)
        assert kept() == []
        seen = (
            "select action, outcome from core.audit where scope_id = %s and action like 'tenants.ownroles%%'"
        )
        assert rows_of(kernel, seen, county.scope().node) == [("tenants.ownroles.make", "FORBIDDEN")]

    @pytest.mark.parametrize(
        ("told", "code", "zh", "en"),
        [
            ({"allowed": ["x.y:z"]}, "PERMISSION_UNKNOWN", "没有权限“x.y:z”", "There is no permission x.y:z"),
            (
                {"level": Name("COUNTY")},
                "ROLE_LEVEL_UNFIT",
                "不能设立此层级的角色",
                "makes no roles of that level",
            ),
            (
                {"allowed": ["tenants.community:steer"]},
                "ROLE_BEYOND_LEVEL",
                "本级角色不能包含此项权限：tenants.community:steer",
                "A role of this level can't bring tenants.community:steer",
            ),
            ({"included": ["king"]}, "ROLE_UNKNOWN", "没有可包含的角色“king”", "no role “king” to include"),
            (
                {"allowed": ["mediation.case:mediate"]},
                "GRANT_BEYOND_OWN",
                "您不能授予自己没有的权限：mediation.case:mediate",
                "You can't give what you lack: mediation.case:mediate",
            ),
        ],
    )
    async def test_in_two_languages(self, admin, told, code, zh, en):
        for language, message in (("zh", zh), ("en", en)):
            refused = await make(admin.as_(**{"Accept-Language": language}), **told)
            assert refused["code"] == code
            assert message in refused["message"]


class TestChange:
    async def test_is_heeded_at_once(self, admin, person):
        login, who = person
        role = await make(admin, allowed=[GRID_READ])
        await give(admin, login, role)
        assert (await draw(who))["code"] == "FORBIDDEN"

        more = await change(admin, role, allowed=[GRID_READ, GRID_DRAW])
        assert (await draw(who))["__typename"] == "DrawGridSuccess"
        await change(admin, more, allowed=["tenants.area:read"])

        assert more["version"] == 2
        assert (await draw(who))["code"] == "FORBIDDEN"
        assert (await who.ask(GRIDS)).code == "FORBIDDEN"

    async def test_of_an_included_role_is_heeded_at_once(self, admin, person):
        login, who = person
        inner = await make(admin, "内勤", allowed=["tenants.area:read"])
        await give(admin, login, await make(admin, "外勤", included=[inner["code"]]))
        assert (await who.ask(GRIDS)).code == "FORBIDDEN"

        await change(admin, inner, allowed=[GRID_READ])

        assert (await who.ask(GRIDS)).errors == []

    async def test_of_an_included_role_brings_nobody_more_than_the_level_may(self, operator):
        """A community's role that includes a county's gets no county's permission by the back door."""
        inner = await make(operator, "内勤", level=Name("COUNTY"), allowed=["tenants.area:read"])
        outer = await make(operator, "外勤", level=Name("COMMUNITY"), included=[inner["code"]])
        assert outer["included"] == [inner["code"]]

        refused = await change(operator, inner, allowed=["tenants.community:steer"])

        assert refused.get("code") == "ROLE_BEYOND_LEVEL"

    async def test_by_the_second_of_two_is_refused(self, admin):
        role = await make(admin, allowed=[GRID_READ])
        await change(admin, role, allowed=[GRID_DRAW])

        assert problem(await change(admin, role, allowed=[]))[:2] == ("VersionConflict", "STALE_VERSION")

    async def test_to_include_itself_is_refused(self, admin):
        """Directly, and around."""
        one = await make(admin, "甲岗", allowed=[GRID_READ])
        two = await make(admin, "乙岗", included=[one["code"]])
        three = await make(admin, "丙岗", included=[two["code"]])

        for included in (one, two, three):
            refused = await change(admin, one, allowed=[GRID_READ], included=[included["code"]])
            assert problem(refused) == ("InvalidInput", "ROLE_CYCLE", "included")
        english = await change(admin.as_(**{"Accept-Language": "en"}), one, included=[three["code"]])
        assert english["message"].startswith("A role can't include itself")

    async def test_is_refused_with_what_no_role_of_the_maker_s_may_bring(self, admin, operator, kept):
        role = await make(admin, allowed=[GRID_READ])
        wrong = (
            ({"allowed": ["tenants.grid:devour"]}, "PERMISSION_UNKNOWN"),
            ({"allowed": ["tenants.community:steer"]}, "ROLE_BEYOND_LEVEL"),
            ({"allowed": ["mediation.case:mediate"]}, "GRANT_BEYOND_OWN"),
            ({"included": ["king"]}, "ROLE_UNKNOWN"),
        )
        for told, code in wrong:
            assert (await change(admin, role, **told))["code"] == code
        assert kept() == [("接待员", [GRID_READ])]

    async def test_of_a_foreign_role_finds_none(self, kernel, client, admin, county, kept):
        role = await make(admin, allowed=[GRID_READ])
        sibling = await desk.create_token(kernel, county.communities[1], label="x", role="community_admin")
        unknown = role | {"id": "OwnRole:00000000-0000-0000-0000-000000000000"}

        refused = await change(client.as_(sibling), role, allowed=[GRID_DRAW])

        assert problem(refused)[:2] == ("ObjectMissing", "NOT_FOUND")
        assert refused == await change(client.as_(sibling), unknown, allowed=[GRID_DRAW])
        assert problem(await retire(client.as_(sibling), role))[:2] == ("ObjectMissing", "NOT_FOUND")
        assert kept() == [("接待员", [GRID_READ])]

    async def test_is_refused_without_the_permission(self, kernel, client, admin, county, kept):
        role = await make(admin, allowed=[GRID_READ])
        token = await desk.create_token(kernel, county.community, label="x", role="auditor")

        assert (await change(client.as_(token), role, allowed=[]))["code"] == "FORBIDDEN"
        assert (await retire(client.as_(token), role))["code"] == "FORBIDDEN"
        assert kept() == [("接待员", [GRID_READ])]


class TestRetire:
    async def test_takes_what_it_brought_at_once(self, admin, person):
        login, who = person
        role = await make(admin, allowed=[GRID_READ])
        outer = await make(admin, "外勤", allowed=["tenants.area:read"], included=[role["code"]])
        await give(admin, login, outer)
        await give(admin, login, role)
        assert (await who.ask(GRIDS)).errors == []

        retired = await retire(admin, role)

        assert retired["retiredAt"] is not None
        assert (await who.ask(GRIDS)).code == "FORBIDDEN"

    async def test_leaves_nothing_to_give_or_to_change(self, admin, person):
        login, _who = person
        role = await make(admin, allowed=[GRID_READ])
        retired = await retire(admin, role)

        assert (await give(admin, login, role))["code"] == "GRANT_ROLE_UNFIT"
        assert (await change(admin, retired, allowed=[GRID_DRAW]))["code"] == "STALE_VERSION"
        assert (await retire(admin, retired))["code"] == "STALE_VERSION"


class TestDeny:
    async def test_wins_over_another_grant(self, kernel, admin, person, county):
        """And over one from above; what else is held stays."""
        login, who = person
        await desk.grant(kernel, login, "community_admin", county.community, reason="x")
        await desk.grant(kernel, login, "county_operator", county.county, reason="x")
        assert (await who.ask(GRIDS)).errors == []

        await give(admin, login, await make(admin, "限制", denied=[GRID_READ]))

        assert (await who.ask(GRIDS)).code == "FORBIDDEN"
        assert (await who.ask("{ persons { totalCount } }")).errors == []
        assert GRID_READ not in (await who.ask("{ me { permissions } }")).data["me"]["permissions"]

    async def test_reaches_neither_up_nor_sideways(self, kernel, admin, person, county):
        login, who = person
        await desk.grant(kernel, login, "county_operator", county.county, reason="x")
        await give(admin, login, await make(admin, "限制", denied=[GRID_READ]))

        for code in (county.county, county.street, county.communities[1]):
            permissions = (await who.as_(None, code).ask("{ me { permissions } }")).data["me"]["permissions"]
            assert GRID_READ in permissions, code

    async def test_wins_over_what_the_role_itself_allows(self, admin, person):
        login, who = person
        role = await make(admin, allowed=[GRID_READ, "tenants.area:read"], denied=[GRID_READ])
        await give(admin, login, role)

        assert (await who.ask(GRIDS)).code == "FORBIDDEN"
        assert (await who.ask("{ here { code } }")).errors == []


class TestLastAdmin:
    @pytest.fixture
    def holder(self, kernel, admin, county, person, event_loop):
        """(login, role): the only admin of the community is one by an own role."""

        async def set_up():
            login, _who = person
            role = await make(admin, "社区总管", included=["community_admin"])
            await give(admin, login, role)
            return login, role

        return event_loop.run(set_up())

    async def test_is_not_locked_out_by_a_change(self, admin, holder):
        _login, role = holder

        assert (await change(admin, role, allowed=[GRID_READ]))["code"] == "GRANT_LAST_ADMIN"
        denying = {"included": ["community_admin"], "denied": ["tenants.grant:give"]}
        assert (await change(admin, role, **denying))["code"] == "GRANT_LAST_ADMIN"

    async def test_is_not_locked_out_by_retiring(self, admin, holder):
        _login, role = holder

        assert (await retire(admin, role))["code"] == "GRANT_LAST_ADMIN"

    async def test_is_not_locked_out_by_a_role_that_denies_later(self, admin, holder):
        """A harmless role, given first, that denies afterwards."""
        login, _role = holder
        harmless = await make(admin, "无害", allowed=[GRID_READ])
        await give(admin, login, harmless)

        refused = await change(admin, harmless, allowed=[GRID_READ], denied=["tenants.grant:give"])

        assert refused["code"] == "GRANT_LAST_ADMIN"

    async def test_is_locked_out_by_the_county_if_it_must_be(self, operator, holder, kernel, rows_of, county):
        _login, role = holder

        assert (await retire(operator, role))["retiredAt"] is not None

    async def test_is_also_who_holds_a_role_that_the_county_made(
        self, kernel, admin, operator, county, person
    ):
        """The community does not see that role, but its holder is an admin."""
        login, _who = person
        told = {"level": Name("COMMUNITY"), "allowed": ["tenants.grant:give", "tenants.grant:read"]}
        role = await make(operator, "县派管理员", **told)
        await give(operator, login, role, nodeId=global_id("Area", county.scope().node))
        other = f"person-{secrets.token_hex(6)}"
        await desk.create_account(kernel, other, "某人", password=PASSWORD)
        await desk.grant(kernel, other, "community_admin", county.community, reason="x")
        grants = (await admin.ask("{ grants { nodes { id role } } }")).data["grants"]["nodes"]
        [mine] = [one["id"] for one in grants if one["role"] == "community_admin"]

        revoked = await admin.do("revokeGrant", {"grantId": mine, "reason": "届满"})

        assert revoked["__typename"] == "RevokeGrantSuccess"


class TestGrantOfARoleFromAbove:
    async def test_is_not_revoked_by_who_has_less(self, kernel, client, operator, county, person):
        """What the county gave by a role of its own, nobody takes who couldn't give it."""
        login, _who = person
        told = {"level": Name("COMMUNITY"), "allowed": ["tenants.plugin:read", "tenants.job:read"]}
        role = await make(operator, "县派督导", **told)
        await give(operator, login, role, nodeId=global_id("Area", county.scope().node))
        permissions = ["tenants.grant:give", "tenants.grant:read"]
        token = await desk.create_token(
            kernel, county.community, label="x", role="community_admin", permissions=permissions
        )
        limited = client.as_(token)
        [grant] = (await limited.ask("{ grants { nodes { id } } }")).data["grants"]["nodes"]

        refused = await limited.do("revokeGrant", {"grantId": grant["id"], "reason": "试撤"})

        assert refused.get("code") == "GRANT_BEYOND_OWN"


class TestSteps:
    async def test_are_eight_at_most(self, admin):
        """Casbin follows ten; whoever checks us with a casbin of his own must come to the same answers."""
        before = await make(admin, "第零级", allowed=[GRID_READ])
        for number in range(1, 9):
            before = await make(admin, f"第{number}级", included=[before["code"]])
        refused = await admin.do("makeRole", {"name": "第九级", "included": [before["code"]]})
        assert refused["code"] == "ROLE_TOO_DEEP"
