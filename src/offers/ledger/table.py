"""The ledger's Delta Lake table: opened or created, never held open."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from offers.errors import OffersError
from offers.ledger import durable
from offers.ledger.schema import PARTITIONS, SCHEMA, STATISTICS

__all__ = ["LedgerTable", "stream_app"]

RETENTION_HOURS = 6
"""How long the log and replaced files outlive their replacement: commits slow down with both (measured: 12 -> 97 ms
in 5,000 commits at the defaults), and a scan or a training that holds a snapshot must end within it."""

_CONFIGURATION = {
    "delta.logRetentionDuration": f"interval {RETENTION_HOURS} hours",
    "delta.deletedFileRetentionDuration": f"interval {RETENTION_HOURS} hours",
    "delta.dataSkippingStatsColumns": ",".join(STATISTICS),
}


def stream_app(uuid: str) -> str:
    """The application id under which positions of the stream of this name are committed."""
    return f"offers-stream:{uuid}"


class LedgerTable:
    """Where the ledger is. Every :meth:`delta` is a fresh snapshot, so one instance may serve many threads.

    ``url``: a local directory (created if missing) or an object store's URL; ``storage_options`` as deltalake
    takes them.
    """

    def __init__(self, url: str | Path, storage_options: Mapping[str, str] | None = None) -> None:
        self.url = str(url)
        self.storage_options = dict(storage_options) if storage_options else None
        self._secure = threading.Lock()
        self._secured = -1
        try:
            found = self.delta()
        except TableNotFoundError:
            found = self._create()
        have = {field.name for field in found.schema().fields}
        missing = [name for name in SCHEMA if name not in have]
        if missing:
            raise OffersError(
                f"the table at {self.url} lacks the columns {', '.join(missing)}: it is no ledger of this version",
                code="ledger_damaged",
            )

    @property
    def local(self) -> Path | None:
        """The directory of a local table, None of an object store's."""
        if self.url.startswith("file://"):
            return Path(self.url[len("file://") :])
        return None if "://" in self.url else Path(self.url)

    def _create(self) -> DeltaTable:
        """Create the table once. Two creations at the same moment would both succeed, as versions 0 and 1: a lock on
        the directory keeps those of one machine apart."""
        if self.local is None:
            return self._create_first()
        self.local.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.local, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                return self.delta()
            except TableNotFoundError:
                return self._create_first()
        finally:
            os.close(fd)

    def _create_first(self) -> DeltaTable:
        try:
            DeltaTable.create(
                self.url,
                SCHEMA,
                mode="error",
                name="ledger",
                description="Every fact the shop told, one row each",
                partition_by=PARTITIONS,
                configuration=_CONFIGURATION,
                storage_options=self.storage_options,
            )
        except DeltaError:
            return self.delta()  # another process was first
        return self.delta()

    def delta(self, version: int | None = None) -> DeltaTable:
        """A fresh snapshot, of a version or of now."""
        return DeltaTable(self.url, version=version, storage_options=self.storage_options)

    def secure(self, upto: int) -> None:
        """Make every commit up to a version safe from a power cut: fsync on a local table, nothing elsewhere.

        Remembers how far it came; the first call of a process syncs whatever the log names, since the process
        before may have died between commit and fsync.

        Raises:
            OSError: the disk failed; nothing may be let go.
        """
        if self.local is None:
            return
        with self._secure:
            if upto > self._secured:
                durable.sync_table(self.local, self._secured, upto)
                self._secured = upto

    def version(self) -> int:
        """The table's latest version."""
        return self.delta().version()

    def committed_position(self, uuid: str) -> int:
        """The stream position up to which the table holds the stream of this name; 0 if nothing was committed."""
        return self.delta().transaction_version(stream_app(uuid)) or 0

    def rows(self) -> int:
        """Rows in the table, from the log's statistics alone."""
        return int(pl.DataFrame(self.delta().get_add_actions(flatten=True))["num_records"].sum())
