"""Items of like taste: cosine of item factors."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from offers.artifact.assemble import Pairs
from offers.learning.copurchase import best_of_rows

__all__ = ["similar"]

_BLOCK = 256
"""Rows compared at once: a block of cosines stays near the processor's cache."""


def similar(
    factors: npt.NDArray[np.float32],
    often: npt.NDArray[np.floating[Any]],
    *,
    top: int,
    most_items: int,
    on_share: Callable[[float], None] | None = None,
) -> Pairs:
    """The ``top`` items of greatest cosine to each item, best first; only positive ones.

    Exact among the ``most_items`` that are bought most; others have none and are nobody's: every pair is compared, so
    the work grows with the square of the items, and the factors of an item that hardly anybody bought say nothing.

    Args:
        factors: f32[n, f].
        often: how often each item is bought, [n]; items at 0 are left out.
    """
    n = len(factors)
    chosen = np.argsort(-often, kind="stable")[:most_items]
    norms = np.linalg.norm(factors, axis=1)
    chosen = np.sort(chosen[(often[chosen] > 0) & (norms[chosen] > 0)])
    unit = factors[chosen] / norms[chosen, None]
    width = min(top, len(chosen) - 1)
    if width < 1:
        return Pairs.none(n)
    starts = list(range(0, len(chosen), _BLOCK))

    def compared(start: int) -> tuple[npt.NDArray[Any], ...]:
        cosines = unit[start : start + _BLOCK] @ unit.T
        rows = np.arange(len(cosines))
        cosines[rows, rows + start] = -2.0
        columns = np.argpartition(cosines, len(chosen) - width, axis=1)[:, -width:]
        score = np.take_along_axis(cosines, columns, axis=1).ravel()
        positive = score > 0
        left, right, score = np.repeat(rows + start, width)[positive], columns.ravel()[positive], score[positive]
        order = best_of_rows(left, right, score, width)
        return left[order], right[order], score[order]

    parts = []
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for done, part in enumerate(pool.map(compared, starts), start=1):
            parts.append(part)
            if on_share is not None:
                on_share(done / len(starts))
    rows, columns, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    indptr = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(chosen[rows], minlength=n), out=indptr[1:])
    return Pairs(indptr, chosen[columns].astype(np.int32), score)
