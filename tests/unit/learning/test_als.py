"""The factorisation, on a board whose right answer can be proved, and folded in as serving does."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from offers.learning.als import factorise
from offers.ranking.foldin import fold_in


def _checkerboard(n: int) -> sparse.csr_matrix:
    """Customers buy items of their own parity, all but the one of their own number (after implicit's tests)."""
    board = np.array([[float((i + j) % 2 == 0 and i != j) for j in range(n)] for i in range(n)], np.float32)
    return sparse.csr_matrix(board * 3.0)


def test_the_missing_field_of_a_checkerboard_is_found_by_folding_in() -> None:
    n = 24
    done: list[int] = []
    fitted = factorise(_checkerboard(n), factors=4, regularization=0.1, iterations=10, seed=1, on_iteration=done.append)
    assert done == list(range(1, 11))
    assert fitted.factors.shape == (n, 4)
    assert fitted.seconds > 0
    gram = fitted.factors.T @ fitted.factors
    for customer in range(n):
        bought = np.array([j for j in range(n) if (customer + j) % 2 == 0 and j != customer])
        vector = fold_in(fitted.factors[bought], np.full(len(bought), 3.0, np.float32), gram, 0.1)
        scores = fitted.factors @ vector
        scores[bought] = -np.inf
        assert int(scores.argmax()) == customer


def test_the_same_seed_gives_the_same_factors() -> None:
    board = _checkerboard(12)
    one, two = (factorise(board, factors=4, regularization=1.0, iterations=3, seed=5).factors for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_without_customers_there_is_no_taste() -> None:
    fitted = factorise(sparse.csr_matrix((0, 5), dtype=np.float32), factors=3, regularization=1.0, iterations=3, seed=1)
    np.testing.assert_array_equal(fitted.factors, np.zeros((5, 3)))
