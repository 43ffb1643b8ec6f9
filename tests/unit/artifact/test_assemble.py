"""Items are renumbered by falling norm, and everything that names an item follows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from offers.artifact.assemble import Pairs, assemble, decode, encode
from offers.artifact.format import check


@given(st.lists(st.text(min_size=1, max_size=9).filter(lambda s: s.isprintable())))
def test_ids_come_back_as_they_were(ids: list[str]) -> None:
    blob, offsets = encode(ids)
    assert decode(blob, offsets) == ids


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_pairs_keep_their_meaning_when_items_are_renumbered(n: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    dense = np.where(generator.random((n, n)) < 0.3, generator.random((n, n)), 0.0)
    rows = sparse.csr_matrix(dense)
    order = generator.permutation(n)
    moved = Pairs(rows.indptr, rows.indices, rows.data).renumbered(order)
    back = sparse.csr_matrix((moved.score, moved.indices, moved.indptr), shape=(n, n)).toarray()
    np.testing.assert_array_equal(back, dense[np.ix_(order, order)])


def test_every_array_follows_the_order_of_norms() -> None:
    factors = np.array([[1.0, 0.0], [0.0, 3.0], [2.0, 0.0]])
    pairs = Pairs(np.array([0, 1, 1, 1]), np.array([1]), np.array([0.5]), np.array([4]))
    arrays = assemble(["one", "three", "two"], factors, np.array([1.0, 2.0, 1.0]), np.array([7, 8, 9]), pairs, pairs)
    check(arrays)
    assert decode(arrays["vocab_blob"], arrays["vocab_offsets"]) == ["three", "two", "one"]
    np.testing.assert_array_equal(arrays["norms"], np.float32([3, 2, 1]))
    np.testing.assert_array_equal(arrays["norm_order"], [0, 1, 2])
    np.testing.assert_array_equal(arrays["gram"], np.float32([[5, 0], [0, 9]]))
    np.testing.assert_array_equal(arrays["popularity"], np.float32([0.5, 0.25, 0.25]))
    np.testing.assert_array_equal(arrays["item_baskets"], [8, 9, 7])
    # "one" (now 2) is bought with "three" (now 0) in 4 baskets.
    np.testing.assert_array_equal(arrays["co_indptr"], [0, 0, 0, 1])
    assert (arrays["co_indices"][0], arrays["co_together"][0]) == (0, 4)


def test_complements_without_counts_are_refused() -> None:
    pairs = Pairs(np.array([0, 0]), np.empty(0, np.int32), np.empty(0))
    with pytest.raises(ValueError, match="complements"):
        assemble(["a"], np.ones((1, 2)), np.ones(1), np.ones(1, np.int32), pairs, pairs)
