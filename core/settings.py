"""The installation's settings: from the environment, from ``gongzhi.toml``, checked before anything starts."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin, get_type_hints

import msgspec
import platformdirs

from gongzhi.core.errors import Misconfigured, Words
from gongzhi.core.wording import worded

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
    #: Points a caller may spend on GraphQL at once, and points that come back each second.
    query_budget: Annotated[int, msgspec.Meta(ge=1000)] = 200_000
    query_refill: Annotated[int, msgspec.Meta(ge=1)] = 4_000
    #: Where the process tells its metrics to a Prometheus on this machine; nowhere unless set.
    metrics_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    log_format: Literal["console", "json"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __repr__(self) -> str:
        """The settings without their secrets."""
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The same for rich, which would otherwise ask msgspec for everything."""
        shown = (name for name in self.__struct_fields__ if "password" not in name and "url" not in name)
        return [(name, getattr(self, name)) for name in shown]

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
        file = Path(named_file or data_dir / "gongzhi.toml").expanduser()
        in_file = _read(file, required=named_file is not None)
        sources = {name: f"{name} ({file})" for name in in_file}
        sources |= {name: _PREFIX + name.upper() for name in told}
        unknown = sorted(source for name, source in sources.items() if name not in cls.__struct_fields__)
        if unknown:
            names = ", ".join(unknown)
            raise Misconfigured(problem=Words(zh=f"没有这样的设置：{names}", en=f"unknown: {names}"))
        kinds = get_type_hints(cls, include_extras=True)
        fitting = {
            name: _fitting(kinds[name], value, sources[name]) for name, value in (in_file | told).items()
        }
        return cls(**fitting)


def _fitting(kind: Any, value: Any, source: str) -> Any:
    try:
        return msgspec.convert(value, kind, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        # Neither the value nor msgspec's own words: either may be a secret.
        said = worded(str(error))
        allowed = f" ({' | '.join(get_args(kind))})" if get_origin(kind) is Literal else ""
        raise Misconfigured(
            problem=Words(zh=f"{source}：{said.zh}{allowed}", en=f"{source}: {said.en}{allowed}")
        ) from None


def _path(kind: type[Any], value: Any) -> Any:
    """What msgspec does not know by itself: a path."""
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    raise ValueError("Expected a path")


def _read(file: Path, *, required: bool) -> dict[str, Any]:
    if not file.exists() and not required:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problem = Words(zh=f"无法读取 {file}：{error}", en=f"{file} cannot be read: {error}")
        raise Misconfigured(problem=problem) from error
