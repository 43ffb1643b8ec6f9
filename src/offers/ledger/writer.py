"""The writer: moves the stream and the spool into the table, exactly once, and lets go only of what is durable.

One pass: a fresh snapshot says how far the table holds each source (application transactions) → read after that →
drop repeats → one commit on *that* snapshot, carrying the new positions → fsync → trim. A crash anywhere repeats
what was not committed and nothing else: a commit on a stale snapshot with the same application id is refused.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from offers.clock import Clock
from offers.errors import Busy, Conflict, OffersError, StateUnavailable
from offers.ledger.accept import EventStream
from offers.ledger.aside import keep_aside, rows_of
from offers.ledger.changes import no_hooks, passing
from offers.ledger.dedupe import without_repeats
from offers.ledger.durable import sync_checkpoint
from offers.ledger.lease import Lease
from offers.ledger.table import LedgerTable, stream_app
from offers.ledger.tail import SlotRead, SpoolTail
from offers.ledger.undated import UndatedIds

__all__ = ["Drained", "Writer", "WriterCounts"]

_LOG = logging.getLogger(__name__)
_ATTEMPTS = 10
_CHECKPOINT = 32
"""Commits after which the writer makes a checkpoint: each one since makes every pass 0.25 ms longer."""


@dataclass(frozen=True)
class Drained:
    """What one pass did. ``more``: the sources held more than one pass takes. ``version``: -1 without a commit."""

    stream: int = 0
    spool: int = 0
    duplicates: int = 0
    set_aside: int = 0
    trimmed: int = 0
    version: int = -1
    more: bool = False


@dataclass
class WriterCounts:
    """Running totals since start, for gauges. ``committed_at``: µs of the last commit."""

    commits: int = 0
    rows: int = 0
    duplicates: int = 0
    set_aside: int = 0
    conflicts: int = 0
    committed_at: int = 0
    version: int = -1
    position: int = 0


class _StaleError(Exception):
    """The snapshot is not the latest any more."""


@dataclass
class _Batch:
    """What one pass read."""

    rows: pl.DataFrame
    transactions: list[Transaction]
    stream: int
    upto: int
    slots: list[SlotRead]
    set_aside: list[tuple[int | None, bytes]]
    more: bool


class Writer:
    """Drains ``stream`` and the spool under ``spool_dir`` into ``table``.

    ``projected``: the position up to which online state holds the stream; nothing beyond it is trimmed.
    ``flush_seconds``: pause between passes of :meth:`run`. ``trim_only_older_seconds``: extra age before a
    committed entry is trimmed, for storage that cannot be fsynced. ``max_entries``, ``max_spool_bytes``: most that
    one commit takes. ``crash_point`` is called with the name of each step; tests end the process there.
    """

    def __init__(
        self,
        table: LedgerTable,
        stream: EventStream,
        spool_dir: Path,
        clock: Clock,
        *,
        projected: Callable[[], int] | None = None,
        flush_seconds: float = 2.0,
        trim_only_older_seconds: float = 0.0,
        max_entries: int = 50_000,
        max_spool_bytes: int = 32_000_000,
        lease_ms: int = 10_000,
        crash_point: Callable[[str], None] = lambda step: None,
    ) -> None:
        self.counts = WriterCounts()
        self.lease = Lease(stream.client, stream.keys, ttl_ms=lease_ms)
        self._table = table
        self._stream = stream
        self._spool_dir = spool_dir
        self._tail = SpoolTail(spool_dir)
        self._clock = clock
        self._projected = projected or stream.projected
        self._flush_seconds = flush_seconds
        self._older_us = int(trim_only_older_seconds * 1e6)
        self._max_entries = max_entries
        self._max_spool_bytes = max_spool_bytes
        self._crash_point = crash_point
        self._undated = UndatedIds()
        self._mutex = threading.Lock()
        self._started = False
        self._held = False
        self._drained_upto = -1
        self._more = False
        self._marks: dict[str, tuple[int, int, bool]] = {}
        self._snapshot: DeltaTable | None = None
        self._since_checkpoint = _CHECKPOINT  # nobody knows of the process before

    def drain(self) -> Drained:
        """One pass, stream then spools; call again while :attr:`Drained.more`.

        The stream is left alone while another process holds the lease; the spool is this machine's own.

        Raises:
            OffersError: ``ledger_damaged``: table and stream do not belong together any more.
            StateUnavailable, Busy, OSError, DeltaError: nothing was let go; try again later.
        """
        with self._mutex:
            self._held, taken = self.lease.acquire()
            if taken:
                self._undated.forget()
                self._drained_upto = -1
            for _ in range(_ATTEMPTS):
                try:
                    return self._pass()
                except (CommitFailedError, _StaleError, FileNotFoundError):  # the last: vacuumed meanwhile
                    self.counts.conflicts += 1
                    _LOG.info("a concurrent commit came first; reading and deduplicating again")
            raise Busy("commits to the ledger keep failing")

    def drain_all(self) -> int:
        """Drain until nothing is left; the number of rows written."""
        before = self.counts.rows
        while self.drain().more:
            pass
        return self.counts.rows - before

    def run(self, stop: threading.Event) -> None:
        """Drain every ``flush_seconds`` until ``stop``, then once more; waits and tries again while a part is away.

        Raises:
            OffersError: ``ledger_damaged``.
        """
        pause = self._flush_seconds
        while True:
            last = stop.is_set()
            try:
                drained = self.drain()
                pause = 0.0 if drained.more else self._flush_seconds
            except OffersError as error:
                if not isinstance(error, StateUnavailable | Busy):
                    raise
                pause = self._later("the event stream", pause)
            except (DeltaError, OSError, pl.exceptions.PolarsError):
                pause = self._later("the ledger table", pause)
            if last and pause != 0.0:
                break
            stop.wait(pause)
        try:
            self.lease.release()
        except OffersError:
            _LOG.info("the lease could not be given back; it runs out by itself")

    def _later(self, what: str, pause: float) -> float:
        _LOG.warning("%s cannot be used now; trying again", what, exc_info=True)
        return min(max(pause * 2, 0.2), 5.0)

    # one pass, in its order

    def _pass(self) -> Drained:
        marks = self._tail.marks()
        if not self._anything_new(marks):
            return Drained(trimmed=self._trim(self.counts.position) if self._held else 0)
        snapshot = self._latest()
        batch = self._read(snapshot)
        self._crash_point("read")
        duplicates = 0
        written = pl.DataFrame()
        if batch.transactions:
            if batch.set_aside:
                _LOG.error("%d entries are no events; they are set aside beside the spool", len(batch.set_aside))
                keep_aside(self._spool_dir, batch.set_aside, self._clock.now_us())
            written = without_repeats(batch.rows, snapshot, self._undated, self._table.local)
            duplicates = batch.rows.height - written.height
            write_deltalake(
                snapshot,
                written,
                mode="append",
                writer_properties=passing(),
                commit_properties=CommitProperties(app_transactions=batch.transactions),
                post_commithook_properties=no_hooks(),
            )
        self._crash_point("committed")
        self._table.secure(snapshot.version())
        self._crash_point("synced")
        if batch.transactions:
            self._undated.add(written)
            self._count(batch, written.height, duplicates, snapshot.version())
        if self._held:
            self._drained_upto = self.counts.position = batch.upto
            self._stream.set_committed(batch.upto)
        trimmed = self._trim(batch.upto) if self._held else 0
        for slot in batch.slots:
            for path in slot.finished:
                path.unlink(missing_ok=True)
        self._crash_point("trimmed")
        self._marks, self._more, self._started = marks, batch.more, True
        self._snapshot = snapshot
        if batch.transactions:
            self._checkpoint(snapshot)
        return Drained(
            stream=batch.stream,
            spool=batch.rows.height - batch.stream if batch.transactions else 0,
            duplicates=duplicates,
            set_aside=len(batch.set_aside),
            trimmed=trimmed,
            version=snapshot.version() if batch.transactions else -1,
            more=batch.more,
        )

    def _latest(self) -> DeltaTable:
        """A snapshot of now: that of the pass before, with the commits since; a new one after whatever failed.

        Opening reads the log back to its last checkpoint, which is many times the work.
        """
        kept, self._snapshot = self._snapshot, None
        if kept is None:
            return self._table.delta()
        kept.update_incremental()
        return kept

    def _checkpoint(self, snapshot: DeltaTable) -> None:
        """Now and then, one that the next passes begin at; without it they are only slower."""
        self._since_checkpoint += 1
        if self._since_checkpoint < _CHECKPOINT or snapshot.version() < _CHECKPOINT:
            return
        self._since_checkpoint = 0
        self._snapshot = None
        try:
            snapshot.create_checkpoint()
            if self._table.local is not None:
                sync_checkpoint(self._table.local, snapshot.version())
        except (DeltaError, OSError):
            _LOG.warning("no checkpoint could be made; trying again later", exc_info=True)

    def _anything_new(self, marks: dict[str, tuple[int, int, bool]]) -> bool:
        """Whether a snapshot is worth opening; always at first, and after the lease was taken."""
        if not self._started or self._more or marks != self._marks:
            return True
        return self._held and (self._drained_upto < 0 or self._stream.last_position() != self._drained_upto)

    def _read(self, snapshot: DeltaTable) -> _Batch:
        """Everything after what the snapshot holds, and the transactions that say so."""
        transactions: list[Transaction] = []
        payloads: list[bytes] = []
        positions: list[int | None] = []
        upto, stream_count, more = 0, 0, False
        if self._held:
            app = stream_app(self._stream.uuid())
            upto = snapshot.transaction_version(app) or 0
            self._check(snapshot, upto)
            stored = self._read_stream(upto)
            stream_count = len(stored)
            more = stream_count >= self._max_entries
            if stored:
                upto = stored[-1][0]
                transactions.append(Transaction(app, upto))
                positions += [at for at, _ in stored]
                payloads += [data for _, data in stored]
        slots, spool_more = self._tail.read(snapshot.transaction_version, max_bytes=self._max_spool_bytes)
        for slot in slots:
            if slot.version > slot.before:
                transactions.append(Transaction(slot.app, slot.version))
                payloads += slot.lines
                positions += [None] * len(slot.lines)
        rows, aside = rows_of(payloads, positions)
        lost = sum(1 for at, _ in aside if at is not None)
        return _Batch(rows, transactions, stream_count - lost, upto, slots, aside, more or spool_more)

    def _read_stream(self, after: int) -> list[tuple[int, bytes]]:
        stored: list[tuple[int, bytes]] = []
        while len(stored) < self._max_entries:
            chunk = self._stream.read_stored(after, min(10_000, self._max_entries - len(stored)))
            if not chunk:
                break
            stored += chunk
            after = chunk[-1][0]
        return stored

    def _check(self, snapshot: DeltaTable, committed: int) -> None:
        """The stream must reach back to what the table holds, and on from there."""
        last, trimmed = self._stream.last_position(), self._stream.trimmed()
        if trimmed <= committed <= last:
            return
        if self._table.version() != snapshot.version():
            raise _StaleError  # another writer took the lease, committed and trimmed since the snapshot was opened
        if last < committed:
            raise OffersError(
                "the table holds more of the event stream than the stream itself ever had: its append-only file was "
                "lost or an older one restored",
                code="ledger_damaged",
            )
        raise OffersError(
            "events were trimmed from the stream that the table does not hold: an older table was restored",
            code="ledger_damaged",
        )

    def _trim(self, committed: int) -> int:
        """Let go of what is in the table for good, in the online state, and old enough."""
        upto = min(committed, self._projected())
        if self._older_us:
            upto = min(upto, ((self._clock.now_us() - self._older_us) // 1000) << 20)
        if upto <= self._stream.trimmed():
            return 0
        try:
            return self._stream.trim(upto, token=self.lease.token)
        except Conflict:
            _LOG.warning("the lease ran out during a pass; whoever holds it trims")
            return 0

    def _count(self, batch: _Batch, rows: int, duplicates: int, version: int) -> None:
        counts = self.counts
        counts.commits += 1
        counts.rows += rows
        counts.duplicates += duplicates
        counts.set_aside += len(batch.set_aside)
        counts.committed_at = self._clock.now_us()
        counts.version = version
