"""What the scheduler did last, job by job: a small file that outlives the process, and gauges for operators."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Journal", "Outcome", "Record", "read_journal"]

Outcome = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Record:
    """The last run of a job. ``started_at``: µs; ``mark``: what the job wants to remember, as it likes."""

    started_at: int
    seconds: float
    outcome: Outcome
    detail: str = ""
    mark: str = ""


def read_journal(path: Path) -> dict[str, Record]:
    """The last run of every job that ever ran; a file that cannot be read counts as none."""
    try:
        found: dict[str, dict[str, Any]] = json.loads(path.read_bytes())
        return {name: Record(**fields) for name, fields in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


class Journal:
    """The journal of one worker; for its threads. Gauges appear in the metrics of all processes."""

    def __init__(self, path: Path) -> None:
        from prometheus_client import Gauge

        self._path = path
        self._mutex = threading.Lock()
        self._records = read_journal(path)
        labels = ["job", "outcome"]
        self._at = Gauge(
            "offers_job_last_run_timestamp_seconds",
            "When a job of the worker last ended so",
            labels,
            registry=None,
            multiprocess_mode="mostrecent",
        )
        self._took = Gauge(
            "offers_job_last_run_seconds",
            "How long the last run of a job of the worker took",
            ["job"],
            registry=None,
            multiprocess_mode="mostrecent",
        )
        for name, record in self._records.items():
            self._show(name, record)

    def last(self, name: str) -> Record | None:
        with self._mutex:
            return self._records.get(name)

    def all(self) -> Mapping[str, Record]:
        with self._mutex:
            return dict(self._records)

    def note(self, name: str, record: Record) -> None:
        """Remember a run: replaced at once or not at all."""
        with self._mutex:
            self._records[name] = record
            document = {each: asdict(found) for each, found in self._records.items()}
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_suffix(".part")
            with draft.open("w", encoding="utf-8") as file:
                json.dump(document, file, ensure_ascii=False, indent=1)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        self._show(name, record)

    def _show(self, name: str, record: Record) -> None:
        self._at.labels(name, record.outcome).set(record.started_at / 1e6 + record.seconds)
        self._took.labels(name).set(record.seconds)
