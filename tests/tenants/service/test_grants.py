"""Roles are given and taken back in one's own area, for good or for a time, and never by who may not."""

import asyncio
import datetime as dt
import secrets
from uuid import uuid4

import pytest

from gongzhi.core import clock
from gongzhi.core.api import global_id
from gongzhi.core.testing import Name
from gongzhi.tenants import desk
from gongzhi.tenants.sign_in import SignIn, sign_in

PASSWORD = "梅营社区 correct horse"
GRANT = "grant { id role validFrom validUntil reason area { code } }"
CASES = "{ mediationCases { totalCount } }"
OWN_ROLE = "ownRole { code }"


async def give(who, login, role="mediator", **told):
    told = {"login": login, "role": role, "reason": "换届补选"} | told
    return await who.do("giveRole", told, read=GRANT)


async def revoke(who, grant_id):
    return await who.do("revokeGrant", {"grantId": grant_id, "reason": "届满"}, read=GRANT)


async def opened(kernel, *grants):
    """A login with these roles."""
    login = f"person-{secrets.token_hex(6)}"
    await desk.create_account(kernel, login, "某人", password=PASSWORD)
    for role, code in grants:
        await desk.grant(kernel, login, role, code, reason="test")
    return login


async def signed_in(kernel, client, login, code):
    told = await sign_in(kernel, SignIn(login=login, password=PASSWORD), address=login)
    cookie = f"gongzhi_session={told.session}"
    return client.as_(None, code, Cookie=cookie, **{"X-CSRF-Token": told.csrf})


@pytest.fixture
def login(kernel, event_loop):
    """Somebody without any role."""
    return event_loop.run(opened(kernel))


@pytest.fixture
def person(kernel, client, county, login, event_loop):
    """The same, signed in and at work in the first community."""
    return event_loop.run(signed_in(kernel, client, login, county.community))


@pytest.fixture
def admin(client, county, token_for):
    return client.as_(token_for("community_admin", county.community))


@pytest.fixture
def operator(client, county, token_for):
    return client.as_(token_for("county_operator", county.county))


@pytest.fixture
def chief(kernel, county, event_loop):
    """The login of the only account that may give roles in the first community."""
    return event_loop.run(opened(kernel, ("community_admin", county.community)))


@pytest.fixture
def grant_of(kernel, rows_of):
    """``grant_of(login)``: the id of the only grant of this account."""

    def find(login):
        query = (
            "select g.id from tenants.grant g join tenants.account a on a.id = g.account_id where login = %s"
        )
        [(found,)] = rows_of(kernel, query, login)
        return global_id("Grant", found)

    return find


@pytest.fixture
def holding(kernel, county, rows_of):
    """``holding()``: (login, role, whether it holds) of every grant in the county."""

    def find():
        query = (
            "select a.login, g.role, g.valid_until is null or g.valid_until > now() from tenants.grant g "
            "join tenants.account a on a.id = g.account_id where g.node_id = any(%s) order by 1, 2"
        )
        return rows_of(kernel, query, [scope.node for scope in county.scopes.values()])

    return find


@pytest.fixture
def seen(kernel, county, rows_of):
    """``seen(action)``: the outcomes on record in the first community."""
    query = "select outcome from core.audit where scope_id = %s and action = %s order by id"
    return lambda action: [row[0] for row in rows_of(kernel, query, county.scope().node, action)]


def problem(payload):
    return payload["__typename"], payload["code"], payload["path"]


def moment(**later):
    return (clock.now() + dt.timedelta(**later)).isoformat()


class TestGive:
    async def test_lets_its_holder_in_at_once(self, admin, person, login, county, seen):
        assert (await person.ask(CASES)).code == "SCOPE_UNKNOWN"

        given = await give(admin, login)

        assert given["grant"] | {"id": "", "validFrom": ""} == {
            "id": "",
            "role": "mediator",
            "validFrom": "",
            "validUntil": None,
            "reason": "换届补选",
            "area": {"code": county.community},
        }
        assert (await person.ask(CASES)).data == {"mediationCases": {"totalCount": 0}}
        assert seen("tenants.grants.give") == ["done"]

    async def test_for_a_time_ends_with_it(self, admin, person, login):
        with clock.use(clock.FixedClock(clock.now())) as standing:
            await give(admin, login, validUntil=moment(hours=2))
            standing.advance(hours=2, seconds=-1)
            assert (await person.ask(CASES)).errors == []
            standing.advance(seconds=1)

            assert (await person.ask(CASES)).code == "SCOPE_UNKNOWN"

    async def test_beginning_later_holds_from_then_on(self, admin, person, login):
        with clock.use(clock.FixedClock(clock.now())) as standing:
            given = await give(admin, login, validFrom=moment(hours=2))
            assert dt.datetime.fromisoformat(given["grant"]["validFrom"]) == clock.now() + dt.timedelta(
                hours=2
            )
            standing.advance(hours=2, seconds=-1)
            assert (await person.ask(CASES)).code == "SCOPE_UNKNOWN"
            standing.advance(seconds=1)

            assert (await person.ask(CASES)).errors == []

    async def test_again_changes_its_period_and_reason(self, admin, login, holding):
        first = await give(admin, login)
        until = moment(days=3)

        again = await give(admin, login, validUntil=until, reason="改为临时")

        assert again["grant"]["id"] == first["grant"]["id"]
        assert dt.datetime.fromisoformat(again["grant"]["validUntil"]) == dt.datetime.fromisoformat(until)
        assert again["grant"]["reason"] == "改为临时"
        assert holding() == [(login, "mediator", True)]

    async def test_again_after_it_was_taken_back_begins_anew(self, admin, login, person):
        first = await give(admin, login)
        await revoke(admin, first["grant"]["id"])

        again = await give(admin, login)

        assert again["grant"]["validFrom"] > first["grant"]["validFrom"]
        assert again["grant"]["validUntil"] is None
        assert (await person.ask(CASES)).errors == []

    async def test_by_two_at_once_is_one_grant(self, kernel, client, admin, login, county, holding):
        token = await desk.create_token(kernel, county.community, label="2", role="community_admin")

        both = await asyncio.gather(give(admin, login), give(client.as_(token), login))

        assert [one["__typename"] for one in both] == ["GiveRoleSuccess"] * 2
        assert holding() == [(login, "mediator", True)]

    async def test_tells_who_gave_it(self, kernel, client, county, chief, login, rows_of):
        who = await signed_in(kernel, client, chief, county.community)
        await give(who, login)

        query = (
            "select b.login from tenants.grant g join tenants.account a on a.id = g.account_id "
            "join tenants.account b on b.id = g.granted_by where a.login = %s"
        )
        assert rows_of(kernel, query, login) == [(chief,)]

    async def test_is_done_once_under_one_key(self, admin, login, seen):
        told = {"login": login, "role": "mediator", "reason": "补选"}
        first = await admin.do("giveRole", told, key="give-it-once", read=GRANT)
        again = await admin.do("giveRole", told, key="give-it-once", read=GRANT)

        assert again == first
        assert seen("tenants.grants.give") == ["done", "again"]


class TestGiveReaches:
    async def test_a_node_beneath_the_scope(self, operator, person, login, county):
        node = global_id("Area", county.scope().node)

        given = await give(operator, login, "community_admin", nodeId=node)

        assert given["grant"]["area"] == {"code": county.community}
        assert (await person.ask(CASES)).errors == []

    async def test_down_and_never_up_or_sideways(self, kernel, client, operator, login, county):
        await give(
            operator, login, "street_dispatcher", nodeId=global_id("Area", county.scope(county.street).node)
        )

        for code in (county.street, *county.communities):
            who = await signed_in(kernel, client, login, code)
            assert (await who.ask("{ here { code } }")).data == {"here": {"code": code}}
        above = await signed_in(kernel, client, login, county.county)
        assert (await above.ask("{ here { code } }")).code == "SCOPE_UNKNOWN"

    @pytest.mark.parametrize("where", ["sibling", "parent", "other county", "nowhere"])
    async def test_no_node_outside_and_gives_no_hint(
        self, admin, login, county, kernel, where, holding, make_county_now
    ):
        nodes = {
            "sibling": county.scope(county.communities[1]).node,
            "parent": county.scope(county.street).node,
            "other county": make_county_now.scope().node,
            "nowhere": uuid4(),
        }
        refused = await give(admin, login, nodeId=global_id("Area", nodes[where]))

        assert refused == {
            "__typename": "ObjectMissing",
            "code": "NOT_FOUND",
            "message": "找不到Area，请核对编号，或确认所选的社区是否正确",
            "path": None,
        }
        assert holding() == []

    @pytest.fixture
    def make_county_now(self, make_county):
        return make_county()


class TestGiveIsRefused:
    @pytest.mark.parametrize(
        "role", ["county_operator", "street_dispatcher", "county_analyst", "king", "own:x"]
    )
    async def test_of_a_role_that_is_not_held_here(self, admin, login, role, holding):
        refused = await give(admin, login, role)

        assert problem(refused) == ("InvalidInput", "GRANT_ROLE_UNFIT", "role")
        assert "mediator" in refused["message"]
        assert holding() == []

    async def test_of_a_community_s_role_at_the_county(self, operator, login, holding):
        assert problem(await give(operator, login)) == ("InvalidInput", "GRANT_ROLE_UNFIT", "role")
        assert holding() == []

    async def test_of_a_role_the_blueprint_leaves_out(self, admin, login, county, kernel, rows_of):
        limit = "update tenants.tenant set roles = '{community_admin}' where node_id = %s returning 1"
        assert rows_of(kernel, limit, county.scope().node) == [(1,)]

        assert problem(await give(admin, login)) == ("InvalidInput", "GRANT_ROLE_UNFIT", "role")
        assert (await give(admin, login, "auditor"))["__typename"] == "GiveRoleSuccess"

    @pytest.mark.parametrize(
        ("since", "until"),
        [
            (None, {"seconds": 0}),
            (None, {"days": -1}),
            ({"days": 2}, {"days": 1}),
            ({"days": 1}, {"days": 1}),
        ],
    )
    async def test_with_an_end_before_its_start(self, admin, login, since, until, holding):
        with clock.use(clock.FixedClock(clock.now())):
            told = {"validUntil": moment(**until)} | ({} if since is None else {"validFrom": moment(**since)})

            refused = await give(admin, login, **told)

        assert problem(refused) == ("InvalidInput", "GRANT_PERIOD_UNFIT", "validUntil")
        assert holding() == []

    async def test_to_an_unknown_login(self, admin, holding):
        assert problem(await give(admin, "nobody-at-all")) == ("InvalidInput", "ACCOUNT_UNKNOWN", "login")
        assert holding() == []

    async def test_of_more_than_one_has(self, kernel, client, county, login, holding, seen):
        """A token limited to giving roles gives nobody what it can't do itself."""
        token = await desk.create_token(
            kernel, county.community, label="x", role="community_admin", permissions=["tenants.grant:give"]
        )

        refused = await give(client.as_(token), login, "community_admin")

        assert problem(refused) == ("PermissionMissing", "GRANT_BEYOND_OWN", "role")
        assert holding() == []
        assert seen("tenants.grants.give") == ["GRANT_BEYOND_OWN"]

    async def test_without_the_permission(self, kernel, client, county, login, holding, seen):
        token = await desk.create_token(kernel, county.community, label="x", role="auditor")

        refused = await give(client.as_(token), login)

        assert (refused["__typename"], refused["code"]) == ("PermissionMissing", "FORBIDDEN")
        assert "tenants.grant:give" in refused["message"]
        assert holding() == []
        assert seen("tenants.grants.give") == ["FORBIDDEN"]

    @pytest.mark.parametrize(
        ("told", "code", "zh", "en"),
        [
            ({"role": "king"}, "GRANT_ROLE_UNFIT", "不能在此辖区授予", "can't be given at this node"),
            (
                {"validUntil": "2001-01-01T00:00:00Z"},
                "GRANT_PERIOD_UNFIT",
                "授权的截止时间须晚于开始时间，且不早于现在",
                "A grant ends after it begins, and not in the past",
            ),
            (
                {"login": "nobody-at-all"},
                "ACCOUNT_UNKNOWN",
                "没有账号“nobody-at-all”，请核对，或先开设账号",
                "There is no account “nobody-at-all”; check it, or open one first",
            ),
        ],
    )
    async def test_in_two_languages(self, admin, login, told, code, zh, en):
        told = {"login": login} | told
        for language, message in (("zh", zh), ("en", en)):
            refused = await give(admin.as_(**{"Accept-Language": language}), **told)
            assert refused["code"] == code
            assert message in refused["message"]


class TestRevoke:
    async def test_shuts_its_holder_out_at_once(self, admin, login, person, seen):
        given = await give(admin, login)
        assert (await person.ask(CASES)).errors == []

        revoked = await revoke(admin, given["grant"]["id"])

        assert revoked["grant"]["reason"] == "届满"
        assert revoked["grant"]["validUntil"] is not None
        assert (await person.ask(CASES)).code == "SCOPE_UNKNOWN"
        assert seen("tenants.grants.revoke") == ["done"]

    async def test_twice_finds_none_that_holds(self, admin, login):
        given = await give(admin, login)
        await revoke(admin, given["grant"]["id"])

        again = await revoke(admin.as_(**{"Accept-Language": "en"}), given["grant"]["id"])

        assert problem(again) == ("ObjectMissing", "NOT_FOUND", None)
        assert "grant that holds" in again["message"]

    async def test_finds_no_foreign_grant(self, kernel, admin, county, login, grant_of, holding):
        """Of the community next door, or of the county above: as if there were none."""
        await desk.grant(kernel, login, "mediator", county.communities[1], reason="x")
        above = await opened(kernel, ("county_operator", county.county))

        foreign = await revoke(admin, grant_of(login))

        assert foreign["code"] == "NOT_FOUND"
        assert foreign == await revoke(admin, grant_of(above))
        assert foreign == await revoke(admin, global_id("Grant", uuid4()))
        assert [row[2] for row in holding()] == [True, True]

    async def test_of_more_than_one_has_is_refused(self, kernel, client, county, chief, grant_of, holding):
        token = await desk.create_token(
            kernel, county.community, label="x", role="community_admin", permissions=["tenants.grant:give"]
        )
        await opened(kernel, ("community_admin", county.community))

        refused = await revoke(client.as_(token), grant_of(chief))

        assert problem(refused) == ("PermissionMissing", "GRANT_BEYOND_OWN", "role")
        assert all(row[2] for row in holding())

    async def test_is_refused_without_the_permission(self, kernel, client, county, chief, grant_of, holding):
        token = await desk.create_token(kernel, county.community, label="x", role="auditor")

        assert (await revoke(client.as_(token), grant_of(chief)))["code"] == "FORBIDDEN"
        assert holding() == [(chief, "community_admin", True)]


class TestLastAdmin:
    async def test_is_not_revoked(self, admin, chief, grant_of, holding):
        refused = await revoke(admin, grant_of(chief))

        assert problem(refused) == ("InvalidInput", "GRANT_LAST_ADMIN", None)
        assert refused["message"] == "这是本辖区最后一位可以长期授权的管理员，请先授权另一位，或由上级办理"
        english = await revoke(admin.as_(**{"Accept-Language": "en"}), grant_of(chief))
        assert english["message"].startswith("This is the last account that may give roles here")
        assert holding() == [(chief, "community_admin", True)]

    async def test_is_revoked_by_the_county(self, operator, chief, grant_of, holding):
        revoked = await revoke(operator, grant_of(chief))

        assert revoked["__typename"] == "RevokeGrantSuccess"
        assert holding() == [(chief, "community_admin", False)]

    async def test_but_one_is_revoked(self, kernel, admin, county, chief, grant_of, holding):
        other = await opened(kernel, ("community_admin", county.community))

        assert (await revoke(admin, grant_of(chief)))["__typename"] == "RevokeGrantSuccess"
        assert (await revoke(admin, grant_of(other)))["code"] == "GRANT_LAST_ADMIN"
        assert sorted(row[2] for row in holding()) == [False, True]

    async def test_is_who_is_left_when_another_s_grant_has_ended(
        self, kernel, admin, county, chief, grant_of
    ):
        other = await opened(kernel)
        await desk.grant(kernel, other, "community_admin", county.community, reason="x", days=1)
        with clock.use(clock.FixedClock(clock.now())) as standing:
            standing.advance(days=2)

            assert (await revoke(admin, grant_of(chief)))["code"] == "GRANT_LAST_ADMIN"

    async def test_is_who_is_left_when_another_is_closed(self, kernel, admin, county, chief, grant_of):
        """Wherever the closed account was opened."""
        other = await opened(kernel, ("community_admin", county.community))
        await desk.set_active(kernel, other, active=False)

        assert (await revoke(admin, grant_of(chief)))["code"] == "GRANT_LAST_ADMIN"

    async def test_is_who_stays_when_all_others_go_by_themselves(
        self, kernel, admin, county, chief, grant_of
    ):
        """Somebody whose grant ends next week is nobody to leave a community to."""
        other = await opened(kernel)
        await desk.grant(kernel, other, "community_admin", county.community, reason="x", days=7)

        assert (await revoke(admin, grant_of(chief)))["code"] == "GRANT_LAST_ADMIN"

    @pytest.mark.parametrize("told", [{"validUntil": {"minutes": 1}}, {"validFrom": {"days": 1}}])
    async def test_is_given_neither_an_end_nor_a_later_beginning(self, admin, chief, told, holding):
        told = {name: moment(**later) for name, later in told.items()}

        refused = await give(admin, chief, "community_admin", **told)

        assert refused["code"] == "GRANT_LAST_ADMIN"
        assert holding() == [(chief, "community_admin", True)]

    async def test_is_not_denied_what_makes_an_admin(self, admin, chief, holding):
        made = await admin.do("makeRole", {"name": "限制", "denied": ["tenants.grant:give"]}, read=OWN_ROLE)

        refused = await give(admin, chief, made["ownRole"]["code"])

        assert problem(refused) == ("InvalidInput", "GRANT_LAST_ADMIN", None)
        assert holding() == [(chief, "community_admin", True)]

    async def test_stays_where_two_take_the_other_s_role_at_once(
        self, kernel, client, county, chief, grant_of, holding
    ):
        """Whoever comes second is no admin any more, or would be the last."""
        other = await opened(kernel, ("community_admin", county.community))
        one, two = [await signed_in(kernel, client, who, county.community) for who in (chief, other)]
        for who in (one, two):
            assert (await who.ask("{ here { code } }")).errors == []

        both = await asyncio.gather(
            *(
                who.ask(
                    f'mutation {{ revokeGrant(input: {{grantId: "{grant}", reason: "互撤"}}) {{ __typename }} }}'
                )
                for who, grant in ((one, grant_of(other)), (two, grant_of(chief)))
            )
        )

        done = [
            one
            for one in both
            if not one.errors and one.data["revokeGrant"]["__typename"] == "RevokeGrantSuccess"
        ]
        assert len(done) == 1, both
        assert sum(held for _login, _role, held in holding()) == 1

    async def test_stays_where_two_tokens_take_both_roles_at_once(
        self, kernel, client, county, chief, admin, grant_of, holding
    ):
        other = await opened(kernel, ("community_admin", county.community))
        second = client.as_(
            await desk.create_token(kernel, county.community, label="2", role="community_admin")
        )

        both = await asyncio.gather(revoke(admin, grant_of(other)), revoke(second, grant_of(chief)))

        assert sorted(one.get("code", "") for one in both) == ["", "GRANT_LAST_ADMIN"]
        assert sum(held for _login, _role, held in holding()) == 1


class TestList:
    async def test_shows_the_grants_of_the_scope_alone(self, kernel, admin, operator, county, login):
        await give(admin, login)
        await desk.grant(kernel, login, "mediator", county.communities[1], reason="x")
        listed = "{ grants(order: OLDEST) { totalCount nodes { role area { code } account { login } } } }"

        assert (await admin.ask(listed)).data["grants"] == {
            "totalCount": 1,
            "nodes": [{"role": "mediator", "area": {"code": county.community}, "account": None}],
        }
        assert (await operator.ask(listed)).data["grants"]["totalCount"] == 2

    async def test_finds_no_grant_of_another_community(self, kernel, client, admin, county, login):
        given = await give(admin, login)
        token = await desk.create_token(kernel, county.communities[1], label="x", role="community_admin")
        query = "query ($id: ID!) { grant(id: $id) { role } }"

        assert (await admin.ask(query, id=given["grant"]["id"])).data == {"grant": {"role": "mediator"}}
        assert (await client.as_(token).ask(query, id=given["grant"]["id"])).data == {"grant": None}

    async def test_needs_the_permission(self, kernel, client, county):
        token = await desk.create_token(kernel, county.community, label="x", role="mediator")

        assert (await client.as_(token).ask("{ grants { totalCount } }")).code == "FORBIDDEN"


class TestOwnRoleOfAnotherNode:
    async def test_is_given_nowhere_else(self, kernel, client, admin, operator, county, login, holding):
        """Not even by the county, which sees both communities."""
        told = {"name": "接待员", "level": Name("COMMUNITY"), "allowed": ["tenants.area:read"]}
        made = await admin.do("makeRole", told, read=OWN_ROLE)
        sibling = global_id("Area", county.scope(county.communities[1]).node)
        token = await desk.create_token(kernel, county.communities[1], label="x", role="community_admin")

        for refused in (
            await give(client.as_(token), login, made["ownRole"]["code"]),
            await give(operator, login, made["ownRole"]["code"], nodeId=sibling),
        ):
            assert problem(refused) == ("InvalidInput", "GRANT_ROLE_UNFIT", "role")
        assert holding() == []
