"""``gongzhi``: the command line. Rooms add their groups through ``register_commands``."""

import asyncio
import gc
import os
import signal
import sys
import threading
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from gongzhi.core import logs
from gongzhi.core.errors import Misconfigured, Refusal
from gongzhi.core.kernel import Kernel, opened
from gongzhi.core.metrics import tell_metrics
from gongzhi.core.plugins import Plugins
from gongzhi.core.settings import Settings

console = Console()


class Refusing(click.Group):
    """A group that tells refusals in both languages, with their code, and exits with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a refusal is an answer, not a traceback."""
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            click.secho(f"{refusal.code}", fg="red", bold=True, err=True)
            click.echo(refusal.message("zh"), err=True)
            click.echo(refusal.message("en"), err=True)
            ctx.exit(1)


@click.group(cls=Refusing, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gongzhi")
@click.pass_context
def main(ctx: click.Context) -> None:
    """共治 gongzhi: one platform for the grassroots work of a county's communities.

    Settings come from GONGZHI_… in the environment and from gongzhi.toml in the data folder.
    """
    if ctx.invoked_subcommand is not None:
        settings = Settings.load()
        style = "console" if sys.stderr.isatty() else settings.log_format
        logs.set_up(settings.log_level, style)
        ctx.obj = settings


@main.command(help="Create or update the database of everything installed (迁移数据库).")
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Run all histories, then reconcile policies and grants."""
    with opened(settings) as kernel, console.status("迁移数据库 migrating …"):
        changed = asyncio.run(_migrate(kernel))
    console.print(
        f"[green]✓[/] 数据库已就绪 the database is up to date ({len(changed)} policies and grants changed)"
    )


async def _migrate(kernel: Kernel) -> list[str]:
    try:
        return await kernel.migrate()
    finally:
        await kernel.database.dispose()


@main.command(help="Serve HTTP (启动网页与接口服务).")
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=int, help="The port to listen on.")
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input closes.")
@click.pass_obj
def serve(settings: Settings, host: str | None, port: int | None, with_parent: bool) -> None:
    """The web process; SIGTERM and Ctrl-C end it after the requests under way."""
    import uvicorn

    from gongzhi.core.app import make_app

    if with_parent:
        _end_with_parent()
    tell_metrics(settings.metrics_port)
    with opened(settings) as kernel:
        app = make_app(kernel)
        # Schema, models and mappings live as long as the process; looking through them again and again for
        # garbage takes tens of milliseconds at a time, which some request would have to wait.
        gc.collect()
        gc.freeze()
        # What requests leave behind dies young; looking through all that is known of callers and documents (forty
        # milliseconds for 2,000 communities) is for once in a while.
        gc.set_threshold(20_000, 20, 50)
        uvicorn.run(
            app,
            host=host or settings.host,
            port=settings.port if port is None else port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=20,
        )


@main.command(help="Work in the background: relay events, run tasks (启动后台进程).")
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input closes.")
@click.pass_obj
def worker(settings: Settings, with_parent: bool) -> None:
    """The worker process; SIGTERM and Ctrl-C end it after the messages under way."""
    from gongzhi.core.worker import run_worker

    if with_parent:
        _end_with_parent()
    tell_metrics(settings.metrics_port)
    with opened(settings) as kernel:
        run_worker(kernel)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went."""

    def wait() -> None:
        # Not through sys.stdin: a thread that waits in it when the interpreter ends makes it crash.
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


@main.command(help="Look for what ails the installation (体检).")
@click.pass_obj
def doctor(settings: Settings) -> None:
    """Run all health checks and show where things lie; exits with 1 when something needed ails."""
    from gongzhi.core.health import examine

    async def look(kernel: Kernel) -> list[Any]:
        try:
            return await examine(kernel)
        finally:
            await kernel.database.dispose()

    with opened(settings) as kernel:
        findings = asyncio.run(look(kernel))
        table = Table("检查 check", "结果 finding")
        for finding in findings:
            table.add_row(
                finding.name, "[green]well[/]" if finding.ails is None else f"[red]{finding.ails}[/]"
            )
        console.print(table)
        console.print(f"数据目录 data folder: {settings.data_dir}")
        console.print(
            f"数据库 database: {kernel.database.address.hosts or kernel.database.address.options.get('host')}"
        )
        for card in kernel.plugins.cards.values():
            console.print(f"模块 plugin: {card.name} {card.version} {card.zh}")
    if any(finding.needed and finding.ails for finding in findings):
        raise SystemExit(1)


@main.group(help="The audit (审计).")
def audit() -> None:
    """The audit."""


@audit.command(help="Verify that no sealed entry was changed or removed (核验审计链).")
@click.pass_obj
def verify(settings: Settings) -> None:
    """Follow every chain; exits with 1 when one is broken."""
    from gongzhi.core.audit import Verdict
    from gongzhi.core.audit import verify as follow

    async def all_of(kernel: Kernel) -> list[Verdict]:
        try:
            return [verdict async for verdict in follow(kernel)]
        finally:
            await kernel.database.dispose()

    with opened(settings) as kernel:
        verdicts = asyncio.run(all_of(kernel))
    broken = [verdict for verdict in verdicts if verdict.broken_at is not None]
    for verdict in broken:
        console.print(
            f"[red]✗[/] {verdict.stream}: 第{verdict.broken_at}条起不符 broken from entry {verdict.broken_at}"
        )
    sealed, waiting = sum(v.sealed for v in verdicts), sum(v.unsealed for v in verdicts)
    console.print(
        f"{len(verdicts)} streams, {sealed} sealed entries, {waiting} waiting, {len(broken)} broken"
    )
    if broken:
        raise SystemExit(1)


def _add_commands_of_rooms() -> None:
    for plugin, command in Plugins.installed().ask_each("register_commands"):
        if command.name in main.commands:
            raise Misconfigured(
                problem=f"two plugins offer the command {command.name!r}; the second is {plugin}"
            )
        main.add_command(command)


_add_commands_of_rooms()

if __name__ == "__main__":
    main()
