"""What became of a file: counts by verdict and by reason, the file of rejected rows, and delivery to the sink."""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from offers.domain.event import Event
from offers.errors import Busy

__all__ = ["BATCH_EVENTS", "Delivery", "Progress", "Rejects", "Sink", "Summary"]

Sink = Callable[[Sequence[Event], Sequence[bytes]], Sequence[Any]]
"""Takes events and their digests, answers a verdict (or a tuple that begins with one) for each; durable on return."""

Progress = Callable[[int, int], None]
"""Called with rows done and rows in all (an estimate for text files until the end)."""

BATCH_EVENTS = 500
"""Events handed to the sink at once."""

_PATIENCE = 120
"""Attempts to deliver a batch to a sink that is busy, before giving up."""


@dataclass
class Summary:
    """The result of one import.

    ``rows``: rows in the file; ``accepted_rows``: rows that became part of an event; ``reasons``: code -> rows;
    ``verdicts``: verdict -> events; ``notes``: what was taken in a particular way (guests, gifts, refunds, rounded);
    ``examples``: code -> place of its first row.
    """

    kind: str
    path: str
    rows: int = 0
    accepted_rows: int = 0
    events: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, int] = field(default_factory=dict)
    sentences: dict[str, str] = field(default_factory=dict)
    encoding: str | None = None
    reject_file: str | None = None
    seconds: float = 0.0

    @property
    def rejected_rows(self) -> int:
        return sum(self.reasons.values())

    @property
    def changed(self) -> int:
        """Events that were new."""
        return self.verdicts["accepted"]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``: counts, and each reason with its sentence and first row."""
        return {
            "kind": self.kind,
            "file": self.path,
            "encoding": self.encoding,
            "rows": self.rows,
            "accepted_rows": self.accepted_rows,
            "rejected_rows": self.rejected_rows,
            "events": self.events,
            "verdicts": dict(sorted(self.verdicts.items())),
            "reasons": [
                {"code": c, "rows": n, "detail": self.sentences.get(c, c), "first_row": self.examples.get(c)}
                for c, n in self.reasons.most_common()
            ],
            "notes": dict(sorted(self.notes.items())),
            "reject_file": self.reject_file,
            "seconds": round(self.seconds, 3),
        }


class Rejects:
    """Counts rejected rows and, where a file is named, keeps them: NDJSON, or CSV by its name's ending."""

    def __init__(
        self, summary: Summary, sentences: dict[str, str], path: Path | str | None, columns: Sequence[str]
    ) -> None:
        self._summary = summary
        self._sentences = sentences
        self._columns = list(columns)
        self._path = Path(path) if path is not None else None
        self._file: io.TextIOWrapper | None = None
        self._csv: Any = None
        summary.sentences = sentences

    @property
    def wanted(self) -> bool:
        """Whether originals are needed."""
        return self._path is not None

    def __enter__(self) -> Rejects:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def count(self, code: str, rows: int, first: int) -> None:
        """Rejected rows of one reason; ``first``: the place of one of them."""
        if rows:
            self._summary.reasons[code] += rows
            before = self._summary.examples.get(code)
            self._summary.examples[code] = first if before is None else min(before, first)

    def write(self, rows: Iterable[tuple[int, str, dict[str, Any]]]) -> None:
        """Keep ``(place, code, original row)``. The file comes to be with the first of them."""
        for place, code, original in rows:
            if self._path is None:
                return
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("w", encoding="utf-8", newline="")
                self._summary.reject_file = str(self._path)
                if self._path.suffix.lower() == ".csv":
                    self._csv = csv.writer(self._file)
                    self._csv.writerow(["line", "code", "reason", *self._columns])
            reason = self._sentences.get(code, code)
            if self._csv is not None:
                self._csv.writerow([place, code, reason, *(original.get(c) for c in self._columns)])
            else:
                document = {"line": place, "code": code, "reason": reason, "row": original}
                self._file.write(orjson.dumps(document, default=str).decode() + "\n")


class Delivery:
    """Hands events to the sink in batches, waits while it is busy, counts verdicts."""

    def __init__(self, sink: Sink, summary: Summary, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sink = sink
        self._summary = summary
        self._sleep = sleep
        self._events: list[Event] = []
        self._digests: list[bytes] = []

    def add(self, event: Event, digest: bytes) -> None:
        self._events.append(event)
        self._digests.append(digest)
        if len(self._events) >= BATCH_EVENTS:
            self.flush()

    def flush(self) -> None:
        """Deliver what waits.

        Raises:
            Busy: the sink stayed busy for minutes; what was delivered before is kept, so the import can be repeated.
        """
        if not self._events:
            return
        for attempt in range(_PATIENCE):
            try:
                verdicts = self._sink(self._events, self._digests)
                break
            except Busy as busy:
                if attempt + 1 == _PATIENCE:
                    raise
                self._sleep(float(busy.retry_after or 1))
        said = [v[0] if isinstance(v, tuple) else v for v in verdicts]
        self._summary.verdicts.update(str(getattr(v, "value", v)) for v in said)
        self._summary.events += len(self._events)
        self._events, self._digests = [], []
