from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from offers.ranking.arrays import ModelView, Shelf
from offers.ranking.foldin import fold_in
from offers.ranking.taste import History, barred_by_history, due, taste_of

Y = np.random.default_rng(3).normal(size=(6, 4)).astype(np.float32)


def test_cart_and_history_are_one_basket_of_weights(make_view: Callable[..., ModelView]) -> None:
    view = make_view(Y)
    taste = taste_of(view, History.of([5, 3], [2, 1], [0.0, 100.0]), [3, 0])
    assert taste is not None
    # rows 3, 0, 5 are indexes 2, 5, 0. By hand: row 3 is bought once a half-life ago and in the cart: 1 + 2/2 + 2.
    weights = np.array([4.0, 3.0, 5.0], np.float32)
    assert taste.indexes.tolist() == [2, 5, 0]
    assert taste.folded.weights.tolist() == pytest.approx(weights.tolist())
    np.testing.assert_allclose(taste.folded.vector, fold_in(Y[[2, 5, 0]], weights, view.gram, 0.1), rtol=1e-4)


def test_unknown_to_the_model(make_view: Callable[..., ModelView]) -> None:
    view = make_view(Y)
    assert taste_of(view, History.of([], [], []), []) is None
    assert taste_of(view, History.of([17], [1], [0.0]), [44]) is None
    known = taste_of(view, History.of([17, 2], [1, 1], [0.0, 0.0]), [44])
    assert known is not None
    assert known.rows.tolist() == [2]


def test_because_names_the_row_that_raised_the_score_most(make_view: Callable[..., ModelView]) -> None:
    y = np.array([[1, 0], [0, 1], [0.9, 0.1], [-1, -1]], np.float32)
    taste = taste_of(make_view(y), History.of([3, 2], [1, 1], [0.0, 0.0]), [])
    assert taste is not None
    assert taste.because(y[[2, 1]]) == [3, 2]
    assert taste.because(y[[3]]) == [-1]


#                              unknown  no  yes
KINDS = {"replenishable": [-1, 0, 1]}


@pytest.mark.parametrize(
    ("orders", "age", "barred", "ready"),
    [
        (1, 5.0, [True, True, False], [False, False, False]),
        (6, 5.0, [True, True, False], [False, False, True]),
        (1, 30.0, [False, True, False], [True, False, True]),
        (3, 400.0, [False, True, False], [True, False, True]),
    ],
    ids=["just bought", "bought often", "after the interval", "long ago"],
)
def test_what_was_bought(
    make_shelf: Callable[..., Shelf], orders: int, age: float, barred: list[bool], ready: list[bool]
) -> None:
    history = History.of([0, 1, 2], [orders] * 3, [age] * 3)
    shelf = make_shelf(3, **KINDS)
    last_bought = [(row, -age) for row in range(3)]
    assert barred_by_history(shelf, last_bought, -30) == [row for row in range(3) if barred[row]]
    assert due(shelf, history, 30).tolist() == ready
