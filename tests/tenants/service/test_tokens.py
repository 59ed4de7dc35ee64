"""Tokens are issued, rotated and revoked in one's own area; the secret is told once, and only its hash stays."""

import datetime as dt
from uuid import uuid4

import pytest

from gongzhi.core import clock
from gongzhi.core.api import global_id, hash_token
from gongzhi.tenants import desk

HERE = "{ here { code } }"
TOKEN = "apiToken { id label role permissions createdAt expiresAt revokedAt lastUsedAt area { code } } secret"
REVOKED = "apiToken { id revokedAt }"
LISTED = "{ apiTokens { totalCount nodes { id label role } } }"


async def issue(who, **told):
    return await who.do("issueToken", {"label": "对接"} | told, read=TOKEN)


async def rotate(who, token, **told):
    return await who.do("rotateToken", {"tokenId": token["apiToken"]["id"]} | told, read=TOKEN)


async def revoke(who, token):
    return await who.do("revokeToken", {"tokenId": token["apiToken"]["id"]}, read=REVOKED)


def problem(payload):
    return payload["__typename"], payload["code"], payload["path"]


def moment(text):
    return dt.datetime.fromisoformat(text)


@pytest.fixture
def admin(client, county, token_for):
    return client.as_(token_for("community_admin", county.community))


@pytest.fixture
def neighbour(client, county, token_for):
    return client.as_(token_for("community_admin", county.communities[1]))


@pytest.fixture
def auditor(client, county, token_for):
    return client.as_(token_for("auditor", county.community))


@pytest.fixture
def operator(client, county, token_for):
    return client.as_(token_for("county_operator", county.county))


@pytest.fixture
def kept(kernel, county, rows_of):
    """``kept()``: how many tokens labelled as ours the county has."""
    query = "select count(*) from tenants.api_token where label = '对接' and node_id = any(%s)"
    return lambda: rows_of(kernel, query, [scope.node for scope in county.scopes.values()])[0][0]


@pytest.fixture
def seen(kernel, county, rows_of):
    """``seen()``: what is on record in the first community about tokens since it was made."""
    query = "select action, outcome from core.audit where scope_id = %s and action like 'tenants.tokens.%%' order by id"
    before = len(rows_of(kernel, query, county.scope().node))
    return lambda: rows_of(kernel, query, county.scope().node)[before:]


class TestIssue:
    async def test_opens_its_node_and_no_other(self, client, admin, county, seen):
        issued = await issue(admin)

        token = issued["apiToken"]
        assert (token["role"], token["permissions"], token["area"]) == (
            "integrator",
            None,
            {"code": county.community},
        )
        assert (token["revokedAt"], token["lastUsedAt"]) == (None, None)
        who = client.as_(issued["secret"])
        assert (await who.ask(HERE)).data == {"here": {"code": county.community}}
        for code in (county.communities[1], county.street, county.county):
            assert (await who.as_(None, code).ask(HERE)).code == "SCOPE_UNKNOWN"
        assert seen() == [("tenants.tokens.issue", "done")]

    async def test_always_has_an_end(self, client, admin):
        """A year unless told, two at most."""
        with clock.use(clock.FixedClock(clock.now())) as standing:
            whole = await issue(admin)
            short = await issue(admin, days=1)
            assert moment(whole["apiToken"]["expiresAt"]) == clock.now() + dt.timedelta(days=365)
            standing.advance(days=1, seconds=-1)
            assert (await client.as_(short["secret"]).ask(HERE)).errors == []
            standing.advance(seconds=1)

            answered = await client.as_(short["secret"]).ask(HERE)

            assert (answered.status, answered.code) == (401, "NOT_SIGNED_IN")
            assert (await client.as_(whole["secret"]).ask(HERE)).errors == []

    @pytest.mark.parametrize("days", [0, -1, 731, 999_999_999])
    async def test_has_no_end_that_is_out_of_reason(self, admin, days, kept):
        assert problem(await issue(admin, days=days)) == ("InvalidInput", "INVALID_INPUT", "days")
        assert kept() == 0

    async def test_tells_its_secret_once(self, admin, kept):
        """Under the same key the token is the same, and the secret is told no more."""
        told = {"label": "对接"}
        first = await admin.do("issueToken", told, key="issue-it-once", read=TOKEN)
        again = await admin.do("issueToken", told, key="issue-it-once", read=TOKEN)

        assert first["secret"].startswith("gz_")
        assert again == first | {"secret": None}
        assert kept() == 1

    async def test_is_kept_as_a_hash(self, admin, kernel, contents):
        """In no table, be it the token's, the audit, the outbox or the record of the key."""
        issued = await admin.do("issueToken", {"label": "对接"}, key="kept-as-a-hash", read=TOKEN)

        held = "".join(row for rows in contents(kernel).values() for row in rows)
        assert issued["secret"] not in held
        assert issued["secret"].encode().hex() not in held
        assert hash_token(issued["secret"]).hex() in held

    async def test_may_what_it_is_limited_to(self, client, admin):
        limited = ["tenants.grid:read", "tenants.area:read", "tenants.grid:read"]
        issued = await issue(admin, permissions=limited)

        assert issued["apiToken"]["permissions"] == ["tenants.area:read", "tenants.grid:read"]
        who = client.as_(issued["secret"])
        assert (await who.ask("{ grids { totalCount } }")).errors == []
        assert (await who.ask("{ mediationCases { totalCount } }")).code == "FORBIDDEN"

    async def test_shows_its_last_use(self, client, admin):
        with clock.use(clock.FixedClock(clock.now())):
            issued = await issue(admin)
            await client.as_(issued["secret"]).ask(HERE)
            listed = await admin.ask('{ apiTokens(filter: {label: "对接"}) { nodes { lastUsedAt } } }')

            [shown] = listed.data["apiTokens"]["nodes"]
            assert moment(shown["lastUsedAt"]) == clock.now()

    async def test_at_a_node_beneath_the_scope(self, client, operator, county):
        node = global_id("Area", county.scope().node)
        issued = await issue(operator, role="auditor", nodeId=node)

        assert issued["apiToken"]["area"] == {"code": county.community}
        assert (await client.as_(issued["secret"]).ask(HERE)).data == {"here": {"code": county.community}}

    async def test_of_an_own_role_may_what_that_allows(self, client, admin):
        told = {"name": "只读网格", "allowed": ["tenants.grid:read"]}
        made = await admin.do("makeRole", told, read="ownRole { code }")
        issued = await issue(admin, role=made["ownRole"]["code"])

        who = client.as_(issued["secret"])
        assert (await who.ask("{ grids { totalCount } }")).errors == []
        assert (await who.ask("{ persons { totalCount } }")).code == "FORBIDDEN"


class TestIssueIsRefused:
    async def test_at_a_node_outside(self, admin, county, kept):
        nodes = (county.scope(county.communities[1]).node, county.scope(county.county).node, uuid4())
        refusals = [await issue(admin, nodeId=global_id("Area", node)) for node in nodes]

        assert problem(refusals[0]) == ("ObjectMissing", "NOT_FOUND", None)
        assert refusals == [refusals[0]] * 3
        assert kept() == 0

    @pytest.mark.parametrize("role", ["county_operator", "king", "street_dispatcher"])
    async def test_of_a_role_that_is_not_held_here(self, admin, role, kept):
        assert problem(await issue(admin, role=role)) == ("InvalidInput", "GRANT_ROLE_UNFIT", "role")
        assert kept() == 0

    @pytest.mark.parametrize("permissions", [[], ["tenants.person:read"], ["tenants.grid:devour"]])
    async def test_limited_to_what_its_role_does_not_allow(self, admin, permissions, kept):
        refused = await issue(admin, permissions=permissions)

        assert problem(refused) == ("InvalidInput", "TOKEN_PERMISSION_UNKNOWN", "permissions")
        assert refused["message"].startswith("角色“integrator”没有此项权限")
        english = await issue(admin.as_(**{"Accept-Language": "en"}), permissions=permissions)
        assert english["message"].startswith("The role “integrator” has no permission")
        assert kept() == 0

    async def test_with_more_than_one_has(self, kernel, client, county, kept, seen):
        token = await desk.create_token(
            kernel, county.community, label="x", role="community_admin", permissions=["tenants.token:issue"]
        )

        refused = await issue(client.as_(token), role="community_admin")

        assert problem(refused) == ("PermissionMissing", "GRANT_BEYOND_OWN", "role")
        assert kept() == 0
        assert seen()[-1] == ("tenants.tokens.issue", "GRANT_BEYOND_OWN")

    async def test_without_the_permission(self, auditor, kept, seen):
        assert problem(await issue(auditor)) == ("PermissionMissing", "FORBIDDEN", None)
        assert kept() == 0
        assert seen() == [("tenants.tokens.issue", "FORBIDDEN")]


class TestRotate:
    async def test_overlaps_the_old_one(self, client, admin):
        """The new one does the same for as long; the old one for the hours told."""
        with clock.use(clock.FixedClock(clock.now())) as standing:
            old = await issue(admin, permissions=["tenants.area:read"], days=90)
            standing.advance(days=30)
            new = await rotate(admin, old, overlapHours=2)

            assert new["secret"] != old["secret"]
            assert new["apiToken"]["permissions"] == ["tenants.area:read"]
            assert moment(new["apiToken"]["expiresAt"]) == clock.now() + dt.timedelta(days=90)
            standing.advance(hours=2, seconds=-1)
            for token in (old, new):
                assert (await client.as_(token["secret"]).ask(HERE)).errors == []
            standing.advance(seconds=1)
            assert (await client.as_(old["secret"]).ask(HERE)).code == "NOT_SIGNED_IN"

            assert (await client.as_(new["secret"]).ask(HERE)).errors == []

    async def test_without_overlap_ends_the_old_one_at_once(self, client, admin):
        old = await issue(admin)
        assert (await client.as_(old["secret"]).ask(HERE)).errors == []

        new = await rotate(admin, old, overlapHours=0)

        assert (await client.as_(old["secret"]).ask(HERE)).code == "NOT_SIGNED_IN"
        assert (await client.as_(new["secret"]).ask(HERE)).errors == []

    async def test_makes_no_old_token_last_longer(self, client, admin):
        with clock.use(clock.FixedClock(clock.now())) as standing:
            old = await issue(admin, days=1)
            await rotate(admin, old, overlapHours=720)
            standing.advance(days=1)

            assert (await client.as_(old["secret"]).ask(HERE)).code == "NOT_SIGNED_IN"

    async def test_tells_its_secret_once(self, admin, kept):
        old = await issue(admin)
        told = {"tokenId": old["apiToken"]["id"]}
        first = await admin.do("rotateToken", told, key="rotate-it-once", read=TOKEN)
        again = await admin.do("rotateToken", told, key="rotate-it-once", read=TOKEN)

        assert first["secret"] not in (None, old["secret"])
        assert again == first | {"secret": None}
        assert kept() == 2

    async def test_of_a_token_that_has_ended_finds_none(self, admin, kept):
        with clock.use(clock.FixedClock(clock.now())) as standing:
            revoked, expired = await issue(admin), await issue(admin, days=1)
            await revoke(admin, revoked)
            standing.advance(days=2)

            for token in (revoked, expired):
                assert problem(await rotate(admin, token)) == ("ObjectMissing", "NOT_FOUND", None)
        assert kept() == 2

    async def test_of_a_role_that_is_gone_finds_none(self, admin, kept):
        """A token of a retired role would be made with success, and puzzle whoever gets it."""
        told = {"name": "只读网格", "allowed": ["tenants.grid:read"]}
        made = await admin.do("makeRole", told, read="ownRole { id code }")
        old = await issue(admin, role=made["ownRole"]["code"])
        await admin.do("retireRole", {"roleId": made["ownRole"]["id"], "version": 1})

        assert (await rotate(admin, old)).get("code") is not None
        assert kept() == 1

    @pytest.mark.parametrize("hours", [-1, 721])
    async def test_overlaps_for_a_month_at_most(self, admin, hours):
        refused = await rotate(admin, await issue(admin), overlapHours=hours)

        assert problem(refused) == ("InvalidInput", "INVALID_INPUT", "overlapHours")

    async def test_of_what_one_could_not_issue_is_refused(self, kernel, client, admin, county, kept):
        """Who gets a token's secret by rotating it gains what it may."""
        token = await desk.create_token(
            kernel, county.community, label="x", role="community_admin", permissions=["tenants.token:issue"]
        )
        old = await issue(admin, role="community_admin")

        assert problem(await rotate(client.as_(token), old))[:2] == ("PermissionMissing", "GRANT_BEYOND_OWN")
        assert kept() == 1


class TestRevoke:
    async def test_ends_it_at_once(self, client, admin, seen):
        token = await issue(admin)
        who = client.as_(token["secret"])
        assert (await who.ask(HERE)).errors == []

        revoked = await revoke(admin, token)

        assert revoked["apiToken"]["revokedAt"] is not None
        answered = await who.ask(HERE)
        assert (answered.status, answered.code) == (401, "NOT_SIGNED_IN")
        assert seen() == [("tenants.tokens.issue", "done"), ("tenants.tokens.withdraw", "done")]

    async def test_twice_finds_none_that_works(self, admin):
        token = await issue(admin)
        await revoke(admin, token)

        again = await revoke(admin.as_(**{"Accept-Language": "en"}), token)

        assert problem(again) == ("ObjectMissing", "NOT_FOUND", None)
        assert "token that works" in again["message"]


class TestForeignToken:
    async def test_is_none(self, client, admin, neighbour):
        """Neither revoked, rotated nor shown next door; as if there were none."""
        token = await issue(admin)
        nowhere = {"apiToken": {"id": global_id("ApiToken", uuid4())}}

        for attempt in (revoke, rotate):
            foreign = await attempt(neighbour, token)
            assert problem(foreign) == ("ObjectMissing", "NOT_FOUND", None)
            assert foreign == await attempt(neighbour, nowhere)
        query = "query ($id: ID!) { node(id: $id) { id } }"
        assert (await neighbour.ask(query, id=token["apiToken"]["id"])).data == {"node": None}
        assert (await admin.ask(query, id=token["apiToken"]["id"])).data["node"] is not None
        assert token["apiToken"]["id"] not in str((await neighbour.ask(LISTED)).data)
        assert (await client.as_(token["secret"]).ask(HERE)).errors == []

    async def test_beneath_is_revoked_by_the_county(self, client, admin, operator):
        token = await issue(admin)

        assert (await revoke(operator, token))["__typename"] == "RevokeTokenSuccess"
        assert (await client.as_(token["secret"]).ask(HERE)).code == "NOT_SIGNED_IN"


class TestList:
    async def test_shows_no_secret(self, admin, county):
        """There is no field for it."""
        issued = await issue(admin)

        [shown] = [
            one
            for one in (await admin.ask(LISTED)).data["apiTokens"]["nodes"]
            if one["id"] == issued["apiToken"]["id"]
        ]
        assert shown == {"id": issued["apiToken"]["id"], "label": "对接", "role": "integrator"}
        assert (await admin.ask("{ apiTokens { nodes { tokenHash } } }")).code == "GRAPHQL_INVALID"
        assert (await admin.ask("{ apiTokens { nodes { secret } } }")).code == "GRAPHQL_INVALID"

    async def test_needs_the_permission(self, client, county, kernel):
        token = await desk.create_token(kernel, county.community, label="x", role="mediator")

        assert (await client.as_(token).ask(LISTED)).code == "FORBIDDEN"

    async def test_is_all_that_an_auditor_may(self, admin, auditor):
        token = await issue(admin)

        assert (await auditor.ask(LISTED)).errors == []
        assert (await rotate(auditor, token))["code"] == "FORBIDDEN"
        assert (await revoke(auditor, token))["code"] == "FORBIDDEN"
