"""A small model and shelf built by hand; rows are given in reverse of indexes, so that mixing them up shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from offers.ranking.arrays import ModelView, Shelf

Pairs = Mapping[int, Sequence[tuple[int, float, int]]]


def _compressed(n: int, pairs: Pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    indptr, indices, scores, together = [0], [], [], []
    for i in range(n):
        for j, score, both in sorted(pairs.get(i, ()), key=lambda p: -p[1]):
            indices.append(j)
            scores.append(score)
            together.append(both)
        indptr.append(len(indices))
    return (
        np.array(indptr, np.int64),
        np.array(indices, np.int32),
        np.array(scores, np.float32),
        np.array(together, np.int32),
    )


@pytest.fixture
def make_view() -> Callable[..., ModelView]:
    """``make_view(factors, co=..., similar=..., baskets=...)``: index i is row n - 1 - i."""

    def make(
        factors: Any, co: Pairs | None = None, similar: Pairs | None = None, baskets: Sequence[int] | None = None
    ) -> ModelView:
        y = np.ascontiguousarray(factors, np.float32)
        n = len(y)
        norms = np.linalg.norm(y, axis=1)
        co_indptr, co_indices, co_score, co_together = _compressed(n, co or {})
        similar_indptr, similar_indices, similar_score, _ = _compressed(n, similar or {})
        to_row = np.arange(n - 1, -1, -1, dtype=np.int32)
        return ModelView(
            factors=y,
            gram=y.T @ y,
            regularization=0.1,
            confidence_weight=2.0,
            half_life_days=100.0,
            norms=norms,
            norm_order=np.argsort(-norms, kind="stable"),
            popularity=np.linspace(1, 0.1, n, dtype=np.float32) if n else np.empty(0, np.float32),
            item_baskets=np.array(baskets if baskets is not None else [100] * n, np.int32),
            co_indptr=co_indptr,
            co_indices=co_indices,
            co_score=co_score,
            co_together=co_together,
            similar_indptr=similar_indptr,
            similar_indices=similar_indices,
            similar_score=similar_score,
            to_row=to_row,
            to_index=to_row.copy(),
        )

    return make


@pytest.fixture
def make_shelf() -> Callable[..., Shelf]:
    """``make_shelf(n, price=..., group=..., ...)``: everything offerable at 100 unless told otherwise."""

    def make(n: int, **told: Sequence[int]) -> Shelf:
        return Shelf(
            price=np.array(told.get("price", [100] * n), np.int64),
            offerable=np.array(told.get("offerable", [True] * n), np.bool_),
            group=np.array(told.get("group", [-1] * n), np.int32),
            category=np.array(told.get("category", [-1] * n), np.int32),
            replenishable=np.array(told.get("replenishable", [-1] * n), np.int8),
        )

    return make
