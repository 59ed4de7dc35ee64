"""What a page is tried with: the terminal a reader types into, a running demonstration, a bad line to it."""

import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """What came of some commands: the status of the last one that failed, and what they printed."""

    status: int
    printed: str
    complaints: str


class Terminal:
    """One bash: what some commands set, the next ones find.

    :param folder: for the commands and what they print.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._folder = folder
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._type("set -E -o pipefail; trap 'FAILED=$?' ERR")

    def run(self, commands: str) -> Ran:
        """Run some commands to their end."""
        typed, out, err = (self._folder / name for name in ("commands.sh", "out", "err"))
        typed.write_text(commands, encoding="utf-8")
        self._type(f"FAILED=0; . '{typed}' </dev/null >'{out}' 2>'{err}'; echo $FAILED")
        assert self._bash.stdout is not None
        status = self._bash.stdout.readline().strip()
        printed, complaints = out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
        return Ran(int(status or 255), printed, complaints)

    def _type(self, line: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(f"{line}\n")
        self._bash.stdin.flush()

    def close(self) -> None:
        """End it, with whatever still runs in it."""
        with self._bash:
            os.killpg(self._bash.pid, signal.SIGKILL)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """``terminal(GZ_URL=…)``: a terminal in the checkout with these variables; nothing is cached outside the test."""
    folder = tmp_path / "terminal"
    folder.mkdir()
    installed = {"PIP_NO_CACHE_DIR": "1", "npm_config_cache": str(tmp_path / "npm")}
    with ExitStack() as opened:

        def open_one(**variables: str) -> Terminal:
            environment = _without_settings() | installed | variables
            return opened.enter_context(closing(Terminal(environment, folder)))

        yield open_one


@dataclass(frozen=True)
class Demonstration:
    """What a running demonstration printed for an integrator."""

    url: str
    token: str
    folder: str


@pytest.fixture(scope="session")
def demonstration() -> Iterator[Demonstration]:
    """``gongzhi demo`` as ``make demo`` runs it, on a port and in a folder of its own, stopped by Ctrl-C."""
    home = Path(tempfile.mkdtemp(prefix="gongzhi-docs-"))
    home.chmod(0o711)  # for the user that runs PostgreSQL when the tests run as root
    environment = _without_settings() | {"GONGZHI_DATA_DIR": str(home), "GONGZHI_PORT": "0"}
    with subprocess.Popen(
        [sys.executable, "-m", "gongzhi.core.cli", "demo"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield _told(process)
        finally:
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=60)
            shutil.rmtree(home)
    assert process.returncode == 0, rest


def _told(process: subprocess.Popen[str]) -> Demonstration:
    """What it prints until it runs."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if "Ctrl-C" in line:
            break
    patterns = (r"GraphQL +(\S+)/graphql", r"token: (gz_\S+)", r"data folder: (\S+)")
    told = [re.search(pattern, printed) for pattern in patterns]
    assert all(told), printed
    return Demonstration(*(found[1] for found in told if found))


def _without_settings() -> dict[str, str]:
    """The environment without anything that our commands read as a setting."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GONGZHI_")}


#: Costs two seconds more than the stingy server gives at once.
_DEAR = json.dumps(
    {"query": f"{{ {' '.join(f'a{n}: areas(first: 500) {{ nodes {{ code }} }}' for n in range(4))} }}"}
)


@pytest.fixture(scope="session")
def stingy(demonstration: Demonstration) -> Iterator[str]:
    """The address of a second web process of the demonstration, on which a caller has 1,000 points to spend."""
    settings = {"DATA_DIR": demonstration.folder, "MODE": "development", "PORT": "0"}
    settings |= {"QUERY_BUDGET": "1000", "QUERY_REFILL": "500"}
    with subprocess.Popen(
        [sys.executable, "-m", "gongzhi.core.cli", "serve"],
        env=_without_settings() | {f"GONGZHI_{name}": value for name, value in settings.items()},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            told = (re.search(r"running on (http://[\w.:]+)", line) for line in process.stderr)
            yield next(found[1] for found in told if found)
        finally:
            process.terminate()
            process.communicate(timeout=60)


class BadLine(http.server.ThreadingHTTPServer):
    """A line to the stingy server on which the caller's budget is used up, and one answer to a command gets lost.

    :param lost: the key of the command whose answer was lost; it was carried out.
    :param passed_on: the status of every answer that came through.
    """

    daemon_threads = True
    lost: str | None = None
    used_up = False

    def __init__(self, beyond: str) -> None:
        super().__init__(("127.0.0.1", 0), _Carrier)
        self.beyond = beyond
        self.passed_on: list[int] = []

    @property
    def url(self) -> str:
        """Where it begins."""
        return f"http://127.0.0.1:{self.server_port}"


class _Carrier(http.server.BaseHTTPRequestHandler):
    server: BadLine

    def do_POST(self) -> None:
        """Carry a request and its answer, or lose the answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.used_up:
            self.server.used_up = True
            self._carry(_DEAR.encode()).raise_for_status()
        answer = self._carry(body)
        key = json.loads(body)["variables"].get("key")
        if key and self.server.lost is None and answer.is_success:
            self.server.lost = key
            return
        self.server.passed_on.append(answer.status_code)
        self.send_response(answer.status_code)
        for name in {"content-type", "retry-after"} & answer.headers.keys():
            self.send_header(name, answer.headers[name])
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def _carry(self, body: bytes) -> httpx.Response:
        own = {"host", "content-length", "connection"}
        told = {name: value for name, value in self.headers.items() if name.lower() not in own}
        return httpx.post(f"{self.server.beyond}{self.path}", content=body, headers=told, timeout=30)

    def log_message(self, *_: object) -> None:
        """Nothing is told on the terminal of the tests."""


@pytest.fixture
def bad_line(stingy: str) -> Iterator[BadLine]:
    """A new bad line, on which nothing has happened yet."""
    with BadLine(stingy) as line:
        serving = threading.Thread(target=line.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield line
        line.shutdown()
        serving.join()
