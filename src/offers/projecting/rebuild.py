"""Online state anew from the ledger: the same projection, fed in the order in which the events were accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
import polars as pl

from offers.domain.event import Event, Line
from offers.ledger.accept import EventStream
from offers.ledger.scan import events
from offers.ledger.table import LedgerTable
from offers.projecting.catalogue import CatalogueProjection
from offers.projecting.configuration import changes_of
from offers.projecting.people import WITHDRAWALS, PeopleProjection
from offers.projecting.turn import Turn
from offers.state.catalogue_store import CatalogueStore
from offers.state.configuration import Change, Configuration
from offers.state.people_store import PeopleStore

__all__ = ["Rebuilt", "rebuild"]

_CHUNK = 50_000
_TIMES = ("occurred_at", "received_at", "version_at")
_COLUMNS = (
    "position",
    "event_id",
    "event_name",
    *_TIMES,
    "customer_id",
    "visitor_id",
    "order_id",
    "status",
    "currency",
    "value",
    "lines",
    "source",
    "params",
)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did. ``version``: of the ledger it read; ``position``: where live projection goes on."""

    events: int
    faults: int
    version: int
    position: int


def rebuild(
    table: LedgerTable,
    stream: EventStream,
    people: PeopleStore,
    catalogue_store: CatalogueStore,
    configuration: Configuration,
    *,
    counts_from: str = "placed",
    progress: Callable[[int, int], None] | None = None,
    chunk: int = _CHUNK,
) -> Rebuilt:
    """Derive people, catalogue and configuration from the ledger, beside a running service if there is one.

    Its projector stands back meanwhile and goes on from ``Rebuilt.position``. Histories are gone at first and come
    back person by person; catalogue and configuration stay as they were until the new ones replace them at once.
    What deciding froze or remembers stays. ``progress`` is told (events done, events in all).

    Raises:
        Conflict: another rebuild is running.
        StateUnavailable: the server went away; the state is incomplete until the rebuild is run again.
    """
    turn = Turn(stream)
    turn.claim()
    try:
        version = table.version()
        wanted = _relevant(table, version)
        positions = wanted.select("position").collect()["position"].sort()
        upto = _last_position(table, version)
        people.clear()
        staging = catalogue_store.staging()
        staging.clear()
        projection, items = PeopleProjection(people, counts_from=counts_from), CatalogueProjection(staging)
        changes: list[tuple[int, list[Change]]] = []
        done = 0
        for batch in _batches(wanted, positions, chunk):
            turn.mine()
            items.apply(batch)
            projection.apply(batch)
            changes += [(position, changes_of(event)) for position, event in batch if event.kind == "config"]
            done += len(batch)
            if progress is not None:
                progress(done, len(positions))
        catalogue_store.adopt(staging)
        configuration.replace(
            [change for _, some in changes for change in some], max((p for p, _ in changes), default=0)
        )
        stream.reset_projected(upto)
    finally:
        turn.release()
    return Rebuilt(done, projection.faults + items.faults, version, upto)


def _relevant(table: LedgerTable, version: int) -> pl.LazyFrame:
    """Events that online state is made of. Those without position came by a spool and change none of it."""
    both = pl.col("customer_id").is_not_null() & pl.col("visitor_id").is_not_null()
    acted_on = pl.col("kind").is_in(["order", "customer", "item", "config"])
    told = acted_on | both | pl.col("event_name").is_in(list(WITHDRAWALS))
    return (
        events(table, version=version)
        .filter((pl.col("kind") != "decision") & pl.col("position").is_not_null() & told)
        .select(_COLUMNS)
    )


def _last_position(table: LedgerTable, version: int) -> int:
    """The writer commits the stream in order: the table holds all of it up to its last position."""
    last = events(table, version=version).select(pl.col("position").max()).collect().item()
    return int(last or 0)


def _batches(wanted: pl.LazyFrame, positions: pl.Series, chunk: int) -> Iterator[list[tuple[int, Event]]]:
    """Events in position order, ``chunk`` at a time; each chunk is a scan of its range of positions."""
    bounds = [int(position) for position in positions.gather_every(chunk)]
    for low, high in zip(bounds, [*bounds[1:], None], strict=True):
        part = pl.col("position") >= low
        if high is not None:
            if high == low:
                continue
            part &= pl.col("position") < high
        frame = (
            wanted.filter(part)
            .with_columns(pl.col(name).dt.epoch("us") for name in _TIMES)
            .sort("position", "occurred_at")
            .collect()
        )
        yield [_event(row) for row in frame.iter_rows()]


def _event(row: tuple[object, ...]) -> tuple[int, Event]:
    told = dict(zip(_COLUMNS, row, strict=True))
    lines = told.pop("lines") or ()
    params = told.pop("params")
    position = told.pop("position")
    fields: dict[str, object] = {
        **told,
        "lines": tuple(Line(**line) for line in lines),  # type: ignore[attr-defined]
        "params": msgspec.json.decode(params) if isinstance(params, str) and params else {},
    }
    return int(position), Event(**fields)  # type: ignore[call-overload, arg-type]
