from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offers.ranking.candidates import Candidates, CategoryIndex, distinct, neighbours

#      item 0: 1 (.5), 2 (.25)      item 1: nothing      item 2: 1 (.75), 0 (.125)
INDPTR = np.array([0, 2, 2, 4])
INDICES = np.array([1, 2, 1, 0], np.int32)
SCORES = np.array([0.5, 0.25, 0.75, 0.125], np.float32)


def test_neighbours_are_summed_over_the_items() -> None:
    found = neighbours(INDPTR, INDICES, SCORES, [0, 1, 2])
    targets, scores = found.summed()
    assert dict(zip(targets.tolist(), scores.tolist(), strict=True)) == {0: 0.125, 1: 1.25, 2: 0.25}


def test_sources_say_which_item_and_where_among_its_neighbours() -> None:
    found = neighbours(INDPTR, INDICES, SCORES, [0, -1, 1, 2])
    assert found.sources_of(1) == [(3, 0), (0, 0)]
    assert found.sources_of(0) == [(3, 1)]
    assert found.sources_of(7) == []


def test_nearest_of_each() -> None:
    assert neighbours(INDPTR, INDICES, SCORES, [0, -1, 2]).nearest(1).tolist() == [1, 1]


def test_items_without_neighbours() -> None:
    for items in ([], [-1], [1]):
        found = neighbours(INDPTR, INDICES, SCORES, items)
        assert len(found.summed()[0]) == 0
        assert len(found.nearest(3)) == 0
        assert found.sources_of(0) == []


@given(st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 8)), max_size=6), min_size=1, max_size=6))
def test_sums_equal_a_dictionary(rows: list[list[tuple[int, int]]]) -> None:
    indptr = np.cumsum([0, *map(len, rows)])
    flat = [pair for row in rows for pair in row]
    indices = np.array([j for j, _ in flat], np.int32)
    scores = np.array([s for _, s in flat], np.float32)
    expected: dict[int, float] = defaultdict(float)
    for j, s in flat:
        expected[j] += s
    targets, sums = neighbours(indptr, indices, scores, range(len(rows))).summed()
    assert dict(zip(targets.tolist(), sums.tolist(), strict=True)) == expected


def test_candidates_are_given_one_by_one_in_order() -> None:
    scores = np.arange(60, dtype=np.float32)
    ranked = Candidates.ranked(np.arange(60) + 100, scores, 40)
    assert [row for row, _, _ in ranked] == list(range(159, 119, -1))
    assert {base for _, _, base in ranked} == {-1}


def test_distinct() -> None:
    assert distinct(np.array([3, 1, 3, 2, 1])).tolist() == [1, 2, 3]
    assert distinct(np.empty(0, np.int64)).tolist() == []


def test_rows_of_a_category_most_popular_first() -> None:
    index = CategoryIndex(np.array([1, 0, 1, -1, 1]), np.array([0.1, 0.2, 0.9, 1.0, 0.1], np.float32), width=2)
    assert index.rows(1).tolist() == [2, 0]
    assert index.rows(0).tolist() == [1]
    assert index.rows(-1).tolist() == []
    assert index.rows(5).tolist() == []


def test_a_catalogue_without_categories() -> None:
    assert CategoryIndex(np.array([-1, -1]), np.zeros(2, np.float32)).rows(0).tolist() == []
