"""The worker for real: broker threads, event loop, relay; what it finishes, what it gives back, how it ends."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from uuid import uuid4

import psycopg
import pytest

from gongzhi.core import worker
from gongzhi.core.db import unit_of_work
from gongzhi.core.errors import Misconfigured
from gongzhi.core.relay import Delivery
from gongzhi.core.roles import DatabaseRole
from gongzhi.core.scope import Community
from gongzhi.core.worker import make_broker, work_until
from gongzhi.plugins.mediation.events import CaseAgreed
from gongzhi.tenants.testing import make_place

PHONE = "13800138000"


@asynccontextmanager
async def at_work(kernel):
    """A worker of this kernel, stopped by its stopping event when the block ends."""
    stopping, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(work_until(kernel, stopping, ready.set))
    try:
        async with asyncio.timeout(20):
            await ready.wait()
        yield stopping
    finally:
        stopping.set()
        async with asyncio.timeout(30):
            await running


async def queue(kernel):
    """(state, message) of what the PostgreSQL broker holds."""
    url = kernel.database.address.url_for(DatabaseRole.SYSTEM.value)
    with psycopg.connect(url) as connection:
        return connection.execute("select state::text, message::text from dramatiq.queue").fetchall()


async def enqueue(kernel, thing_id):
    async with unit_of_work(kernel, Community(uuid4(), "01."), kernel.robot("probe")) as work:
        work.enqueue("probe.do", thing_id=thing_id)


class TestWorker:
    async def test_brings_an_event_to_its_listener_and_stops(self, make_kernel, probe, tell, marks, until):
        kernel = probe.kernel(make_kernel)
        county = await make_place(kernel, plugins=("probe",))
        async with at_work(kernel):
            thing = await tell(kernel, county.scope())

            async def heard():
                return await marks(kernel, thing) == [county.scope().tenant]

            await until(heard)
        assert await queue(kernel) == []

    async def test_tries_again_what_failed(self, make_kernel, probe, tell, marks, until, monkeypatch):
        monkeypatch.setattr(worker, "MIN_BACKOFF", 1)
        kernel = probe.kernel(make_kernel)
        probe.failures = [RuntimeError("no")]
        async with at_work(kernel):
            thing = await tell(kernel, None)

            async def heard():
                return bool(await marks(kernel, thing))

            await until(heard)
        assert probe.calls == 2

    async def test_stores_nothing_of_an_error_but_its_kind(self, make_kernel, probe, until, monkeypatch):
        """Brokers keep dead messages for weeks; an error's text may hold what somebody told us."""
        monkeypatch.setattr(worker, "MIN_BACKOFF", 1)
        kernel = probe.kernel(make_kernel)
        probe.failures = [ValueError(f"no such number: {PHONE}") for _ in range(2)]
        await enqueue(kernel, "a")
        async with at_work(kernel):

            async def rejected():
                return [state for state, _message in await queue(kernel)] == ["rejected"]

            await until(rejected)
        [(_state, message)] = await queue(kernel)
        assert probe.calls == 2, "the task allows one retry"
        assert "DeliveryFailed: ValueError" in json.loads(message)["options"]["traceback"]
        assert PHONE not in message

    async def test_finishes_what_is_under_way_when_told_to_stop(self, make_kernel, probe):
        kernel = probe.kernel(make_kernel)
        probe.gate.clear()
        await enqueue(kernel, "a")
        async with at_work(kernel) as stopping:
            await probe.entered.wait()
            stopping.set()
            probe.gate.set()
        assert (probe.done, await queue(kernel)) == (["a"], [])

    async def test_gives_back_what_outlasts_its_grace(self, make_kernel, probe, monkeypatch):
        """The next worker takes it up at once, instead of after the minute in which this one is found dead."""
        monkeypatch.setattr(worker, "GRACE", 0.05)
        kernel = probe.kernel(make_kernel)
        probe.gate.clear()
        await enqueue(kernel, "a")
        async with at_work(kernel):
            await probe.entered.wait()
        assert probe.done == []
        assert [state for state, _message in await queue(kernel)] == ["queued"]
        probe.gate.set()

    async def test_hands_over_a_task_that_only_another_process_knows(self, make_kernel):
        """A relay that stopped at it would stop everything behind it too."""
        kernel = make_kernel()
        broker = make_broker(kernel)
        deliverer = worker.Deliverer(kernel, broker, asyncio.get_running_loop())
        await deliverer.send(Delivery(uuid4(), "task", "gone.away", {}))
        await deliverer.send(delivery := Delivery(uuid4(), "task", "gone.away", {"case_id": "x"}))
        await deliverer.send(delivery)
        await asyncio.to_thread(broker.close)
        assert len(await queue(kernel)) == 2, "the same delivery again is the same message"


class TestBroker:
    def test_is_postgresql_or_redis(self, make_kernel):
        with pytest.raises(Misconfigured, match="broker_url"):
            make_broker(make_kernel(broker_url="amqp://localhost"))


def environment(kernel, **more):
    """The environment of a process of its own on this kernel's database."""
    address = kernel.database.address
    told = {name: value for name, value in os.environ.items() if not name.startswith("GONGZHI_")}
    told |= {
        "GONGZHI_DATABASE_URL": f"postgresql:///{address.database}?host={address.options['host']}&port=5432",
        "GONGZHI_DATA_DIR": str(kernel.settings.data_dir),
        "GONGZHI_LOG_FORMAT": "json",
    }
    return told | more


class TestProcess:
    @pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
    async def test_ends_well_on_a_signal(self, make_kernel, until, signum):
        kernel = make_kernel()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gongzhi.core.cli", "worker"),
            env=environment(kernel),
            stderr=asyncio.subprocess.PIPE,
        )
        async with unit_of_work(kernel, Community(uuid4(), "01."), kernel.robot("test")) as work:
            work.publish(CaseAgreed(case_id="x"))
        assert process.stderr is not None
        async with asyncio.timeout(30):
            async for line in process.stderr:
                if b"worker.started" in line:
                    break
            process.send_signal(signum)
            _out, rest = await process.communicate()
        assert process.returncode == 0, rest.decode()
        assert json.loads(rest.decode().strip().splitlines()[-1])["event"] == "worker.stopped"


@pytest.fixture
def redis_url(tmp_path):
    """A Redis of the test's own, on a socket in a folder of the test's."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on PATH; CI installs it")
    socket = tmp_path / "redis.sock"
    settings = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen([program, *settings], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        for line in server.stdout:
            if "ready to accept" in line.lower():
                break
        try:
            yield f"unix://{socket}"
        finally:
            server.terminate()
            server.communicate(timeout=20)


@pytest.mark.heavy
class TestRedis:
    async def test_carries_events_too(self, make_kernel, probe, tell, marks, until, redis_url):
        kernel = probe.kernel(make_kernel, broker_url=redis_url)
        async with at_work(kernel):
            thing = await tell(kernel, None)

            async def heard():
                return bool(await marks(kernel, thing))

            await until(heard)
        assert (probe.calls, await queue(kernel)) == (1, [])

    async def test_tries_again_what_failed(self, make_kernel, probe, until, redis_url, monkeypatch):
        monkeypatch.setattr(worker, "MIN_BACKOFF", 1)
        kernel = probe.kernel(make_kernel, broker_url=redis_url)
        probe.failures = [RuntimeError("no")]
        await enqueue(kernel, "a")
        async with at_work(kernel):

            async def done():
                return probe.done == ["a"]

            await until(done)
        assert probe.calls == 2
