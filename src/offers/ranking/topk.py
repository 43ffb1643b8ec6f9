"""The best k items of a whole model by inner product, exactly, without scoring them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["best", "top_k"]

Floats = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.signedinteger[Any]]

_FIRST_BLOCK = 2048
_SMALL = 512
"""Below this a plain sort is faster than finding the threshold first."""

_SPARE = 64

_MARGIN = 1.0 + 1e-5
"""Float32 rounding of norms and scores is far below this, so the bound never stops a scan too early."""


def best(scores: Floats, k: int) -> npt.NDArray[np.int64]:
    """Places of the ``k`` greatest scores, greatest first; equal scores in the order of their places."""
    n = len(scores)
    if k <= 0 or n == 0:
        return np.empty(0, np.int64)
    if n <= _SMALL or k >= n:
        return np.argsort(-scores, kind="stable")[:k]
    threshold = np.partition(scores, n - k)[n - k]
    places = (scores >= threshold).nonzero()[0]
    ranked: npt.NDArray[np.int64] = places[np.argsort(-scores[places], kind="stable")][:k]
    return ranked


def _keep_first(
    found: Floats, block: Indexes, k: int, allowed: Callable[[Indexes], npt.NDArray[np.bool_]] | None
) -> npt.NDArray[np.int64]:
    """Places of a block that may be among the best ``k``, while no threshold is known: at least those that are.

    ``allowed`` is asked about the best few first, since it costs more than the scores do.
    """
    asked = best(found, 4 * k + _SPARE)
    few = asked if allowed is None else asked[allowed(block[asked])]
    # What was not asked about scores no more than the last that was: less than the k-th, or there is nothing else.
    if len(asked) == len(found) or (len(few) >= k and found[few[k - 1]] > found[asked[-1]]):
        return few
    everything = np.arange(len(found))
    return everything if allowed is None else everything[allowed(block)]


def top_k(
    vector: Floats,
    factors: Floats,
    norms: Floats,
    order: Indexes | None,
    k: int,
    allowed: Callable[[Indexes], npt.NDArray[np.bool_]] | None = None,
) -> tuple[npt.NDArray[np.int64], Floats]:
    """The ``k`` rows of ``factors`` with the greatest inner product with ``vector``, and those products.

    Rows are scanned in the order of falling norm; by Cauchy-Schwarz no row scores above ``|vector| * norm``, so
    the scan ends as soon as that bound falls below the k-th best score found. Blocks double, so the worst case
    is one dense product in pieces.

    Args:
        vector: f32[f].
        factors: f32[n, f].
        norms: Euclidean norms of the rows, f32[n], by row.
        order: rows by falling norm, int[n]; None when the rows themselves are in that order.
        k: how many.
        allowed: given rows, says which may appear (a mask); None allows all.

    Returns:
        Rows (greatest score first, equal scores by row) and their scores; fewer than ``k`` when no more are
        allowed.
    """
    n = len(factors)
    rows = np.empty(0, np.int64)
    scores = np.empty(0, np.float32)
    length = float(np.linalg.norm(vector)) * _MARGIN
    threshold = -np.inf
    start, size = 0, _FIRST_BLOCK
    while k > 0 and start < n:
        at = start if order is None else int(order[start])
        if len(rows) >= k and length * float(norms[at]) < threshold:
            break
        stop = min(n, start + size)
        block: Indexes = np.arange(start, stop) if order is None else order[start:stop]
        found = (factors[start:stop] if order is None else factors[block]) @ vector
        if threshold > -np.inf:
            keep = (found >= threshold).nonzero()[0]
            if allowed is not None and len(keep):
                keep = keep[allowed(block[keep])]
        else:
            keep = _keep_first(found, block, k, allowed)
        rows = np.concatenate((rows, block[keep]))
        scores = np.concatenate((scores, found[keep]))
        if len(rows) > k:
            threshold = float(np.partition(scores, len(scores) - k)[len(scores) - k])
            stay = scores >= threshold
            rows, scores = rows[stay], scores[stay]
        elif len(rows) == k:
            threshold = float(scores.min())
        start, size = stop, size * 2
    ranked = np.lexsort((rows, -scores))[:k]
    return rows[ranked], scores[ranked]
