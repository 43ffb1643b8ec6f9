"""Complements and items of like taste, against counting every pair by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from offers.artifact.assemble import Pairs
from offers.learning.copurchase import best_of_rows, copurchase
from offers.learning.similar import similar


def _rows(pairs: Pairs, values: np.ndarray) -> list[list[tuple[int, float]]]:
    spans = zip(pairs.indptr[:-1], pairs.indptr[1:], strict=True)
    return [list(zip(pairs.indices[a:b].tolist(), values[a:b].tolist(), strict=True)) for a, b in spans]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([0.0, 0.4, 1.0]), st.integers(1, 6))
def test_complements_are_those_of_counting_every_pair(seed: int, support: int, damping: float, top: int) -> None:
    generator = np.random.default_rng(seed)
    held = (generator.random((40, 8)) < 0.3).astype(np.int32)
    found = copurchase(sparse.csr_matrix(held), min_support=support, shrink=5.0, damping=damping, top=top)
    counts = held.sum(axis=0)
    scores, together = _rows(found, found.score), _rows(found, found.together)
    for i in range(8):
        expected = []
        for j in range(8):
            both = int((held[:, i] & held[:, j]).sum())
            if j != i and both >= support:
                expected.append((-np.float32(both / ((counts[i] + 5.0) * (counts[j] + 5.0) ** damping)), j, both))
        expected = sorted(expected)[:top]
        assert [j for j, _ in scores[i]] == [j for _, j, _ in expected]
        assert [b for _, b in together[i]] == [b for _, _, b in expected]
        np.testing.assert_allclose([s for _, s in scores[i]], [-s for s, _, _ in expected], rtol=1e-6)


def test_complements_do_not_depend_on_how_the_work_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    baskets = sparse.csr_matrix((generator.random((300, 50)) < 0.1).astype(np.int32))
    whole = copurchase(baskets, min_support=1, shrink=5.0, damping=0.4, top=5)
    monkeypatch.setattr("offers.learning.copurchase._CHUNK_ENTRIES", 7)
    shares: list[float] = []
    pieces = copurchase(baskets, min_support=1, shrink=5.0, damping=0.4, top=5, on_share=shares.append)
    for field in ("indptr", "indices", "score", "together"):
        np.testing.assert_array_equal(getattr(whole, field), getattr(pieces, field))
    assert shares[-1] == 1.0
    assert len(shares) > 5


def test_a_complement_is_not_the_same_both_ways() -> None:
    # Ten torches, each with batteries; thirty other baskets with batteries.
    held = np.array([[1, 1]] * 10 + [[0, 1]] * 30, np.int32)
    found = copurchase(sparse.csr_matrix(held), min_support=3, shrink=20.0, damping=0.4, top=5)
    torch, battery = found.score[0], found.score[1]
    assert torch > battery


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), max_size=40), st.integers(1, 4))
def test_the_best_of_rows_are_those_of_sorting_each_row(entries: list[tuple[int, int]], top: int) -> None:
    rows = np.array([r for r, _ in entries], np.int64)
    columns = np.arange(len(entries))[::-1].copy()
    score = np.array([s / 7 for _, s in entries], np.float32)
    expected = [
        at
        for row in range(5)
        for at in sorted(np.flatnonzero(rows == row).tolist(), key=lambda i: (-score[i], columns[i]))[:top]
    ]
    assert best_of_rows(rows, columns, score, top).tolist() == expected


def test_items_of_like_taste_are_those_of_comparing_every_pair() -> None:
    generator = np.random.default_rng(5)
    factors = generator.normal(size=(600, 8)).astype(np.float32)
    factors[7] = 0.0
    often = generator.random(600)
    often[9] = 0.0
    found = similar(factors, often, top=5, most_items=400)
    chosen = [i for i in np.argsort(-often, kind="stable")[:400].tolist() if i not in (7, 9)]
    unit = factors / np.maximum(np.linalg.norm(factors, axis=1, keepdims=True), 1e-9)
    rows = _rows(found, found.score)
    for i in range(600):
        if i not in chosen:
            assert rows[i] == []
            continue
        cosines = sorted(((float(unit[j] @ unit[i]), j) for j in chosen if j != i), reverse=True)[:5]
        assert [j for j, _ in rows[i]] == [j for _, j in cosines]
        np.testing.assert_allclose([s for _, s in rows[i]], [s for s, _ in cosines], rtol=1e-5)


@pytest.mark.parametrize("n", [0, 1])
def test_one_item_is_like_nothing(n: int) -> None:
    found = similar(np.ones((n, 2), np.float32), np.ones(n), top=5, most_items=10)
    assert (len(found.indptr), len(found.indices)) == (n + 1, 0)
