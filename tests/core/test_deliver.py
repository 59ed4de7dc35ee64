"""Delivering: once for each consumer and event, in the event's scope, silent where the plugin is off."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import select

from gongzhi.core.deliver import deliver
from gongzhi.core.models import Inbox, Outbox
from gongzhi.core.relay import relay_once
from gongzhi.core.scope import Community
from gongzhi.core.system import system_work
from gongzhi.core.testing import work_off
from gongzhi.core.work import PLATFORM
from gongzhi.tenants import desk
from gongzhi.tenants.testing import make_place


@pytest.fixture
def place(make_kernel, probe, event_loop):
    """A kernel with the probe, and a county whose first community has it switched on."""

    async def make():
        kernel = probe.kernel(make_kernel)
        place = await make_place(kernel)
        await desk.switch_plugin(kernel, place.community, "probe", "enable")
        await work_off(kernel)
        return kernel, place

    return event_loop.run(make())


async def event_of(kernel, thing_id):
    """What the broker would be told of this thing."""
    async with system_work(kernel) as work:
        rows = (await work.session.scalars(select(Outbox).where(Outbox.name == "probe.thing_told/1"))).all()
    [row] = [row for row in rows if row.payload["thing_id"] == thing_id]
    return {"event_id": str(row.id)}


async def inbox(kernel):
    async with system_work(kernel) as work:
        query = select(Inbox.consumer).where(Inbox.consumer == "probe.note")
        return list((await work.session.scalars(query)).all())


class TestListener:
    async def test_hears_in_the_scope_of_the_event(self, place, tell, marks):
        kernel, county = place
        thing = await tell(kernel, county.scope())
        await work_off(kernel)
        assert await marks(kernel, thing) == [county.scope().tenant]

    async def test_is_silent_where_its_plugin_is_switched_off(self, place, probe, tell, marks):
        """No effect, and no inbox row either."""
        kernel, county = place
        off = county.communities[1]
        thing = await tell(kernel, county.scope(off))
        await work_off(kernel)
        assert (await marks(kernel, thing), probe.calls, await inbox(kernel)) == ([], 0, [])

    async def test_hears_everywhere_when_its_plugin_knows_no_switch(
        self, place, probe, tell, marks, monkeypatch
    ):
        kernel, county = place
        probe.switchable = False
        monkeypatch.setitem(kernel.plugins.cards, "probe", probe.plugin_card())
        scope = county.scope(county.communities[1])
        thing = await tell(kernel, scope)
        await work_off(kernel)
        assert await marks(kernel, thing) == [scope.tenant]

    async def test_hears_what_a_county_or_street_tells(self, place, tell, marks):
        """In a range each community decides for itself, so a switch silences nobody."""
        kernel, county = place
        things = [await tell(kernel, county.scope(code)) for code in (county.county, county.street)]
        await work_off(kernel)
        nodes = [county.scope(code).node for code in (county.county, county.street)]
        assert [await marks(kernel, thing) for thing in things] == [[node] for node in nodes]

    async def test_hears_what_the_platform_tells(self, place, tell, marks):
        kernel, _county = place
        thing = await tell(kernel, None)
        await work_off(kernel)
        assert await marks(kernel, thing) == [PLATFORM]

    async def test_lets_an_event_of_a_node_that_is_gone_pass(self, place, probe, tell):
        kernel, _county = place
        await tell(kernel, Community(uuid4(), "01."))
        await work_off(kernel)
        assert probe.calls == 0

    async def test_lets_an_event_that_is_gone_pass(self, place, probe):
        kernel, _county = place
        await deliver(kernel, "event", "probe.note", {"event_id": str(uuid4())})
        assert probe.calls == 0


class TestDelivery:
    async def test_repeated_after_a_crash_is_one_effect(self, place, probe, tell, marks):
        """The relay crashed between the hand-over and its commit, so it hands the event over again."""
        kernel, county = place
        thing = await tell(kernel, county.scope())
        sent = []

        async def crash(delivery):
            sent.append(delivery)
            raise ConnectionError

        async def keep(delivery):
            sent.append(delivery)

        with pytest.raises(ConnectionError):
            await relay_once(kernel, crash)
        await relay_once(kernel, keep)
        assert len(sent) == 2
        for delivery in sent:
            await deliver(kernel, delivery.kind, delivery.name, delivery.told)
        assert (await marks(kernel, thing), probe.calls) == ([county.scope().tenant], 1)

    async def test_at_the_same_time_as_its_twin_waits_and_then_stops(
        self, place, probe, tell, marks, until, event_loop
    ):
        kernel, county = place
        thing = await tell(kernel, county.scope())
        told = await event_of(kernel, thing)
        probe.gate.clear()
        first = asyncio.create_task(deliver(kernel, "event", "probe.note", told))
        await probe.entered.wait()
        twin = asyncio.create_task(deliver(kernel, "event", "probe.note", told))
        await until(lambda: _somebody_waits(kernel))
        assert not twin.done()
        probe.gate.set()
        await asyncio.gather(first, twin)
        assert (await marks(kernel, thing), probe.calls) == ([county.scope().tenant], 1)

    async def test_goes_to_the_twin_when_the_first_fails(self, place, probe, tell, marks, until):
        kernel, county = place
        thing = await tell(kernel, county.scope())
        told = await event_of(kernel, thing)
        probe.gate.clear()
        probe.failures = [RuntimeError("no")]
        first = asyncio.create_task(deliver(kernel, "event", "probe.note", told))
        await probe.entered.wait()
        twin = asyncio.create_task(deliver(kernel, "event", "probe.note", told))
        await until(lambda: _somebody_waits(kernel))
        probe.gate.set()
        with pytest.raises(RuntimeError, match="no"):
            await first
        await twin
        assert (await marks(kernel, thing), probe.calls) == ([county.scope().tenant], 2)

    async def test_that_fails_leaves_no_inbox_row_and_can_be_tried_again(self, place, probe, tell, marks):
        kernel, county = place
        thing = await tell(kernel, county.scope())
        told = await event_of(kernel, thing)
        probe.failures = [RuntimeError("no")]
        with pytest.raises(RuntimeError, match="no"):
            await deliver(kernel, "event", "probe.note", told)
        assert (await marks(kernel, thing), await inbox(kernel)) == ([], [])
        await deliver(kernel, "event", "probe.note", told)
        assert (await marks(kernel, thing), await inbox(kernel)) == ([county.scope().tenant], ["probe.note"])

    async def test_of_a_task_or_listener_nobody_has_is_an_error(self, kernel):
        """So that the broker tries again: a process that is deployed later may have it."""
        with pytest.raises(LookupError, match=r"gone\.away"):
            await deliver(kernel, "task", "gone.away", {})
        with pytest.raises(LookupError, match=r"gone\.away"):
            await deliver(kernel, "event", "gone.away", {"event_id": str(uuid4())})


async def _somebody_waits(kernel):
    """True when a transaction of this database waits for another one to end."""
    async with system_work(kernel) as work:
        waiting = await (await work.session.connection()).exec_driver_sql(
            "select count(*) from pg_locks where not granted and locktype = 'transactionid'"
        )
        return waiting.scalar_one() > 0
