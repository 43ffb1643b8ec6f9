"""Repeats of events that came without a time of their own.

Such an event lies in the day of its arrival, so a repeat that comes after its id has left Valkey would fall into
another day than the first. For these (``occurred_at`` = ``received_at``) the writer keeps 8 bytes a row: the sorted
hashes of their ids, read from the table when first needed. A hash that is found is looked up in the table itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
from deltalake import DeltaTable

__all__ = ["UndatedIds", "is_undated"]

Hashes = npt.NDArray[np.uint64]

_KINDS = ["order", "behaviour", "message", "exposure"]
_MERGE_AT = 100_000


def is_undated() -> pl.Expr:
    """Whether a row's time is that of its arrival. Our own decisions, settings and items are never told twice."""
    return pl.col("kind").is_in(_KINDS) & (pl.col("occurred_at") == pl.col("received_at"))


def _hash() -> pl.Expr:
    return pl.concat_str("kind", pl.lit("\n"), "event_id").hash()


class UndatedIds:
    """Hashes of the ids of all undated rows in the table; for the one writer."""

    def __init__(self) -> None:
        self._sorted: Hashes | None = None
        self._recent: set[int] = set()

    def forget(self) -> None:
        """Read the table again when next needed: another writer may have added to it."""
        self._sorted = None
        self._recent.clear()

    def _load(self, snapshot: DeltaTable) -> Hashes:
        if self._sorted is None:
            found = (
                pl.scan_delta(snapshot).filter(is_undated()).select(_hash().alias("hash")).collect(engine="streaming")
            )
            self._sorted = np.sort(found["hash"].to_numpy())
        return self._sorted

    def repeated(self, rows: pl.DataFrame, snapshot: DeltaTable) -> pl.DataFrame:
        """``kind, event_id`` of the undated among ``rows`` that the table of ``snapshot`` holds on whatever day."""
        undated = rows.lazy().filter(is_undated()).select("kind", "event_id", _hash().alias("hash")).collect()
        nothing = undated.select("kind", "event_id").clear()
        if undated.is_empty():
            return nothing
        known = self._load(snapshot)
        hashes = undated["hash"].to_numpy()
        hit = np.zeros(len(hashes), dtype=bool)
        if len(known):
            at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
            hit = known[at] == hashes
        if self._recent:
            hit |= np.fromiter((int(h) in self._recent for h in hashes), dtype=bool, count=len(hashes))
        if not hit.any():
            return nothing
        suspects = undated.filter(pl.Series(hit)).select("kind", "event_id")
        return (
            pl.scan_delta(snapshot)
            .filter(pl.col("kind").is_in(suspects["kind"].unique().to_list()))
            .select("kind", "event_id")
            .join(suspects.lazy(), on=["kind", "event_id"], how="semi")
            .unique()
            .collect(engine="streaming")
        )

    def add(self, rows: pl.DataFrame) -> None:
        """Remember rows that were committed."""
        if self._sorted is None:
            return
        self._recent.update(rows.lazy().filter(is_undated()).select(_hash().alias("h")).collect()["h"].to_list())
        if len(self._recent) > max(_MERGE_AT, len(self._sorted) // 20):
            fresh = np.fromiter(self._recent, dtype=np.uint64, count=len(self._recent))
            self._sorted = np.sort(np.concatenate([self._sorted, fresh]))
            self._recent.clear()
