"""Long work that somebody started and may watch: progress, result and report in one row."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import undefer

from gongzhi.core.clock import now
from gongzhi.core.db import UnitOfWork
from gongzhi.core.models import Job, JobState
from gongzhi.core.system import system_work

if TYPE_CHECKING:
    from gongzhi.core.kernel import Kernel


async def start_job(
    work: UnitOfWork, task: str, *, options: Mapping[str, Any], content: bytes | None = None
) -> Job:
    """Put a job on record and have its task run once this transaction is committed.

    The task's handler is told ``job_id`` alone.
    """
    job = Job(
        scope_id=work.stream,
        kind=task,
        account_id=work.actor.account_id,
        options=dict(options),
        input=content,
    )
    work.session.add(job)
    await work.flush()
    work.enqueue(task, job_id=str(job.id))
    return job


async def take_job(kernel: "Kernel", job_id: UUID) -> Job | None:
    """The job with its input, marked running; None when it is already over."""
    async with system_work(kernel) as work:
        query = select(Job).where(Job.id == job_id).options(undefer(Job.input)).with_for_update()
        job = (await work.session.scalars(query)).one()
        if job.state in (JobState.DONE, JobState.FAILED):
            return None
        job.state = JobState.RUNNING
    return job


async def tell_progress(kernel: "Kernel", job_id: UUID, *, done: int, total: int) -> None:
    """Let watchers know how far the job has come."""
    await _set(kernel, job_id, done=done, total=total)


async def end_job(
    kernel: "Kernel",
    job_id: UUID,
    *,
    result: Mapping[str, Any] | None = None,
    report: bytes | None = None,
    failure: str | None = None,
) -> None:
    """The job is over: with a result, or with the code of what stopped it. Its input has served and goes."""
    state = JobState.DONE if failure is None else JobState.FAILED
    at: datetime = now()
    given = None if result is None else dict(result)
    ended = {"state": state, "result": given, "report": report, "failure": failure, "finished_at": at}
    await _set(kernel, job_id, input=None, **ended)


async def _set(kernel: "Kernel", job_id: UUID, **values: Any) -> None:
    async with system_work(kernel) as work:
        await work.session.execute(update(Job).where(Job.id == job_id).values(**values))
