"""The worker's counts as Prometheus counters, so that they go on over its restarts and show beside the API's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offers.ledger.writer import Writer
    from offers.projecting.projector import Projector

__all__ = ["WorkerCounters"]


class WorkerCounters:
    """Carries running totals over: call :meth:`show` now and then."""

    def __init__(self, writer: Writer, projector: Projector) -> None:
        from prometheus_client import Counter

        counts = writer.counts
        sources: dict[str, tuple[str, Callable[[], int]]] = {
            "offers_ledger_commits": ("Commits to the ledger", lambda: counts.commits),
            "offers_ledger_rows": ("Rows written to the ledger", lambda: counts.rows),
            "offers_ledger_duplicates": ("Repeats that the writer dropped", lambda: counts.duplicates),
            "offers_ledger_set_aside": ("Entries that were no events and were set aside", lambda: counts.set_aside),
            "offers_projected_events": ("Events applied to the online state", lambda: projector.applied),
            "offers_projection_faults": ("Events that could not be applied", lambda: projector.faults),
        }  # fmt: skip
        self._counters = [(Counter(name, about, registry=None), read) for name, (about, read) in sources.items()]
        self._shown = [0] * len(self._counters)

    def show(self) -> None:
        """Add what came since the last call."""
        for n, (counter, read) in enumerate(self._counters):
            now = read()
            counter.inc(max(0, now - self._shown[n]))
            self._shown[n] = now
