"""Jobs: on record with their task, taken until they are over, watched, and done with their input."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import undefer

from gongzhi.core import clock
from gongzhi.core.db import unit_of_work
from gongzhi.core.jobs import end_job, start_job, take_job, tell_progress
from gongzhi.core.models import Job, JobState, Outbox
from gongzhi.core.scope import Community
from gongzhi.core.system import system_work
from gongzhi.tenants.service.onboarding import TASK

pytestmark = pytest.mark.usefixtures("outbox_left_empty")


@pytest.fixture
def here():
    return Community(uuid4(), "01.02.")


@pytest.fixture
def started(kernel, here, event_loop):
    async def start():
        async with unit_of_work(kernel, here, kernel.robot("test")) as work:
            return await start_job(work, TASK, options={"county": "530425"}, content=b"code,name")

    return event_loop.run(start())


async def read(kernel, job_id):
    async with system_work(kernel) as work:
        query = select(Job).where(Job.id == job_id).options(undefer(Job.input), undefer(Job.report))
        return (await work.session.scalars(query)).one()


class TestStartJob:
    async def test_puts_the_job_and_its_task_on_record(self, kernel, here, started):
        """The task is told the job's id and nothing of its content."""
        job = await read(kernel, started.id)
        assert (job.kind, job.state, job.scope_id) == (TASK, JobState.WAITING, here.node)
        assert (job.options, job.input) == ({"county": "530425"}, b"code,name")
        async with system_work(kernel) as work:
            [row] = (await work.session.scalars(select(Outbox).where(Outbox.scope_id == here.node))).all()
        assert (row.name, row.payload) == (f"task:{TASK}", {"job_id": str(job.id)})

    async def test_of_a_task_nobody_has_is_refused_whole(self, kernel, here):
        async def start():
            async with unit_of_work(kernel, here, kernel.robot("test")) as work:
                await start_job(work, "test.unheard_of", options={})

        with pytest.raises(LookupError, match=r"test\.unheard_of"):
            await start()
        async with system_work(kernel) as work:
            assert (await work.session.scalars(select(Job).where(Job.scope_id == here.node))).all() == []


class TestTakeJob:
    async def test_marks_it_running_and_brings_its_input(self, kernel, started):
        job = await take_job(kernel, started.id)
        assert (job.state, job.input) == (JobState.RUNNING, b"code,name")
        assert (await read(kernel, started.id)).state is JobState.RUNNING

    async def test_gives_it_again_to_who_goes_on_after_a_crash(self, kernel, started):
        await take_job(kernel, started.id)
        assert (await take_job(kernel, started.id)).input == b"code,name"

    @pytest.mark.parametrize("ending", [{"result": {"created": 1}}, {"failure": "INVALID_INPUT"}])
    async def test_gives_nothing_once_it_is_over(self, kernel, started, ending):
        await end_job(kernel, started.id, **ending)
        assert await take_job(kernel, started.id) is None


class TestTellProgress:
    async def test_is_seen_by_watchers_at_once(self, kernel, started):
        await tell_progress(kernel, started.id, done=3, total=7)
        job = await read(kernel, started.id)
        assert (job.done, job.total) == (3, 7)


class TestEndJob:
    async def test_keeps_result_and_report_and_lets_the_input_go(self, kernel, started):
        """What somebody sent in is kept no longer than its purpose."""
        with clock.use(clock.FixedClock(datetime(2026, 3, 2, 2, 0, tzinfo=UTC))):
            await end_job(kernel, started.id, result={"created": 1}, report=b"line,problem")
        job = await read(kernel, started.id)
        assert (job.state, job.result, job.report) == (JobState.DONE, {"created": 1}, b"line,problem")
        assert (job.input, job.failure) == (None, None)
        assert job.finished_at == datetime(2026, 3, 2, 2, 0, tzinfo=UTC)

    async def test_with_a_failure_says_what_stopped_it(self, kernel, started):
        await end_job(kernel, started.id, failure="INVALID_INPUT")
        job = await read(kernel, started.id)
        assert (job.state, job.failure, job.result) == (JobState.FAILED, "INVALID_INPUT", None)
