"""Order lines become matrices: counted once per order, weighted by recency, guests in baskets only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from offers.errors import InvalidInput
from offers.learning.dataset import US_A_DAY, Dataset, read_lines
from offers.learning.popularity import popularity

Make = Callable[[Sequence[Any]], pl.LazyFrame]

ORDERS = [
    ("o1", "c:ann", 0.0, ["milk", "bread"]),
    ("o2", "c:ann", 10.0, ["milk", "milk"]),
    ("o3", "c:bob", 10.0, ["milk", "tea"]),
    ("o4", None, 20.0, ["bread", "tea"]),
]


def test_an_item_counts_once_in_an_order_and_a_guest_is_nobody(make_lines: Make) -> None:
    lines = read_lines(make_lines(ORDERS))
    assert (len(lines), lines.n_orders, lines.n_persons) == (7, 4, 2)
    assert list(lines.item_ids) == ["bread", "milk", "tea"]
    dataset = Dataset.of(lines, lines.last_at, 1)
    assert dataset.item_ids == ["bread", "milk", "tea"]
    np.testing.assert_array_equal(dataset.baskets.toarray(), [[1, 1, 0], [0, 1, 0], [0, 1, 1], [1, 0, 1]])
    np.testing.assert_array_equal(dataset.item_baskets, [2, 3, 2])
    pairs = list(zip(dataset.customer, dataset.item, dataset.orders, dataset.age_days(), strict=True))
    assert pairs == [(0, 0, 1, 20), (0, 1, 2, 10), (1, 1, 1, 10), (1, 2, 1, 10)]


def test_confidence_is_one_plus_faded_orders(make_lines: Make) -> None:
    lines = read_lines(make_lines(ORDERS))
    found = Dataset.of(lines, lines.last_at, 1).confidences(confidence_weight=4.0, half_life_days=10.0).toarray()
    # Ann: bread once, two half-lives ago; milk twice, the latest one half-life ago.
    np.testing.assert_allclose(found, [[1 + 4 * 1 / 4, 1 + 4 * 2 / 2, 0], [0, 1 + 4 / 2, 1 + 4 / 2]])


def test_popularity_fades_and_counts_guests(make_lines: Make) -> None:
    lines = read_lines(make_lines(ORDERS))
    dataset = Dataset.of(lines, lines.last_at, 1)
    np.testing.assert_allclose(popularity(dataset, 10.0), [1 / 4 + 1, 1 / 4 + 1 / 2 + 1 / 2, 1 / 2 + 1])
    np.testing.assert_allclose(popularity(dataset, 0.0), [2, 3, 2])


def test_rare_items_are_left_out_everywhere(make_lines: Make) -> None:
    lines = read_lines(make_lines(ORDERS))
    dataset = Dataset.of(lines, lines.last_at, 3)
    assert dataset.item_ids == ["milk"]
    assert dataset.baskets.shape == (3, 1)
    np.testing.assert_array_equal(dataset.index, [-1, 0, -1])
    assert list(dataset.customer) == [0, 1]
    assert dataset.confidences(1.0, 10.0).shape == (2, 1)


def test_the_order_of_rows_and_their_types_change_nothing(make_lines: Make) -> None:
    frame = make_lines(ORDERS)
    shuffled = frame.collect().sample(fraction=1.0, shuffle=True, seed=3).lazy()
    micros = shuffled.with_columns(pl.col("occurred_at").cast(pl.Datetime("us", "UTC")).cast(pl.Int64))
    nanos = shuffled.with_columns(pl.col("occurred_at").cast(pl.Datetime("ns", "UTC")))
    for other in (shuffled, micros, nanos):
        a, b = read_lines(frame), read_lines(other)
        for field in ("item", "order", "person", "at"):
            np.testing.assert_array_equal(getattr(a, field), getattr(b, field))


def test_nothing_to_learn_from_is_said(make_lines: Make) -> None:
    frame = make_lines(ORDERS)
    with pytest.raises(InvalidInput, match="import orders"):
        read_lines(frame.filter(pl.col("quantity") > 5))
    lines = read_lines(frame)
    with pytest.raises(InvalidInput, match="too little"):
        Dataset.of(lines, lines.last_at, 9)


def test_guests_alone_make_baskets_and_no_customers(make_lines: Make) -> None:
    frame = make_lines([(f"o{i}", None, float(i), ["a", "b"]) for i in range(4)])
    untyped = frame.with_columns(pl.lit(None).alias("person"))
    for each in (frame, untyped):
        lines = read_lines(each)
        dataset = Dataset.of(lines, lines.last_at, 1)
        assert dataset.confidences(1.0, 10.0).shape == (0, 2)
        assert dataset.baskets.nnz == 8
    assert US_A_DAY == 24 * 3600 * 10**6
