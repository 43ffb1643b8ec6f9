"""Keeping the table small: compaction, retention, checkpoints, and the removal of what is no longer referenced.

All of it may run beside the writer: appends and compactions do not conflict, and whoever comes second to a
deletion reads again. On local tables every step is synced before anything it replaces may go.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import polars as pl
from deltalake import DeltaTable

from offers.clock import Clock, from_us
from offers.domain.event import KINDS
from offers.ledger import durable
from offers.ledger.changes import no_hooks, parquet, secured, vacuum
from offers.ledger.erasure import erase, erasures
from offers.ledger.table import LedgerTable

__all__ = ["Compacted", "checkpoint", "compact", "erase", "erasures", "maintain", "retain", "vacuum"]

_LOG = logging.getLogger(__name__)
_TARGET_BYTES = 128_000_000


@dataclass(frozen=True)
class Compacted:
    """Files before and after, of those that were rewritten."""

    removed: int
    added: int
    version: int


def compact(table: LedgerTable, *, min_files: int = 2) -> Compacted:
    """Join the small files of every day that has at least ``min_files`` of them."""
    files = pl.DataFrame(table.delta().get_add_actions(flatten=True))
    small = files.filter(pl.col("size_bytes") < _TARGET_BYTES // 2)
    crowded = small.group_by("partition.kind", "partition.day").len().filter(pl.col("len") >= min_files)
    removed = added = 0
    version = -1
    for (kind,), days in crowded.group_by("partition.kind"):
        names = [str(day) for day in days["partition.day"].sort()]

        def join(snapshot: DeltaTable, kind: str = str(kind), names: list[str] = names) -> dict[str, int]:
            done: dict[str, int] = snapshot.optimize.compact(
                partition_filters=[("kind", "=", kind), ("day", "in", names)],
                target_size=_TARGET_BYTES,
                max_concurrent_tasks=1,
                writer_properties=parquet(),
                post_commithook_properties=no_hooks(),
            )
            return done

        metrics, version = secured(table, join)
        removed += metrics["numFilesRemoved"]
        added += metrics["numFilesAdded"]
    return Compacted(removed, added, version)


def retain(table: LedgerTable, days: Mapping[str, int], clock: Clock) -> int:
    """Delete whole days of the kinds named that are older than so many days; 0 keeps all. Rows deleted."""
    today = from_us(clock.now_us()).date()
    deleted = 0
    for kind, keep in days.items():
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind}")
        if keep <= 0:
            continue
        limit = today - timedelta(days=keep)
        predicate = f"kind = '{kind}' AND day < DATE '{limit.isoformat()}'"

        def remove(snapshot: DeltaTable, predicate: str = predicate) -> dict[str, int]:
            done: dict[str, int] = snapshot.delete(predicate, post_commithook_properties=no_hooks())
            return done

        metrics, _ = secured(table, remove)
        deleted += metrics["num_deleted_rows"]
    return deleted


def checkpoint(table: LedgerTable) -> None:
    """Write a checkpoint, make it safe, then cut the log entries before it that are past their retention."""
    snapshot = table.delta()
    table.secure(snapshot.version())
    snapshot.create_checkpoint()
    if table.local is not None:
        durable.sync_checkpoint(table.local)
    snapshot.cleanup_metadata()


def maintain(table: LedgerTable) -> Compacted:
    """The round that the worker makes every hundred commits: compact, checkpoint, cut the log, vacuum."""
    done = compact(table)
    checkpoint(table)
    removed = vacuum(table, orphans=table.local is not None)  # listing a bucket costs; a directory, little
    _LOG.info("ledger: %d files joined into %d, %d old files removed", done.removed, done.added, removed)
    return done
