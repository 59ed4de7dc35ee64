"""Structured logs without personal data: events by name, ids and codes; what could identify is cut out."""

import logging
import sys
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, WrappedLogger

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


def without_personal_data(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """Replace the values of keys that could carry a person's data or a secret."""
    for key in entry:
        if key != "event" and any(key == word or key.endswith(f"_{word}") for word in _NEVER):
            entry[key] = "[removed]"
    return entry


def set_up(level: str = "info", style: Literal["console", "json"] = "json") -> None:
    """Send all logs, ours and the libraries', to standard error in one shape."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_personal_data,
    ]
    last: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            last,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("alembic", "uvicorn.access", "dramatiq.worker", "httpx"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
