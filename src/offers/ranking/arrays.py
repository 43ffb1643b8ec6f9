"""The arrays that ranking reads: a model joined to catalogue rows, and the catalogue as it is at one moment.

Items have two dense numberings that never leave the process: the *index* of a model's vocabulary and the *row* of
the live catalogue. Everything here returns rows; what a model knows of an item is found through its index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Bools", "Floats", "Ints", "ModelView", "Shelf"]

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model's arrays, joined to the catalogue. ``n`` items, ``f`` factors.

    ``factors`` f32[n, f]; ``gram`` f32[f, f] = YᵀY; ``norms`` f32[n] by index; ``norm_order`` int[n], indexes by
    falling norm, None when that is their own order; ``popularity`` f32[n], shares; ``item_baskets`` int[n], baskets
    that hold the item. Neighbours are compressed rows (``indptr`` int64[n + 1]): ``co_score`` f32 the shrunk score
    of what is bought together and ``co_together`` int32 the baskets with both; ``similar_score`` f32 the cosine.
    ``to_row`` int32[n]: index -> row; ``to_index`` int32: row -> index or -1 (rows beyond it are in no model).
    """

    factors: Floats
    gram: Floats
    regularization: float
    confidence_weight: float
    half_life_days: float
    norms: Floats
    norm_order: Ints | None
    popularity: Floats
    item_baskets: Ints
    co_indptr: Ints
    co_indices: Ints
    co_score: Floats
    co_together: Ints
    similar_indptr: Ints
    similar_indices: Ints
    similar_score: Floats
    to_row: Ints
    to_index: Ints

    def index_of(self, row: int) -> int:
        """The model's index of a catalogue row, or -1."""
        return self.to_index.item(row) if row < len(self.to_index) else -1

    def similar_to(self, index: int, most: int) -> Ints:
        """Indexes of the items most like this one, best first, at most ``most``; none for the index -1."""
        if index < 0:
            return self.similar_indices[:0]
        start, stop = self.similar_indptr.item(index), self.similar_indptr.item(index + 1)
        return self.similar_indices[start : min(stop, start + most)]

    def indexes_of(self, rows: Ints) -> Ints:
        """The model's indexes of catalogue rows, -1 where it knows none."""
        known = len(self.to_index)
        if len(rows) and int(rows.max()) >= known:
            found = np.full(len(rows), -1, np.int32)
            inside = rows < known
            found[inside] = self.to_index[rows[inside]]
            return found
        return self.to_index.take(rows)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The live catalogue at one moment, by row.

    ``price`` int64 minor units (0: none); ``offerable`` bool; ``group`` int32 (-1: none); ``category`` int32, the
    narrowest (-1: none); ``replenishable`` int8 (-1 unknown, 0 no, 1 yes).
    """

    price: Ints
    offerable: Bools
    group: Ints
    category: Ints
    replenishable: Ints
