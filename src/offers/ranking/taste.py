"""What a person is taken to like: history and cart as weighted items of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offers.ranking.arrays import Bools, Floats, Ints, ModelView, Shelf
from offers.ranking.foldin import Folded, folded
from offers.ranking.weights import confidence

__all__ = ["History", "Taste", "barred_by_history", "due", "taste_of"]


@dataclass(frozen=True, slots=True)
class History:
    """What a person bought, newest first, each item once.

    Catalogue rows int64[m]; ``orders`` f64[m], orders that hold the item; ``age_days`` f64[m] since the latest of
    them. Items that the catalogue does not know are not here.
    """

    rows: Ints
    orders: npt.NDArray[np.float64]
    age_days: npt.NDArray[np.float64]

    @classmethod
    def of(cls, rows: Sequence[int], orders: Sequence[int], age_days: Sequence[float]) -> History:
        return cls(np.array(rows, np.int64), np.array(orders, np.float64), np.array(age_days, np.float64))


def barred_by_history(shelf: Shelf, last_bought: Iterable[tuple[int, float]], recent: float) -> list[int]:
    """Rows of what must not be offered, out of ``last_bought`` (row, moment of the latest order).

    What is not replenishable, for ever; what nobody said anything about, while it was bought after ``recent``.
    """
    kind_of: Callable[[int], int] = shelf.replenishable.item
    return [row for row, last in last_bought if (kind := kind_of(row)) == 0 or (kind < 0 and last > recent)]


def due(shelf: Shelf, history: History, bought_again_after_days: float) -> Bools:
    """Which items of a history it is time to offer again: bool[m].

    What is replenishable, after ``bought_again_after_days`` divided by the orders that hold it, since what is
    bought often runs out often; what nobody said anything about, after ``bought_again_after_days``.
    """
    kind = shelf.replenishable[history.rows]
    often = np.where(kind > 0, np.maximum(history.orders, 1.0), 1.0)
    ready: Bools = (kind != 0) & (history.age_days >= bought_again_after_days / often)
    return ready


@dataclass(frozen=True, slots=True)
class Taste:
    """A folded-in person: ``rows`` int[m] of the catalogue and ``indexes`` int[m] of the model behind the vector.

    What is looked at now comes first, then the history, newest first.
    """

    rows: Ints
    indexes: Ints
    folded: Folded

    def because(self, items: Floats) -> list[int]:
        """For each of ``items`` f32[k, f]: the row that raised its score the most, or -1 when none did."""
        shares = self.folded.contributions(items)
        strongest: list[int] = shares.argmax(axis=1).tolist()
        return [self.rows.item(at) if shares.item(k, at) > 0 else -1 for k, at in enumerate(strongest)]


def taste_of(model: ModelView, history: History, looked_at: Sequence[int]) -> Taste | None:
    """Fold in a history and what is looked at now (rows of cart and page: each as one more order of this moment).

    None when the model knows none of it.
    """
    weights = confidence(history.orders, history.age_days, model.confidence_weight, model.half_life_days)
    looked = list(dict.fromkeys(looked_at))
    rows: Ints = history.rows
    if looked:
        now = np.array(looked, np.int64)
        extra = np.full(len(looked), 1.0 + model.confidence_weight)
        both = now[:, None] == rows
        if both.any():
            at, places = both.nonzero()
            extra[at] += weights[places] - 1.0
            elsewhere = ~both.any(axis=0)
            rows, weights = rows[elsewhere], weights[elsewhere]
        rows, weights = np.concatenate((now, rows)), np.concatenate((extra, weights))
    if len(rows) == 0:
        return None
    indexes = model.indexes_of(rows)
    if int(indexes.min()) < 0:
        known = indexes >= 0
        rows, indexes, weights = rows[known], indexes[known], weights[known]
        if len(rows) == 0:
            return None
    solved = folded(model.factors.take(indexes, axis=0), weights.astype(np.float32), model.gram, model.regularization)
    return Taste(rows, indexes, solved)
