"""How good a ranked list is, and how sure a difference between two ways of making lists is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Accuracy", "accuracy", "bootstrap_interval"]

Ints = npt.NDArray[np.signedinteger[Any]]
Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Of one list, or means over lists; each in [0, 1].

    ``recall``: share of what was wanted that is in the list. ``ndcg``: discounted cumulative gain over the best
    possible (Järvelin and Kekäläinen, 2002; binary gains, log2 discount). ``hit_rate``: 1 if anything was.
    """

    recall: float
    ndcg: float
    hit_rate: float

    @classmethod
    def mean(cls, of: list[Accuracy]) -> Accuracy:
        """Means; of nothing, nothing."""
        if not of:
            return cls(0.0, 0.0, 0.0)
        recall, ndcg, hit = np.mean([(a.recall, a.ndcg, a.hit_rate) for a in of], axis=0).tolist()
        return cls(recall, ndcg, hit)


def accuracy(ranked: Ints, wanted: Ints, k: int) -> Accuracy:
    """Of the first ``k`` of ``ranked`` against ``wanted`` (at least one, each once)."""
    hits = np.isin(ranked[:k], wanted)
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    gain = float(discount[: len(hits)] @ hits)
    return Accuracy(
        recall=float(hits.sum()) / len(wanted),
        ndcg=gain / float(discount[: min(k, len(wanted))].sum()),
        hit_rate=float(hits.any()),
    )


def bootstrap_interval(
    values: Float64s, confidence: float, resamples: int, generator: np.random.Generator
) -> tuple[float, float]:
    """Percentile interval of the mean of ``values``, one per person (Efron, 1979)."""
    n = len(values)
    means = np.empty(resamples)
    for i in range(resamples):
        means[i] = values[generator.integers(0, n, n)].mean()
    low, high = np.quantile(means, ((1 - confidence) / 2, (1 + confidence) / 2)).tolist()
    return low, high
