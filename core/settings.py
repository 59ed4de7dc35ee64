"""The installation's settings: from the environment, from ``gongzhi.toml``, checked before anything starts."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
import platformdirs

from gongzhi.core.errors import Misconfigured

_PREFIX = "GONGZHI_"


def default_data_dir() -> Path:
    """``/var/lib/gongzhi`` for root, the user's data folder for everybody else."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/gongzhi")
    return Path(platformdirs.user_data_dir("gongzhi", appauthor=False))


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may decide. Each is ``GONGZHI_<NAME>`` in the environment and ``name`` in the file."""

    #: Where the embedded database, the key ring and other files of the installation lie.
    data_dir: Path = msgspec.field(default_factory=default_data_dir)
    #: ``development`` offers GraphiQL and plain-HTTP cookies; ``production`` refuses both.
    mode: Literal["development", "production"] = "production"
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8000
    #: A PostgreSQL 16 or later without user; empty starts the embedded one.
    database_url: str | None = None
    #: A superuser's URL; only ``gongzhi migrate`` reads it, to create roles and database.
    database_admin_url: str | None = None
    database_owner_password: str | None = None
    database_app_password: str | None = None
    database_system_password: str | None = None
    #: Connections of one process to PostgreSQL as the serving role.
    database_pool_size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 10
    #: Empty keeps tasks in PostgreSQL; ``redis://…`` uses Redis.
    broker_url: str | None = None
    #: Where the key ring lies, if not in the data folder.
    key_file: Path | None = None
    worker_threads: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    session_hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 30)] = 12
    #: Failed sign-ins of one account or address within fifteen minutes before it has to wait.
    sign_in_attempts: Annotated[int, msgspec.Meta(ge=3, le=1000)] = 10
    log_format: Literal["console", "json"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __repr__(self) -> str:
        """The settings without their secrets."""
        shown = (name for name in self.__struct_fields__ if "password" not in name and "url" not in name)
        return f"Settings({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    @property
    def keys(self) -> Path:
        """The key ring's file."""
        return self.key_file or self.data_dir / "keys.json"

    @property
    def database_passwords(self) -> dict[str, str]:
        """The passwords of the three database roles, where they have one."""
        given = {
            "gongzhi_owner": self.database_owner_password,
            "gongzhi_app": self.database_app_password,
            "gongzhi_system": self.database_system_password,
        }
        return {role: password for role, password in given.items() if password}

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read file and environment; the environment wins.

        :raises Misconfigured: a setting is unknown or does not fit; the message names it and its source.
        """
        environ = os.environ if environ is None else environ
        told = {
            name.removeprefix(_PREFIX).lower(): value
            for name, value in environ.items()
            if name.startswith(_PREFIX) and value != ""
        }
        named_file = told.pop("config", None)
        data_dir = Path(told.get("data_dir", default_data_dir()))
        file = Path(named_file) if named_file else data_dir / "gongzhi.toml"
        unknown = sorted(told.keys() - set(cls.__struct_fields__))
        if unknown:
            raise Misconfigured(problem=f"unknown: {', '.join(f'{_PREFIX}{n.upper()}' for n in unknown)}")
        values = _read(file, required=named_file is not None) | told
        try:
            return msgspec.convert(values, cls, strict=False, dec_hook=_path)
        except msgspec.ValidationError as error:
            raise Misconfigured(problem=f"{error} ({_PREFIX}… or {file})") from error


def _path(kind: type[Any], value: Any) -> Any:
    """What msgspec does not know by itself: a path."""
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    raise NotImplementedError(kind)


def _read(file: Path, *, required: bool) -> dict[str, Any]:
    if not file.exists() and not required:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(problem=f"{file}: {error}") from error
