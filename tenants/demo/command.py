"""``gongzhi demo``: everything at once, and the server left running."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import click
import httpx
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from gongzhi.core.api import EmbeddedPostgres, Kernel, Refusal, Settings, opened
from gongzhi.tenants.demo import stage, story

console = Console(highlight=False, soft_wrap=True)
_QUERY = (Path(__file__).parent / "documents" / "paste.graphql").read_text(encoding="utf-8")


class DemoElsewhere(Refusal):
    """The demonstration has a database of its own and touches no other."""

    code = "DEMO_NEEDS_EMBEDDED"
    zh = "演示只使用内置数据库，请先取消 GONGZHI_DATABASE_URL"
    en = "The demonstration uses the embedded database only; unset GONGZHI_DATABASE_URL"


class DemoRunning(Refusal):
    """The demonstration is running and can't be reset under its feet."""

    code = "DEMO_RUNNING"
    zh = "演示正在运行，请先在其窗口按 Ctrl-C 停止"
    en = "The demonstration is running; stop it first with Ctrl-C in its window"


@click.command(help="Set everything up with a real county and handle a first case (演示).")
@click.option("--exit", "leave", is_flag=True, help="Do it all, then stop (完成后退出).")
@click.option("--reset", is_flag=True, help="Throw the demonstration's data away first (清空演示数据重来).")
@click.pass_obj
def demo(settings: Settings, leave: bool, reset: bool) -> None:
    """Run the demonstration; a second run continues where the first left off."""
    if settings.database_url:
        raise DemoElsewhere
    home = settings.data_dir / "demo"
    home.mkdir(parents=True, exist_ok=True)
    settings = msgspec.structs.replace(settings, data_dir=home, mode="development", key_file=None)
    with _alone(home) as alone:
        if reset:
            _reset(home, alone=alone)
        elif not alone:
            console.print(
                "演示已在运行。 The demonstration is running already; its window shows the addresses."
            )
            return
        with opened(settings) as kernel:
            _run(kernel, settings, home, leave=leave)


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[bool]:
    """True when no other demonstration runs; a killed one has let go of the lock by itself."""
    with (home / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _reset(home: Path, *, alone: bool) -> None:
    if not alone:
        raise DemoRunning
    server = EmbeddedPostgres(home / "postgres")
    with server:
        place = server.place
    for gone in (place, home / "postgres"):
        shutil.rmtree(gone, ignore_errors=True)
    for name in ("demo.json", "keys.json"):
        (home / name).unlink(missing_ok=True)
    console.print("[green]✓[/] 演示数据已清空 the demonstration starts over")


def _run(kernel: Kernel, settings: Settings, home: Path, *, leave: bool) -> None:
    notes = stage.Notes.read(home / "demo.json")
    begun = time.monotonic()
    asyncio.run(_set_the_stage(kernel, notes))
    port = _free_port(settings.port)
    with _processes(settings, home, port) as processes:
        base = f"http://127.0.0.1:{port}"
        _step("启动网页与后台进程 starting web and worker", lambda: _wait_ready(base, processes))
        case = story.play(base, notes, lambda line: console.print(f"  · {line}"))
        counted = _step("后台统计 the worker counts", lambda: story.wait_for_tally(base, notes))
        console.print(
            f"[green]✓[/] 案件 {case['number']} 已从登记办到结案 the case went from intake to closed；"
            f"本社区已结 {counted} 件 closed here ({time.monotonic() - begun:.1f} s)"
        )
        _show(base, settings, notes)
        if not leave:
            _wait_for_the_end(processes)
        console.print("正在停止 stopping …")
    console.print("[green]✓[/] 已全部停止 everything has stopped")


async def _set_the_stage(kernel: Kernel, notes: stage.Notes) -> None:
    try:
        with console.status("数据库 database …"):
            await kernel.migrate()
        console.print("[green]✓[/] 数据库已就绪 the database is ready")
        await _bring_on_board(kernel)
        with console.status("梅营社区 …"):
            await stage.furnish_community(kernel)
            await stage.create_accounts(kernel, notes)
        console.print(
            "[green]✓[/] 梅营社区: 15 个网格、概况、人民调解已启用、演示账号 "
            "15 grids, profile, mediation switched on, accounts"
        )
    finally:
        await kernel.database.dispose()


async def _bring_on_board(kernel: Kernel) -> None:
    bar = Progress(
        TextColumn("易门县 530425"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
    )
    with bar:
        task = bar.add_task("", total=None)

        async def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        outcome = await stage.bring_county_on_board(kernel, progress)
    console.print(
        f"[green]✓[/] 易门县: {outcome.communities} 个社区（村），新建 {outcome.created}，未变 {outcome.unchanged} "
        f"communities on board: {outcome.created} areas created, {outcome.unchanged} unchanged"
    )


def _step(what: str, do: Callable[[], Any]) -> Any:
    with console.status(f"{what} …"):
        done = do()
    console.print(f"[green]✓[/] {what}")
    return done


def _free_port(wanted: int) -> int:
    """The wanted port, or another one when somebody has it."""
    for port in (wanted, 0):
        with contextlib.closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")


@contextlib.contextmanager
def _processes(settings: Settings, home: Path, port: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Web and worker, out of reach of Ctrl-C; stopped here, or by themselves when this process is killed."""
    environment = os.environ | {
        "GONGZHI_DATA_DIR": str(settings.data_dir),
        "GONGZHI_MODE": "development",
        "GONGZHI_PORT": str(port),
    }
    environment.pop("GONGZHI_KEY_FILE", None)
    processes: list[subprocess.Popen[bytes]] = []
    logs: list[IO[bytes]] = []
    try:
        for name in ("serve", "worker"):
            log = home / f"{name}.log"
            log.touch(mode=0o600)
            logs.append(log.open("ab"))
            command = [sys.executable, "-m", "gongzhi.core.cli", name, "--with-parent"]
            processes.append(
                subprocess.Popen(  # noqa: S603  # our own command line
                    command, stdin=subprocess.PIPE, stderr=logs[-1], env=environment, start_new_session=True
                )
            )
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=60)
        for opened_log in logs:
            opened_log.close()


def _wait_ready(base: str, processes: list[subprocess.Popen[bytes]], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for process in processes:
            if process.poll() is not None:
                raise story.StoryStuck(f"{process.args!r} ended with {process.returncode}; see its log")
        try:
            if httpx.get(f"{base}/health/ready", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise story.StoryStuck("the web process was not ready within 60 seconds; see its log")


def _show(base: str, settings: Settings, notes: stage.Notes) -> None:
    lines = [
        f"GraphQL    {base}/graphql",
        f"GraphiQL   {base}/graphiql",
        f"健康 health {base}/health/ready",
        "",
    ]
    lines += ["账号 accounts（密码仅用于本机演示 passwords are for this machine's demo only）"]
    lines += [
        f"  {a['login']:<14} {notes.passwords[a['login']]}  {a['name']} @ {a['at']}"
        for a in stage.SCRIPT["account"]
    ]
    lines += ["", f"对接令牌 integrator's token: {notes.token}", f"数据目录 data folder: {settings.data_dir}"]
    lines += [f"其他命令 other commands: GONGZHI_DATA_DIR={settings.data_dir} .venv/bin/gongzhi tenant list"]
    console.rule("共治 gongzhi")
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)
    console.rule()
    query = " ".join(_QUERY.split())
    console.print("粘贴试一试 paste this:")
    console.print(
        f"curl -s {base}/graphql -H 'Content-Type: application/json' -H 'Authorization: Bearer {notes.token}' "
        f'-d \'{{"query": "{query}"}}\'',
        soft_wrap=True,
        markup=False,
    )


def _wait_for_the_end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Until Ctrl-C, SIGTERM, or until web or worker ends by itself."""
    console.print("运行中，按 Ctrl-C 停止。 Running; press Ctrl-C to stop.")
    stopping = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stopping.set())
    while not stopping.wait(0.5):
        for process in processes:
            if process.poll() is not None:
                raise story.StoryStuck(f"{process.args!r} ended with {process.returncode}; see its log")
