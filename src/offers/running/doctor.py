"""``offers doctor``: every check with its finding and, where something is wrong, what to do about it."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from offers.errors import OffersError
from offers.running.housekeeping import reserve_bytes
from offers.running.journal import read_journal
from offers.running.session import open_server
from offers.running.worker import JOURNAL, read_heartbeat
from offers.settings import Settings
from offers.state.instance import holder

if TYPE_CHECKING:
    from offers.wiring import Services

__all__ = ["Finding", "Verdict", "examine"]

Verdict = Literal["ok", "warn", "fail"]

_FSYNCS = 20
_SLOW_FSYNC_MS = 20.0
_UNREAL_FSYNC_MS = 0.02
_SILENT_S = 10.0
_LAG_S = 30.0
_BACKLOG_BYTES = 256_000_000
_FILLED = 0.5
_COVERED = 0.9
_SKEW_S = 2.0
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``remedy``: what to do; empty where nothing is."""

    check: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Run every check, beside a running service or without one (then with a server started for it).

    A check that cannot be made is a finding too; nothing is raised.
    """
    findings = [
        *_guarded("settings", lambda: _settings(settings)),
        *_guarded("instance", lambda: _instance(settings)),
        *_guarded("disk", lambda: _disk(settings)),
        *_guarded("fsync", lambda: _fsync(settings)),
        *_guarded("jobs", lambda: _jobs(settings)),
    ]
    from offers.wiring import build

    with ExitStack() as stack:
        try:
            url = stack.enter_context(open_server(settings, drain=False, patience_s=_PATIENCE_S))
            services = build(settings, role="worker", redis_url=url)
        except OffersError as error:
            return [*findings, _fault("server", error)]
        stack.callback(services.close)
        findings.append(Finding("server", "ok", "it answers, is append-only and syncs every write"))
        for name, check in (
            ("stream", _stream),
            ("ledger", _ledger),
            ("spool", _spool),
            ("model", _model),
            ("catalogue", _catalogue),
            ("clock", _clock),
        ):
            findings += _guarded(name, lambda check=check: check(services))  # type: ignore[misc]
    return findings


def _fault(check: str, error: OffersError) -> Finding:
    return Finding(check, "fail", str(error), error.problem.remedy)


def _guarded(check: str, run: Callable[[], Iterator[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        for finding in run():
            found.append(finding)
    except OffersError as error:
        found.append(_fault(check, error))
    except Exception as error:  # noqa: BLE001 - a doctor that falls over helps nobody
        found.append(Finding(check, "fail", f"the check failed: {type(error).__name__}", "See docs/operations.md."))
    return found


def _settings(settings: Settings) -> Iterator[Finding]:
    cores = os.cpu_count() or 1
    if settings.workers > cores:
        yield Finding(
            "settings", "warn", f"{settings.workers} API workers on {cores} cores", f"Set OFFERS_WORKERS to {cores}."
        )
    elif settings.host not in ("127.0.0.1", "::1", "localhost") and not settings.public_url:
        yield Finding(
            "settings", "warn", f"listens on {settings.host} without a public address", "Set OFFERS_PUBLIC_URL."
        )
    else:
        yield Finding("settings", "ok", f"data in {settings.data_dir.absolute()}, port {settings.port}")


def _instance(settings: Settings) -> Iterator[Finding]:
    running = holder(settings.data_dir)
    beat = read_heartbeat(settings)
    silent = None if beat is None else time.time() - beat.at / 1e6
    if running is None:
        yield Finding("instance", "ok", "no service runs on this data directory")
    else:
        yield Finding("instance", "ok", f"process {running.pid} runs (offers {running.role})")
    if running is not None and running.role == "serve" and (silent is None or silent > _SILENT_S):
        yield Finding(
            "worker",
            "fail",
            "no worker applies and writes what is accepted",
            "Read the log of offers serve; with --no-worker, start offers worker.",
        )
    elif silent is not None and silent <= _SILENT_S and beat is not None:
        yield Finding("worker", "ok", f"process {beat.pid} works")


def _disk(settings: Settings) -> Iterator[Finding]:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    found = os.statvfs(settings.data_dir)
    free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    detail = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB are free"
    if free < reserve_bytes(total):
        yield Finding("disk", "fail", detail + ": events are refused", "Make room, or move OFFERS_DATA_DIR.")
    elif free < 8 * reserve_bytes(total):
        yield Finding("disk", "warn", detail, "Make room: below the reserve events are refused.")
    else:
        yield Finding("disk", "ok", detail)


def _fsync(settings: Settings) -> Iterator[Finding]:
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    path = settings.run_dir / f"fsync-{os.getpid()}"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        times = []
        for _ in range(_FSYNCS):
            os.write(fd, b"x" * 512)
            began = time.perf_counter()
            os.fsync(fd)
            times.append(1000 * (time.perf_counter() - began))
    finally:
        os.close(fd)
        path.unlink(missing_ok=True)
    median = statistics.median(times)
    detail = f"a write is on disk after {median:.2f} ms (median), {max(times):.2f} ms (longest)"
    if median > _SLOW_FSYNC_MS:
        yield Finding("fsync", "warn", detail, "Use a faster disk: every event waits for this.")
    elif median < _UNREAL_FSYNC_MS:
        yield Finding(
            "fsync",
            "warn",
            detail + ": faster than disks are",
            "Make sure that the disk is none of memory, and does not acknowledge before it has written.",
        )
    else:
        yield Finding("fsync", "ok", detail)


def _jobs(settings: Settings) -> Iterator[Finding]:
    records = read_journal(settings.run_dir / JOURNAL)
    failed = {name: record for name, record in records.items() if record.outcome == "failed"}
    for name, record in failed.items():
        yield Finding("jobs", "warn", f"{name} failed last: {record.detail}", "Read the worker's log; it tries again.")
    if records and not failed:
        yield Finding("jobs", "ok", ", ".join(f"{name}: {record.outcome}" for name, record in records.items()))


def _stream(services: Services) -> Iterator[Finding]:
    from offers.ledger.health import stream_health

    health = stream_health(services.stream, services.clock)
    detail = (
        f"{health.length} entries; the online state is {health.projection_lag_s:.1f} s behind, "
        f"the ledger {health.commit_lag_s:.1f} s"
    )
    alive = services.worker_alive()
    if health.filled > _FILLED:
        yield Finding(
            "stream",
            "fail" if health.filled > 1 - 1e-9 else "warn",
            detail + f"; {health.filled:.0%} full",
            "Find out why the worker does not drain it.",
        )
    elif alive and max(health.projection_lag_s, health.commit_lag_s) > _LAG_S:
        yield Finding("stream", "warn", detail, "The worker lags: read its log, look at the disk and the cores.")
    else:
        yield Finding("stream", "ok", detail)


def _ledger(services: Services) -> Iterator[Finding]:
    from offers.ledger.health import ledger_health

    health = ledger_health(services.stream, services.table, services.clock)
    detail = f"version {health.version}, {health.rows} rows in {health.files} files"
    if not health.fits:
        yield Finding(
            "ledger",
            "fail",
            detail + "; it does not fit the stream: an older append-only file or table was put in place",
            "Restore a backup, or empty state/ and run offers rebuild.",
        )
    else:
        yield Finding("ledger", "ok", detail)


def _spool(services: Services) -> Iterator[Finding]:
    from offers.ledger.tail import SpoolTail

    backlog = SpoolTail(services.settings.spool_dir).backlog()
    aside = services.settings.spool_dir / "set-aside.jsonl"
    if aside.exists() and aside.stat().st_size:
        yield Finding(
            "spool",
            "warn",
            f"entries that are no events were set aside in {aside}",
            "Look at them, then move the file away.",
        )
    if backlog > _BACKLOG_BYTES:
        yield Finding(
            "spool", "warn", f"{backlog / 1e6:.0f} MB of decisions wait", "The worker lags or is away: read its log."
        )
    else:
        yield Finding("spool", "ok", f"{backlog / 1e6:.1f} MB")


def _model(services: Services) -> Iterator[Finding]:
    current = services.registry.current()
    if current is None:
        yield Finding(
            "model", "warn", "none is promoted: popular items are offered", "Import orders, then offers train."
        )
        return
    faults = services.registry.verify(current)
    if faults:
        yield Finding("model", "fail", f"{current}: {faults[0]}", "Run offers models rollback, or offers train.")
    else:
        yield Finding("model", "ok", f"{current}: every file has its checksum")


def _catalogue(services: Services) -> Iterator[Finding]:
    services.load()
    catalogue, model = services.catalogue, services.models.current
    known, priced = _counts(services)
    size = f"{known} items, {priced} with a price, {catalogue.memory_bytes() / 1e6:.0f} MB in each API worker"
    if known == 0:
        yield Finding("catalogue", "warn", "there are no items: nothing can be offered", "Run offers import items.")
        return
    if model is not None:
        rows = [catalogue.row_of[item] for item in model.item_ids if item in catalogue.row_of]
        offerable = sum(bool(catalogue.known[row]) and int(catalogue.price[row]) > 0 for row in rows)
        share = offerable / max(model.n_items, 1)
        detail = f"{size}; {share:.0%} of what the model knows has a name and a price"
        if share < _COVERED:
            yield Finding("catalogue", "warn", detail, "Import the items that were sold: offers import items.")
        else:
            yield Finding("catalogue", "ok", detail)
        return
    yield Finding("catalogue", "ok", size)


def _counts(services: Services) -> tuple[int, int]:
    catalogue = services.catalogue
    known = catalogue.known[: catalogue.n].astype(bool)
    return int(known.sum()), int((known & (catalogue.price[: catalogue.n] > 0)).sum())


def _clock(services: Services) -> Iterator[Finding]:
    now_s = services.clock.now_us() / 1e6
    ahead = (services.stream.last_position() >> 20) / 1e3 - now_s
    if ahead > _SKEW_S:
        yield Finding(
            "clock",
            "warn",
            f"the last event was taken {ahead:.0f} s in the future: a clock was set back",
            "Synchronise the clocks (NTP). Nothing is lost; times in between are wrong.",
        )
    else:
        yield Finding("clock", "ok", "it does not contradict the stream")
