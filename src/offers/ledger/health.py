"""How the ledger does: lag, version and counts, for gauges and for the doctor."""

from __future__ import annotations

from dataclasses import dataclass

from offers.clock import Clock
from offers.ledger.accept import EventStream
from offers.ledger.table import LedgerTable

__all__ = ["LedgerHealth", "StreamHealth", "ledger_health", "stream_health"]


@dataclass(frozen=True)
class StreamHealth:
    """The stream, at the price of a few round trips. Lags in seconds: the age of the oldest entry not yet there."""

    length: int
    max_entries: int
    last_position: int
    committed_position: int
    projected_position: int
    commit_lag_s: float
    projection_lag_s: float

    @property
    def filled(self) -> float:
        """Share of the length at which events are refused."""
        return self.length / self.max_entries


@dataclass(frozen=True)
class LedgerHealth:
    """Stream and table together; ``in_table``: the position that the table itself holds. Opens a snapshot."""

    stream: StreamHealth
    version: int
    in_table: int
    files: int
    rows: int
    fits: bool


def _lag(stream: EventStream, after: int, clock: Clock) -> float:
    waiting = stream.read_stored(after, 1)
    return max(0.0, clock.now_us() / 1e6 - (waiting[0][0] >> 20) / 1e3) if waiting else 0.0


def stream_health(stream: EventStream, clock: Clock) -> StreamHealth:
    """Read the stream's state.

    Raises:
        StateUnavailable: the server does not answer.
    """
    committed, projected = stream.committed(), stream.projected()
    return StreamHealth(
        length=stream.length(),
        max_entries=stream.max_entries,
        last_position=stream.last_position(),
        committed_position=committed,
        projected_position=projected,
        commit_lag_s=_lag(stream, committed, clock),
        projection_lag_s=_lag(stream, projected, clock),
    )


def ledger_health(stream: EventStream, table: LedgerTable, clock: Clock) -> LedgerHealth:
    """Read both. ``fits``: the stream reaches back to what the table holds, and on from there."""
    state = stream_health(stream, clock)
    snapshot = table.delta()
    in_table = table.committed_position(stream.uuid())
    trimmed = stream.trimmed()
    return LedgerHealth(
        stream=state,
        version=snapshot.version(),
        in_table=in_table,
        files=len(snapshot.file_uris()),
        rows=table.rows(),
        fits=trimmed <= in_table <= stream.last_position(),
    )
