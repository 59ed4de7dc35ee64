"""Structured logs without personal data: events by name, ids and codes; what could identify is cut out."""

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Any, Literal

import asyncpg
import psycopg
import sqlalchemy.exc
import structlog
from structlog.typing import EventDict, WrappedLogger

REMOVED = "[removed]"
#: Keys whose values never reach a log, whoever writes them.
_NEVER = (
    "password",
    "token",
    "secret",
    "phone",
    "id_number",
    "name",
    "address",
    "content",
    "title",
    "cookie",
)
#: A mobile number or an identity number that stands by itself in a text; ids of ours hold letters and hyphens.
_NUMBER = re.compile(r"(?<![\w-])(?:1[3-9]\d{9}|\d{17}[\dXx])(?![\w-])")
#: Errors that quote what was stored or sent, and what may be told of them.
_DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, psycopg.Error)
_FACTS = ("sqlstate", "schema_name", "table_name", "column_name", "constraint_name")
_LONGEST_SQL = 500


def without_personal_data(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """Replace what could carry a person's data or a secret: values by their keys, numbers by their looks."""
    return {key: value if key == "exc_info" else _cleared(key, value) for key, value in entry.items()}


def _cleared(key: str, value: Any) -> Any:
    if any(key == word or key.endswith(f"_{word}") for word in _NEVER):
        return REMOVED
    if isinstance(value, Mapping):
        return {str(inner): _cleared(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleared("", item) for item in value]
    if isinstance(value, BaseException):
        return told_of(value)
    return _NUMBER.sub(REMOVED, value) if isinstance(value, str) else value


def told_of(error: BaseException) -> str:
    """What may be written of an error: its kind, and its message unless a database quoted rows in it."""
    kind = type(error).__qualname__
    if isinstance(error, sqlalchemy.exc.StatementError):
        cause = error.driver_exception if isinstance(error, sqlalchemy.exc.DBAPIError) else error.orig
        told = "" if cause is None else f": {told_of(cause)}"
        return f"{kind}{told} [SQL: {(error.statement or '')[:_LONGEST_SQL]}]"
    if isinstance(error, _DATABASE_ERRORS) or type(error).__module__.startswith("sqlalchemy.dialects"):
        source = getattr(error, "diag", error)
        facts = ((name, getattr(source, name, None)) for name in _FACTS)
        return " ".join((kind, *(f"{name}={fact}" for name, fact in facts if fact)))
    message = _NUMBER.sub(REMOVED, str(error))
    return f"{kind}: {message}" if message else kind


def traceback_of(error: BaseException, *, _seen: frozenset[int] = frozenset()) -> str:
    """The frames of an error and of what led to it, without the values of local variables."""
    seen = _seen | {id(error)}
    parts = []
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        parts += [traceback_of(before, _seen=seen), "\nwhich led to:\n"]
    parts += ["".join(traceback.format_tb(error.__traceback__)) + told_of(error)]
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        parts += ["\namong them:\n", traceback_of(inner, _seen=seen)]
    return "\n".join(parts)


def _exception_as_text(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """Turn ``exc_info`` into a text of ours; nothing later in the chain sees the exception itself."""
    given = entry.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        entry["exception"] = traceback_of(error)
    return entry


def formatter(style: Literal["console", "json"]) -> structlog.stdlib.ProcessorFormatter:
    """What shapes a log line, ours or a library's."""
    last: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _exception_as_text,
            last,
        ],
    )


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_personal_data,
    ]


def set_up(level: str = "info", style: Literal["console", "json"] = "json") -> None:
    """Send all logs, ours and the libraries', to standard error in one shape."""
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(style))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("alembic", "uvicorn.access", "dramatiq.worker", "httpx"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
