"""The embedded PostgreSQL: started by whoever needs it first, shared by all, stopped by the last."""

import fcntl
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from gongzhi.core.embedded_answers import (
    PORT,
    Address,
    DataGone,
    EmbeddedUnavailable,
    FolderClosed,
    NoSpace,
    Postmaster,
    WheelMissing,
)
from gongzhi.core.embedded_ground import (
    Runner,
    locked,
    open_lock,
    place_of,
    programs,
    socket_folder,
    wheel,
)

__all__ = [
    "Address",
    "DataGone",
    "EmbeddedPostgres",
    "EmbeddedUnavailable",
    "FolderClosed",
    "NoSpace",
    "WheelMissing",
]

#: Written into the new cluster's postgresql.conf, where whoever runs it may change them.
_DEFAULTS = {
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "max_logical_replication_workers": "0",
    "log_checkpoints": "off",
    # People send this log in; it must not hold what they stored (values stand in statements and details).
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
#: A start that fails for one of these succeeds as soon as what a killed process left behind has ended.
_PASSING = ("is still in use", "already exists")
#: Seconds to wait for the server that somebody else is starting or stopping.
_PATIENCE = 120
#: Seconds for our own start: replaying the log after a crash takes its time.
_START_LIMIT = 600
_LOG_LIMIT = 10 * 1024 * 1024


class EmbeddedPostgres:
    """A PostgreSQL of our own in a folder, for every process of this machine that names the folder.

    As a context manager it starts, gives its address, and stops. The superuser is ``postgres``; whoever can
    reach the socket is trusted, and that is the user that runs the server, and root.

    :param settings: settings of the server, by name; they count when this start is the one that launches it.
    :param durable: False for tests: a crash may cost the last commits, and one of the machine all of them.
    """

    def __init__(
        self, folder: Path, *, settings: Mapping[str, str] | None = None, durable: bool = True
    ) -> None:
        self.folder = folder.expanduser().resolve()
        self._settings = {**({} if durable else _NOT_DURABLE), **(settings or {})}
        self._durable = durable
        #: Where the data lies; the folder, unless root's server cannot enter it. Known after the first start.
        self.place = self.folder
        self._lock: int | None = None

    def __enter__(self) -> Address:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @staticmethod
    def pg_bin(name: str) -> Path:
        """The client program of this name (``pg_dump``, ``psql``) that belongs to the server.

        :raises WheelMissing: none was installed with us.
        """
        return wheel() / "bin" / name

    def start(self) -> Address:
        """Join the server, starting or mending it where need be; again is harmless.

        :raises EmbeddedUnavailable: with the end of the server's log and a remedy.
        """
        with self._troubles_told():
            self.place = place_of(self.folder)
            with locked(self.place / "start.lock") as lock:
                address = self._running(lock)
                if self._lock is None:
                    self._lock = open_lock(self.place / "users.lock")
                    fcntl.flock(self._lock, fcntl.LOCK_SH)
                return address

    def stop(self) -> None:
        """Leave the server, and stop it when nobody else uses it; again is harmless.

        :raises EmbeddedUnavailable: the server would not stop.
        """
        if self._lock is None:
            return
        with self._troubles_told(), locked(self.place / "start.lock") as lock:
            # Closed, not unlocked: a forked child may use the server still.
            os.close(self._lock)
            self._lock = None
            server = Postmaster.of(self._cluster)
            if self._is_last() and server is not None and server.alive:
                self._halt(lock)
                # It may stand in the public temporary folder.
                with suppress(OSError):
                    Path(server.address.host).rmdir()

    @property
    def _cluster(self) -> Path:
        return self.place / "cluster"

    @property
    def _runner(self) -> Runner:
        return Runner.of(self._cluster)

    @contextmanager
    def _troubles_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EmbeddedUnavailable.because(error, self.folder) from error

    def _is_last(self) -> bool:
        lock = open_lock(self.place / "users.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        return True

    def _running(self, lock: int) -> Address:
        """The address of a server that serves. The caller holds the lock on starting and stopping."""
        deadline = time.monotonic() + _PATIENCE
        trouble = "the server neither came up nor went down"
        while time.monotonic() < deadline:
            server = Postmaster.of(self._cluster)
            if server is not None and server.ready:
                return server.address
            if server is None or not (server.alive or server.answers):
                said = self._launch(lock, server)
                if said is None:
                    continue
                trouble = said
                if not any(sign in said for sign in _PASSING):
                    break
            elif server.status == "ready":
                # It lives and cannot be reached: its socket was swept away.
                self._halt(lock)
            # A start whose caller was killed is still under way, or a killed server's backends are.
            time.sleep(0.05)
        raise EmbeddedUnavailable.because(trouble, self.folder)

    def _launch(self, lock: int, dead: Postmaster | None) -> str | None:
        """Start the server; None when it serves, else what it said."""
        runner = self._runner
        if not runner.can_enter(self.place):
            raise FolderClosed(folder=self.place, log=f"uid {runner.uid}: cd {self.place}")
        binaries = programs(runner)
        if not self._cluster.exists():
            self._create(lock, runner, binaries)
        sockets = socket_folder(self.place, runner)
        self._clear(dead, sockets)
        log = self._fresh_log(runner)
        begin = log.stat().st_size
        # Paths that go through pg_ctl's shell are quoted here, or relative.
        started = runner.run(
            *(binaries / "pg_ctl", "start", "--silent", "--wait", "--timeout", str(_START_LIMIT)),
            *("--log", log.name, "--options", self._options(sockets)),
            cwd=self.place,
            env={"PGDATA": str(self._cluster)},
        )
        if started.returncode == 0:
            return None
        with log.open("rb") as lines:
            lines.seek(begin)
            said = lines.read()[-4000:].decode(errors="replace").splitlines()[-12:]
        return "\n".join([*started.stderr.splitlines(), *said])

    def _options(self, sockets: Path) -> str:
        quoted = str(sockets).replace('"', '""')
        fixed = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{quoted}"',
            "unix_socket_permissions": "0700",
            "port": str(PORT),
        }
        settings = [f"{name}={value}" for name, value in {**self._settings, **fixed}.items()]
        return shlex.join(["-D", str(self._cluster), *(word for one in settings for word in ("-c", one))])

    def _create(self, lock: int, runner: Runner, binaries: Path) -> None:
        """Make the cluster beside its name and name it when it is whole: a kill leaves no half of one."""
        for leftover in self.place.glob("cluster.new*"):
            shutil.rmtree(leftover, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix="cluster.new.", dir=self.place))
        runner.own(new)
        made = runner.run(
            *(binaries / "initdb", "--pgdata", new, "--username=postgres", "--no-instructions"),
            *("--locale=C", "--encoding=UTF8", "--auth-local=trust", "--auth-host=reject"),
            *(word for name, value in _DEFAULTS.items() for word in ("--set", f"{name}={value}")),
            *(() if self._durable else ("--no-sync",)),
            holding=(lock,),
        )
        if made.returncode != 0:
            shutil.rmtree(new, ignore_errors=True)
            raise EmbeddedUnavailable.because(made.stderr, self.folder)
        new.rename(self._cluster)
        # The new name must reach the disk before the first committed row does.
        place = os.open(self.place, os.O_RDONLY)
        os.fsync(place)
        os.close(place)

    def _clear(self, dead: Postmaster | None, sockets: Path) -> None:
        """Take away what a dead server left and PostgreSQL would believe: its number may be another's."""
        if dead is not None and dead.misleads:
            (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (sockets / name).unlink(missing_ok=True)

    def _fresh_log(self, runner: Runner) -> Path:
        log = self.place / "postgres.log"
        if log.exists() and log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600))
        runner.own(log)
        return log

    def _halt(self, lock: int) -> None:
        """Stop the server: cleanly, or, if it does not heed, at once; it then recovers at its next start.

        Should we be killed meanwhile, nobody joins or starts a server before pg_ctl has seen this one end.
        """
        runner = self._runner
        pg_ctl = programs(runner) / "pg_ctl"
        for mode in ("fast", "immediate"):
            stopped = runner.run(
                *(pg_ctl, "stop", "--silent", "--wait", "--timeout", str(_PATIENCE), "--mode", mode),
                env={"PGDATA": str(self._cluster)},
                holding=(lock,),
            )
            if stopped.returncode == 0:
                return
        raise EmbeddedUnavailable.because(stopped.stderr, self.folder)
