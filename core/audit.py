"""Sealing the audit into chains, and verifying them.

``hash = SHA-256(previous hash, row)`` per stream (a community, a node, the platform). The relay seals rows
seconds after their commit: a chain inside the business transaction would make a tenant's writers queue.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.models import Audit, AuditEnd
from gongzhi.core.system import system_work

if TYPE_CHECKING:
    from gongzhi.core.kernel import Kernel

_BATCH = 1000
_FIRST = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def link(previous: bytes, entry: Audit) -> bytes:
    """The hash that seals this entry behind the previous one."""
    told = (
        str(entry.id),
        str(entry.scope_id),
        (entry.at - _EPOCH) // timedelta(microseconds=1),
        entry.account_id and str(entry.account_id),
        entry.token_id and str(entry.token_id),
        entry.action,
        entry.subject_type,
        entry.subject_id and str(entry.subject_id),
        entry.fields,
        entry.outcome,
        entry.position,
    )
    return hashlib.sha256(previous + msgspec.json.encode(told)).digest()


async def seal_waiting(session: AsyncSession) -> int:
    """Seal up to a thousand entries that have none yet; the caller holds the relay's lock. Returns how many."""
    waiting = select(Audit).where(Audit.position.is_(None)).order_by(Audit.id).limit(_BATCH)
    entries = sorted((await session.scalars(waiting)).all(), key=lambda entry: (entry.scope_id, entry.id))
    ends = await _ends_of(session, {entry.scope_id for entry in entries})
    for stream, group in groupby(entries, key=lambda entry: entry.scope_id):
        end = ends[stream]
        for entry in group:
            end.position += 1
            entry.position = end.position
            entry.hash = end.hash = link(end.hash, entry)
    await session.flush()
    return len(entries)


async def _ends_of(session: AsyncSession, streams: set[UUID]) -> dict[UUID, AuditEnd]:
    """Where these streams end; a new one at nothing."""
    known = (await session.scalars(select(AuditEnd).where(AuditEnd.scope_id.in_(streams)))).all()
    ends = {end.scope_id: end for end in known}
    new = [AuditEnd(scope_id=stream, position=0, hash=_FIRST) for stream in sorted(streams - ends.keys())]
    session.add_all(new)
    return ends | {end.scope_id: end for end in new}


@dataclass(frozen=True)
class Verdict:
    """What became of verifying one stream.

    :param sealed: how many entries hold, from the first.
    :param unsealed: how many wait for the relay.
    :param broken_at: the first position where an entry is changed, missing or out of place; None where none is.
    """

    stream: UUID
    sealed: int
    unsealed: int
    broken_at: int | None


async def verify(kernel: "Kernel") -> AsyncIterator[Verdict]:
    """Follow every chain from its first link to its recorded end and tell where it breaks."""
    async with system_work(kernel) as work:
        # One statement, so that what the relay seals meanwhile changes ends and entries alike.
        entries = (
            select(
                Audit.scope_id,
                func.coalesce(func.max(Audit.position), 0).label("last"),
                func.count().filter(Audit.position.is_(None)).label("unsealed"),
            )
            .group_by(Audit.scope_id)
            .subquery()
        )
        stream = func.coalesce(entries.c.scope_id, AuditEnd.scope_id).label("stream")
        columns = (entries.c.last, entries.c.unsealed, AuditEnd.position, AuditEnd.hash)
        together = entries.join(AuditEnd, AuditEnd.scope_id == entries.c.scope_id, full=True)
        found = (
            await work.session.execute(select(stream, *columns).select_from(together).order_by(stream))
        ).all()
        for row in found:
            end = (row.position or 0, row.hash or _FIRST)
            sealed, broken_at = await _follow(work.session, row.stream, row.last or 0, end)
            yield Verdict(row.stream, sealed, row.unsealed or 0, broken_at)


async def _follow(
    session: AsyncSession, stream: UUID, last: int, end: tuple[int, bytes]
) -> tuple[int, int | None]:
    """(how many links hold, the first place that does not) of the entries up to the last one."""
    previous, holding = _FIRST, 0
    query = (
        select(Audit)
        .where(Audit.scope_id == stream, Audit.position <= last)
        .order_by(Audit.position)
        .execution_options(yield_per=_BATCH)
    )
    entries = await session.stream_scalars(query)
    try:
        async for entry in entries:
            if entry.position != holding + 1 or entry.hash != link(previous, entry):
                return holding, holding + 1
            previous, holding = entry.hash, holding + 1
    finally:
        await entries.close()
    return (holding, None) if (holding, previous) == end else (holding, min(holding, end[0]) + 1)
