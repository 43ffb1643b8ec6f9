"""How much a purchase says about taste: the one formula that training and serving share."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["SECONDS_A_DAY", "confidence", "decay"]

SECONDS_A_DAY = 86_400.0

Numbers = TypeVar("Numbers", float, npt.NDArray[np.float32], npt.NDArray[np.float64])


def decay(age_days: Numbers, half_life_days: float) -> Numbers:
    """What is left of a purchase's weight after ``age_days``: ``2 ** (-age / half_life)``, in (0, 1].

    A purchase from the future (clocks differ by seconds) counts as one of now. A ``half_life_days`` that is not
    positive, or infinite, means that nothing fades.
    """
    rate = 1.0 / half_life_days if half_life_days > 0 else 0.0
    faded: Numbers = np.exp2(np.minimum(age_days * -rate, 0.0))
    return faded


def confidence(orders: Numbers, age_days: Numbers, confidence_weight: float, half_life_days: float) -> Numbers:
    """Confidence that a customer wants an item: ``1 + confidence_weight * orders * decay(age of the last)``.

    The ``c_ui = 1 + alpha * r_ui`` of Hu, Koren and Volinsky (2008, section 4) with ``r_ui`` the number of orders
    that hold the item, faded by the age in days of the latest of them. Returned confidences are at least 1.

    Args:
        orders: orders of the customer with the item (not pieces), a number or an array.
        age_days: days since the latest of those orders, of the same shape.
    """
    weighted: Numbers = 1.0 + confidence_weight * orders * decay(age_days, half_life_days)
    return weighted
