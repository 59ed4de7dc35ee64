"""The worker process: dramatiq's threads take messages, one event loop runs the handlers and the relay."""

import asyncio
import concurrent.futures
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit, Interrupt, Retries, ShutdownNotifications
from dramatiq.worker import Worker
from dramatiq_postgres import PostgresBroker

from gongzhi.core.deliver import deliver
from gongzhi.core.errors import Misconfigured
from gongzhi.core.kernel import Kernel
from gongzhi.core.relay import Delivery, run_relay
from gongzhi.core.roles import DatabaseRole

log = structlog.get_logger()

QUEUE = "gongzhi"
#: How often a delivery is tried again unless its task says otherwise, and how long it waits at first (ms).
MAX_RETRIES, MIN_BACKOFF = 8, 1_000


def make_broker(kernel: Kernel) -> dramatiq.Broker:
    """The broker this installation uses: PostgreSQL, or Redis by URL.

    :raises Misconfigured: the URL is of neither.
    """
    middleware = [
        AgeLimit(),
        ShutdownNotifications(),
        Retries(max_retries=MAX_RETRIES, min_backoff=MIN_BACKOFF),
    ]
    url = kernel.settings.broker_url
    if url is None:
        database = kernel.database.address.url_for(DatabaseRole.SYSTEM.value)
        return PostgresBroker(url=database, results=False, middleware=middleware)
    if url.startswith(("redis://", "rediss://", "unix://")):
        return RedisBroker(url=url, namespace="gongzhi", middleware=middleware)
    raise Misconfigured(problem="broker_url: empty, or redis://… / 须为空或 redis:// 地址")


class Deliverer:
    """The one actor: it carries deliveries from the broker's threads to the event loop."""

    def __init__(self, kernel: Kernel, broker: dramatiq.Broker, loop: asyncio.AbstractEventLoop) -> None:
        self._kernel, self._broker, self._loop = kernel, broker, loop
        self._actor = dramatiq.actor(self._deliver, actor_name="deliver", queue_name=QUEUE, broker=broker)

    def _deliver(self, kind: str, name: str, told: dict[str, Any]) -> None:
        structlog.contextvars.bind_contextvars(delivery=name)
        _run_on(self._loop, deliver(self._kernel, kind, name, told))

    async def send(self, delivery: Delivery) -> None:
        """Hand a delivery to the broker; the same delivery again is the same message."""
        options = {}
        if delivery.kind == "task":
            options["max_retries"] = self._kernel.tasks[delivery.name].max_retries
        message = self._actor.message_with_options(
            kwargs={"kind": delivery.kind, "name": delivery.name, "told": delivery.told}, **options
        )
        message = message.copy(message_id=str(delivery.message_id))
        await asyncio.to_thread(self._broker.enqueue, message)


def _run_on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on the loop and wait, in steps short enough for dramatiq to interrupt."""
    running = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        while True:
            try:
                running.result(timeout=0.5)
            except concurrent.futures.TimeoutError:
                if running.done():
                    raise
            else:
                return
    except Interrupt:
        running.cancel()
        raise


async def work_until(
    kernel: Kernel, stopping: asyncio.Event, ready: Callable[[], None] = lambda: None
) -> None:
    """Relay and deliver until told to stop; then finish what is under way."""
    broker = make_broker(kernel)
    deliverer = Deliverer(kernel, broker, asyncio.get_running_loop())
    worker = Worker(broker, worker_threads=kernel.settings.worker_threads)
    worker.start()
    log.info("worker.started", threads=kernel.settings.worker_threads)
    ready()
    try:
        await run_relay(kernel, deliverer.send, stopping)
    finally:
        await asyncio.to_thread(worker.stop)
        await asyncio.to_thread(broker.close)
        await kernel.database.dispose()
        log.info("worker.stopped")


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
