"""What is bought together: counts within baskets, shrunk so that a few coincidences prove nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from offers.artifact.assemble import Pairs
from offers.learning.dataset import runs

__all__ = ["best_of_rows", "copurchase"]

_CHUNK_ENTRIES = 150_000
"""Basket entries of the items counted at once: bounds the memory of one product."""


def copurchase(
    baskets: sparse.csr_matrix[Any],
    *,
    min_support: int,
    shrink: float,
    damping: float,
    top: int,
    on_share: Callable[[float], None] | None = None,
) -> Pairs:
    """The ``top`` complements of every item, best first.

    The score of ``j`` for ``i`` is ``together / ((baskets_i + shrink) * (baskets_j + shrink) ** damping)``: the chance
    of ``j`` in a basket with ``i``, shrunk towards nothing for rare ``i``, divided by a power of the popularity of
    ``j``. ``damping`` 0 is the shrunk conditional probability, which offers bread with everything; 1 is shrunk lift,
    which offers curiosities. It is asymmetric: batteries complement a torch more than a torch does batteries.

    Args:
        baskets: orders × items, ones, i32 CSR.
        min_support: pairs in fewer baskets are dropped.
    """
    n = baskets.shape[1]
    by_item = baskets.T.tocsr()
    held = np.diff(by_item.indptr).astype(np.float64)
    divisor = (held + shrink) ** damping
    edges = _chunks(by_item.indptr)

    def counted(chunk: tuple[int, int]) -> tuple[npt.NDArray[Any], ...]:
        start, stop = chunk
        together = (by_item[start:stop] @ baskets).tocsr()
        rows = np.repeat(np.arange(start, stop), np.diff(together.indptr))
        keep = (together.data >= min_support) & (together.indices != rows)
        rows, columns, both = rows[keep], together.indices[keep], together.data[keep]
        score = (both / ((held[rows] + shrink) * divisor[columns])).astype(np.float32)
        kept = best_of_rows(rows, columns, score, top)
        return rows[kept], columns[kept], score[kept], both[kept]

    parts = []
    # SciPy lets go of the interpreter inside a product, so chunks run side by side.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for done, part in enumerate(pool.map(counted, edges), start=1):
            parts.append(part)
            if on_share is not None:
                on_share(done / len(edges))
    rows, columns, score, both = (np.concatenate(column) for column in zip(*parts, strict=True))
    indptr = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=n), out=indptr[1:])
    return Pairs(indptr, columns.astype(np.int32), score, both.astype(np.int32))


def best_of_rows(
    rows: npt.NDArray[Any], columns: npt.NDArray[Any], score: npt.NDArray[np.float32], top: int
) -> npt.NDArray[np.int64]:
    """Places of the ``top`` best entries of each row, row by row, best first; equal scores by column.

    Scores are positive and f32: their bits then sort as they do, so one sort of integers finds where each row's best
    end, and only those are put in order with their columns.
    """
    if len(rows) == 0:
        return np.empty(0, np.int64)
    key = (rows.astype(np.uint64) << np.uint64(32)) | (np.uint64(0xFFFFFFFF) - score.view(np.uint32))
    ranked = np.sort(key)
    starts, stops = runs(ranked >> np.uint64(32))
    last = ranked[np.minimum(starts + top, stops) - 1]
    worst = np.zeros(int(rows.max()) + 1, np.uint64)
    worst[ranked[starts] >> np.uint64(32)] = last
    near = np.flatnonzero(key <= worst[rows])
    order = near[np.lexsort((columns[near], key[near]))]
    starts, stops = runs(rows[order])
    place = np.arange(len(order)) - np.repeat(starts, stops - starts)
    return np.asarray(order[place < top])


def _chunks(indptr: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """Runs of items that hold about :data:`_CHUNK_ENTRIES` basket entries each, at least one item."""
    edges, n = [0], len(indptr) - 1
    while edges[-1] < n:
        target = int(indptr[edges[-1]]) + _CHUNK_ENTRIES
        edges.append(min(n, max(edges[-1] + 1, int(np.searchsorted(indptr, target, side="right")) - 1)))
    return list(pairwise(edges))
