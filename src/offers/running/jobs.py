"""The worker's jobs: what keeps the ledger small and lawful, and the models fresh."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import polars as pl

from offers.ledger.erasure import erase, erasures
from offers.ledger.maintenance import maintain, retain
from offers.ledger.scan import aliases, events
from offers.ledger.writer import Writer
from offers.running.forgotten import remember_forgotten
from offers.running.holds import hold
from offers.running.journal import Record
from offers.running.scheduler import Done, Due, Job, Skipped, every
from offers.running.training import training_job

if TYPE_CHECKING:
    from offers.ledger.table import LedgerTable
    from offers.wiring import Services

__all__ = ["all_ids", "ledger_jobs", "model_jobs"]

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S
_RETRY_S = 300.0
_LATE_US = 3600 * 1_000_000
"""How much later than one received after it an event may reach the ledger; erasing twice changes nothing."""


def ledger_jobs(services: Services, writer: Writer) -> list[Job]:
    """Compaction, retention, erasure, and forgetting the ids of old events."""
    settings, table = services.settings, services.table
    compacted_at = 0

    def compaction_due() -> Due:
        daily = every(_DAY_S, after_failure=_RETRY_S)

        def due(last: Record | None, now_us: int) -> bool:
            if last is not None and last.outcome == "failed":
                return daily(last, now_us)
            new = writer.counts.commits - compacted_at
            return new >= settings.compact_every_commits or (new > 0 and last is not None and daily(last, now_us))

        return due

    def compact(last: Record | None, stop: threading.Event) -> Done:
        nonlocal compacted_at
        commits = writer.counts.commits
        with hold(settings, "files"):
            done = maintain(table)
        compacted_at = commits
        return Done(f"{done.removed} files joined into {done.added}")

    def retention(last: Record | None, stop: threading.Event) -> Done:
        days = {
            "decision": settings.retain_decisions_days,
            "behaviour": settings.retain_behaviour_days,
            "message": settings.retain_messages_days,
        }
        with hold(settings, "files"):
            deleted = retain(table, days, services.clock)
        return Done(f"{deleted} rows were old enough to leave")

    def erasure(last: Record | None, stop: threading.Event) -> Done:
        applied = int(last.mark) - _LATE_US if last is not None and last.mark else -1
        known = erasures(table)
        if settings.backup_dir is not None:
            remember_forgotten(settings.backup_dir, known)
        asked = {person: at for person, at in known.items() if at > applied}
        if not asked:
            raise Skipped("nobody asked to be forgotten")
        with hold(settings, "files"):
            changed = erase(table, all_ids(table, asked))
        return Done(f"{len(asked)} persons forgotten, {changed} rows changed", str(max(asked.values())))

    def sweep(last: Record | None, stop: threading.Event) -> Done:
        return Done(f"{services.stream.sweep()} buckets of old ids removed")

    return [
        Job("erasure", every(_HOUR_S, after_failure=_RETRY_S), erasure),
        Job("compaction", compaction_due(), compact),
        Job("retention", every(_DAY_S, after_failure=_RETRY_S), retention),
        Job("sweep", every(_HOUR_S, after_failure=_RETRY_S), sweep),
    ]


def model_jobs(services: Services) -> list[Job]:
    """Training, unless it is switched off, and the removal of artifacts that nobody promoted."""
    settings = services.settings

    def prune(last: Record | None, stop: threading.Event) -> Done:
        with hold(settings, "files"):
            gone = services.registry.prune(settings.keep_models)
        if not gone:
            raise Skipped("no artifact is too many")
        return Done(f"removed {', '.join(gone)}")

    jobs = [Job("pruning", every(_HOUR_S), prune)]
    if settings.train_every_hours > 0:
        jobs.insert(0, training_job(services))
    return jobs


def all_ids(table: LedgerTable, asked: dict[str, int]) -> dict[str, int]:
    """With each person key the other ids of that person, each with the same moment.

    Ids that an alias call merged into it, and visitors that were seen with this customer and with no other; a
    visitor shared by several customers is left alone.
    """
    result = dict(asked)
    for old, new in aliases(table).items():
        if new in asked:
            result[old] = max(asked[new], result.get(old, 0))
    customers = {key[2:]: at for key, at in result.items() if key.startswith("c:")}
    seen = (
        events(table, columns=["customer_id", "visitor_id"])
        .filter(pl.col("customer_id").is_not_null() & pl.col("visitor_id").is_not_null())
        .group_by("visitor_id")
        .agg(pl.col("customer_id").unique().alias("customers"))
        .filter(pl.col("customers").list.eval(pl.element().is_in(list(customers))).list.all())
        .collect()
    )
    for visitor, owners in seen.iter_rows():
        result.setdefault(f"v:{visitor}", max(customers[owner] for owner in owners))
    return result
