"""The worker process: dramatiq's threads take messages, one event loop runs the handlers and the relay."""

import asyncio
import concurrent.futures
import signal
import threading
from collections.abc import Callable
from typing import Any

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit, Interrupt, Retries
from dramatiq.worker import Worker
from dramatiq_postgres import PostgresBroker

from gongzhi.core.deliver import deliver
from gongzhi.core.errors import Misconfigured, Words
from gongzhi.core.kernel import Kernel
from gongzhi.core.relay import Delivery, run_relay
from gongzhi.core.roles import DatabaseRole

log = structlog.get_logger()

QUEUE = "gongzhi"
#: How often a delivery is tried again unless its task says otherwise, and how long it waits at first (ms).
MAX_RETRIES, MIN_BACKOFF = 8, 1_000
#: Seconds that deliveries under way get to finish when the worker is told to stop.
GRACE = 20


class DeliveryFailed(Exception):  # noqa: N818  # says what happened
    """A delivery failed and is tried again; only the kind of error, for dramatiq stores what it is told."""


def make_broker(kernel: Kernel) -> dramatiq.Broker:
    """The broker this installation uses: PostgreSQL, or Redis by URL.

    :raises Misconfigured: the URL is of neither.
    """
    middleware = [AgeLimit(), Retries(max_retries=MAX_RETRIES, min_backoff=MIN_BACKOFF)]
    url = kernel.settings.broker_url
    broker: dramatiq.Broker
    if url is None:
        database = kernel.database.address.url_for(DatabaseRole.SYSTEM.value)
        broker = PostgresBroker(url=database, results=False, middleware=middleware)
    elif url.startswith(("redis://", "rediss://", "unix://")):
        broker = RedisBroker(url=url, namespace="gongzhi", middleware=middleware)  # type: ignore[no-untyped-call]
    else:
        problem = Words(zh="broker_url 须为空，或为 redis:// 地址", en="broker_url: empty, or redis://…")
        raise Misconfigured(problem=problem)
    return broker


class Deliverer:
    """The one actor: it carries deliveries from the broker's threads to the event loop."""

    def __init__(self, kernel: Kernel, broker: dramatiq.Broker, loop: asyncio.AbstractEventLoop) -> None:
        self._kernel, self._broker, self._loop = kernel, broker, loop
        self._under_way: set[concurrent.futures.Future[None]] = set()
        declare = dramatiq.actor(actor_name="deliver", queue_name=QUEUE, broker=broker)
        self._actor: dramatiq.Actor[..., None] = declare(self._deliver)

    def _deliver(self, kind: str, name: str, told: dict[str, Any]) -> None:
        with structlog.contextvars.bound_contextvars(delivery=name):
            work = deliver(self._kernel, kind, name, told)
            running = asyncio.run_coroutine_threadsafe(work, self._loop)
            self._under_way.add(running)
            try:
                _wait_for(running)
            except Exception as error:
                log.exception("deliver.failed")
                raise DeliveryFailed(type(error).__qualname__) from None
            finally:
                self._under_way.discard(running)

    async def send(self, delivery: Delivery) -> None:
        """Hand a delivery to the broker; the same delivery again is the same message."""
        options: dict[str, Any] = {}
        if delivery.kind == "task" and delivery.name in self._kernel.tasks:
            options["max_retries"] = self._kernel.tasks[delivery.name].max_retries
        message = self._actor.message_with_options(
            kwargs={"kind": delivery.kind, "name": delivery.name, "told": delivery.told}, **options
        )
        message = message.copy(message_id=str(delivery.message_id))
        await asyncio.to_thread(self._broker.enqueue, message)

    def interrupt(self) -> None:
        """Break off what is under way; the broker gives it out again."""
        for running in tuple(self._under_way):
            running.cancel()


def _wait_for(running: "concurrent.futures.Future[None]") -> None:
    """Wait in steps short enough for dramatiq to interrupt."""
    try:
        while not running.done():
            concurrent.futures.wait((running,), timeout=0.5)
    except Interrupt:
        running.cancel()
        raise
    running.result()


async def work_until(
    kernel: Kernel, stopping: asyncio.Event, ready: Callable[[], None] = lambda: None
) -> None:
    """Relay and deliver until told to stop; then finish what is under way, within the grace."""
    broker = make_broker(kernel)
    deliverer = Deliverer(kernel, broker, asyncio.get_running_loop())
    worker = Worker(broker, worker_threads=kernel.settings.worker_threads)
    worker.start()
    log.info("worker.started", threads=kernel.settings.worker_threads)
    ready()
    try:
        await run_relay(kernel, deliverer.send, stopping)
    finally:
        await _stop(worker, deliverer)
        await asyncio.to_thread(broker.close)
        await kernel.database.dispose()
        log.info("worker.stopped")


async def _stop(worker: Worker, deliverer: Deliverer) -> None:
    ended = asyncio.create_task(asyncio.to_thread(worker.stop))
    _, late = await asyncio.wait({ended}, timeout=GRACE)
    if late:
        log.warning("worker.grace_over")
        deliverer.interrupt()
    await ended


def run_worker(kernel: Kernel) -> None:
    """The worker process's main: until SIGTERM or SIGINT."""

    async def main() -> None:
        stopping = asyncio.Event()
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            for signum in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(signum, stopping.set)
        await work_until(kernel, stopping)

    asyncio.run(main())
