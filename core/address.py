"""Where the database is, and how each role reaches it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from gongzhi.core.errors import Misconfigured

#: libpq's options that asyncpg calls by another name.
_ASYNCPG = {"sslmode": "ssl"}


@dataclass(frozen=True)
class DatabaseAddress:
    """A database without a user: ``url_for`` puts in the role and its password.

    :param hosts: ``host[:port]`` of a TCP server, or empty where ``options`` name a socket directory.
    """

    hosts: str
    database: str
    options: Mapping[str, str] = field(default_factory=dict)
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, url: str, passwords: Mapping[str, str]) -> Self:
        """The address this setting names.

        :raises Misconfigured: the URL is not PostgreSQL's, names no database, or carries a user.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("postgresql", "postgres"):
            raise Misconfigured(problem="database_url: begins with postgresql:// / 须以 postgresql:// 开头")
        if parts.username is not None:
            raise Misconfigured(
                problem="database_url: leave the user out; the roles gongzhi_owner, gongzhi_app and "
                "gongzhi_system connect with passwords of their own / 地址中不要写用户名"
            )
        database = parts.path.lstrip("/")
        if not database:
            raise Misconfigured(problem="database_url: ends with the database's name / 须以数据库名结尾")
        return cls(parts.netloc, database, dict(parse_qsl(parts.query)), dict(passwords))

    def password(self, role: str) -> str | None:
        """The password of this role, or None where the server asks for none."""
        return self.passwords.get(role)

    def url_for(self, role: str, *, driver: str = "") -> str:
        """A URL for this role; ``driver`` is SQLAlchemy's (``asyncpg``, ``psycopg``) or empty for libpq."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        password = self.password(role)
        user = role if password is None else f"{role}:{quote(password, safe='')}"
        options = {
            _ASYNCPG.get(name, name) if driver == "asyncpg" else name: v for name, v in self.options.items()
        }
        query = f"?{urlencode(options)}" if options else ""
        return f"{scheme}://{user}@{self.hosts}/{self.database}{query}"
