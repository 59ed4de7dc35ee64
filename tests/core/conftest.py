"""A plugin for the kernel's tests: it tells an event, hears it, and has a task; each heard event leaves a mark."""

import asyncio
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import ClassVar
from uuid import uuid4

import pytest
from sqlalchemy import delete, func, select

from gongzhi.core.db import unit_of_work
from gongzhi.core.events import Event, Heard, Listener, Task
from gongzhi.core.hookspecs import hookimpl
from gongzhi.core.kernel import Kernel
from gongzhi.core.models import Audit, Outbox
from gongzhi.core.plugins import PluginCard, Plugins
from gongzhi.core.scope import Scope
from gongzhi.core.system import system_work


class ThingTold(Event):
    """Something was told."""

    name: ClassVar[str] = "probe.thing_told/1"

    thing_id: str
    colour: str = "red"


class Thing(Heard):
    """What the listener reads of it: not the colour."""

    thing_id: str


class Probe:
    """Hears what it is told, audits it, and may be made to wait or to fail."""

    def __init__(self, *, switchable: bool = True) -> None:
        self.switchable = switchable
        self.calls = 0
        self.failures: list[Exception] = []
        self.entered, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self.done: list[str] = []

    @hookimpl
    def plugin_card(self):
        return PluginCard(
            name="probe",
            zh="探针",
            en="Probe",
            version="1",
            requires=("tenants",),
            switchable=self.switchable,
        )

    @hookimpl
    def register_events(self):
        return (ThingTold,)

    @hookimpl
    def register_listeners(self):
        return (Listener(name="probe.note", hears=ThingTold.name, reads=Thing, handler=self.hear),)

    @hookimpl
    def register_tasks(self):
        return (Task(name="probe.do", handler=self.do, max_retries=1),)

    async def hear(self, work, heard):
        """Leave an audit entry, in the transaction of the inbox row; then fail as often as asked."""
        self.calls += 1
        self.entered.set()
        await self.gate.wait()
        work.audit("probe.heard", fields=(heard.thing_id,))
        if self.failures:
            raise self.failures.pop()

    async def do(self, kernel, *, thing_id):
        """Note the id; wait at the gate; fail as often as asked."""
        self.calls += 1
        self.entered.set()
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop()
        self.done.append(thing_id)

    def kernel(self, make_kernel: Callable[..., Kernel], **settings) -> Kernel:
        """A kernel with the installed plugins and this one, on a database of its own."""
        return make_kernel(Plugins.of([*entry_points(group="gongzhi"), ("probe", self)]), **settings)


@pytest.fixture
def probe():
    return Probe()


@pytest.fixture
def tell():
    """Tell a thing in this scope; None is the platform's."""

    async def tell(kernel: Kernel, scope: Scope | None, thing_id: str | None = None) -> str:
        thing_id = thing_id or str(uuid4())
        if scope is None:
            async with system_work(kernel) as work:
                work.publish(ThingTold(thing_id=thing_id))
        else:
            async with unit_of_work(kernel, scope, kernel.robot("probe")) as work:
                work.publish(ThingTold(thing_id=thing_id))
        return thing_id

    return tell


@pytest.fixture
def marks():
    """How often this thing was heard with lasting effect, and by which stream."""

    async def marks(kernel: Kernel, thing_id: str) -> list:
        async with system_work(kernel) as work:
            query = select(Audit.scope_id).where(
                Audit.action == "probe.heard", func.array_to_string(Audit.fields, "") == thing_id
            )
            return list((await work.session.scalars(query)).all())

    return marks


@pytest.fixture
def until():
    """Wait until a condition holds; the test fails when it does not within twenty seconds."""

    async def until(condition) -> None:
        async with asyncio.timeout(20):
            while not await condition():  # noqa: ASYNC110  # what we wait for happens in another process
                await asyncio.sleep(0.01)

    return until


@pytest.fixture
def outbox_left_empty(kernel, event_loop):
    """What a test put into the outbox without meaning it to be delivered is taken out again."""
    yield

    async def take_out():
        async with system_work(kernel) as work:
            await work.session.execute(delete(Outbox).where(Outbox.position.is_(None)))

    event_loop.run(take_out())
