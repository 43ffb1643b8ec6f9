"""The scheduler: jobs that are due are run, one after the other, and each run is remembered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from offers.clock import Clock
from offers.errors import OffersError
from offers.running.journal import Journal, Outcome, Record

__all__ = ["Done", "Due", "Job", "Scheduler", "Skipped", "every"]

_log = logging.getLogger(__name__)

_TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class Done:
    """What a run did, for people, and what the next run wants to know."""

    detail: str = ""
    mark: str = ""


class Skipped(Exception):
    """There was nothing to do; says why."""


Due = Callable[[Record | None, int], bool]
"""Whether a job is due, given its last run and the time (µs)."""


@dataclass(frozen=True, slots=True)
class Job:
    """``run`` gets the last run and an event that is set when the process wants to end; it raises
    :class:`Skipped` when there is nothing to do."""

    name: str
    due: Due
    run: Callable[[Record | None, threading.Event], Done]


def every(seconds: float, *, after_skip: float | None = None, after_failure: float | None = None) -> Due:
    """Due ``seconds`` after the last start; sooner, if so told, after a run that was skipped or failed.

    A clock that was set back makes a job due.
    """
    pauses: dict[Outcome, float] = {
        "ok": seconds,
        "skipped": seconds if after_skip is None else min(after_skip, seconds),
        "failed": seconds if after_failure is None else min(after_failure, seconds),
    }

    def due(last: Record | None, now_us: int) -> bool:
        if last is None or last.started_at > now_us:
            return True
        return now_us - last.started_at >= pauses[last.outcome] * 1e6

    return due


class Scheduler:
    """Runs its jobs in the thread that calls :meth:`run`. A job that fails is told and tried again when due."""

    def __init__(self, jobs: Sequence[Job], journal: Journal, clock: Clock) -> None:
        self._jobs = jobs
        self._journal = journal
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``. The first look is a tick away: a process that has just started has better things to do."""
        while not stop.wait(_TICK_S):
            self.look(stop)

    def look(self, stop: threading.Event) -> None:
        """Run what is due now."""
        for job in self._jobs:
            if stop.is_set():
                return
            last = self._journal.last(job.name)
            if job.due(last, self._clock.now_us()):
                self._journal.note(job.name, self._do(job, last, stop))

    def _do(self, job: Job, last: Record | None, stop: threading.Event) -> Record:
        started, began = self._clock.now_us(), self._clock.monotonic()
        mark = last.mark if last is not None else ""
        outcome: Outcome
        try:
            done = job.run(last, stop)
            outcome, detail, mark = "ok", done.detail, done.mark or mark
        except Skipped as why:
            outcome, detail = "skipped", str(why)
        except OffersError as error:
            outcome, detail = "failed", str(error)
            _log.error("job %s failed: %s", job.name, error)
        except Exception as error:  # noqa: BLE001 - a job's fault must not end the others
            outcome, detail = "failed", type(error).__name__
            _log.exception("job %s failed", job.name)
        seconds = round(self._clock.monotonic() - began, 3)
        if outcome == "ok":
            _log.info("job %s is done", job.name, extra={"detail": detail, "seconds": seconds})
        return Record(started, seconds, outcome, detail, mark)
