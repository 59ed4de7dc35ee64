"""Callers are looked up once, and again as soon as something about them changes, whoever changed it."""

from datetime import timedelta

import psycopg
import pytest

from gongzhi.core import clock
from gongzhi.core.api import Credentials
from gongzhi.core.known_callers import KnownCallers
from gongzhi.core.relay import sweep
from gongzhi.tenants import desk

HERE = "{ here { code } }"
GRIDS = "{ grids { totalCount } }"
DRAW = 'mutation { drawGrid(input: {number: 7, name: "七"}) { __typename ... on Problem { code } } }'


@pytest.fixture
def behind_us(kernel):
    """Change the database as another process would, past everything this one knows."""

    def execute(statement, *told):
        with psycopg.connect(kernel.database.address.url_for("gongzhi_owner")) as connection:
            return connection.execute(statement, told).rowcount

    return execute


@pytest.fixture
def looked_up(kernel, monkeypatch):
    """The credentials that were looked up."""
    found = []
    first = kernel.plugins.first

    async def counted(hook, **told):
        if hook == "find_caller":
            found.append(told["credentials"].bearer)
        return await first(hook, **told)

    monkeypatch.setattr(kernel.plugins, "first", counted)
    return found


@pytest.fixture
def admin(client, county, token_for):
    return client.as_(token_for("community_admin", county.community))


class TestKnown:
    async def test_is_who_was_looked_up_before(self, admin, looked_up):
        for _ in range(3):
            assert (await admin.ask(GRIDS)).errors == []
            assert "errors" not in (await admin.ask(DRAW)).body
        assert len(looked_up) == 1

    async def test_stays_who_was_not_changed(self, client, kernel, county, looked_up):
        mine = await desk.create_token(kernel, county.community, label="mine", role="community_admin")
        other = await desk.create_token(kernel, county.community, label="other", role="community_admin")
        await client.as_(mine).ask(HERE)
        await desk.revoke_tokens(kernel, county.community, "other")
        assert (await client.as_(mine).ask(HERE)).errors == []
        assert (await client.as_(other).ask(HERE)).code == "NOT_SIGNED_IN"
        assert looked_up.count(mine) == 1

    async def test_is_nobody_who_is_not_signed_in(self, client, looked_up, kernel):
        await client.ask("{ version }")
        await client.ask("{ version }")
        assert len(looked_up) == 2

    async def test_is_each_scopes_own(self, client, county, kernel):
        token = await desk.create_token(kernel, county.county, label="x", role="county_operator")
        for code in (county.county, county.community, county.communities[1], county.county):
            assert (await client.as_(token, code).ask(HERE)).data == {"here": {"code": code}}

    async def test_keeps_no_secret(self, kernel, county):
        token = await desk.create_token(kernel, county.community, label="x")
        known = KnownCallers(kernel)
        await known.find(Credentials(bearer=token))
        assert known._known
        assert token not in str(known._known)


class TestAChange:
    """The first request behind it goes by it."""

    async def test_of_a_token_ends_it(self, admin, county, behind_us):
        assert (await admin.ask(GRIDS)).errors == []
        ended = "update tenants.api_token set revoked_at = now() where node_id = %s"
        assert behind_us(ended, county.scope().tenant) == 1
        assert (await admin.ask(GRIDS)).code == "NOT_SIGNED_IN"

    async def test_of_a_token_stops_a_command(self, admin, county, behind_us):
        assert (await admin.ask(GRIDS)).errors == []
        lowered = "update tenants.api_token set role = 'mediator' where node_id = %s"
        behind_us(lowered, county.scope().tenant)
        answer = await admin.ask(DRAW)
        assert answer.data["drawGrid"] == {"__typename": "PermissionMissing", "code": "FORBIDDEN"}
        assert (await admin.ask(GRIDS)).data == {"grids": {"totalCount": 0}}

    async def test_of_a_token_stops_a_document_whose_first_command_never_began(
        self, admin, county, behind_us
    ):
        """A key that is too short is refused before any transaction looks at the epoch."""
        assert (await admin.ask(GRIDS)).errors == []
        behind_us("update tenants.api_token set revoked_at = now() where node_id = %s", county.scope().tenant)
        short = 'drawGrid(input: {number: 7, name: "七"}, idempotencyKey: "short") { __typename }'
        fine = 'drawGrid(input: {number: 8, name: "八"}) { __typename }'
        document = f"mutation {{ a: {short} b: {fine} }}"
        assert (await admin.ask(document)).code == "NOT_SIGNED_IN"
        behind_us("update tenants.api_token set revoked_at = null where node_id = %s", county.scope().tenant)
        assert (await admin.ask(GRIDS)).data == {"grids": {"totalCount": 0}}

    async def test_of_a_switch_counts_at_once(self, admin, county, behind_us):
        query = "{ mediators { totalCount } }"
        assert (await admin.ask(query)).errors == []
        tenant = county.scope().tenant
        off = (
            "update tenants.plugin_switch set switched_on = %s where tenant_id = %s and plugin = 'mediation'"
        )
        behind_us(off, False, tenant)
        assert (await admin.ask(query)).code == "PLUGIN_DISABLED"
        behind_us(off, True, tenant)
        assert (await admin.ask(query)).errors == []

    async def test_of_a_community_counts_at_once(self, admin, county, behind_us):
        assert (await admin.ask(HERE)).errors == []
        behind_us("update tenants.tenant set state = 'suspended' where node_id = %s", county.scope().tenant)
        assert (await admin.ask(HERE)).code == "COMMUNITY_NOT_ACTIVE"

    async def test_of_the_tree_counts_at_once(self, admin, county, behind_us):
        """A caller is known with the path of the place."""
        assert (await admin.ask(HERE)).errors == []
        moved = county.scope().path + "x."
        behind_us("update tenants.area set path = %s where id = %s", moved, county.scope().tenant)
        assert (await admin.ask(HERE)).data == {"here": {"code": county.community}}

    async def test_that_is_rolled_back_is_none(self, admin, kernel, looked_up):
        await admin.ask(HERE)
        with psycopg.connect(kernel.database.address.url_for("gongzhi_owner")) as connection:
            connection.execute("update tenants.api_token set revoked_at = now()")
            connection.rollback()
        assert (await admin.ask(HERE)).errors == []
        assert len(looked_up) == 1

    async def test_within_a_document_does_not_stop_the_rest_of_it(self, admin):
        """Who may do what is settled when a request begins."""
        off = 'disablePlugin(input: {plugin: "mediation"}) { __typename ... on Problem { code message } }'
        draw = 'drawGrid(input: {number: 9, name: "九"}) { __typename }'
        data = (await admin.ask(f"mutation {{ a: {off} b: {draw} }}")).data
        assert data["b"] == {"__typename": "DrawGridSuccess"}


class TestTime:
    async def test_ends_a_grant(self, client, kernel, county, somebody_signed_in, behind_us):
        with clock.use(clock.FixedClock(clock.now())) as standing:
            person = client.as_(**await somebody_signed_in(("community_admin", county.community)))
            ends = standing.now() + timedelta(minutes=3)
            behind_us(
                'update tenants."grant" set valid_until = %s where node_id = %s', ends, county.scope().tenant
            )
            assert (await person.ask(HERE)).errors == []
            standing.advance(minutes=3)
            assert (await person.ask(HERE)).errors != []


class TestChanges:
    async def test_are_swept_after_a_day_but_for_the_newest(self, kernel, behind_us):
        behind_us("update core.policy_change set at = at - interval '25 hours'")
        await sweep(kernel)
        assert behind_us("select 1 from core.policy_change") == 1

    async def test_that_were_swept_make_everybody_a_stranger(
        self, client, kernel, county, looked_up, behind_us
    ):
        token = await desk.create_token(kernel, county.community, label="x")
        await client.as_(token).ask(HERE)
        await desk.create_token(kernel, county.community, label="gone")
        await desk.revoke_tokens(kernel, county.community, "gone")
        await desk.create_token(kernel, county.community, label="gone")
        await desk.revoke_tokens(kernel, county.community, "gone")
        behind_us("delete from core.policy_change where epoch < (select max(epoch) from core.policy_change)")
        await client.as_(token).ask(HERE)
        assert looked_up.count(token) == 2
