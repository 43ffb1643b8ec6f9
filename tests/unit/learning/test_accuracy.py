"""Accuracy of lists against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from offers.learning.accuracy import Accuracy, accuracy, bootstrap_interval


def test_hits_at_the_first_and_third_place_of_three_wanted() -> None:
    found = accuracy(np.array([4, 9, 5, 8]), np.array([4, 5, 6]), k=3)
    assert found.recall == pytest.approx(2 / 3)
    # Gains 1/log2(2) + 1/log2(4); the best three would gain 1/log2(2) + 1/log2(3) + 1/log2(4).
    assert found.ndcg == pytest.approx((1 + 0.5) / (1 + 1 / math.log2(3) + 0.5))
    assert found.hit_rate == 1.0


def test_a_short_list_with_the_only_wanted_item_first_is_perfect() -> None:
    assert accuracy(np.array([4]), np.array([4]), k=10) == Accuracy(1.0, 1.0, 1.0)


@pytest.mark.parametrize("ranked", [[], [1, 2]])
def test_no_hit_is_nothing(ranked: list[int]) -> None:
    assert accuracy(np.array(ranked, np.int64), np.array([4]), k=2) == Accuracy(0.0, 0.0, 0.0)


def test_means() -> None:
    assert Accuracy.mean([Accuracy(1.0, 0.5, 1.0), Accuracy(0.0, 0.0, 0.0)]) == Accuracy(0.5, 0.25, 0.5)
    assert Accuracy.mean([]) == Accuracy(0.0, 0.0, 0.0)


def test_the_interval_of_a_large_normal_sample_is_the_textbook_one() -> None:
    values = np.random.default_rng(1).normal(0.3, 1.0, 4000)
    low, high = bootstrap_interval(values, 0.95, 2000, np.random.default_rng(2))
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)
