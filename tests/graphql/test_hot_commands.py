"""Commands declared hot: nobody can tell from the answer, and the careful way tells whatever goes wrong."""

import asyncio

import pytest

from gongzhi.core import commands
from gongzhi.core.pool import Link
from gongzhi.tenants import desk
from gongzhi.tenants.service.grids import Households

KEY = "key-of-the-test"


@pytest.fixture
def household(admin, event_loop):
    """What a household of the community is told."""
    drawn = event_loop.run(admin.do("drawGrid", {"number": 1, "name": "一"}, read="grid { id }"))
    return {"number": "甲1", "gridId": drawn["grid"]["id"], "place": "试验路1号", "people": 3}


@pytest.fixture
def careful(monkeypatch):
    """The careful way's beginnings, counted."""
    begun = []
    opened = commands.unit_of_work
    monkeypatch.setattr(
        commands, "unit_of_work", lambda *told, **more: begun.append(told) or opened(*told, **more)
    )
    return begun


@pytest.fixture
def register(admin):
    async def do(told, key=None):
        return await admin.do(
            "registerHousehold", told, key=key, read="household { id number grid { name } }"
        )

    return do


class TestHotCommand:
    async def test_takes_a_bare_connection_and_leaves_the_same_records(
        self, register, household, held, careful
    ):
        before = await held()
        made = await register(household, KEY)
        after = await held()
        assert careful == []
        assert made["household"]["grid"] == {"name": "一"}
        [entry] = after["audit"][len(before["audit"]) :]
        assert entry[:2] == ("tenants.households.register", "done")
        assert len(after["Household"]) == len(before["Household"]) + 1

    async def test_called_again_gives_the_first_result(self, register, household, held, careful):
        first = await register(household, KEY)
        assert await register(household, KEY) == first
        assert len(careful) == 1
        assert (await held())["audit"][-1][:2] == ("tenants.households.register", "again")

    async def test_called_again_with_other_input_is_refused(self, register, household):
        await register(household, KEY)
        assert (await register(household | {"number": "乙2"}, KEY))["code"] == "IDEMPOTENCY_KEY_REUSED"

    async def test_called_three_times_at_once_acts_once(self, register, household, held):
        first, *others = await asyncio.gather(*(register(household, KEY) for _ in range(3)))
        assert all(other == first for other in others)
        assert len((await held())["Household"]) == 1

    async def test_is_refused_where_the_number_is_taken(self, register, household, held):
        await register(household)
        once = await held()
        assert (await register(household))["code"] == "HOUSEHOLD_NUMBER_TAKEN"
        assert await held() == once

    async def test_is_told_what_the_database_can_not_keep(self, register, household, held):
        once = await held()
        assert (await register(household | {"place": "x\u0000y"}))["code"] == "UNSTORABLE"
        assert await held() == once

    async def test_finds_nothing_of_another_community(self, client, kernel, county, household):
        token = await desk.create_token(
            kernel, county.communities[1], label="neighbour", role="community_admin"
        )
        refused = await client.as_(token).do("registerHousehold", household)
        assert refused["code"] == "NOT_FOUND"

    async def test_of_who_may_no_longer_do_it_is_not_done(self, client, kernel, county, household, held):
        token = await desk.create_token(kernel, county.community, label="former", role="community_admin")
        former = client.as_(token)
        await former.ask("{ here { code } }")
        await desk.revoke_tokens(kernel, county.community, "former")
        ask = 'mutation { registerHousehold(input: {number: "乙2", gridId: "%s", place: "某处"}) { __typename } }'
        assert (await former.ask(ask % household["gridId"])).code == "NOT_SIGNED_IN"
        assert (await held())["Household"] == []

    async def test_that_breaks_leaves_its_connection_fit(
        self, register, household, held, kernel, monkeypatch
    ):
        async def broken(link, sql, *values):
            if sql.startswith("with told as"):
                raise ZeroDivisionError
            return await fetched(link, sql, *values)

        fetched = Link.fetchrow
        with monkeypatch.context() as patched:
            patched.setattr(Link, "fetchrow", broken)
            with pytest.raises(AssertionError, match="UNEXPECTED"):
                await register(household)
        assert (await held())["Household"] == []
        assert not any(link.connection.is_in_transaction() for link in kernel.database.pool._free)
        assert "household" in await register(household)


class TestDeclaration:
    def test_is_the_service_methods_own(self):
        assert commands.case_of(Households.register).hot
