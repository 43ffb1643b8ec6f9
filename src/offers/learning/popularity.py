"""What sells now: orders that hold an item, faded by age."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offers.learning.dataset import US_A_DAY, Dataset
from offers.ranking.weights import decay

__all__ = ["popularity"]


def popularity(dataset: Dataset, half_life_days: float) -> npt.NDArray[np.float64]:
    """Sum over the orders that hold each item, guests' too, of ``2 ** (-age / half_life)``: f64[n]."""
    item = dataset.index[dataset.lines.item]
    inside = item >= 0
    ages = (dataset.as_of - dataset.lines.at[inside]) / US_A_DAY
    return np.bincount(item[inside], weights=decay(ages, half_life_days), minlength=dataset.n_items).astype(np.float64)
