"""The five relations: what an offer is to the customer and the cart. Each returns candidates, best first.

Scores compare within one relation only; :mod:`offers.ranking.arbitration` says how relations share a response.
What must never appear is dropped by :mod:`offers.ranking.filters`, not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from offers.ranking.arrays import Bools, Floats, Ints, ModelView, Shelf
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

_RECENT = 12
"""Items of taste whose similar items are looked at when only candidates are scored."""


def complements(model: ModelView, bases: Sequence[int]) -> Neighbours:
    """What is bought together with each of ``bases`` (rows)."""
    indexes = [model.index_of(row) for row in bases]
    return neighbours(model.co_indptr, model.co_indices, model.co_score, indexes)


def cross_sell(model: ModelView, found: Neighbours) -> Candidates:
    """Complements, by the sum of their shrunk co-purchase scores over the lines of the cart."""
    targets, scores = found.summed()
    return Candidates.ranked(model.to_row[targets], scores, None, HEAD)


def upsell(
    model: ModelView | None,
    shelf: Shelf,
    categories: CategoryIndex,
    bases: Sequence[int],
    prices: Sequence[int],
    max_price_ratio: float,
) -> Candidates:
    """Dearer versions of ``bases`` (rows) that cost ``prices``: by likeness.

    A version serves the same need: it is of the same narrowest category, or, where a category is not known, its
    factors are alike. Its price is above the line's and at most ``max_price_ratio`` of it.
    """
    paid = np.array(prices, np.int64)
    return _versions(model, shelf, categories, bases, paid + 1, np.floor(paid * max_price_ratio + 1e-6))


def substitute(
    model: ModelView | None, shelf: Shelf, categories: CategoryIndex, bases: Sequence[int], prices: Sequence[int]
) -> Candidates:
    """What can stand in for ``bases`` (rows): the same need, within :data:`SUBSTITUTE_BAND` of the price."""
    price = np.array(prices, np.int64)
    low, high = np.ceil(price * (1 - SUBSTITUTE_BAND) - 1e-6), np.floor(price * (1 + SUBSTITUTE_BAND) + 1e-6)
    return _versions(model, shelf, categories, bases, low, high)


def _versions(
    model: ModelView | None,
    shelf: Shelf,
    categories: CategoryIndex,
    bases: Sequence[int],
    low: Ints | Floats,
    high: Ints | Floats,
) -> Candidates:
    """Items that serve the need of a base at a price from ``low`` to ``high`` (by base), by cosine of factors."""
    pieces: list[Ints] = []
    for base in bases:
        piece: Ints = categories.rows(int(shelf.category[base]))
        if model is not None and (index := model.index_of(base)) >= 0:
            alike = model.similar_indices[model.similar_indptr[index] : model.similar_indptr[index + 1]]
            piece = np.concatenate((piece, model.to_row[alike]))
        pieces.append(piece)
    place = np.repeat(np.arange(len(bases)), [len(p) for p in pieces])
    if len(place) == 0:
        return Candidates(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.int64))
    rows = np.concatenate(pieces).astype(np.int64)
    base_rows = np.array(bases, np.int64)
    of, wanted = shelf.category[rows], shelf.category[base_rows][place]
    price = shelf.price[rows]
    fits = (price > 0) & (price >= low[place]) & (price <= high[place]) & (rows != base_rows[place])
    fits &= (of == wanted) | (of < 0) | (wanted < 0)
    # A row may come both from the category and from the similar ones: once is enough.
    kept = np.flatnonzero(fits)
    key = rows[kept] * len(bases) + place[kept]
    kept = kept[np.sort(np.unique(key, return_index=True)[1])] if len(kept) > 1 else kept
    rows, place = rows[kept], place[kept]
    scores = _alike(model, rows, base_rows[place])
    same = (shelf.category[rows] == shelf.category[base_rows[place]]) & (shelf.category[rows] >= 0)
    serves = np.flatnonzero((scores > 0) | (same & np.isnan(scores)))
    rows, place, scores = rows[serves], place[serves], np.nan_to_num(scores[serves], nan=1e-3)
    return Candidates.ranked(rows, scores, base_rows[place], HEAD)


def _alike(model: ModelView | None, rows: Ints, bases: Ints) -> Floats:
    """Cosine of the factors of pairs of rows; not a number where the model knows one of them not."""
    scores = np.full(len(rows), np.nan, np.float32)
    if model is None or len(rows) == 0:
        return scores
    left, right = model.indexes_of(rows), model.indexes_of(bases)
    known = np.flatnonzero((left >= 0) & (right >= 0))
    a, b = left[known], right[known]
    product = np.einsum("ij,ij->i", model.factors[a], model.factors[b])
    scores[known] = product / np.maximum(model.norms[a] * model.norms[b], np.float32(1e-12))
    return scores


def co_bought_share(model: ModelView, base: int, row: int) -> float:
    """Share of the baskets with ``base`` that hold ``row`` as well, as far as the model kept the pair."""
    i, j = model.index_of(base), model.index_of(row)
    if i < 0 or j < 0:
        return 0.0
    start, stop = int(model.co_indptr[i]), int(model.co_indptr[i + 1])
    at = np.flatnonzero(model.co_indices[start:stop] == j)
    if len(at) == 0:
        return 0.0
    return float(model.co_together[start + int(at[0])]) / max(float(model.item_baskets[i]), 1.0)


def next_best(model: ModelView, taste: Taste, found: Neighbours, head: Ints) -> Candidates:
    """Personal, among candidates only: complements found, items similar to the newest of taste, history, ``head``.

    ``head`` are indexes of popular items. Scores are exact inner products; what scores no more than zero is left out.
    """
    newest = taste.indexes[:_RECENT].tolist()
    alike = [model.similar_indices[model.similar_indptr[i] : model.similar_indptr[i + 1]] for i in newest]
    indexes = distinct(np.concatenate((found.targets, taste.indexes, head, *alike)))
    scores = model.factors[indexes] @ taste.folded.vector
    good = scores > 0
    return Candidates.ranked(model.to_row[indexes[good]], scores[good], None, HEAD)


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
    return Candidates.ranked(history.rows[ready], scores.astype(np.float32), None, HEAD)
