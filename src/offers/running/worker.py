"""The worker process: projector, writer and scheduler, each in a thread. Run as ``python -m offers.running.worker``.

An unexpected fault in any of them ends the process with 1, so that its supervisor starts a fresh one; faults that
pass (the server is away, the disk is full) are theirs to wait out.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from offers.errors import Busy, OffersError, StateUnavailable
from offers.logs import configure
from offers.running.counters import WorkerCounters
from offers.running.draining import make_writer
from offers.running.jobs import ledger_jobs, model_jobs
from offers.running.journal import Journal
from offers.running.scheduler import Scheduler
from offers.running.session import open_server
from offers.settings import Settings, read_settings

if TYPE_CHECKING:
    from offers.wiring import Services

__all__ = ["JOURNAL", "Heartbeat", "Task", "Worker", "read_heartbeat", "work"]

_log = logging.getLogger("offers.running.worker")

JOURNAL = "jobs.json"
"""The journal's name under the run directory."""
HEARTBEAT = "worker.json"
"""A file under the run directory that says that a worker lives."""
_BEAT_S = 2.0
_AGAIN_S = 1.0
_CATCH_UP_S = 10.0
_JOIN_S = 15.0
_POLITE = 10
"""Niceness of the writer's thread: at full load requests come first, and the ledger catches up after."""


@dataclass
class Task:
    """One thread of a worker: runs until ``stop``; returning or failing before that is a fault."""

    name: str
    run: Callable[[threading.Event], None]
    stop: threading.Event
    thread: threading.Thread | None = None


class Worker:
    """Threads that belong together: when one fails, :meth:`wait` returns and :attr:`failed` names it."""

    def __init__(self, tasks: dict[str, Callable[[threading.Event], None]]) -> None:
        self.failed: str | None = None
        self.wake = threading.Event()
        self._tasks = {name: Task(name, run, threading.Event()) for name, run in tasks.items()}

    def start(self) -> None:
        for task in self._tasks.values():
            task.thread = threading.Thread(target=self._keep, args=(task,), name=task.name, daemon=True)
            task.thread.start()

    def wait(self) -> None:
        """Until :attr:`wake` is set, by a signal or by a failure."""
        self.wake.wait()

    def end(self, name: str, patience_s: float = _JOIN_S) -> bool:
        """Tell one thread to end and wait for it; whether it did."""
        task = self._tasks[name]
        task.stop.set()
        if task.thread is not None:
            task.thread.join(patience_s)
            if task.thread.is_alive():
                _log.warning("%s does not end", name)
                return False
        return True

    def _keep(self, task: Task) -> None:
        try:
            while not task.stop.is_set():
                try:
                    task.run(task.stop)
                    if not task.stop.is_set():
                        raise RuntimeError(f"{task.name} ended without being told to")
                except (StateUnavailable, Busy, OSError) as error:
                    # OSError: such as a full disk.
                    _log.warning("%s waits: %s", task.name, error)
                    task.stop.wait(_AGAIN_S)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the process must not go on without it
            self.failed = task.name
            if isinstance(error, OffersError):
                _log.critical("%s cannot go on: %s %s", task.name, error, error.problem.remedy)
            else:
                _log.critical("%s failed", task.name, exc_info=True)
        finally:
            if self.failed is not None:
                self.wake.set()


def work(settings: Settings | None = None) -> int:
    """Run the worker until SIGTERM or SIGINT, then move what is left into the ledger; the exit code.

    Beside a running service it uses that one's server, else one of its own.
    """
    chosen = read_settings() if settings is None else settings
    configure(chosen.log_level)
    asked = threading.Event()
    worker: Worker | None = None

    def end(number: int, frame: FrameType | None) -> None:
        asked.set()
        if worker is not None:
            worker.wake.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    from offers.wiring import build

    with open_server(chosen, drain=False) as url:
        services = build(chosen, role="worker", redis_url=url)
        try:
            worker = _assemble(services)
            worker.start()
            _log.info("working")
            if asked.is_set():
                worker.wake.set()
            worker.wait()
            _finish(worker, services)
            if worker.failed is not None:
                _log.critical("ending because %s failed", worker.failed)
            return 0 if worker.failed is None else 1
        finally:
            services.close()


def _assemble(services: Services) -> Worker:
    settings = services.settings
    writer = make_writer(services)
    journal = Journal(settings.run_dir / JOURNAL)
    ledger = Scheduler(ledger_jobs(services, writer), journal, services.clock)
    models = Scheduler(model_jobs(services), journal, services.clock)
    beat = _Heart(settings.run_dir / HEARTBEAT, services, WorkerCounters(writer, services.projector))
    return Worker(
        {
            "projector": services.projector.run,
            "writer": _politely(writer.run),
            "ledger jobs": ledger.run,
            "model jobs": models.run,
            "heartbeat": beat.run,
        }
    )


def _politely(run: Callable[[threading.Event], None]) -> Callable[[threading.Event], None]:
    """The same at a lower priority: of its thread, and of the threads that begin in it."""

    def polite(stop: threading.Event) -> None:
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _POLITE)
        except OSError:
            _log.info("the writer keeps its priority: this system gives it no other")
        run(stop)

    return polite


def _finish(worker: Worker, services: Services) -> None:
    """In order: nothing new begins, the online state catches up, the ledger takes what is left."""
    worker.end("model jobs")
    worker.end("ledger jobs")
    if worker.failed is None:
        try:
            until = time.monotonic() + _CATCH_UP_S
            while services.stream.projected() < services.stream.last_position() and time.monotonic() < until:
                time.sleep(0.02)
        except OffersError:
            _log.info("the server is away: what is left waits in its append-only file")
    worker.end("projector")
    worker.end("writer")
    worker.end("heartbeat")


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sign of life of a worker: its process and when (µs)."""

    pid: int
    at: int


def read_heartbeat(settings: Settings) -> Heartbeat | None:
    """The last sign of life, or None where no worker runs or the last one ended in order."""
    try:
        return Heartbeat(**json.loads((settings.run_dir / HEARTBEAT).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


class _Heart:
    """Says that this worker lives: a file with its process and the time (µs), renewed every two seconds."""

    def __init__(self, path: Path, services: Services, counters: WorkerCounters) -> None:
        self._path = path
        self._services = services
        self._counters = counters

    def run(self, stop: threading.Event) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".part")
        while True:
            self._counters.show()
            draft.write_text(f'{{"pid": {os.getpid()}, "at": {self._services.clock.now_us()}}}\n')
            draft.replace(self._path)
            if stop.wait(_BEAT_S):
                break
        self._path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(work())
