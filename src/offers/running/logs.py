"""granian's own messages in the form of ours."""

from __future__ import annotations

import logging
from typing import Any

from offers.logs import JsonLines

__all__ = ["granian_logging"]


class _Intended(logging.Filter):
    """Drops granian's advice against many threads: they wait for the online store, not for a core."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Configuration allows spawning up to")


def granian_logging() -> dict[str, Any]:
    """granian's logging, as ``dictConfig`` wants it: the same lines to the same place."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": JsonLines}},
        "filters": {"intended": {"()": _Intended}},
        "handlers": {
            "lines": {
                "class": "logging.StreamHandler",
                "formatter": "lines",
                "filters": ["intended"],
                "stream": "ext://sys.stderr",
            }
        },
        "loggers": {
            "_granian": {"handlers": ["lines"], "level": "INFO", "propagate": False},
            "granian.access": {"handlers": ["lines"], "level": "INFO", "propagate": False},
        },
    }
