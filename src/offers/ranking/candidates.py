"""Where candidates come from: neighbours of items, and items of the same category."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from offers.ranking.arrays import Bools, Floats, Ints
from offers.ranking.topk import best

__all__ = ["NO_BASE", "Candidate", "Candidates", "CategoryIndex", "Neighbours", "distinct", "neighbours"]

NO_BASE = -1

_AT_ONCE = 24

Candidate = tuple[int, float, int]
"""Catalogue row, score of its relation, and the row it would replace (:data:`NO_BASE`: none)."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates of one relation, best first: rows int[k], scores f32[k] and, where they replace one, bases int[k]."""

    rows: Ints
    scores: Floats
    bases: Ints | None = None

    def __iter__(self) -> Iterator[Candidate]:
        # Few are asked for as a rule: the rest is not turned into objects.
        for start in range(0, len(self.rows), _AT_ONCE):
            piece = slice(start, start + _AT_ONCE)
            rows = self.rows[piece].tolist()
            bases = [NO_BASE] * len(rows) if self.bases is None else self.bases[piece].tolist()
            yield from zip(rows, self.scores[piece].tolist(), bases, strict=True)

    @classmethod
    def ranked(cls, rows: Ints, scores: Floats, k: int) -> Candidates:
        """The best ``k``; equal scores keep the order they came in."""
        places = best(scores, k)
        return cls(rows.take(places), scores.take(places))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Neighbours of several items, one after another: target indexes and scores, best first for each item.

    ``ends[i]`` is where the neighbours of the i-th item end.
    """

    targets: Ints
    scores: Floats
    ends: tuple[int, ...]

    def summed(self) -> tuple[Ints, Floats]:
        """Each target once with the sum of its scores, by index."""
        if len(self.targets) == 0:
            return self.targets, self.scores
        order = self.targets.argsort(kind="stable")
        targets = self.targets.take(order)
        starts = _first_of_each(targets).nonzero()[0]
        return targets.take(starts), np.add.reduceat(self.scores.take(order), starts)

    def sources_of(self, target: int) -> list[tuple[int, int]]:
        """The items that have this neighbour, the strongest first: their place, and its rank among their neighbours."""
        at: list[int] = (self.targets == target).nonzero()[0].tolist()
        at.sort(key=self.scores.item, reverse=True)
        found: list[tuple[int, int]] = []
        for position in at:
            place = bisect_right(self.ends, position)
            found.append((place, position - (self.ends[place - 1] if place else 0)))
        return found

    def nearest(self, k: int) -> Ints:
        """Target indexes of the best ``k`` neighbours of each item; one may come several times."""
        starts = (0, *self.ends)[: len(self.ends)]
        pieces = [self.targets[a : min(b, a + k)] for a, b in zip(starts, self.ends, strict=True)]
        return np.concatenate(pieces) if pieces else self.targets


def neighbours(indptr: Ints, indices: Ints, scores: Floats, items: Sequence[int]) -> Neighbours:
    """The neighbours of ``items`` (model indexes; -1 has none) in a matrix of compressed rows, best first in each."""
    spans = [(indptr.item(i), indptr.item(i + 1)) if i >= 0 else (0, 0) for i in items]
    if not spans:
        return Neighbours(np.empty(0, np.int32), np.empty(0, np.float32), ())
    return Neighbours(
        np.concatenate([indices[a:b] for a, b in spans]),
        np.concatenate([scores[a:b] for a, b in spans]),
        tuple(accumulate(b - a for a, b in spans)),
    )


def _first_of_each(ordered: Ints) -> Bools:
    """Where a new value begins in a sorted array that is not empty."""
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return first


def distinct(items: Ints) -> Ints:
    """Each value once, rising."""
    ordered = np.sort(items)
    if len(ordered) == 0:
        return ordered
    return ordered[_first_of_each(ordered)]


class CategoryIndex:
    """Rows by narrowest category, the most popular first; at most ``width`` are answered for one category."""

    def __init__(self, category: Ints, popularity: Floats, width: int = 32) -> None:
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
        start, stop = self._starts.item(category), self._starts.item(category + 1)
        return self._rows[start : min(stop, start + self._width)]
