"""Starting an onboarding from GraphQL, and doing it in the worker."""

import asyncio
import base64
import datetime as dt
from typing import Annotated
from uuid import UUID

from sqlalchemy import select

from gongzhi.core.api import (
    Actor,
    Input,
    Invalid,
    Job,
    Kernel,
    Refusal,
    Service,
    Words,
    end_job,
    start_job,
    take_job,
    tell_progress,
    today,
    told,
    use_case,
)
from gongzhi.tenants import policies
from gongzhi.tenants.blueprints import load_blueprint
from gongzhi.tenants.models import Area
from gongzhi.tenants.onboarding.chunk import Onboarding, OnError
from gongzhi.tenants.onboarding.complaints import report_csv
from gongzhi.tenants.onboarding.provision import Outcome, onboard, preview
from gongzhi.tenants.onboarding.rows import survey
from gongzhi.tenants.onboarding.sheet import read_sheet_bytes

TASK = "tenants.onboard"


class StartOnboarding(Input, frozen=True):
    """A file of divisions, and what to do with it (批量开通)."""

    file_name: Annotated[str, told("The file's name, for the report (文件名).", min_length=1, max_length=200)]
    content_base64: Annotated[str, told("The file, CSV or XLSX, in base64 (文件内容).", min_length=4)]
    blueprint: Annotated[str, told("What each community starts with (蓝图).", pattern="^[a-z0-9_-]+$")] = (
        "standard"
    )
    skip_errors: Annotated[
        bool,
        told("True leaves rows with errors out; false does nothing at all if there are any (跳过有误的行)."),
    ] = False
    dry_run: Annotated[bool, told("Only say what would happen (预演).")] = False
    as_of: (
        Annotated[dt.date, told("From which day the divisions hold; today unless told (生效日期).")] | None
    ) = None


class NeedsCounty(Invalid):
    """Communities are brought on board by a whole county's file."""

    code = "ONBOARDING_NEEDS_COUNTY"
    zh = "批量开通以县为单位，请把 Gongzhi-Scope 设为县级代码"
    en = "Communities come on board by county; set Gongzhi-Scope to a county's code"


class Onboardings(Service):
    """Bringing the communities of the scope's county on board."""

    @use_case(policies.ONBOARD, where="range")
    async def start(self, started: StartOnboarding) -> Job:
        """Bring a county's communities on board from a file, in the background (批量开通社区)."""
        area = (await self.session.scalars(select(Area).where(Area.id == self.work.stream))).one()
        if area.level.value != "county" or area.code is None:
            raise NeedsCounty(path="fileName", problem="")
        try:
            content = base64.b64decode(started.content_base64, validate=True)
        except ValueError as error:
            raise Invalid(
                path="contentBase64", problem=Words(zh="不是 base64 编码", en="not base64")
            ) from error
        load_blueprint(started.blueprint, self.work.kernel.plugins)
        options = {
            "county": area.code,
            "file_name": started.file_name,
            "blueprint": started.blueprint,
            "on_error": "skip" if started.skip_errors else "stop",
            "dry_run": started.dry_run,
            "as_of": (started.as_of or today()).isoformat(),
        }
        return await start_job(self.work, TASK, options=options, content=content)


async def run_onboarding(kernel: Kernel, *, job_id: str) -> None:
    """Do what was started; a refusal ends the job with its code and, once the file was read, its report."""
    job = await take_job(kernel, UUID(job_id))
    if job is None:
        return
    report: bytes | None = None
    try:
        # Reading a large workbook takes seconds, in which the worker's other deliveries go on.
        asked = await asyncio.to_thread(_asked, kernel, job)
        report = report_csv(asked.survey.complaints)
        outcome = await preview(kernel, asked)
        report = report_csv(outcome.complaints)
        if not job.options["dry_run"]:
            outcome = await _carry_out(kernel, job, asked)
    except Refusal as refusal:
        failure = f"{refusal.code}: {refusal.message('zh')} / {refusal.message('en')}"
        await end_job(kernel, job.id, failure=failure, report=report)
    else:
        await end_job(kernel, job.id, result=outcome.counts(), report=report)


def _asked(kernel: Kernel, job: Job) -> Onboarding:
    options = job.options
    on_error: OnError = options["on_error"]
    return Onboarding(
        survey=survey(read_sheet_bytes(options["file_name"], job.input or b""), county=options["county"]),
        county=options["county"],
        blueprint_name=options["blueprint"],
        blueprint=load_blueprint(options["blueprint"], kernel.plugins),
        on_error=on_error,
        source=options["file_name"],
        as_of=dt.date.fromisoformat(options["as_of"]),
    )


async def _carry_out(kernel: Kernel, job: Job, asked: Onboarding) -> Outcome:
    async def progress(done: int, total: int) -> None:
        await tell_progress(kernel, job.id, done=done, total=total)

    # The records name whoever started it; what it may do, it was asked when it was started.
    who = Actor(roles=kernel.roles, account_id=job.account_id, robot="onboarding")
    return await onboard(kernel, asked, actor=who, progress=progress)
