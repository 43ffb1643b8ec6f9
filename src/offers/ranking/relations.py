"""The five relations: what an offer is to the customer and the cart. Each returns candidates, best first.

Scores compare within one relation only; :mod:`offers.ranking.arbitration` says how relations share a response.
What must never appear is dropped by :mod:`offers.ranking.filters`, not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import nsmallest
from math import ceil, floor

import numpy as np

from offers.ranking.arrays import Bools, Ints, ModelView, Shelf
from offers.ranking.candidates import Candidate, Candidates, CategoryIndex, Neighbours, distinct, neighbours
from offers.ranking.foldin import Folded
from offers.ranking.taste import History, Taste, due
from offers.ranking.topk import top_k
from offers.ranking.weights import decay

__all__ = [
    "HEAD",
    "RARELY",
    "SUBSTITUTE_BAND",
    "co_bought_share",
    "complements",
    "cross_sell",
    "next_best",
    "next_best_exact",
    "repeat",
    "substitute",
    "upsell",
]

HEAD = 200
"""Candidates kept of one relation: far more than the filters drop from the longest response."""

RARELY = 0.05
"""Above this share of the line's baskets two items are taken for complements, not versions of one thing."""

SUBSTITUTE_BAND = 0.25
"""A substitute's price lies within this share of the price of what it stands in for."""

_VERSIONS = 12
"""Versions of one line that are kept: one is shown at most, the rest replaces what the filters drop."""

_EPSILON = 1e-6

_UNTOLD = 1e-3
"""Likeness of two items of one category of which the model knows one not."""

_SIMILAR = 20
"""Similar items of one item that are looked at."""

_RECENT = 8
"""Items of taste whose similar items are looked at when only candidates are scored."""


def complements(model: ModelView, bases: Sequence[int]) -> Neighbours:
    """What is bought together with each of ``bases`` (rows)."""
    indexes = [model.index_of(row) for row in bases]
    return neighbours(model.co_indptr, model.co_indices, model.co_score, indexes)


def cross_sell(model: ModelView, found: Neighbours) -> Candidates:
    """Complements, by the sum of their shrunk co-purchase scores over the lines of the cart."""
    targets, scores = found.summed()
    return Candidates.ranked(model.to_row.take(targets), scores, HEAD)


def upsell(
    model: ModelView | None,
    shelf: Shelf,
    categories: CategoryIndex,
    lines: Sequence[tuple[int, int]],
    max_price_ratio: float,
) -> Iterator[Candidate]:
    """Dearer versions of ``lines`` (row, unit price), from the dearest line, by likeness within a line.

    A version serves the same need: it is of the same narrowest category, or, where a category is not known, its
    factors are alike. Its price is above the line's and at most ``max_price_ratio`` of it.
    """
    for base, paid in sorted(lines, key=lambda line: -line[1]):
        high = floor(paid * max_price_ratio + _EPSILON)
        yield from _versions(model, shelf, categories, base, paid + 1, high)


def substitute(
    model: ModelView | None, shelf: Shelf, categories: CategoryIndex, lines: Sequence[tuple[int, int]]
) -> Iterator[Candidate]:
    """What can stand in for ``lines`` (row, unit price): the same need, within :data:`SUBSTITUTE_BAND` of the price."""
    for base, price in lines:
        low, high = price * (1 - SUBSTITUTE_BAND) - _EPSILON, price * (1 + SUBSTITUTE_BAND) + _EPSILON
        yield from _versions(model, shelf, categories, base, ceil(low), floor(high))


def _versions(
    model: ModelView | None, shelf: Shelf, categories: CategoryIndex, base: int, low: int, high: int
) -> list[Candidate]:
    """Items that serve the need of ``base`` at a price from ``low`` to ``high``, by the cosine of their factors."""
    wanted = shelf.category.item(base)
    rows = categories.rows(wanted)
    index = -1 if model is None else model.index_of(base)
    if model is not None and index >= 0:
        rows = np.concatenate((rows, model.to_row.take(model.similar_to(index, _SIMILAR))))
    price = shelf.price.take(rows)
    affordable = set(rows[(price >= max(low, 1)) & (price <= high)].tolist()) - {base}
    category_of = {row: shelf.category.item(row) for row in sorted(affordable)}
    serving = [row for row, of in category_of.items() if wanted < 0 or of < 0 or of == wanted]
    versions: list[Candidate] = []
    for row, likeness in zip(serving, _alike(model, index, serving), strict=True):
        if likeness is None and wanted >= 0 and category_of[row] >= 0:
            # Where the model cannot tell, the category alone is a weak sign.
            likeness = _UNTOLD
        if likeness is not None and likeness > 0:
            versions.append((row, likeness, base))
    return nsmallest(_VERSIONS, versions, key=lambda version: -version[1])


def _alike(model: ModelView | None, index: int, rows: Sequence[int]) -> list[float | None]:
    """Cosine of the factors of the item ``index`` and of each of ``rows``; None where the model knows one not.

    Factors of zero, as of what only guests bought, are not known either.
    """
    if model is None or index < 0 or not rows:
        return [None] * len(rows)
    indexes = model.indexes_of(np.array(rows, np.int64))
    products = model.factors.take(indexes, axis=0) @ model.factors[index]
    lengths = model.norms.take(indexes) * model.norms[index]
    told = zip(indexes.tolist(), products.tolist(), lengths.tolist(), strict=True)
    return [product / length if i >= 0 and length > 0 else None for i, product, length in told]


def co_bought_share(model: ModelView, base: int, row: int) -> float:
    """Share of the baskets with ``base`` that hold ``row`` as well, as far as the model kept the pair."""
    i, j = model.index_of(base), model.index_of(row)
    if i < 0 or j < 0:
        return 0.0
    start, stop = model.co_indptr.item(i), model.co_indptr.item(i + 1)
    others: list[int] = model.co_indices[start:stop].tolist()
    if j not in others:
        return 0.0
    share: float = model.co_together.item(start + others.index(j)) / max(model.item_baskets.item(i), 1)
    return share


def next_best(model: ModelView, taste: Taste, complements: Ints, head: Ints) -> Candidates:
    """Personal, among candidates only: ``complements``, items similar to the newest of taste, history, ``head``.

    ``complements`` are indexes of what goes with the cart, ``head`` of popular items. Scores are exact inner
    products; what scores no more than zero is left out.
    """
    newest = taste.indexes[:_RECENT].tolist()
    alike = [model.similar_to(i, _SIMILAR) for i in newest]
    indexes = distinct(np.concatenate((complements, taste.indexes, head, *alike)))
    scores = model.factors.take(indexes, axis=0) @ taste.folded.vector
    good = (scores > 0).nonzero()[0]
    return Candidates.ranked(model.to_row.take(indexes[good]), scores[good], HEAD)


def next_best_exact(model: ModelView, folded_in: Folded, shelf: Shelf, first: int) -> Iterator[Candidate]:
    """Personal, over the whole model: all offerable items of positive score in exact order, ``first`` found at once."""

    def allowed(indexes: Ints) -> Bools:
        return shelf.offerable[model.to_row[indexes]]

    k, told = first, 0
    while True:
        indexes, scores = top_k(folded_in.vector, model.factors, model.norms, model.norm_order, k, allowed)
        for index, score in zip(indexes[told:].tolist(), scores[told:].tolist(), strict=True):
            if score <= 0:
                return
            yield int(model.to_row[index]), score, -1
        if len(indexes) < k:
            return
        told, k = k, k * 4


def repeat(shelf: Shelf, history: History, bought_again_after_days: float, half_life_days: float) -> Candidates:
    """What is due again, by the orders that hold it, faded by the age of the latest."""
    ready = due(shelf, history, bought_again_after_days)
    scores = history.orders[ready] * decay(history.age_days[ready], half_life_days)
    return Candidates.ranked(history.rows[ready], scores.astype(np.float32), HEAD)
