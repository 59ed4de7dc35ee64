"""What the operator of the server does: accounts, grants, switches, states; every act on record."""

import asyncio

import pytest

from gongzhi.core import clock
from gongzhi.core.api import NotFound, ScopeNeedsCommunity, WrongState, system_work
from gongzhi.tenants import desk
from gongzhi.tenants.callers import grants_of
from gongzhi.tenants.passwords import PasswordWeak
from gongzhi.tenants.service.accounts import LoginUnknown
from gongzhi.tenants.service.giving import RoleUnfit
from gongzhi.tenants.testing import make_place

PASSWORD = "梅营社区 correct horse"


async def held(kernel, login):
    """The roles this account holds now."""
    async with system_work(kernel) as work:
        account = await desk._account(work.session, login)
        return sorted(grant.role for grant in (await grants_of(work.session, kernel.roles, account.id))[0])


@pytest.fixture
def login(kernel, somebody):
    return somebody(kernel)


def audited(rows_of, kernel, action, code):
    """How often this was done at this node."""
    seen = "select count(*) from core.audit e join tenants.area a on a.id = e.scope_id where e.action = %s and a.code = %s"
    return rows_of(kernel, seen, action, code)[0][0]


class TestAccount:
    async def test_gets_a_password_made_here(self, kernel):
        made = await desk.create_account(kernel, "made-here", "某人")

        assert made.password is not None
        assert len(made.password) == 16

    async def test_does_not_tell_a_password_it_was_given(self, kernel):
        assert (await desk.create_account(kernel, "given", "某人", password=PASSWORD)).password is None

    @pytest.mark.parametrize("login", ["", "ab", "Admin", "管理员", "-abc", "a b c", "a" * 41, "abc\n"])
    async def test_has_a_login_of_small_letters(self, login, kernel):
        with pytest.raises(desk.LoginUnfit):
            await desk.create_account(kernel, login, "某人", password=PASSWORD)

    async def test_has_a_login_of_its_own(self, kernel, login, rows_of):
        with pytest.raises(desk.LoginTaken, match=login):
            await desk.create_account(kernel, login, "他人", password=PASSWORD)

        assert rows_of(kernel, "select display_name from tenants.account where login = %s", login) == [
            ("某人",)
        ]

    async def test_is_created_once_by_two_at_once(self, kernel):
        made = await asyncio.gather(
            *(desk.create_account(kernel, "at-once", "某人", password=PASSWORD) for _ in range(2)),
            return_exceptions=True,
        )

        assert sorted(type(one).__name__ for one in made) == ["LoginTaken", "MadeAccount"]

    async def test_has_no_weak_password(self, kernel, login, rows_of):
        before = rows_of(
            kernel,
            "select c.password_hash from tenants.credential c join tenants.account a on a.id = c.account_id where a.login = %s",
            login,
        )

        with pytest.raises(PasswordWeak):
            await desk.set_password(kernel, login, "short")
        with pytest.raises(PasswordWeak):
            await desk.create_account(kernel, "weak-one", "某人", password="short")

        assert (
            rows_of(
                kernel,
                "select c.password_hash from tenants.credential c join tenants.account a on a.id = c.account_id where a.login = %s",
                login,
            )
            == before
        )
        assert rows_of(kernel, "select 1 from tenants.account where login = 'weak-one'") == []

    async def test_that_nobody_has_is_not_found(self, kernel, county):
        with pytest.raises(NotFound):
            await desk.set_password(kernel, "nobody-at-all", PASSWORD)
        with pytest.raises(NotFound):
            await desk.set_active(kernel, "nobody-at-all", active=False)
        with pytest.raises(LoginUnknown):
            await desk.grant(kernel, "nobody-at-all", "mediator", county.community, reason="x")


class TestGrant:
    async def test_holds_without_end(self, kernel, county, login, rows_of):
        await desk.grant(kernel, login, "mediator", county.community, reason="届中补选")

        assert await held(kernel, login) == ["mediator"]
        assert audited(rows_of, kernel, "tenants.grants.give", county.community) == 1
        row = "select g.reason, g.valid_until from tenants.grant g join tenants.account a on a.id = g.account_id where a.login = %s"
        assert rows_of(kernel, row, login) == [("届中补选", None)]

    async def test_holds_until_its_end(self, kernel, county, login):
        with clock.use(clock.FixedClock(clock.now())) as standing:
            await desk.grant(kernel, login, "mediator", county.community, reason="x", days=30)
            standing.advance(days=30, seconds=-1)
            assert await held(kernel, login) == ["mediator"]
            standing.advance(seconds=1)

            assert await held(kernel, login) == []

    async def test_does_not_hold_before_it_begins(self, kernel, county, login):
        with clock.use(clock.FixedClock(clock.now())) as standing:
            await desk.grant(kernel, login, "mediator", county.community, reason="x")
            standing.advance(seconds=-1)

            assert await held(kernel, login) == []

    async def test_given_again_changes_end_and_reason(self, kernel, county, login, rows_of):
        await desk.grant(kernel, login, "mediator", county.community, reason="first", days=1)
        await desk.grant(kernel, login, "mediator", county.community, reason="second")

        row = "select g.reason, g.valid_until from tenants.grant g join tenants.account a on a.id = g.account_id where a.login = %s"
        assert rows_of(kernel, row, login) == [("second", None)]

    async def test_given_again_after_its_end_begins_anew(self, kernel, county, login, rows_of):
        """Otherwise the record would say that it held in between."""
        with clock.use(clock.FixedClock(clock.now())) as standing:
            await desk.grant(kernel, login, "mediator", county.community, reason="first", days=1)
            standing.advance(days=10)
            await desk.grant(kernel, login, "mediator", county.community, reason="second")

            since = "select g.valid_from from tenants.grant g join tenants.account a on a.id = g.account_id where a.login = %s"
            assert rows_of(kernel, since, login) == [(standing.now(),)]

    async def test_ends_when_it_is_revoked(self, kernel, county, login, rows_of):
        await desk.grant(kernel, login, "mediator", county.community, reason="x")

        await desk.revoke_grant(kernel, login, "mediator", county.community)

        assert await held(kernel, login) == []
        assert audited(rows_of, kernel, "tenants.grants.revoke", county.community) == 1
        with pytest.raises(NotFound):
            await desk.revoke_grant(kernel, login, "mediator", county.community)

    @pytest.mark.parametrize(
        ("role", "where"),
        [
            ("mediator", "county"),
            ("mediator", "street"),
            ("community_admin", "county"),
            ("grid_worker", "street"),
            ("county_operator", "street"),
            ("county_operator", "community"),
            ("street_dispatcher", "community"),
            ("king", "community"),
        ],
    )
    async def test_of_another_level_is_refused(self, role, where, kernel, county, login):
        with pytest.raises(RoleUnfit, match=role):
            await desk.grant(kernel, login, role, getattr(county, where), reason="x")

        assert await held(kernel, login) == []

    async def test_names_the_roles_that_are_possible(self, kernel, county, login):
        with pytest.raises(RoleUnfit, match="possible: auditor, county_analyst, county_operator") as refused:
            await desk.grant(kernel, login, "mediator", county.county, reason="x")

        assert refused.value.path == "role"

    async def test_of_a_role_the_blueprint_leaves_out_is_refused(self, kernel, county, login, rows_of):
        """What a community started with holds, whatever becomes of the blueprint's file."""
        limit = "update tenants.tenant set roles = '{community_admin}', blueprint = 'gone' where node_id = %s returning 1"
        assert rows_of(kernel, limit, county.scope().node) == [(1,)]

        with pytest.raises(
            RoleUnfit, match=r"possible: auditor, community_admin, data_protection_officer, integrator$"
        ):
            await desk.grant(kernel, login, "mediator", county.community, reason="x")

        await desk.grant(kernel, login, "community_admin", county.community, reason="x")
        await desk.grant(kernel, login, "mediator", county.communities[1], reason="x")
        assert await held(kernel, login) == ["community_admin", "mediator"]

    async def test_at_a_node_that_does_not_exist_is_refused(self, kernel, login):
        with pytest.raises(NotFound, match="999999999999"):
            await desk.grant(kernel, login, "mediator", "999999999999", reason="x")


class TestSwitch:
    async def test_turns_a_plugin_on_and_off(self, kernel, rows_of):
        county = await make_place(kernel)
        switched = "select switched_on from tenants.plugin_switch where tenant_id = %s"

        await desk.switch_plugin(kernel, county.community, "mediation", "enable")
        assert rows_of(kernel, switched, county.scope().node) == [(True,)]
        await desk.switch_plugin(kernel, county.community, "mediation", "disable")
        assert rows_of(kernel, switched, county.scope().node) == [(False,)]
        assert rows_of(kernel, switched, county.scope(county.communities[1]).node) == []

    async def test_belongs_to_a_community(self, kernel, county):
        with pytest.raises(ScopeNeedsCommunity):
            await desk.switch_plugin(kernel, county.county, "mediation", "enable")


class TestState:
    async def test_is_turned_and_told(self, kernel, county, rows_of):
        """The event names the community, whoever's scope it was turned in."""
        await desk.turn_community(kernel, county.community, "suspend")

        node = county.scope().node
        assert rows_of(kernel, "select state from tenants.tenant where node_id = %s", node) == [
            ("suspended",)
        ]
        told = "select payload from core.outbox where name = 'tenants.community_state_changed/1' and scope_id = %s"
        assert rows_of(kernel, told, node) == [({"community_id": str(node), "state": "suspended"},)]

    async def test_is_turned_once(self, kernel, county):
        await desk.turn_community(kernel, county.community, "suspend")

        with pytest.raises(WrongState):
            await desk.turn_community(kernel, county.community, "suspend")

    async def test_of_a_street_there_is_none(self, kernel, county):
        with pytest.raises(NotFound):
            await desk.turn_community(kernel, county.street, "suspend")


class TestList:
    async def test_follows_the_tree(self, kernel):
        county = await make_place(kernel, communities=3, plugins=("mediation",))
        await desk.turn_community(kernel, county.communities[1], "suspend")
        await desk.switch_plugin(kernel, county.communities[2], "mediation", "disable")

        listed = await desk.list_communities(kernel, county.county)

        first, second, third = county.communities
        assert listed == [
            (first, "第1社区居民委员会", "active", "mediation"),
            (second, "第2社区居民委员会", "suspended", "mediation"),
            (third, "第3社区居民委员会", "active", "-"),
        ]
        assert await desk.list_communities(kernel, second) == [listed[1]]
        assert set(listed) <= set(await desk.list_communities(kernel, None))
