from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offers.ranking.topk import best, top_k


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int, np.ndarray]:
    """Factors of uneven norms, a vector, k and a mask. Small integers, so that products are exact and ties happen."""
    n, f = draw(st.integers(1, 60)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    factors = (rng.integers(-3, 4, (n, f)) * rng.integers(0, 5, (n, 1))).astype(np.float32)
    vector = rng.integers(-3, 4, f).astype(np.float32)
    return factors, vector, draw(st.integers(0, n + 3)), rng.random(n) < 0.7


@settings(max_examples=150, deadline=None)
@given(problems(), st.booleans(), st.integers(1, 30))
def test_equals_a_full_sort(
    problem: tuple[np.ndarray, np.ndarray, int, np.ndarray], sorted_rows: bool, block: int
) -> None:
    factors, vector, k, mask = problem
    norms = np.linalg.norm(factors, axis=1)
    order = np.argsort(-norms, kind="stable")
    if sorted_rows:
        factors, norms, mask = factors[order], norms[order], mask[order]
    scores = factors @ vector
    expected = [i for i in np.lexsort((np.arange(len(scores)), -scores)).tolist() if mask[i]][:k]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("offers.ranking.topk._FIRST_BLOCK", block)
        patch.setattr("offers.ranking.topk._SPARE", 0)
        rows, found = top_k(vector, factors, norms, None if sorted_rows else order, k, lambda r: mask[r])
    assert rows.tolist() == expected
    assert found.tolist() == scores[expected].tolist()


def test_stops_early_when_norms_fall() -> None:
    """No more than the first block is asked about when nothing behind it can win."""
    factors = np.zeros((100_000, 2), np.float32)
    factors[:, 0] = np.linspace(100, 0.001, 100_000)
    asked: list[int] = []

    def allowed(rows: np.ndarray) -> np.ndarray:
        asked.append(len(rows))
        return np.ones(len(rows), np.bool_)

    rows, _ = top_k(np.array([1.0, 0.0], np.float32), factors, np.linalg.norm(factors, axis=1), None, 5, allowed)
    assert rows.tolist() == [0, 1, 2, 3, 4]
    assert sum(asked) < 2048


def test_all_scores_equal() -> None:
    factors = np.ones((5000, 3), np.float32)
    rows, _ = top_k(np.zeros(3, np.float32), factors, np.linalg.norm(factors, axis=1), None, 4)
    assert rows.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("n", [3, 600, 5000])
def test_best_is_a_stable_sort(n: int) -> None:
    scores = np.random.default_rng(n).integers(0, 50, n).astype(np.float32)
    assert best(scores, 10).tolist() == np.argsort(-scores, kind="stable")[:10].tolist()
    assert len(best(scores, 0)) == 0
    assert len(best(scores[:0], 3)) == 0
