"""Events that were refused, as sent and with the reason, by day: to be mended and sent again.

One NDJSON file per day under ``refused`` of the data directory, kept 30 days, each at most 256 MiB. Losing one is no
loss of data that was acknowledged, so a full disk is logged and nothing more.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from offers.clock import Clock, from_us
from offers.errors import FieldError
from offers.web.problems import field_dict

__all__ = ["DeadLetters"]

_KEPT_DAYS = 30
_MOST_BYTES = 256 << 20
_log = logging.getLogger(__name__)


class DeadLetters:
    """Appends to the day's file; safe for threads and for several processes (one ``write`` with O_APPEND)."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._pruned = ""
        self._lock = Lock()

    def keep(self, refused: Sequence[tuple[Any, Sequence[FieldError]]]) -> None:
        """Write each document with its faults. Never raises."""
        if not refused:
            return
        now = from_us(self._clock.now_us())
        day = now.date().isoformat()
        lines = []
        for document, faults in refused:
            errors = [field_dict(f) for f in faults]
            try:
                line = orjson.dumps({"refused_at": now.isoformat(), "errors": errors, "event": document})
            except TypeError:
                line = orjson.dumps({"refused_at": now.isoformat(), "errors": errors, "event": repr(document)[:10_000]})
            lines.append(line + b"\n")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._prune(day)
            path = self._folder / f"{day}.ndjson"
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            try:
                if os.fstat(descriptor).st_size < _MOST_BYTES:
                    os.write(descriptor, b"".join(lines))
            finally:
                os.close(descriptor)
        except OSError as error:
            _log.warning("refused events could not be kept: %s", error.strerror)

    def _prune(self, day: str) -> None:
        with self._lock:
            if self._pruned == day:
                return
            self._pruned = day
        oldest = (from_us(self._clock.now_us()).date() - timedelta(days=_KEPT_DAYS)).isoformat()
        for path in self._folder.glob("????-??-??.ndjson"):
            if path.stem < oldest:
                path.unlink(missing_ok=True)
