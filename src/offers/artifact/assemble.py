"""From what learning found to the arrays of an artifact, in the order that serving reads them.

Items are renumbered by falling norm of their factors: a scan in norm order with an early stop then reads memory
straight ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Pairs", "assemble", "decode", "encode"]

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Neighbours of ``n`` items as compressed rows, best first: ``indptr`` int[n + 1], ``indices`` int, ``score``.

    ``together`` int: baskets that hold both; None where that means nothing.
    """

    indptr: Ints
    indices: Ints
    score: Floats
    together: Ints | None = None

    @classmethod
    def none(cls, n: int) -> Pairs:
        """No neighbours of anything."""
        empty = np.empty(0, np.int32)
        return cls(np.zeros(n + 1, np.int64), empty, np.empty(0, np.float32), empty)

    def renumbered(self, order: Ints) -> Pairs:
        """The same pairs when item ``order[i]`` becomes item ``i``."""
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        counts = np.diff(self.indptr)[order]
        indptr = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        # Old position of every stored pair, row by row in the new order.
        at = np.repeat(self.indptr[:-1][order] - indptr[:-1], counts) + np.arange(int(indptr[-1]))
        together = None if self.together is None else self.together[at]
        return Pairs(indptr, place[self.indices[at]], self.score[at], together)


def encode(ids: Sequence[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Strings as one run of UTF-8 bytes and where each begins: u8[bytes], i64[n + 1]."""
    parts = [i.encode() for i in ids]
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(p) for p in parts], out=offsets[1:])
    return np.frombuffer(b"".join(parts), np.uint8), offsets


def decode(blob: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> list[str]:
    """The strings again."""
    raw, at = blob.tobytes(), offsets.tolist()
    return [raw[a:b].decode() for a, b in pairwise(at)]


def assemble(
    item_ids: Sequence[str],
    factors: Floats,
    popularity: Floats,
    item_baskets: Ints,
    complements: Pairs,
    similar: Pairs,
) -> dict[str, npt.NDArray[Any]]:
    """Arrays of an artifact, items renumbered by falling norm (equal norms keep their order).

    Args:
        item_ids: n ids, each once.
        factors: [n, f].
        popularity: [n], not negative; stored as shares of its sum.
        item_baskets: [n], baskets that hold the item.
        complements: bought together, with ``together``.
        similar: of like taste.
    """
    order = np.argsort(-np.linalg.norm(np.asarray(factors, np.float32), axis=1), kind="stable")
    y = np.ascontiguousarray(np.asarray(factors, np.float32)[order])
    blob, offsets = encode([item_ids[i] for i in order])
    norms = np.linalg.norm(y, axis=1)
    co, alike = complements.renumbered(order), similar.renumbered(order)
    if co.together is None:
        raise ValueError("complements: say how many baskets hold both")
    total = float(popularity.sum())
    wide = y.astype(np.float64)
    return {
        "vocab_blob": blob,
        "vocab_offsets": offsets,
        "factors": y,
        "gram": (wide.T @ wide).astype(np.float32),
        "norms": norms.astype(np.float32),
        "norm_order": np.arange(len(y), dtype=np.int32),
        "popularity": (popularity[order] / (total or 1.0)).astype(np.float32),
        "item_baskets": item_baskets[order].astype(np.int32),
        "co_indptr": co.indptr.astype(np.int64),
        "co_indices": co.indices.astype(np.int32),
        "co_score": co.score.astype(np.float32),
        "co_together": co.together.astype(np.int32),
        "similar_indptr": alike.indptr.astype(np.int64),
        "similar_indices": alike.indices.astype(np.int32),
        "similar_score": alike.score.astype(np.float32),
    }
