"""Starting an onboarding from GraphQL, and doing it in the worker."""

import base64
import binascii
import datetime as dt
from typing import Annotated, Literal
from uuid import UUID

from sqlalchemy import select

from gongzhi.core.api import (
    Forbidden,
    Input,
    Invalid,
    Job,
    Kernel,
    Refusal,
    Service,
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
from gongzhi.tenants.onboarding.complaints import report_csv
from gongzhi.tenants.onboarding.provision import Onboarding, onboard, preview
from gongzhi.tenants.onboarding.rows import survey
from gongzhi.tenants.onboarding.sheet import read_sheet_bytes

TASK = "tenants.onboard"


class StartOnboarding(Input):
    """A file of divisions, and what to do with it."""

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


class Onboardings(Service):
    """Bringing the communities of the scope's county on board."""

    @use_case(policies.ONBOARD, where="range")
    async def start(self, started: StartOnboarding) -> Job:
        """Bring a county's communities on board from a file, in the background (批量开通社区)."""
        area = (await self.session.scalars(select(Area).where(Area.id == self.work.stream))).one()
        if area.level.value != "county" or area.code is None:
            raise Forbidden(permission=f"{policies.ONBOARD} (county)")
        try:
            content = base64.b64decode(started.content_base64, validate=True)
        except binascii.Error as error:
            raise Invalid(path="contentBase64", problem="not base64 / 不是 base64 编码") from error
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
    """Do what was started; a refusal ends the job with its code and report."""
    job = await take_job(kernel, UUID(job_id))
    if job is None:
        return
    try:
        await _run(kernel, job)
    except Refusal as refusal:
        await end_job(
            kernel, job.id, failure=f"{refusal.code}: {refusal.message('zh')} / {refusal.message('en')}"
        )


async def _run(kernel: Kernel, job: Job) -> None:
    options = job.options
    sheet = read_sheet_bytes(options["file_name"], job.input or b"")
    on_error: Literal["skip", "stop"] = options["on_error"]
    asked = Onboarding(
        survey=survey(sheet, county=options["county"]),
        county=options["county"],
        blueprint_name=options["blueprint"],
        blueprint=load_blueprint(options["blueprint"], kernel.plugins),
        on_error=on_error,
        source=options["file_name"],
        as_of=dt.date.fromisoformat(options["as_of"]),
    )
    foreseen = await preview(kernel, asked)
    report = report_csv(foreseen.complaints)
    if options["dry_run"]:
        await end_job(kernel, job.id, result=foreseen.counts(), report=report)
        return

    async def progress(done: int, total: int) -> None:
        await tell_progress(kernel, job.id, done=done, total=total)

    try:
        outcome = await onboard(kernel, asked, progress=progress)
    except Refusal as refusal:
        failure = f"{refusal.code}: {refusal.message('zh')} / {refusal.message('en')}"
        await end_job(kernel, job.id, failure=failure, report=report)
        return
    await end_job(kernel, job.id, result=outcome.counts(), report=report)
