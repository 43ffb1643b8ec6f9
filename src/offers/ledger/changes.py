"""Changing the table's files beside the writer: on a fresh snapshot, again if another commit came first, synced."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from deltalake import ColumnProperties, DeltaTable, PostCommitHookProperties, WriterProperties
from deltalake.exceptions import CommitFailedError

from offers.errors import Busy
from offers.ledger.table import RETENTION_HOURS, LedgerTable

__all__ = ["no_hooks", "parquet", "passing", "secured", "vacuum"]

_ATTEMPTS = 10
Result = TypeVar("Result")


def no_hooks() -> PostCommitHookProperties:
    """Commits neither checkpoint nor cut the log: maintenance does, and syncs in between."""
    return PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


def parquet() -> WriterProperties:
    """How data files are written."""
    return WriterProperties(compression="ZSTD", compression_level=3)


def passing() -> WriterProperties:
    """How the writer's small files are written, which a compaction soon joins: with little work."""
    unlike = {name: ColumnProperties(dictionary_enabled=False) for name in ("event_id", "params")}
    return WriterProperties(compression="ZSTD", compression_level=1, column_properties=unlike)


def secured(table: LedgerTable, change: Callable[[DeltaTable], Result]) -> tuple[Result, int]:
    """Apply a change and fsync it: what ``change`` returned, and the version.

    Raises:
        Busy: concurrent commits came first ten times.
    """
    for _ in range(_ATTEMPTS):
        snapshot = table.delta()
        try:
            result = change(snapshot)
        except CommitFailedError:
            continue
        table.secure(snapshot.version())
        return result, snapshot.version()
    raise Busy("commits to the ledger keep failing")


def vacuum(table: LedgerTable, *, retention_hours: int = RETENTION_HOURS, orphans: bool = False) -> int:
    """Remove files that no version within ``retention_hours`` refers to; the number removed.

    ``orphans``: also those that no commit ever named (a writer died before its commit, or came second); lists the
    whole table, and spares the last hour, in which a commit may be under way.
    """
    if orphans:
        retention_hours = max(retention_hours, 1)
    snapshot = table.delta()
    table.secure(snapshot.version())
    removed = snapshot.vacuum(
        retention_hours=retention_hours,
        dry_run=False,
        enforce_retention_duration=False,
        full=orphans,
        post_commithook_properties=no_hooks(),
    )
    return len(removed)
