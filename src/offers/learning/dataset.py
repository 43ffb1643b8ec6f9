"""Order lines as integer arrays, and the matrices that models are learned from.

Returns are out before this: what comes in is net of refunds and cancellations. A guest's basket teaches what is bought
together and belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from offers.errors import InvalidInput
from offers.ranking.weights import confidence

__all__ = ["US_A_DAY", "Dataset", "Lines", "read_lines", "runs"]

US_A_DAY = 86_400_000_000
_US = pl.Datetime("us", "UTC")

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lines:
    """Which item was in which order, each pair once: parallel arrays of ``m`` lines.

    Sorted by order, then item. ``item`` and ``order`` i32 dense codes, ``person`` i32 code or -1 for a guest, ``at``
    i64 µs UTC when the order occurred. Codes follow the order of the ids, so that the same facts give the same arrays,
    in whatever order they were read.
    """

    item_ids: Sequence[str]
    item: Int32s
    order: Int32s
    person: Int32s
    at: Int64s
    n_orders: int
    n_persons: int

    def __len__(self) -> int:
        return len(self.item)

    @property
    def first_at(self) -> int:
        return int(self.at.min())

    @property
    def last_at(self) -> int:
        return int(self.at.max())

    def where(self, mask: npt.NDArray[np.bool_]) -> Lines:
        """The lines of a mask, with the same codes."""
        return Lines(
            self.item_ids,
            self.item[mask],
            self.order[mask],
            self.person[mask],
            self.at[mask],
            self.n_orders,
            self.n_persons,
        )


def runs(values: npt.NDArray[Any]) -> tuple[Int64s, Int64s]:
    """Where each run of equal values begins, and where it ends."""
    if len(values) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    return starts, np.append(starts[1:], len(values))


def read_lines(frame: pl.LazyFrame) -> Lines:
    """Collect order lines: columns ``order_id``, ``person`` (key or null), ``item_id``, ``occurred_at`` (timestamp or
    µs), ``quantity``; others are not read.

    Raises:
        InvalidInput: there is nothing to learn from.
    """
    lines = (
        frame.filter(pl.col("quantity") > 0)
        .select(
            pl.col("order_id", "person", "item_id").cast(pl.String),
            pl.col("occurred_at").cast(_US).cast(pl.Int64).alias("at"),
        )
        .collect()
    )
    if lines.is_empty():
        raise InvalidInput("there are no orders to learn from: import orders first")
    items, orders, persons = (lines[c].drop_nulls().unique().sort() for c in ("item_id", "order_id", "person"))
    coded = lines.select(
        _code("item_id", items).alias("item"),
        _code("order_id", orders).alias("order"),
        _code("person", persons).fill_null(-1),
        "at",
    )
    # One sort groups lines by order and item; a pair that repeats keeps one line.
    key = coded["order"].to_numpy().astype(np.int64) * len(items) + coded["item"].to_numpy()
    _, kept = np.unique(key, return_index=True)
    coded = coded[kept]
    return Lines(
        items.to_list(),
        coded["item"].to_numpy(),
        coded["order"].to_numpy(),
        coded["person"].to_numpy(),
        coded["at"].to_numpy(),
        len(orders),
        len(persons),
    )


def _code(column: str, ids: pl.Series) -> pl.Expr:
    return pl.col(column).cast(pl.Enum(ids)).to_physical().cast(pl.Int32)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What models are learned from at one moment.

    ``vocabulary`` i32[n]: the code in ``lines`` of each item; ``index`` i32[len(lines.item_ids)]: the reverse, -1 for
    items left out. ``as_of``: µs, the moment that ages are measured from. ``baskets``: i32 CSR of ones, baskets × n.
    One row per pair of a customer and an item bought, sorted by customer: ``customer`` i32 (code of the person),
    ``item`` i32 (0..n), ``orders`` f32, ``last_at`` i64.
    """

    lines: Lines
    vocabulary: Int32s
    index: Int32s
    as_of: int
    baskets: sparse.csr_matrix[Any]
    customer: Int32s
    item: Int32s
    orders: npt.NDArray[np.float32]
    last_at: Int64s

    @property
    def n_items(self) -> int:
        return len(self.vocabulary)

    @property
    def item_ids(self) -> list[str]:
        ids = self.lines.item_ids
        return [ids[code] for code in self.vocabulary.tolist()]

    @property
    def item_baskets(self) -> Int32s:
        """Baskets that hold each item: i32[n]."""
        return np.bincount(self.baskets.indices, minlength=self.n_items).astype(np.int32)

    @classmethod
    def of(cls, lines: Lines, as_of: int, min_item_orders: int) -> Dataset:
        """All of ``lines``; items in fewer than ``min_item_orders`` orders are left out.

        Raises:
            InvalidInput: no item is bought often enough.
        """
        bought = np.bincount(lines.item, minlength=len(lines.item_ids))
        vocabulary = np.flatnonzero(bought >= max(min_item_orders, 1)).astype(np.int32)
        if len(vocabulary) == 0:
            raise InvalidInput(f"no item is in {min_item_orders} orders: there is too little to learn from")
        index = np.full(len(lines.item_ids), -1, np.int32)
        index[vocabulary] = np.arange(len(vocabulary), dtype=np.int32)
        item = index[lines.item]
        inside = item >= 0
        baskets = _baskets(lines.order[inside], item[inside], len(vocabulary))
        known = inside & (lines.person >= 0)
        customer, pairs, orders, last_at = _pairs(lines.person[known], item[known], lines.at[known], len(vocabulary))
        return cls(lines, vocabulary, index, as_of, baskets, customer, pairs, orders, last_at)

    def age_days(self) -> npt.NDArray[np.float64]:
        """Days from the latest order of each customer and item to ``as_of``."""
        return (self.as_of - self.last_at) / US_A_DAY

    def confidences(self, confidence_weight: float, half_life_days: float) -> sparse.csr_matrix[Any]:
        """Customers × items, f32: the confidence of :func:`offers.ranking.weights.confidence`.

        A row per person code: persons without a known item have an empty one.
        """
        values = confidence(self.orders.astype(np.float64), self.age_days(), confidence_weight, half_life_days)
        indptr = np.zeros(self.lines.n_persons + 1, np.int32)
        np.cumsum(np.bincount(self.customer, minlength=self.lines.n_persons), out=indptr[1:])
        shape = (self.lines.n_persons, self.n_items)
        return sparse.csr_matrix((values.astype(np.float32), self.item, indptr), shape=shape)


def _baskets(order: Int32s, item: Int32s, n_items: int) -> sparse.csr_matrix[Any]:
    _, stops = runs(order)
    n = len(stops)
    indptr = np.append(0, stops).astype(np.int32)
    return sparse.csr_matrix((np.ones(len(item), np.int32), item, indptr), shape=(n, n_items))


def _pairs(
    person: Int32s, item: Int32s, at: Int64s, n_items: int
) -> tuple[Int32s, Int32s, npt.NDArray[np.float32], Int64s]:
    """Each (person, item) once, sorted: orders that hold the item and when the latest occurred."""
    key = person.astype(np.int64) * n_items + item
    by_key = np.argsort(key, kind="stable")
    key = key[by_key]
    if len(key) == 0:
        return person, item, np.empty(0, np.float32), at
    starts, stops = runs(key)
    orders = (stops - starts).astype(np.float32)
    last_at = np.maximum.reduceat(at[by_key], starts)
    found = key[starts]
    return (found // n_items).astype(np.int32), (found % n_items).astype(np.int32), orders, last_at
