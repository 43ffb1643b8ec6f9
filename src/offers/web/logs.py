"""Logs: one JSON object per line on standard error, each with the request id it belongs to."""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import orjson

__all__ = ["LOGGER", "JsonLines", "configure", "request_id_of"]

LOGGER = "offers.web"
_GIVEN = re.compile(r"^[A-Za-z0-9._:/+=-]{1,128}$")
_ORDINARY = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})


class JsonLines(logging.Formatter):
    """A record as one JSON line: ``at``, ``level``, ``logger``, ``event``, what ``extra`` held, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            "pid": record.process,
        }
        line |= {k: v for k, v in vars(record).items() if k not in _ORDINARY}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure(level: str) -> None:
    """Send this process's logs to standard error as JSON lines; called by whoever starts a process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("offers").setLevel(level.upper())


def request_id_of(environ: dict[str, Any]) -> str:
    """The caller's ``X-Request-Id`` when it is harmless to print, else a new one of 16 hex characters."""
    given: str | None = environ.get("HTTP_X_REQUEST_ID")
    if given is not None and _GIVEN.match(given):
        return given
    return token_hex(8)
