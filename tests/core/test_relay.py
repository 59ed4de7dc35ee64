"""The relay: order, one at a time, repeated hand-overs, sealing apart from the broker, sweeping."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4, uuid5

import pytest
from sqlalchemy import select

from gongzhi.core import clock, relay
from gongzhi.core.db import unit_of_work
from gongzhi.core.models import Audit, Idempotency, Outbox
from gongzhi.core.relay import Delivery, relay_once, run_relay, sweep
from gongzhi.core.scope import Community
from gongzhi.core.system import system_work
from gongzhi.plugins.mediation.events import CaseAgreed, CaseClosed

HERE = Community(uuid4(), "01.")


async def outbox(kernel):
    """(position, what) of every row, by position; those that have none last."""
    async with system_work(kernel) as work:
        rows = (await work.session.scalars(select(Outbox))).all()
    waiting = sorted((row for row in rows if row.position is None), key=lambda row: row.id)
    ordered = sorted((row for row in rows if row.position is not None), key=lambda row: row.position)
    return [(row.position, row.payload["case_id"]) for row in (*ordered, *waiting)]


async def tell(kernel, *case_ids):
    async with unit_of_work(kernel, HERE, kernel.robot("test")) as work:
        for case_id in case_ids:
            work.publish(CaseAgreed(case_id=case_id))


async def nothing(_delivery):
    """Take a delivery and do nothing with it."""


class TestOutbox:
    async def test_holds_a_fact_once_its_work_is_committed(self, make_kernel):
        kernel = make_kernel()
        async with unit_of_work(kernel, HERE, kernel.robot("test")) as work:
            work.publish(CaseAgreed(case_id="a"))
            await work.keep_records()
            assert await outbox(kernel) == []
        assert await outbox(kernel) == [(None, "a")]

    async def test_holds_nothing_of_work_that_was_rolled_back(self, make_kernel):
        kernel = make_kernel()

        async def fail():
            async with unit_of_work(kernel, HERE, kernel.robot("test")) as work:
                work.publish(CaseAgreed(case_id="a"))
                await work.keep_records()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await outbox(kernel) == []


class TestOrder:
    async def test_is_that_of_the_ids_within_a_batch(self, make_kernel):
        kernel = make_kernel()
        await tell(kernel, "a", "b")
        await tell(kernel, "c")
        assert await relay_once(kernel, nothing) == 3
        assert await outbox(kernel) == [(1, "a"), (2, "b"), (3, "c")]

    async def test_puts_a_row_that_commits_late_behind(self, make_kernel):
        """Its id is older, and a reader of positions who has seen the newer one still meets it."""
        kernel = make_kernel()
        async with unit_of_work(kernel, HERE, kernel.robot("test")) as late:
            late.publish(CaseAgreed(case_id="late"))
            await late.keep_records()
            await tell(kernel, "early")
            assert await relay_once(kernel, nothing) == 1
        assert await relay_once(kernel, nothing) == 1
        assert await outbox(kernel) == [(1, "early"), (2, "late")]

    async def test_goes_on_after_a_hand_over_that_failed(self, make_kernel):
        """Positions may leave gaps; they never go back."""
        kernel = make_kernel()
        await tell(kernel, "a")
        await relay_once(kernel, nothing)
        # Somebody must hear it for the broker to be asked.
        async with unit_of_work(kernel, HERE, kernel.robot("test")) as work:
            work.publish(CaseClosed(case_id="b", category="neighbours", outcome="", on="2026-03-02"))

        async def broken(_delivery):
            raise OSError("the broker is down")

        with pytest.raises(OSError, match="broker is down"):
            await relay_once(kernel, broken)
        assert await outbox(kernel) == [(1, "a"), (None, "b")]
        await relay_once(kernel, nothing)
        assert await outbox(kernel) == [(1, "a"), (3, "b")]


class TestRelay:
    async def test_is_one_at_a_time(self, make_kernel, probe, tell):
        kernel = probe.kernel(make_kernel)
        await tell(kernel, HERE)
        at_work, go_on, sent = asyncio.Event(), asyncio.Event(), []

        async def slow(delivery):
            sent.append(delivery)
            at_work.set()
            await go_on.wait()

        first = asyncio.create_task(relay_once(kernel, slow))
        await at_work.wait()
        assert await relay_once(kernel, slow) == 0
        go_on.set()
        assert await first == 1
        assert [delivery.name for delivery in sent] == ["probe.note"]

    async def test_hands_over_again_what_a_crash_kept_from_being_committed(self, make_kernel, probe, tell):
        """The second message has the id of the first, so that the broker and the inbox know it."""
        kernel = probe.kernel(make_kernel)
        await tell(kernel, HERE)
        sent = []

        async def crash(delivery):
            sent.append(delivery)
            raise ConnectionError

        async def keep(delivery):
            sent.append(delivery)

        with pytest.raises(ConnectionError):
            await relay_once(kernel, crash)
        await relay_once(kernel, keep)
        first, second = sent
        assert first == second
        assert await relay_once(kernel, keep) == 0

    async def test_seals_the_audit_while_the_broker_is_down(self, make_kernel, probe, tell):
        kernel = probe.kernel(make_kernel)
        await tell(kernel, HERE)
        async with unit_of_work(kernel, HERE, kernel.robot("test")) as work:
            work.audit("test.seen")

        async def down(_delivery):
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await relay_once(kernel, down)
        async with system_work(kernel) as work:
            assert (await work.session.scalars(select(Audit.position))).all() == [1]


class TestDeliveries:
    async def test_are_one_for_each_listener_with_an_id_of_its_own(self, make_kernel, probe):
        kernel = probe.kernel(make_kernel)
        kernel.ears["probe.thing_told/1"].append("probe.second")
        row = Outbox(id=uuid4(), scope_id=HERE.tenant, name="probe.thing_told/1", payload={"thing_id": "x"})
        told = {"event_id": str(row.id)}
        assert relay.deliveries(kernel, row) == [
            Delivery(uuid5(row.id, "probe.note"), "event", "probe.note", told),
            Delivery(uuid5(row.id, "probe.second"), "event", "probe.second", told),
        ]

    async def test_of_a_task_are_one(self, kernel):
        row = Outbox(id=uuid4(), scope_id=HERE.tenant, name="task:gone.away", payload={"case_id": "x"})
        assert relay.deliveries(kernel, row) == [Delivery(row.id, "task", "gone.away", {"case_id": "x"})]

    async def test_of_an_event_nobody_hears_are_none(self, make_kernel):
        """It still gets its place in the order."""
        kernel = make_kernel()
        await tell(kernel, "a")

        async def unasked(_delivery):
            raise AssertionError

        assert await relay_once(kernel, unasked) == 1
        assert await outbox(kernel) == [(1, "a")]


class TestRunRelay:
    async def test_outlasts_a_broker_that_is_down(self, make_kernel, probe, tell, monkeypatch):
        monkeypatch.setattr(relay, "_PAUSE", 0.001)
        kernel, stopping, tries = probe.kernel(make_kernel), asyncio.Event(), []
        await tell(kernel, HERE)

        async def shaky(delivery):
            tries.append(delivery)
            if len(tries) < 3:
                raise ConnectionError
            stopping.set()

        async with asyncio.timeout(20):
            await run_relay(kernel, shaky, stopping)
        first, second, third = tries
        assert first == second == third

    async def test_waits_longer_after_each_failure_and_sweeps_once(self, kernel, monkeypatch):
        """An outage does not fill the log, and a sweep is for once an hour."""
        stopping, pauses, sweeps = asyncio.Event(), [], []

        async def down(_kernel, _send):
            raise ConnectionError

        async def swept(_kernel):
            sweeps.append(1)

        async def no_wait(waiting, pause):
            waiting.close()
            pauses.append(pause)
            if len(pauses) == 8:
                stopping.set()
            raise TimeoutError

        monkeypatch.setattr(relay, "relay_once", down)
        monkeypatch.setattr(relay, "sweep", swept)
        monkeypatch.setattr(relay.asyncio, "wait_for", no_wait)
        await run_relay(kernel, nothing, stopping)
        assert pauses == [0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]
        assert sweeps == [1]

    async def test_stops_at_once_when_told_while_idle(self, make_kernel, monkeypatch):
        monkeypatch.setattr(relay, "_PAUSE", 3600)
        kernel, stopping = make_kernel(), asyncio.Event()
        running = asyncio.create_task(run_relay(kernel, nothing, stopping))
        stopping.set()
        async with asyncio.timeout(20):
            await running


class TestSweep:
    async def test_clears_away_keys_of_more_than_a_day_ago(self, kernel):
        node, noon = uuid4(), datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
        ages = {"old": timedelta(hours=24), "young": timedelta(hours=24) - timedelta(seconds=1)}
        async with system_work(kernel) as work:
            work.session.add_all(
                Idempotency(
                    scope_id=node,
                    caller_id=node,
                    operation="do",
                    key=key,
                    input_hash=b"",
                    created_at=noon - age,
                )
                for key, age in ages.items()
            )
        with clock.use(clock.FixedClock(noon)):
            await sweep(kernel)
            await sweep(kernel)
        async with system_work(kernel) as work:
            left = select(Idempotency.key).where(Idempotency.scope_id == node)
            assert (await work.session.scalars(left)).all() == ["young"]
