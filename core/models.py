"""The kernel's own tables: outbox, inbox, audit, idempotency, jobs, numbers, the ids of the keys."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Sequence, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from gongzhi.core.clock import now
from gongzhi.core.ids import new_id
from gongzhi.core.tables import Base, CodeEnum, ScopeRecord, TenantRow, platform_rows, shared_rows

SCHEMA = "core"

#: The order of the outbox; drawn by the relay alone.
OUTBOX_POSITION = Sequence("outbox_position", schema=SCHEMA, metadata=Base.metadata)


class Outbox(ScopeRecord, Base):
    """An event or task that was committed and waits for the relay; ``position`` is the relay's order."""

    __tablename__ = "outbox"
    __belongs__ = platform_rows(key="scope_id", app=("insert", "select"), erase="delete")
    __table_args__ = (
        Index("outbox_waiting_idx", "id", postgresql_where=text("position is null")),
        Index("outbox_position_key", "position", unique=True),
        {"schema": SCHEMA},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    scope_id: Mapped[UUID]
    name: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    position: Mapped[int | None] = mapped_column(BigInteger)


class Inbox(ScopeRecord, Base):
    """What a consumer has taken; its row is written in the transaction of the effect."""

    __tablename__ = "inbox"
    __belongs__ = platform_rows(key="scope_id", app=("insert", "select"), erase="delete")
    __table_args__ = ({"schema": SCHEMA},)

    consumer: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    scope_id: Mapped[UUID]
    taken_at: Mapped[datetime] = mapped_column(default=now)


class Audit(ScopeRecord, Base):
    """Who did what to which object, when; ids, codes and field names, never values.

    ``position`` and ``hash`` are the relay's: it seals each stream (tenant, node or platform) into a chain.
    """

    __tablename__ = "audit"
    __belongs__ = platform_rows(key="scope_id", app=("insert", "select"), exported=True)
    __table_args__ = (
        Index("audit_scope_idx", "scope_id", "id"),
        Index("audit_subject_idx", "subject_id", postgresql_where=text("subject_id is not null")),
        Index("audit_unsealed_idx", "id", postgresql_where=text("position is null")),
        UniqueConstraint("scope_id", "position"),
        {"schema": SCHEMA},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    scope_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(default=now)
    account_id: Mapped[UUID | None]
    token_id: Mapped[UUID | None]
    action: Mapped[str]
    subject_type: Mapped[str | None]
    subject_id: Mapped[UUID | None]
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    outcome: Mapped[str]
    position: Mapped[int | None] = mapped_column(BigInteger)
    hash: Mapped[bytes | None] = mapped_column(LargeBinary)


class AuditEnd(Base):
    """Where a stream of the audit ends, so that entries cut off its end are missed."""

    __tablename__ = "audit_end"
    __belongs__ = platform_rows(key="scope_id", exported=True)
    __table_args__ = ({"schema": SCHEMA},)

    scope_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class SealingKey(Base):
    """The id of a key that may have sealed values here; a ring without it is not this database's."""

    __tablename__ = "sealing_key"
    __belongs__ = platform_rows()
    __table_args__ = ({"schema": SCHEMA},)

    id: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(default=now)


class PolicyChange(Base):
    """Something that decides who may do what has changed; written by triggers, in the order of commits.

    :param subject: the account, token or community it is about; None for everybody.
    """

    __tablename__ = "policy_change"
    __belongs__ = shared_rows()
    __table_args__ = ({"schema": SCHEMA},)

    epoch: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    subject: Mapped[UUID | None]
    at: Mapped[datetime] = mapped_column(default=now)


class Idempotency(ScopeRecord, Base):
    """A key that a caller gave to a command, and what came of it: kept 24 hours, ids only."""

    __tablename__ = "idempotency"
    __belongs__ = platform_rows(key="scope_id", app=("insert", "select"), erase="delete")
    __table_args__ = (Index("idempotency_age_idx", "created_at"), {"schema": SCHEMA})

    scope_id: Mapped[UUID] = mapped_column(primary_key=True)
    caller_id: Mapped[UUID] = mapped_column(primary_key=True)
    operation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    input_hash: Mapped[bytes] = mapped_column(LargeBinary)
    result_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class JobState(StrEnum):
    """The life of a long piece of work."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(ScopeRecord, Base):
    """A long piece of work that somebody started and may watch: progress, result, report."""

    __tablename__ = "job"
    __belongs__ = platform_rows(key="scope_id", app=("insert", "select"), erase="delete")
    __table_args__ = (Index("job_scope_idx", "scope_id", "id"), {"schema": SCHEMA})

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    scope_id: Mapped[UUID]
    kind: Mapped[str]
    state: Mapped[JobState] = mapped_column(CodeEnum(JobState), default=JobState.WAITING)
    done: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[int] = mapped_column(Integer, default=0)
    account_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
    input: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    result: Mapped[dict[str, Any] | None]
    report: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    failure: Mapped[str | None]


class Number(TenantRow, Base):
    """The last number given out in a series of one community and year (编号); never goes back."""

    __tablename__ = "number"
    __table_args__ = (UniqueConstraint("tenant_id", "series", "year"), {"schema": SCHEMA})

    series: Mapped[str]
    year: Mapped[int] = mapped_column(Integer)
    last: Mapped[int] = mapped_column(Integer, default=0)
