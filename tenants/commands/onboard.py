"""``gongzhi onboard``: a county's communities from a file."""

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gongzhi.core.api import Kernel, Refusal, Settings, today
from gongzhi.tenants.commands.running import console, run

if TYPE_CHECKING:
    from gongzhi.tenants.onboarding.chunk import Onboarding
    from gongzhi.tenants.onboarding.complaints import Complaint
    from gongzhi.tenants.onboarding.provision import Outcome

#: How many errors are shown on the screen; the report has them all.
SHOWN = 10


class ReportUnwritable(Refusal):
    """The report could not be written; nothing was changed."""

    code = "ONBOARDING_REPORT_UNWRITABLE"
    zh = "报告“{file}”无法写入（{problem}），未做任何更改；请用 --report 指定其他位置"
    en = "The report “{file}” could not be written ({problem}) and nothing was changed; choose another place with --report"


@click.command(help="Bring a county's communities on board from a CSV or XLSX file (批量开通社区).")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--county", required=True, help="The county's six digits (县级代码).")
@click.option(
    "--blueprint", default="standard", show_default=True, help="What each community starts with (蓝图)."
)
@click.option("--dry-run", is_flag=True, help="Only say what would happen (预演，不做更改).")
@click.option(
    "--on-error",
    type=click.Choice(["skip", "stop"]),
    default="stop",
    show_default=True,
    help="Leave rows with errors out, or do nothing at all if there are any (遇错跳过或停止).",
)
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the report (报告)."
)
@click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), help="From which day the divisions hold; today (生效日期)."
)
@click.pass_obj
def onboard(  # noqa: PLR0917
    settings: Settings,
    file: Path,
    county: str,
    blueprint: str,
    dry_run: bool,
    on_error: Any,
    report: Path | None,
    as_of: dt.datetime | None,
) -> None:
    """Onboard a county; a second run changes nothing, a killed one continues where it was."""
    from gongzhi.tenants.blueprints import load_blueprint
    from gongzhi.tenants.onboarding.chunk import Onboarding
    from gongzhi.tenants.onboarding.rows import survey
    from gongzhi.tenants.onboarding.sheet import read_sheet

    if report is not None and report.resolve() == file.resolve():
        raise click.BadParameter(
            "the report would overwrite the file / 报告不能覆盖原文件", param_hint="--report"
        )
    with console.status("读取文件 reading the file …"):
        found = survey(read_sheet(file), county=county)

    async def job(kernel: Kernel) -> Any:
        asked = Onboarding(
            survey=found,
            county=county,
            blueprint_name=Path(blueprint).stem,
            blueprint=load_blueprint(blueprint, kernel.plugins),
            on_error=on_error,
            source=file.name,
            as_of=as_of.date() if as_of else today(),
        )
        return await _do(kernel, asked, report or file.with_suffix(".report.csv"), dry_run=dry_run)

    outcome = run(settings, job)
    _show_outcome(outcome)
    console.print(f"数据目录 data folder: {settings.data_dir}", highlight=False)
    if dry_run and on_error == "stop" and outcome.refused:
        console.print("照此执行不会做任何更改：请更正错误，或用 --on-error skip 跳过有误的行", style="yellow")
        console.print(
            "As it stands the real run would change nothing: mend the errors, or use --on-error skip",
            style="yellow",
        )


async def _do(kernel: Kernel, asked: "Onboarding", report: Path, *, dry_run: bool) -> "Outcome":
    """Foresee, report, carry out; what stops it is told after the report is written."""
    from gongzhi.tenants.onboarding.plan import OnboardingStopped
    from gongzhi.tenants.onboarding.provision import never_migrated, preview
    from gongzhi.tenants.onboarding.provision import onboard as carry_out

    # A dry run changes nothing, not even tables; without any, it has nothing to look at.
    if not dry_run or await never_migrated(kernel):
        await kernel.migrate()
    try:
        foreseen = await preview(kernel, asked)
    except Refusal:
        _tell_complaints(asked.survey.complaints, report)
        raise
    _tell_complaints(foreseen.complaints, report)
    if dry_run:
        return foreseen
    if asked.on_error == "stop" and (count := sum(c.severity == "error" for c in foreseen.complaints)):
        raise OnboardingStopped(count=count)
    with Progress(
        TextColumn("开通 onboarding"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    ) as bar:
        task = bar.add_task("", total=None)

        async def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        return await carry_out(kernel, asked, progress=progress)


def _tell_complaints(complaints: "list[Complaint]", report: Path) -> None:
    """Show the first errors and write all complaints to the report."""
    from gongzhi.tenants.onboarding.complaints import report_csv

    for found in [found for found in complaints if found.severity == "error"][:SHOWN]:
        where = f"第{found.line}行 line {found.line}" if found.line else "文件 file"
        console.print(
            f"[red]✗[/] {where} [bold]{found.code}[/] {escape(found.zh)}；{escape(found.remedy_zh)}",
            highlight=False,
        )
        console.print(f"   {escape(found.en)}. {escape(found.remedy_en)}.", highlight=False)
    try:
        report.write_bytes(report_csv(complaints))
    except OSError as error:
        raise ReportUnwritable(file=report.name, problem=error.strerror) from error
    counts = Counter(found.severity for found in complaints)
    told = f"错误 errors {counts['error']}，警告 warnings {counts['warning']}，提示 notes {counts['note']}"
    console.print(f"报告 report: {escape(str(report))} ({told})", soft_wrap=True)


def _show_outcome(outcome: "Outcome") -> None:
    title = "预演，未做更改 dry run, nothing changed" if outcome.dry_run else "完成 done"
    table = Table(title=title, show_header=False)
    words = {
        "created": "新建 created",
        "renamed": "更名 renamed",
        "unchanged": "未变 unchanged",
        "refused": "未受理 refused",
        "not_asked_for": "其他县的行 rows of other counties",
        "communities": "社区 communities",
    }
    for name, count in outcome.counts().items():
        table.add_row(words[name], str(count))
    console.print(table)
