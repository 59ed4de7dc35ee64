"""An integrator's token: bound to a node, limited, ended; only its hash is kept."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from gongzhi.core import clock
from gongzhi.core.api import hash_token, system_work
from gongzhi.tenants import desk
from gongzhi.tenants.models import ApiToken
from gongzhi.tenants.service.giving import RoleUnfit
from gongzhi.tenants.service.tokens import TokenPermissionUnknown

HERE = "{ here { code } }"


async def row_of(kernel, token):
    async with system_work(kernel) as work:
        query = select(ApiToken).where(ApiToken.token_hash == hash_token(token))
        return (await work.session.scalars(query)).one()


class TestToken:
    async def test_opens_its_node(self, client, kernel, county):
        token = await desk.create_token(kernel, county.community, label="x")

        assert (await client.as_(token).ask(HERE)).data == {"here": {"code": county.community}}

    async def test_is_kept_as_a_hash(self, kernel, county, contents):
        token = await desk.create_token(kernel, county.community, label="x")

        held = "".join(contents(kernel)["tenants.api_token"])
        assert token.startswith("gz_")
        assert token not in held
        assert hash_token(token).hex() in held

    async def test_expires(self, client, kernel, county):
        with clock.use(clock.FixedClock(clock.now())) as standing:
            token = await desk.create_token(kernel, county.community, label="x", days=30)
            standing.advance(days=30, seconds=-1)
            assert (await client.as_(token).ask(HERE)).errors == []
            standing.advance(seconds=1)

            answered = await client.as_(token).ask(HERE)

        assert (answered.status, answered.code) == (401, "NOT_SIGNED_IN")

    async def test_ends_when_it_is_revoked(self, client, kernel, county):
        token = await desk.create_token(kernel, county.community, label="mine")
        other = await desk.create_token(kernel, county.community, label="another's")
        elsewhere = await desk.create_token(kernel, county.communities[1], label="mine")

        assert await desk.revoke_tokens(kernel, county.community, "mine") == 1

        assert (await client.as_(token).ask(HERE)).code == "NOT_SIGNED_IN"
        assert (await client.as_(other).ask(HERE)).errors == []
        assert (await client.as_(elsewhere).ask(HERE)).errors == []
        assert await desk.revoke_tokens(kernel, county.community, "mine") == 0

    @pytest.mark.parametrize("token", ["", "gz_forged", "gzs_forged", "'--", "gz_" + "x" * 5000])
    async def test_that_was_forged_is_none(self, token, client):
        assert (await client.as_(token).ask(HERE)).code == "NOT_SIGNED_IN"

    async def test_of_another_scheme_is_none(self, client, kernel, county):
        token = await desk.create_token(kernel, county.community, label="x")

        assert (await client.as_(Authorization=f"Basic {token}").ask(HERE)).code == "NOT_SIGNED_IN"

    async def test_may_what_its_role_may_and_no_more(self, client, kernel, county):
        """The integrator sees grids and draws none."""
        token = await desk.create_token(kernel, county.community, label="x")

        assert (await client.as_(token).ask("{ grids { totalCount } }")).errors == []
        drawn = await client.as_(token).do("drawGrid", {"number": 1, "name": "甲"})
        assert drawn["code"] == "FORBIDDEN"


class TestLimited:
    async def test_to_a_permission_it_may_no_other(self, client, kernel, county):
        token = await desk.create_token(
            kernel,
            county.community,
            label="x",
            role="community_admin",
            permissions=["tenants.area:read", "tenants.grid:read"],
        )
        limited = client.as_(token)

        assert (await limited.ask("{ me { permissions } }")).data == {
            "me": {"permissions": ["tenants.area:read", "tenants.grid:read"]}
        }
        assert (await limited.ask("{ grids { totalCount } }")).errors == []
        assert (await limited.ask("{ persons { totalCount } }")).code == "FORBIDDEN"
        assert (await limited.do("drawGrid", {"number": 1, "name": "甲"}))["code"] == "FORBIDDEN"

    async def test_to_what_its_role_does_not_allow_is_not_made(self, kernel, county):
        """A token that could do nothing would be made with success, and puzzle whoever gets it."""
        with pytest.raises(
            TokenPermissionUnknown, match=r"“integrator” has no permission tenants\.person:read"
        ):
            await desk.create_token(kernel, county.community, label="x", permissions=["tenants.person:read"])

    async def test_to_a_node_follows_the_rule_of_grants(self, kernel, county):
        """A community's admin for a whole county would be no community's."""
        with pytest.raises(RoleUnfit, match="“community_admin” can't be given at this node"):
            await desk.create_token(kernel, county.county, label="x", role="community_admin")

    async def test_to_an_unknown_permission_is_not_made(self, kernel, county, rows_of):
        with pytest.raises(TokenPermissionUnknown, match=r"tenants\.person:devour"):
            await desk.create_token(
                kernel, county.community, label="devouring", permissions=["tenants.person:devour"]
            )

        assert rows_of(kernel, "select 1 from tenants.api_token where label = 'devouring'") == []

    async def test_to_an_unknown_role_is_not_made(self, kernel, county, rows_of):
        with pytest.raises(RoleUnfit, match="integrator"):
            await desk.create_token(kernel, county.community, label="king", role="king")

        assert rows_of(kernel, "select 1 from tenants.api_token where label = 'king'") == []


class TestLastUse:
    async def test_is_noted_at_most_every_five_minutes(self, client, kernel, county):
        token = await desk.create_token(kernel, county.community, label="x")
        assert (await row_of(kernel, token)).last_used_at is None

        with clock.use(clock.FixedClock(clock.now())) as standing:
            first = standing.now()
            await client.as_(token).ask(HERE)
            assert (await row_of(kernel, token)).last_used_at == first
            standing.advance(minutes=5)
            await client.as_(token).ask(HERE)
            assert (await row_of(kernel, token)).last_used_at == first
            standing.advance(seconds=1)
            await client.as_(token).ask(HERE)
            assert (await row_of(kernel, token)).last_used_at == standing.now()

    async def test_is_not_noted_of_an_expired_token(self, client, kernel, county):
        token = await desk.create_token(kernel, county.community, label="x")
        async with system_work(kernel) as work:
            expiring = update(ApiToken).where(ApiToken.token_hash == hash_token(token))
            await work.session.execute(expiring.values(expires_at=clock.now()))

        await client.as_(token).ask(HERE)

        assert (await row_of(kernel, token)).last_used_at is None


class TestAfterItsEnd:
    @pytest.mark.parametrize("end", ["revoked_at", "expires_at"])
    async def test_leaves_an_entry_at_its_node_once_in_a_while(self, client, kernel, county, rows_of, end):
        """Somebody still works with it, or has found it; who tries, tries often."""
        token = await desk.create_token(kernel, county.community, label="x")
        async with system_work(kernel) as work:
            ending = update(ApiToken).where(ApiToken.token_hash == hash_token(token))
            await work.session.execute(ending.values(**{end: clock.now()}))
        used = (
            "select a.outcome from core.audit a join tenants.api_token t on t.id = a.token_id "
            "where a.action = 'tenants.token.use' and t.token_hash = %s and a.scope_id = t.node_id"
        )
        for _ in range(3):
            assert (await client.as_(token).ask(HERE)).code == "NOT_SIGNED_IN"
        assert rows_of(kernel, used, hash_token(token)) == [("NOT_SIGNED_IN",)]
        with clock.use(clock.FixedClock(clock.now() + timedelta(minutes=6))):
            await client.as_(token).ask(HERE)
        assert len(rows_of(kernel, used, hash_token(token))) == 2

    async def test_of_a_stranger_leaves_none(self, client, kernel, rows_of):
        """A token that never was tells nothing about anybody."""
        before = rows_of(kernel, "select count(*) from core.audit")
        assert (await client.as_("gz_never").ask(HERE)).code == "NOT_SIGNED_IN"
        assert rows_of(kernel, "select count(*) from core.audit") == before
