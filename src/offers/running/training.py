"""Training by the worker: in a process of its own at low priority, when there is something new to learn from."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import polars as pl

from offers.clock import to_us
from offers.errors import OffersError
from offers.ledger.scan import events
from offers.running.journal import Record
from offers.running.scheduler import Done, Job, Skipped, every
from offers.state.leash import leashed

if TYPE_CHECKING:
    from offers.wiring import Services

__all__ = ["TRAIN", "newest_order", "training_job"]

TRAIN = [sys.executable, "-P", "-m", "offers.cli.main", "train", "--json", "--reason", "trained by the schedule"]
_NICE = 15
_PAUSE_S = 0.5
_SOON_S = 600.0
_RETRY_S = 3600.0


def newest_order(services: Services) -> int | None:
    """When the newest order or refund reached us (µs), or None before the first."""
    found = events(services.table, kinds=["order"], columns=["received_at"]).select(pl.col("received_at").max())
    newest = found.collect().item()
    return to_us(newest) if newest is not None else None


def training_job(services: Services, command: list[str] | None = None) -> Job:
    """Train every ``train_every_hours``. Before the first model, and after a failure, sooner."""
    hours = services.settings.train_every_hours
    daily = every(hours * 3600, after_failure=_RETRY_S)
    soon = every(hours * 3600, after_skip=_SOON_S, after_failure=_RETRY_S)

    def due(last: Record | None, now_us: int) -> bool:
        if last is not None and last.outcome == "skipped" and services.registry.current() is None:
            return soon(last, now_us)
        return daily(last, now_us)

    def train(last: Record | None, stop: threading.Event) -> Done:
        newest = newest_order(services)
        if newest is None:
            raise Skipped("there are no orders to learn from")
        if last is not None and last.mark and int(last.mark) >= newest:
            raise Skipped("no order came since the last training")
        if _learned(services) >= newest:
            raise Skipped("the current model has seen every order")
        return Done(_train(command or TRAIN, stop), str(newest))

    return Job("training", due, train)


def _learned(services: Services) -> int:
    """The moment (µs) up to which the current model knows the orders; -1 without one.

    An artifact is made after its ledger version; while trainings take minutes, an order that arrived in between is
    seen by comparing versions.
    """
    current = services.registry.current()
    for info in services.registry.list():
        if info.id == current and info.manifest is not None:
            manifest = info.manifest
            if manifest.ledger_version == services.table.version():
                return services.clock.now_us()
            learning = int(1e6 * sum(manifest.timings.values()))
            return manifest.created_at - 2 * learning
    return -1


def _train(command: list[str], stop: threading.Event) -> str:
    process = subprocess.Popen(
        leashed(command, nice=_NICE), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
    )
    told: list[bytes] = []
    reader = threading.Thread(target=lambda: told.append(process.stdout.read() if process.stdout else b""))
    reader.start()
    try:
        while process.poll() is None and not stop.wait(_PAUSE_S):
            pass
        if process.poll() is None:
            raise Skipped("the worker ends")
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reader.join()
        if process.stdout is not None:
            process.stdout.close()
    if process.returncode != 0:
        raise OffersError(f"offers train ended with {process.returncode}; its reasons are in the log")
    return _outcome(b"".join(told))


def _outcome(told: bytes) -> str:
    try:
        document = json.loads(told.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return "trained"
    return ", ".join(f"{name}: {value}" for name, value in document.items() if isinstance(value, str | bool | int))[
        :500
    ]
