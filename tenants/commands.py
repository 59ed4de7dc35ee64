"""``gongzhi onboard``, ``tenant``, ``plugin``, ``account`` and ``token``."""

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gongzhi.core.api import Kernel, Settings, opened, today
from gongzhi.tenants.demo.command import demo

console = Console()
T = TypeVar("T")


def run(settings: Settings, job: Callable[[Kernel], Coroutine[Any, Any, T]]) -> T:
    """Do this with a kernel of this installation."""

    async def and_close(kernel: Kernel) -> T:
        try:
            return await job(kernel)
        finally:
            await kernel.database.dispose()

    with opened(settings) as kernel:
        return asyncio.run(and_close(kernel))


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
    from gongzhi.tenants.onboarding.complaints import report_csv
    from gongzhi.tenants.onboarding.provision import Onboarding, Outcome, preview
    from gongzhi.tenants.onboarding.provision import onboard as carry_out
    from gongzhi.tenants.onboarding.rows import survey
    from gongzhi.tenants.onboarding.sheet import read_sheet

    with console.status("读取文件 reading the file …"):
        found = survey(read_sheet(file), county=county)

    async def job(kernel: Kernel) -> Outcome:
        asked = Onboarding(
            survey=found,
            county=county,
            blueprint_name=blueprint,
            blueprint=load_blueprint(blueprint, kernel.plugins),
            on_error=on_error,
            source=file.name,
            as_of=as_of.date() if as_of else today(),
        )
        await kernel.migrate()
        foreseen = await preview(kernel, asked)
        written = (
            _write_report(report or file.with_suffix(".report.csv"), report_csv(foreseen.complaints))
            if (foreseen.complaints or report)
            else None
        )
        _show_complaints(foreseen, written)
        if dry_run:
            return foreseen
        with Progress(
            TextColumn("开通 onboarding"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        ) as bar:
            task = bar.add_task("", total=None)

            async def progress(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            return await carry_out(kernel, asked, progress=progress)

    outcome = run(settings, job)
    _show_outcome(outcome)


def _write_report(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _show_complaints(outcome: Any, written: Path | None) -> None:
    shown = [found for found in outcome.complaints if found.severity == "error"][:10]
    for found in shown:
        where = f"第{found.line}行 line {found.line}" if found.line else "文件 file"
        console.print(
            f"[red]✗[/] {where} [bold]{found.code}[/] {found.zh}；{found.remedy_zh}", highlight=False
        )
        console.print(f"   {found.en}. {found.remedy_en}.", highlight=False)
    if written is not None:
        console.print(f"报告 report: {written} ({len(outcome.complaints)} rows)")


def _show_outcome(outcome: Any) -> None:
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


@click.group(help="The communities on the platform (社区).")
def tenant() -> None:
    """The communities on the platform."""


@tenant.command("list", help="List communities, with their state (列出社区).")
@click.option("--under", help="Only beneath this division code (上级代码).")
@click.pass_obj
def list_tenants(settings: Settings, under: str | None) -> None:
    """List communities."""
    from gongzhi.tenants.desk import list_communities

    table = Table("代码 code", "名称 name", "状态 state", "模块 plugins")
    for row in run(settings, lambda kernel: list_communities(kernel, under)):
        table.add_row(*row)
    console.print(table)


@tenant.command(help="Suspend a community (暂停社区).")
@click.argument("code")
@click.pass_obj
def suspend(settings: Settings, code: str) -> None:
    """Suspend a community."""
    from gongzhi.tenants.desk import turn_community

    run(settings, lambda kernel: turn_community(kernel, code, "suspend"))
    console.print(f"[green]✓[/] {code}")


@tenant.command(help="Resume a suspended community (恢复社区).")
@click.argument("code")
@click.pass_obj
def resume(settings: Settings, code: str) -> None:
    """Resume a community."""
    from gongzhi.tenants.desk import turn_community

    run(settings, lambda kernel: turn_community(kernel, code, "resume"))
    console.print(f"[green]✓[/] {code}")


@click.group(help="Plugins: what is installed, and what a community has switched on (模块).")
def plugin() -> None:
    """Plugins."""


@plugin.command("list", help="List what is installed (列出模块).")
@click.pass_obj
def list_plugins(settings: Settings) -> None:
    """List what is installed, and what could not be loaded."""
    from gongzhi.core.api import Plugins

    _ = settings
    plugins = Plugins.installed()
    table = Table("模块 plugin", "名称 title", "版本 version", "可切换 switchable")
    for card in plugins.cards.values():
        table.add_row(card.name, f"{card.zh} {card.en}", card.version, "✓" if card.switchable else "-")
    console.print(table)
    for broken in plugins.broken:
        console.print(f"[red]✗[/] {broken.name}: {broken.reason}")


def _switch_command(name: str, summary: str) -> click.Command:
    @click.command(name, help=summary)
    @click.argument("plugin_name", metavar="PLUGIN")
    @click.option("--community", required=True, help="The community's twelve digits (社区代码).")
    @click.pass_obj
    def command(settings: Settings, plugin_name: str, community: str) -> None:
        from gongzhi.tenants.desk import switch_plugin

        run(settings, lambda kernel: switch_plugin(kernel, community, plugin_name, name))
        console.print(f"[green]✓[/] {plugin_name} {name} {community}")

    return command


plugin.add_command(_switch_command("enable", "Switch a plugin on in a community (启用模块)."))
plugin.add_command(_switch_command("disable", "Switch a plugin off in a community; data is kept (停用模块)."))


@click.group(help="Accounts of people, and their roles (账号与授权).")
def account() -> None:
    """Accounts."""


@account.command(
    "create", help="Create an account; the password is asked for, or made and shown once (新建账号)."
)
@click.argument("login")
@click.option("--name", "display_name", required=True, help="The name shown (显示名).")
@click.option(
    "--ask-password", is_flag=True, help="Ask for the password instead of making one (手工输入密码)."
)
@click.pass_obj
def create_account(settings: Settings, login: str, display_name: str, ask_password: bool) -> None:
    """Create an account."""
    from gongzhi.tenants import desk

    password = (
        click.prompt("密码 password", hide_input=True, confirmation_prompt=True) if ask_password else None
    )
    made = run(settings, lambda kernel: desk.create_account(kernel, login, display_name, password=password))
    if made.password is not None:
        console.print(f"密码（仅显示一次）password, shown once: [bold]{made.password}[/]", highlight=False)


@account.command("grant", help="Give an account a role at a node (授权).")
@click.argument("login")
@click.argument("role")
@click.option("--at", "code", required=True, help="The node's division code (辖区代码).")
@click.option("--reason", required=True, help="Why; kept with the grant (事由).")
@click.option("--days", type=int, help="For how many days; without end unless told (天数).")
@click.pass_obj
def grant(settings: Settings, login: str, role: str, code: str, reason: str, days: int | None) -> None:  # noqa: PLR0917
    """Give an account a role at a node."""
    from gongzhi.tenants import desk

    run(settings, lambda kernel: desk.grant(kernel, login, role, code, reason=reason, days=days))
    console.print(f"[green]✓[/] {login}: {role} @ {code}")


@click.group(help="Tokens of integrators (对接令牌).")
def token() -> None:
    """Tokens."""


@token.command("create", help="Make a token bound to a node; it is shown once (新建令牌).")
@click.option("--at", "code", required=True, help="The node's division code (辖区代码).")
@click.option("--label", required=True, help="What it is for (用途).")
@click.option("--role", default="integrator", show_default=True, help="What it may do (角色).")
@click.option(
    "--days", type=click.IntRange(1, 730), default=365, show_default=True, help="For how long (有效天数)."
)
@click.pass_obj
def create_token(settings: Settings, code: str, label: str, role: str, days: int) -> None:  # noqa: PLR0917
    """Make a token."""
    from gongzhi.tenants import desk

    made = run(settings, lambda kernel: desk.create_token(kernel, code, label=label, role=role, days=days))
    console.print(f"令牌（仅显示一次）token, shown once: [bold]{made}[/]", highlight=False, soft_wrap=True)


@token.command("revoke", help="Revoke the tokens of this label at a node (吊销令牌).")
@click.option("--at", "code", required=True, help="The node's division code (辖区代码).")
@click.option("--label", required=True, help="Which (用途).")
@click.pass_obj
def revoke_token(settings: Settings, code: str, label: str) -> None:
    """Revoke tokens."""
    from gongzhi.tenants import desk

    count = run(settings, lambda kernel: desk.revoke_tokens(kernel, code, label))
    console.print(f"[green]✓[/] {count}")


COMMANDS: tuple[click.Command, ...] = (demo, onboard, tenant, plugin, account, token)
