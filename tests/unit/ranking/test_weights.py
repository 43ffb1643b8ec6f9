from __future__ import annotations

import numpy as np
import pytest

from offers.ranking.weights import confidence, decay


def test_confidence_is_one_plus_weight_times_orders_faded_by_age() -> None:
    # by hand: 1 + 10 * 3 * 2 ** (-90 / 45) = 1 + 30 / 4
    assert confidence(3.0, 90.0, 10.0, 45.0) == pytest.approx(8.5)


def test_arrays_and_numbers_agree() -> None:
    orders, ages = np.array([1.0, 4.0, 2.0]), np.array([0.0, 30.0, 400.0])
    expected = [confidence(o, a, 2.0, 60.0) for o, a in zip(orders.tolist(), ages.tolist(), strict=True)]
    assert confidence(orders, ages, 2.0, 60.0).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("half_life", [0.0, -1.0, float("inf")])
def test_without_a_half_life_nothing_fades(half_life: float) -> None:
    assert decay(1000.0, half_life) == 1.0


def test_a_purchase_of_the_future_counts_as_one_of_now() -> None:
    assert decay(-2.0, 30.0) == 1.0
