"""What one pass over a dataset learns, and the lists that it makes, by the code that serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from offers.artifact.assemble import Pairs
from offers.learning.als import factorise
from offers.learning.copurchase import copurchase
from offers.learning.dataset import Dataset
from offers.learning.holdout import Case
from offers.learning.popularity import popularity
from offers.learning.recipe import Recipe
from offers.ranking.candidates import neighbours
from offers.ranking.foldin import fold_in
from offers.ranking.topk import best, top_k
from offers.ranking.weights import confidence

__all__ = ["HISTORY", "Learned", "Lists", "Report", "learn"]

HISTORY = 200
"""Items of a history that serving folds in, newest first."""

Report = Callable[[str, int, int | None], None]
"""Told how far work is: the step, done so far, of how many (None: not known)."""

Ints = npt.NDArray[np.signedinteger[Any]]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Learned:
    """``factors`` f32[n, f], ``complements`` and ``popularity`` f64[n] of a dataset; ``fit_seconds`` of the ALS."""

    dataset: Dataset
    factors: Floats
    complements: Pairs
    popularity: npt.NDArray[np.float64]
    fit_seconds: float


def learn(dataset: Dataset, recipe: Recipe, report: Report, suffix: str = "") -> Learned:
    """Factorise, count pairs, count popularity. ``suffix`` tells the steps of one model from another's."""
    als, together = recipe.als, recipe.copurchase
    fitted = factorise(
        dataset.confidences(als.confidence_weight, recipe.data.half_life_days),
        factors=als.factors,
        regularization=als.regularization,
        iterations=als.iterations,
        seed=als.seed,
        on_iteration=lambda done: report(f"factorise{suffix}", done, als.iterations),
    )
    pairs = copurchase(
        dataset.baskets,
        min_support=together.min_support,
        shrink=together.shrink,
        damping=together.damping,
        top=together.top,
        on_share=lambda share: report(f"count pairs{suffix}", round(share * 100), 100),
    )
    sold = popularity(dataset, recipe.data.popularity_half_life_days)
    return Learned(dataset, fitted.factors, pairs, sold, fitted.seconds)


class Lists:
    """Ranked lists for the cases of a hold-out: item codes, best first, at most ``k``."""

    def __init__(self, learned: Learned, recipe: Recipe, k: int) -> None:
        self._learned = learned
        self._recipe = recipe
        self._k = k
        y = learned.factors
        self._gram = (y.T @ y).astype(np.float32)
        self._norms = np.linalg.norm(y, axis=1)
        self._order = np.argsort(-self._norms, kind="stable")
        self._popular = learned.dataset.vocabulary[np.argsort(-learned.popularity, kind="stable")]
        self._age_days = learned.dataset.age_days()
        self._barred = np.zeros(learned.dataset.n_items, np.bool_)

    def by_popularity(self, case: Case) -> Ints:
        """The rival: what sells best now."""
        head = self._popular[: self._k + len(case.barred)]
        return head[~np.isin(head, case.barred)][: self._k]

    def by_model(self, case: Case) -> Ints:
        """Complements for a cart, taste for a person."""
        return self._complements(case) if len(case.seen) else self._taste(case)

    def _complements(self, case: Case) -> Ints:
        pairs, dataset = self._learned.complements, self._learned.dataset
        seen = dataset.index[case.seen].tolist()
        targets, scores = neighbours(
            pairs.indptr, pairs.indices, pairs.score.astype(np.float32, copy=False), seen
        ).summed()
        codes = dataset.vocabulary[targets]
        fresh = ~np.isin(codes, case.barred)
        return np.asarray(codes[fresh][best(scores[fresh], self._k)])

    def _taste(self, case: Case) -> Ints:
        dataset, factors = self._learned.dataset, self._learned.factors
        start, stop = np.searchsorted(dataset.customer, (case.person, case.person + 1))
        age = self._age_days[start:stop]
        newest = start + np.argsort(age, kind="stable")[:HISTORY]
        if len(newest) == 0:
            return np.empty(0, np.int32)
        weights = confidence(
            dataset.orders[newest].astype(np.float64),
            self._age_days[newest],
            self._recipe.als.confidence_weight,
            self._recipe.data.half_life_days,
        )
        rows = factors[dataset.item[newest]]
        vector = fold_in(rows, weights.astype(np.float32), self._gram, self._recipe.als.regularization)
        barred = dataset.index[case.barred]
        barred = barred[barred >= 0]
        self._barred[barred] = True
        try:
            found, scores = top_k(vector, factors, self._norms, self._order, self._k, lambda i: ~self._barred[i])
        finally:
            self._barred[barred] = False
        return np.asarray(dataset.vocabulary[found[scores > 0]])
