"""Where candidates come from: neighbours of items, and items of the same category."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from offers.ranking.arrays import Floats, Ints
from offers.ranking.topk import best

__all__ = ["NO_BASE", "Candidate", "Candidates", "CategoryIndex", "Neighbours", "distinct", "neighbours"]

NO_BASE = -1

Candidate = tuple[int, float, int]
"""Catalogue row, score of its relation, and the row it would replace (:data:`NO_BASE`: none)."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates of one relation, best first: rows int[k], scores f32[k] and, where they replace one, bases int[k]."""

    rows: Ints
    scores: Floats
    bases: Ints | None = None

    def __iter__(self) -> Iterator[Candidate]:
        bases = [NO_BASE] * len(self.rows) if self.bases is None else self.bases.tolist()
        return zip(self.rows.tolist(), self.scores.tolist(), bases, strict=True)

    @classmethod
    def ranked(cls, rows: Ints, scores: Floats, bases: Ints | None, k: int) -> Candidates:
        """The best ``k``; equal scores keep the order they came in."""
        places = best(scores, k)
        return cls(rows[places], scores[places], None if bases is None else bases[places])


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Neighbours of several items side by side: target index, score, and the place of the item it came from."""

    targets: Ints
    scores: Floats
    sources: Ints

    def summed(self) -> tuple[Ints, Floats]:
        """Each target once with the sum of its scores, by index."""
        if len(self.targets) == 0:
            return self.targets, self.scores
        order = np.argsort(self.targets, kind="stable")
        targets = self.targets[order]
        starts = np.flatnonzero(np.concatenate(([True], targets[1:] != targets[:-1])))
        return targets[starts], np.add.reduceat(self.scores[order], starts)

    def sources_of(self, target: int) -> list[int]:
        """Places of the items that have this neighbour, the strongest first."""
        at = np.flatnonzero(self.targets == target)
        return [int(i) for i in self.sources[at[np.argsort(-self.scores[at], kind="stable")]]]


def neighbours(indptr: Ints, indices: Ints, scores: Floats, items: Sequence[int]) -> Neighbours:
    """The neighbours of ``items`` (model indexes; -1 has none) in a matrix of compressed rows."""
    spans = [(place, int(indptr[i]), int(indptr[i + 1])) for place, i in enumerate(items) if i >= 0]
    if not spans:
        return Neighbours(np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.int64))
    return Neighbours(
        np.concatenate([indices[a:b] for _, a, b in spans]),
        np.concatenate([scores[a:b] for _, a, b in spans]),
        np.repeat([place for place, _, _ in spans], [b - a for _, a, b in spans]),
    )


def distinct(items: Ints) -> Ints:
    """Each value once, rising."""
    ordered = np.sort(items)
    if len(ordered) == 0:
        return ordered
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))]


class CategoryIndex:
    """Rows by narrowest category, the most popular first; at most ``width`` are answered for one category."""

    def __init__(self, category: Ints, popularity: Floats, width: int = 64) -> None:
        """``category`` int[n] (-1: none) and ``popularity`` f32[n], by row."""
        rows = np.flatnonzero(category >= 0)
        order = rows[np.lexsort((rows, -popularity[rows], category[rows]))]
        counts = np.bincount(category[rows]) if len(rows) else np.empty(0, np.int64)
        starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        self._rows = order.astype(np.int32)
        self._starts = starts
        self._width = width

    def rows(self, category: int) -> Ints:
        """Rows that had this category when the index was built, the most popular first."""
        if not 0 <= category < len(self._starts) - 1:
            return np.empty(0, np.int32)
        start, stop = int(self._starts[category]), int(self._starts[category + 1])
        return self._rows[start : min(stop, start + self._width)]
