"""What the worker does with a delivery: once for each consumer and event, in the event's scope."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.dialects.postgresql import insert

from gongzhi.core.db import UnitOfWork, unit_of_work
from gongzhi.core.events import Listener
from gongzhi.core.models import Inbox, Outbox
from gongzhi.core.scope import Community
from gongzhi.core.system import system_work
from gongzhi.core.work import PLATFORM

if TYPE_CHECKING:
    from gongzhi.core.kernel import Kernel

log = structlog.get_logger()


async def deliver(kernel: "Kernel", kind: str, name: str, told: dict[str, Any]) -> None:
    """Bring one delivery to its handler.

    :raises LookupError: no plugin of this process has it; one that is deployed later may.
    """
    if kind == "task":
        kernel.require_task(name)
        await kernel.tasks[name].handler(kernel, **told)
        return
    if name not in kernel.listeners:
        raise LookupError(f"no plugin has the listener {name}")
    plugin, listener = kernel.listeners[name]
    await _hear(kernel, plugin, listener, UUID(told["event_id"]))


async def _hear(kernel: "Kernel", plugin: str, listener: Listener, event_id: UUID) -> None:
    async with system_work(kernel) as work:
        event = await work.session.get(Outbox, event_id)
    if event is None:
        log.warning("deliver.event_gone", listener=listener.name, event_id=str(event_id))
        return
    if event.scope_id == PLATFORM:
        async with system_work(kernel, actor=kernel.robot(plugin)) as work:
            await _once(work, listener, event)
        return
    scope = await kernel.scope_of(event.scope_id)
    if scope is None:
        log.warning("deliver.scope_gone", listener=listener.name, event_id=str(event_id))
        return
    if isinstance(scope, Community) and not await hears(kernel, plugin, scope.tenant):
        return
    async with unit_of_work(kernel, scope, kernel.robot(plugin)) as work:
        await _once(work, listener, event)


async def hears(kernel: "Kernel", plugin: str, tenant: UUID) -> bool:
    """True when this community has the plugin switched on, or the plugin knows no switch."""
    if not kernel.plugins.cards[plugin].switchable:
        return True
    switched_on = await kernel.plugins.first("plugin_switches", kernel=kernel, tenant=tenant)
    return plugin in (switched_on or ())


async def _once(work: UnitOfWork, listener: Listener, event: Outbox) -> None:
    """Take the event, then act, in one transaction; a twin waits for the first, then stops."""
    take = (
        insert(Inbox)
        .values(consumer=listener.name, event_id=event.id, scope_id=event.scope_id, taken_at=work.at)
        .on_conflict_do_nothing()
        .returning(Inbox.event_id)
    )
    if (await work.session.execute(take)).one_or_none() is None:
        return
    await listener.handler(work, msgspec.convert(event.payload, listener.reads))
