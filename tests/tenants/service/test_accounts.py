"""Accounts are opened by whoever looks after them, made their owners' by a code told once, closed and reopened."""

import secrets

import pytest

from gongzhi.core import clock
from gongzhi.core.api import global_id

PASSWORD = "梅营社区 correct horse"
ACCOUNT = "account { id login displayName active version area { code } }"
HERE = "{ here { code } }"


def new_login():
    return f"person-{secrets.token_hex(6)}"


async def open_account(who, login=None, **told):
    told = {"login": login or new_login(), "displayName": "某人"} | told
    return await who.do("openAccount", told, read=f"{ACCOUNT} activationCode")


async def turn(who, mutation, account, read=ACCOUNT):
    """Close, reopen or reset an account as it was read."""
    told = {"accountId": account["id"], "version": account["version"]}
    return await who.do(mutation, told, read=read)


async def give(who, account, role, **told):
    return await who.do("giveRole", {"login": account["login"], "role": role, "reason": "分工"} | told)


async def activate(client, login, code, password=PASSWORD):
    told = {"login": login, "code": code, "password": password}
    return await client.http.post("/session/activate", json=told)


async def knock(client, login, password=PASSWORD):
    return await client.http.post("/session", json={"login": login, "password": password})


async def signed_in(client, login, code, password=PASSWORD):
    """A client with the cookie of this account, at work at this code."""
    response = await knock(client, login, password)
    assert response.status_code == 201, response.text
    cookie = f"gongzhi_session={response.cookies['gongzhi_session']}"
    client.http.cookies.clear()
    return client.as_(None, code, Cookie=cookie, **{"X-CSRF-Token": response.json()["csrfToken"]})


async def owned(client, who, *roles):
    """An account that its owner has made his own, with these roles: as it was answered."""
    opened = await open_account(who)
    account = opened["account"]
    assert (await activate(client, account["login"], opened["activationCode"])).status_code == 200
    for role in roles:
        assert (await give(who, account, role))["__typename"] == "GiveRoleSuccess"
    asked = await who.ask("query ($id: ID!) { account(id: $id) { version } }", id=account["id"])
    return account | asked.data["account"]


def problem(payload):
    return payload["__typename"], payload["code"], payload["path"]


@pytest.fixture
def admin(client, county, token_for):
    return client.as_(token_for("community_admin", county.community))


@pytest.fixture
def neighbour(client, county, token_for):
    return client.as_(token_for("community_admin", county.communities[1]))


@pytest.fixture
def operator(client, county, token_for):
    return client.as_(token_for("county_operator", county.county))


@pytest.fixture
def officer(client, county, token_for):
    """Somebody who sees no grants and opens no accounts."""
    return client.as_(token_for("community_officer", county.community))


@pytest.fixture
def seen(kernel, county, rows_of):
    """``seen()``: what is on record in the first community about accounts."""
    query = "select action, outcome from core.audit where scope_id = %s and action like 'tenants.accounts.%%' order by id"
    return lambda: rows_of(kernel, query, county.scope().node)


@pytest.fixture
def active(kernel, rows_of):
    """``active(account)``: whether it is open, as the table has it."""
    return lambda account: rows_of(
        kernel, "select active from tenants.account where login = %s", account["login"]
    )


class TestOpen:
    async def test_makes_an_account_its_owner_makes_his_own(self, client, admin, county, seen):
        login = new_login()
        opened = await open_account(admin, login)

        assert opened["account"] | {"id": ""} == {
            "id": "",
            "login": login,
            "displayName": "某人",
            "active": True,
            "version": 1,
            "area": {"code": county.community},
        }
        assert (await knock(client, login)).status_code == 401
        assert (await activate(client, login, opened["activationCode"])).status_code == 200
        await give(admin, opened["account"], "mediator")
        who = await signed_in(client, login, county.community)
        assert (await who.ask(HERE)).data == {"here": {"code": county.community}}
        assert seen() == [("tenants.accounts.open", "done")]

    async def test_tells_its_code_once(self, admin):
        told = {"login": new_login(), "displayName": "某人"}
        first = await admin.do("openAccount", told, key="open-it-once", read=f"{ACCOUNT} activationCode")
        again = await admin.do("openAccount", told, key="open-it-once", read=f"{ACCOUNT} activationCode")

        assert first["activationCode"].startswith("gza_")
        assert again == first | {"activationCode": None}

    async def test_keeps_the_code_as_a_hash(self, admin, kernel, contents):
        opened = await open_account(admin)

        held = "".join(row for rows in contents(kernel).values() for row in rows)
        assert opened["activationCode"] not in held
        assert opened["activationCode"].encode().hex() not in held

    async def test_of_a_login_that_is_taken_is_refused(self, admin, neighbour, kernel, rows_of):
        login = new_login()
        await open_account(admin, login)

        for who in (admin, neighbour):
            refused = await open_account(who, login, displayName="他人")
            assert problem(refused) == ("InvalidInput", "ACCOUNT_LOGIN_TAKEN", "login")
            assert refused["message"] == f"账号“{login}”已存在"
        english = await open_account(admin.as_(**{"Accept-Language": "en"}), login)
        assert english["message"] == f"There is an account “{login}” already"
        names = "select display_name from tenants.account where login = %s"
        assert rows_of(kernel, names, login) == [("某人",)]

    @pytest.mark.parametrize("login", ["Admin", "管理员账号", "-abc", "a b c", "abc\n"])
    async def test_of_a_login_that_does_not_fit_is_refused(self, admin, login):
        refused = await open_account(admin, login)
        assert problem(refused) == ("InvalidInput", "ACCOUNT_LOGIN_UNFIT", "login")
        english = await open_account(admin.as_(**{"Accept-Language": "en"}), login)
        assert english["message"].startswith("A login has 3 to 40 small letters")

    @pytest.mark.parametrize("name", ["", "   "])
    async def test_without_a_name_is_refused(self, admin, name):
        assert (await open_account(admin, displayName=name)).get("code") == "INVALID_INPUT"

    async def test_is_refused_without_the_permission(self, officer, seen, kernel, rows_of):
        login = new_login()

        assert problem(await open_account(officer, login)) == ("PermissionMissing", "FORBIDDEN", None)
        assert rows_of(kernel, "select 1 from tenants.account where login = %s", login) == []
        assert seen() == [("tenants.accounts.open", "FORBIDDEN")]


class TestClose:
    async def test_signs_out_and_refuses(self, client, admin, county, active, seen):
        account = await owned(client, admin, "mediator")
        who = await signed_in(client, account["login"], county.community)
        assert (await who.ask(HERE)).errors == []

        closed = await turn(admin, "closeAccount", account)

        assert closed["account"]["active"] is False
        assert closed["account"]["version"] == account["version"] + 1
        answered = await who.ask(HERE)
        assert (answered.status, answered.code) == (401, "NOT_SIGNED_IN")
        assert (await knock(client, account["login"])).status_code == 401
        assert active(account) == [(False,)]
        assert seen()[-1] == ("tenants.accounts.close", "done")

    async def test_is_for_good_to_who_was_signed_in(self, client, admin, county):
        """A browser that somebody left behind is not signed in again when the account is reopened."""
        account = await owned(client, admin, "mediator")
        who = await signed_in(client, account["login"], county.community)

        closed = await turn(admin, "closeAccount", account)
        await turn(admin, "reopenAccount", closed["account"])

        assert [(error["extensions"]["code"]) for error in (await who.ask(HERE)).errors] == ["NOT_SIGNED_IN"]

    async def test_makes_the_code_useless(self, client, admin):
        opened = await open_account(admin)
        await turn(admin, "closeAccount", opened["account"])

        refused = await activate(client, opened["account"]["login"], opened["activationCode"])

        assert refused.status_code == 401

    async def test_by_the_second_of_two_is_refused(self, admin):
        account = (await open_account(admin))["account"]
        await turn(admin, "resetAccount", account)

        assert problem(await turn(admin, "closeAccount", account))[:2] == ("VersionConflict", "STALE_VERSION")

    async def test_of_the_last_admin_is_refused(self, client, admin, active):
        account = await owned(client, admin, "community_admin")

        refused = await turn(admin, "closeAccount", account)

        assert problem(refused) == ("InvalidInput", "GRANT_LAST_ADMIN", None)
        assert active(account) == [(True,)]

    async def test_of_one_of_two_admins_is_done(self, client, admin):
        account = await owned(client, admin, "community_admin")
        other = await owned(client, admin, "community_admin")

        assert (await turn(admin, "closeAccount", account))["account"]["active"] is False
        assert (await turn(admin, "closeAccount", other))["code"] == "GRANT_LAST_ADMIN"

    async def test_of_the_last_admin_is_done_by_the_county(self, client, admin, operator, active):
        account = await owned(client, admin, "community_admin")

        assert (await turn(operator, "closeAccount", account))["__typename"] == "CloseAccountSuccess"
        assert active(account) == [(False,)]

    async def test_of_the_last_admin_of_another_community_is_refused(
        self, client, admin, operator, county, active
    ):
        """Whoever opened an account locks nobody else out with it."""
        account = await owned(client, admin)
        node = global_id("Area", county.scope(county.communities[1]).node)
        assert (await give(operator, account, "community_admin", nodeId=node))[
            "__typename"
        ] == "GiveRoleSuccess"

        refused = await turn(admin, "closeAccount", account)

        assert refused.get("code") in ("GRANT_LAST_ADMIN", "GRANT_BEYOND_OWN")
        assert active(account) == [(True,)]


class TestReopen:
    async def test_lets_its_owner_in_again(self, client, admin, county, seen):
        account = await owned(client, admin, "mediator")
        closed = await turn(admin, "closeAccount", account)

        reopened = await turn(admin, "reopenAccount", closed["account"])

        assert reopened["account"] | {"version": 0} == account | {"version": 0}
        who = await signed_in(client, account["login"], county.community)
        assert (await who.ask(HERE)).errors == []
        assert seen()[-1] == ("tenants.accounts.reopen", "done")


class TestReset:
    async def test_gives_a_new_code_for_another_password(self, client, admin, county, seen):
        account = await owned(client, admin, "mediator")
        who = await signed_in(client, account["login"], county.community)

        told = await turn(admin, "resetAccount", account, f"{ACCOUNT} activationCode")
        assert (await knock(client, account["login"])).status_code == 201
        client.http.cookies.clear()
        another = "另一个 correct horse"
        assert (await activate(client, account["login"], told["activationCode"], another)).status_code == 200

        assert (await knock(client, account["login"])).status_code == 401
        assert (await who.ask(HERE)).code == "NOT_SIGNED_IN"
        await signed_in(client, account["login"], county.community, another)
        assert seen()[-1] == ("tenants.accounts.reset", "done")

    async def test_makes_the_code_before_it_useless(self, client, admin):
        opened = await open_account(admin)
        told = await turn(admin, "resetAccount", opened["account"], "activationCode")
        login = opened["account"]["login"]

        assert (await activate(client, login, opened["activationCode"])).status_code == 401
        assert (await activate(client, login, told["activationCode"])).status_code == 200
        assert (await activate(client, login, told["activationCode"])).status_code == 401

    async def test_tells_its_code_once(self, admin):
        account = (await open_account(admin))["account"]
        told = {"accountId": account["id"], "version": 1}
        first = await admin.do("resetAccount", told, key="reset-it-once", read=f"{ACCOUNT} activationCode")
        again = await admin.do("resetAccount", told, key="reset-it-once", read=f"{ACCOUNT} activationCode")

        assert again == first | {"activationCode": None}

    async def test_gives_a_code_for_seven_days(self, client, admin):
        with clock.use(clock.FixedClock(clock.now())) as standing:
            late, timely = await open_account(admin), await open_account(admin)
            standing.advance(days=7, seconds=-1)
            login = timely["account"]["login"]
            assert (await activate(client, login, timely["activationCode"])).status_code == 200
            standing.advance(seconds=1)

            login = late["account"]["login"]
            assert (await activate(client, login, late["activationCode"])).status_code == 401

    @pytest.mark.parametrize("where", ["county", "sibling"])
    async def test_gains_nobody_the_account_of_who_may_more(self, client, admin, operator, county, where):
        """A community opened the account; since then its owner became the county's operator, or next door's admin.

        With the code the community's admin would set the password and work as that person.
        """
        account = await owned(client, admin)
        role, code = {
            "county": ("county_operator", county.county),
            "sibling": ("community_admin", county.communities[1]),
        }[where]
        node = global_id("Area", county.scope(code).node)
        assert (await give(operator, account, role, nodeId=node))["__typename"] == "GiveRoleSuccess"

        told = await turn(admin, "resetAccount", account, "activationCode")

        assert told.get("code") == "GRANT_BEYOND_OWN"


class TestForeignAccount:
    async def test_is_none(self, client, admin, neighbour, active):
        """Neither closed, reopened, reset nor shown next door."""
        account = await owned(client, admin)

        for mutation in ("closeAccount", "reopenAccount", "resetAccount"):
            refused = await turn(neighbour, mutation, account)
            assert problem(refused) == ("ObjectMissing", "NOT_FOUND", None)
            nowhere = {"id": "Account:00000000-0000-0000-0000-000000000000", "version": 1}
            assert refused == await turn(neighbour, mutation, nowhere)
        assert active(account) == [(True,)]
        query = "query ($id: ID!) { account(id: $id) { login } }"
        assert (await neighbour.ask(query, id=account["id"])).data == {"account": None}
        assert (await admin.ask(query, id=account["id"])).data == {"account": {"login": account["login"]}}

    async def test_of_above_is_none(self, admin, operator):
        account = (await open_account(operator))["account"]

        for mutation in ("closeAccount", "reopenAccount", "resetAccount"):
            assert (await turn(admin, mutation, account))["code"] == "NOT_FOUND"

    async def test_beneath_is_the_county_s_to_close(self, admin, operator, active):
        account = (await open_account(admin))["account"]

        assert (await turn(operator, "closeAccount", account))["__typename"] == "CloseAccountSuccess"
        assert active(account) == [(False,)]


class TestPermission:
    @pytest.mark.parametrize("mutation", ["closeAccount", "reopenAccount", "resetAccount"])
    async def test_is_needed(self, client, admin, officer, mutation, active, seen):
        account = await owned(client, admin)

        refused = await turn(officer, mutation, account)

        assert problem(refused) == ("PermissionMissing", "FORBIDDEN", None)
        assert "tenants.account:open" in refused["message"]
        assert active(account) == [(True,)]
        assert seen()[-1] == (f"tenants.accounts.{mutation.removesuffix('Account')}", "FORBIDDEN")


class TestList:
    async def test_shows_the_accounts_of_the_scope_with_their_roles(self, client, admin, neighbour, operator):
        account = await owned(client, admin, "mediator")
        listed = "{ accounts(order: LOGIN) { nodes { login grants { role area { name } } } } }"

        shown = {
            "login": account["login"],
            "grants": [{"role": "mediator", "area": {"name": "第1社区居民委员会"}}],
        }
        assert (await admin.ask(listed)).data == {"accounts": {"nodes": [shown]}}
        assert (await operator.ask(listed)).data == {"accounts": {"nodes": [shown]}}
        assert (await neighbour.ask(listed)).data == {"accounts": {"nodes": []}}

    async def test_shows_no_hash_of_anything(self, admin):
        for name in ("activationHash", "activationCode", "passwordHash"):
            assert (await admin.ask(f"{{ accounts {{ nodes {{ {name} }} }} }}")).code == "GRAPHQL_INVALID"

    async def test_shows_a_community_none_of_what_its_people_hold_elsewhere(
        self, client, admin, operator, county
    ):
        account = await owned(client, admin, "mediator")
        told = {"nodeId": global_id("Area", county.scope(county.communities[1]).node)}
        await give(operator, account, "community_admin", **told)

        listed = "{ accounts { nodes { grants { role } } } }"
        assert (await admin.ask(listed)).data["accounts"]["nodes"] == [{"grants": [{"role": "mediator"}]}]

    async def test_needs_the_permission(self, officer):
        assert (await officer.ask("{ accounts { totalCount } }")).code == "FORBIDDEN"
