"""Idempotence for ever: which rows the table already holds, by ``event_id`` within a kind.

Valkey answers for 30 days; after that a repeat falls into the same day's partition as the first, since the day is
part of the fact, and is found there. What came without a time of its own is found by :mod:`undated`. Our own
decisions, thousands a second, carry the one time at which they were made: only files of that time are looked into.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import polars as pl
from deltalake import DeltaTable

from offers.ledger.undated import UndatedIds

__all__ = ["without_repeats"]

_ID = ["kind", "event_id"]
_DECISION = "decision"


_MARGIN = timedelta(milliseconds=2)
"""The log keeps a file's first and last time in whole milliseconds."""


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
    return pl.concat(found) if found else rows.select(_ID).clear()


def _decided(rows: pl.DataFrame, snapshot: DeltaTable, root: Path) -> pl.DataFrame:
    """``kind, event_id`` of decisions from the spool that the local table at ``root`` already holds."""
    nothing = rows.select(_ID).clear()
    if rows.is_empty():
        return nothing
    files = pl.DataFrame(snapshot.get_add_actions(flatten=True))
    if "min.occurred_at" in files.columns:
        first, last = rows["occurred_at"].min(), rows["occurred_at"].max()
        earlier = pl.col("max.occurred_at") < pl.lit(first) - _MARGIN
        later = pl.col("min.occurred_at") > pl.lit(last) + _MARGIN
        files = files.filter(~(earlier | later).fill_null(value=False))
    paths = files.filter(pl.col("partition.kind") == _DECISION)["path"].to_list()
    if not paths:
        return nothing
    return (
        pl.scan_parquet([root / unquote(path) for path in paths], hive_partitioning=False)
        .select(pl.lit(_DECISION).alias("kind"), "event_id")
        .join(rows.lazy().select("event_id"), on="event_id", how="semi")
        .collect()
    )


def without_repeats(
    rows: pl.DataFrame, snapshot: DeltaTable, undated: UndatedIds, root: Path | None = None
) -> pl.DataFrame:
    """Rows that the table of ``snapshot`` does not hold yet, each once: the first stays.

    ``root``: the directory of a local table.
    """
    fresh = rows.unique(_ID, keep="first", maintain_order=True)
    if fresh.is_empty():
        return fresh
    told = fresh
    present: list[pl.DataFrame] = []
    if root is not None:
        ours = (pl.col("kind") == _DECISION) & pl.col("position").is_null()
        told = fresh.filter(~ours)
        present.append(_decided(fresh.filter(ours), snapshot, root))
    present.append(_present(told, snapshot))
    fresh = fresh.join(pl.concat(present), on=_ID, how="anti", maintain_order="left")
    if told.is_empty() or fresh.is_empty():
        return fresh
    return fresh.join(undated.repeated(fresh, snapshot), on=_ID, how="anti", maintain_order="left")
