"""Sealing the audit into chains, and verifying them.

``hash = SHA-256(previous hash, row)`` per stream (a community, a node, the platform). The relay seals rows
seconds after their commit: a chain inside the business transaction would make a tenant's writers queue.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.models import Audit
from gongzhi.core.system import system_work

if TYPE_CHECKING:
    from gongzhi.core.kernel import Kernel

_BATCH = 1000
_FIRST = bytes(32)


def link(previous: bytes, entry: Audit) -> bytes:
    """The hash that seals this entry behind the previous one."""
    told = (
        str(entry.id),
        str(entry.scope_id),
        int(entry.at.timestamp() * 1_000_000),
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
    for stream, group in groupby(entries, key=lambda entry: entry.scope_id):
        position, previous = await _end_of(session, stream)
        for entry in group:
            position += 1
            entry.position = position
            entry.hash = previous = link(previous, entry)
    await session.flush()
    return len(entries)


async def _end_of(session: AsyncSession, stream: UUID) -> tuple[int, bytes]:
    query = (
        select(Audit.position, Audit.hash)
        .where(Audit.scope_id == stream, Audit.position.is_not(None))
        .order_by(Audit.position.desc())
        .limit(1)
    )
    row = (await session.execute(query)).one_or_none()
    return (0, _FIRST) if row is None else (row.position, row.hash)


@dataclass(frozen=True)
class Verdict:
    """What became of verifying one stream.

    :param broken_at: the first position whose hash or place does not fit, or None.
    """

    stream: UUID
    sealed: int
    unsealed: int
    broken_at: int | None


async def verify(kernel: "Kernel") -> AsyncIterator[Verdict]:
    """Follow every chain from its first link and tell where it breaks."""
    async with system_work(kernel) as work:
        streams = (
            await work.session.scalars(select(Audit.scope_id).distinct().order_by(Audit.scope_id))
        ).all()
        for stream in streams:
            yield await _verify_stream(work.session, stream)


async def _verify_stream(session: AsyncSession, stream: UUID) -> Verdict:
    previous, expected = _FIRST, 0
    query = (
        select(Audit)
        .where(Audit.scope_id == stream, Audit.position.is_not(None))
        .order_by(Audit.position)
        .execution_options(yield_per=_BATCH)
    )
    broken_at = None
    async for entry in await session.stream_scalars(query):
        expected += 1
        if entry.position != expected or entry.hash != link(previous, entry):
            broken_at = expected
            break
        previous = entry.hash
    count = select(func.count()).select_from(Audit).where(Audit.scope_id == stream, Audit.position.is_(None))
    return Verdict(stream, expected, (await session.scalars(count)).one(), broken_at)
