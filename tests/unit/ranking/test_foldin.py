"""Fold-in against the package whose model it serves."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from offers.ranking.foldin import fold_in, folded


def _model(n: int, f: int, seed: int) -> tuple[AlternatingLeastSquares, np.ndarray]:
    rng = np.random.default_rng(seed)
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=f, regularization=0.7, num_threads=1)
    model.item_factors = rng.normal(scale=0.3, size=(n, f)).astype(np.float32)
    model.user_factors = np.zeros((1, f), np.float32)
    return model, model.item_factors


@pytest.mark.parametrize("factors", [8, 64, 128])
@pytest.mark.parametrize("items", [1, 30, 200])
def test_equals_recalculate_user_of_implicit(factors: int, items: int) -> None:
    model, y = _model(500, factors, seed=factors + items)
    rng = np.random.default_rng(items)
    chosen = np.sort(rng.choice(500, items, replace=False))
    weights = rng.uniform(1.0, 20.0, items).astype(np.float32)
    row = sp.csr_matrix((weights, (np.zeros(items, np.int64), chosen)), shape=(1, 500))
    expected = model.recalculate_user(0, row)
    found = fold_in(y[chosen], weights, y.T @ y, 0.7)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-5)


def test_equals_the_normal_equations_in_double_precision() -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(size=(50, 6))
    weights = np.array([1.0, 5.0, 2.0])
    rows = y[[3, 9, 20]]
    # Hu, Koren and Volinsky (2008), equation 4
    system = y.T @ y + 0.5 * np.eye(6) + rows.T @ np.diag(weights - 1) @ rows
    expected = np.linalg.solve(system, rows.T @ weights)
    found = fold_in(rows.astype(np.float32), weights.astype(np.float32), (y.T @ y).astype(np.float32), 0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_contributions_of_the_history_add_up_to_the_score() -> None:
    rng = np.random.default_rng(5)
    y = rng.normal(size=(80, 16)).astype(np.float32)
    solved = folded(y[:10], np.full(10, 4.0, np.float32), y.T @ y, 1.0)
    shares = solved.contributions(y[20:25])
    assert shares.shape == (5, 10)
    np.testing.assert_allclose(shares.sum(axis=1), y[20:25] @ solved.vector, rtol=1e-3, atol=1e-5)


def test_arguments_are_left_as_they_were() -> None:
    y = np.eye(3, dtype=np.float32)
    gram, weights = y.T @ y, np.array([2.0], np.float32)
    fold_in(y[:1], weights, gram, 0.1)
    assert (gram == np.eye(3)).all()
    assert weights.tolist() == [2.0]


def test_a_system_that_is_not_positive_definite_is_named() -> None:
    with pytest.raises(ArithmeticError):
        fold_in(np.zeros((1, 3), np.float32), np.ones(1, np.float32), np.zeros((3, 3), np.float32), 0.0)
