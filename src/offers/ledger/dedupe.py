"""Idempotence for ever: which rows the table already holds, by ``event_id`` within a kind.

Valkey answers for 30 days; after that a repeat falls into the same day's partition as the first, since the day is
part of the fact, and is found there. What came without a time of its own is found by :mod:`undated`.
"""

from __future__ import annotations

import polars as pl
from deltalake import DeltaTable

from offers.ledger.undated import UndatedIds

__all__ = ["without_repeats"]

_ID = ["kind", "event_id"]


def _present(rows: pl.DataFrame, snapshot: DeltaTable) -> pl.DataFrame:
    """``kind, event_id`` of rows that the partitions which they touch already hold."""
    found: list[pl.DataFrame] = []
    touched = rows.group_by("kind").agg(pl.col("day").unique(), pl.col("event_id"))
    for kind, days, ids in touched.iter_rows():
        found.append(
            pl.scan_delta(snapshot)
            .filter((pl.col("kind") == kind) & pl.col("day").is_in(days))
            .select("kind", "event_id")
            .join(pl.LazyFrame({"event_id": ids}), on="event_id", how="semi")
            .collect(engine="streaming")
        )
    return pl.concat(found)


def without_repeats(rows: pl.DataFrame, snapshot: DeltaTable, undated: UndatedIds) -> pl.DataFrame:
    """Rows that the table of ``snapshot`` does not hold yet, each once: the first stays."""
    fresh = rows.unique(_ID, keep="first", maintain_order=True)
    if fresh.is_empty():
        return fresh
    fresh = fresh.join(_present(fresh, snapshot), on=_ID, how="anti", maintain_order="left")
    if fresh.is_empty():
        return fresh
    return fresh.join(undated.repeated(fresh, snapshot), on=_ID, how="anti", maintain_order="left")
