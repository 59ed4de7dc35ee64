"""The relay: gives committed events their order, hands them to the broker, seals the audit.

One relay works at a time, whoever runs it (an advisory lock of the transaction). Order is the relay's, not
the writer's: a row that commits late gets a later position, so a reader of positions misses none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.audit import seal_waiting
from gongzhi.core.models import OUTBOX_POSITION, Outbox
from gongzhi.core.system import system_work

if TYPE_CHECKING:
    from gongzhi.core.kernel import Kernel

log = structlog.get_logger()

_LOCK = 0x72656C61
_BATCH = 500
#: Seconds between looks at the outbox when it was empty.
_PAUSE = 0.2


@dataclass(frozen=True)
class Delivery:
    """One message for the broker: a listener's event or a task; ids only.

    :param message_id: the same for the same delivery, so that a repeated hand-over is one message.
    """

    message_id: UUID
    kind: str
    name: str
    told: dict[str, Any]


Send = Callable[[Delivery], Awaitable[None]]


async def relay_once(kernel: "Kernel", send: Send) -> int:
    """Order, hand over and seal one batch; returns how many rows it moved, 0 when another relay is at work."""
    async with system_work(kernel) as work:
        if not (await work.session.scalars(select(func.pg_try_advisory_xact_lock(_LOCK)))).one():
            return 0
        rows = await _ordered(work.session)
        for row in rows:
            for delivery in deliveries(kernel, row):
                await send(delivery)
        return len(rows) + await seal_waiting(work.session)


async def _ordered(session: AsyncSession) -> list[Outbox]:
    waiting = select(Outbox).where(Outbox.position.is_(None)).order_by(Outbox.id).limit(_BATCH)
    rows = list((await session.scalars(waiting)).all())
    if rows:
        draw = select(OUTBOX_POSITION.next_value()).select_from(text("generate_series(1, :n)"))
        positions = sorted((await session.scalars(draw, {"n": len(rows)})).all())
        for row, position in zip(rows, positions, strict=True):
            row.position = position
        await session.flush()
    return rows


def deliveries(kernel: "Kernel", row: Outbox) -> list[Delivery]:
    """Who is to be told of this row."""
    if row.name.startswith("task:"):
        return [Delivery(row.id, "task", row.name.removeprefix("task:"), row.payload)]
    return [
        Delivery(uuid5(row.id, listener), "event", listener, {"event_id": str(row.id)})
        for listener in kernel.ears.get(row.name, ())
    ]


async def run_relay(kernel: "Kernel", send: Send, stopping: asyncio.Event) -> None:
    """Relay until told to stop; an outage of database or broker is waited out."""
    while not stopping.is_set():
        try:
            moved = await relay_once(kernel, send)
        except Exception:
            log.exception("relay.failed")
            moved = 0
        if not moved:
            try:
                await asyncio.wait_for(stopping.wait(), _PAUSE)
            except TimeoutError:
                continue
