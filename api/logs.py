"""What the server says to its operator: one line an event on stderr, JSON or readable.

Never in a line: keys, tokens, private values, query strings. Tracebacks show no variables.
"""

from __future__ import annotations

import logging
import logging.config
import os
import sys
from contextvars import ContextVar
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from ledger.settings import Settings

# Of the request that is being answered; "" outside of one.
REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
_TIME: Final = structlog.processors.TimeStamper(fmt="iso", utc=True)
_WORDS: Final = ("time", "level", "event")


def configure(settings: Settings) -> None:
    """Send everything that is logged, uvicorn's lines too, through one form."""
    as_json = is_json(settings)
    shared = (structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, _add_request, _TIME)
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        last += [structlog.processors.format_exc_info, _render_json]
    else:
        plain = structlog.dev.plain_traceback
        last.append(structlog.dev.ConsoleRenderer(exception_formatter=plain, colors=False))
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter, "processors": last, "foreign_pre_chain": shared,
    }  # fmt: skip
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": formatter},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            # Libraries at debug would tell what passes through them, passwords of forms too.
            "root": {"handlers": ["stderr"], "level": "WARNING"},
            "loggers": {"remelt": {"level": settings.log_level.upper()}},
        }
    )


def is_json(settings: Settings) -> bool:
    if settings.log_format == "auto":
        return not sys.stderr.isatty()
    return settings.log_format == "json"


def _add_request(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    request_id = REQUEST_ID.get()
    if request_id:
        event["request_id"] = request_id
    event["process"] = os.getpid()
    return event


def _render_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    event["time"] = event.pop("timestamp", "")
    first = {name: event.pop(name) for name in _WORDS if name in event}
    return orjson.dumps({**first, **event}, default=repr).decode()
