"""The relay: seals the audit, gives committed events their order, hands them to the broker; and sweeps.

One relay works at a time, whoever runs it (an advisory lock of the transaction). Order is the relay's, not
the writer's: a row that commits late gets a later position, so a reader of positions misses none.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import structlog
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.audit import seal_waiting
from gongzhi.core.clock import now
from gongzhi.core.models import OUTBOX_POSITION, Idempotency, Outbox, PolicyChange
from gongzhi.core.system import system_work

if TYPE_CHECKING:
    from gongzhi.core.kernel import Kernel

log = structlog.get_logger()

_LOCK = 0x72656C61
_BATCH = 500
#: Seconds between looks at the outbox when it was empty, and the longest after failures.
_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
#: How long a caller may repeat a command by its key, and how many seconds pass between sweeps.
KEY_KEPT = timedelta(hours=24)
#: How long a process may sleep and still be told what changed; then it forgets whom it knew.
CHANGES_KEPT = timedelta(hours=24)
_SWEEP = 3600.0


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
    """Seal a batch, then order and hand over one; returns how many rows it moved, 0 when another is at work.

    Each has a transaction of its own: a broker that is down keeps no entry unsealed.
    """

    async def hand_over(session: AsyncSession) -> int:
        rows = await _ordered(session)
        for row in rows:
            for delivery in deliveries(kernel, row):
                await send(delivery)
        return len(rows)

    return await _alone(kernel, seal_waiting) + await _alone(kernel, hand_over)


async def _alone(kernel: "Kernel", work_on: Callable[[AsyncSession], Awaitable[int]]) -> int:
    """What this does with the relay's lock in hand; 0 when another has it."""
    async with system_work(kernel) as work:
        if not (await work.session.scalars(select(func.pg_try_advisory_xact_lock(_LOCK)))).one():
            return 0
        return await work_on(work.session)


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


async def sweep(kernel: "Kernel") -> None:
    """Clear away the kernel's records that are past their time; safe to do twice at once."""
    async with system_work(kernel) as work:
        await work.session.execute(delete(Idempotency).where(Idempotency.created_at <= now() - KEY_KEPT))
        newest = select(func.max(PolicyChange.epoch)).scalar_subquery()
        gone = (PolicyChange.at <= now() - CHANGES_KEPT, PolicyChange.epoch < newest)
        await work.session.execute(delete(PolicyChange).where(*gone))


async def run_relay(kernel: "Kernel", send: Send, stopping: asyncio.Event) -> None:
    """Relay until told to stop, sweeping every hour; an outage of database or broker is waited out."""
    pause, swept = _PAUSE, -math.inf
    while not stopping.is_set():
        moved = 0
        try:
            if time.monotonic() - swept >= _SWEEP:
                await sweep(kernel)
                swept = time.monotonic()
            moved = await relay_once(kernel, send)
            pause = _PAUSE
        except Exception:
            log.exception("relay.failed")
            pause = min(pause * 2, _LONGEST_PAUSE)
        if not moved:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)
