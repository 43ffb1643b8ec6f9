from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from offers.ranking import relations as relate
from offers.ranking.arrays import ModelView, Shelf
from offers.ranking.candidates import CategoryIndex
from offers.ranking.taste import History, taste_of

Views = Callable[..., ModelView]
Shelves = Callable[..., Shelf]


def _index(shelf: Shelf) -> CategoryIndex:
    return CategoryIndex(shelf.category, np.zeros(len(shelf.category), np.float32))


def test_cross_sell_sums_over_the_cart(make_view: Views) -> None:
    # rows are 3 - index: the cart of rows 3 and 2 is indexes 0 and 1
    view = make_view(np.ones((4, 2)), co={0: [(2, 0.5, 9), (3, 0.625, 9)], 1: [(2, 0.25, 9)]})
    assert list(relate.cross_sell(view, relate.complements(view, [3, 2]))) == [(1, 0.75, -1), (0, 0.625, -1)]


class TestVersions:
    def test_upsell_is_dearer_within_the_ratio_and_of_the_same_category(self, make_shelf: Shelves) -> None:
        shelf = make_shelf(7, price=[100, 100, 101, 160, 161, 150, 0], category=[1, 1, 1, 1, 1, 2, 1])
        found = {row for row, _, _ in relate.upsell(None, shelf, _index(shelf), [(0, 100)], 1.6)}
        assert found == {2, 3}

    def test_the_ratio_is_of_what_is_paid_in_the_cart(self, make_shelf: Shelves) -> None:
        shelf = make_shelf(3, price=[100, 90, 130], category=[1, 1, 1])
        assert [row for row, _, _ in relate.upsell(None, shelf, _index(shelf), [(0, 80)], 1.6)] == [1]

    def test_from_the_dearest_line_by_likeness(self, make_view: Views, make_shelf: Shelves) -> None:
        factors = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1], [0.1, 1]])[::-1]  # rows in this order
        shelf = make_shelf(5, price=[100, 120, 130, 300, 400], category=[1, 1, 1, 2, 2])
        found = list(relate.upsell(make_view(factors), shelf, _index(shelf), [(0, 100), (3, 300)], 1.6))
        assert [(row, base) for row, _, base in found] == [(4, 3), (1, 0), (2, 0)]
        assert [score for _, score, _ in found[1:]] == pytest.approx([0.8, 0.6])

    def test_without_categories_what_is_alike_serves(self, make_view: Views, make_shelf: Shelves) -> None:
        view = make_view(np.ones((3, 2)), similar={2: [(1, 0.9, 0)]})
        shelf = make_shelf(3, price=[100, 120, 120])
        assert [row for row, _, _ in relate.upsell(view, shelf, _index(shelf), [(0, 100)], 1.6)] == [1]

    def test_alike_but_of_another_category_is_no_version(self, make_view: Views, make_shelf: Shelves) -> None:
        view = make_view(np.ones((3, 2)), similar={2: [(1, 0.9, 0)]})
        shelf = make_shelf(3, price=[100, 120, 120], category=[1, 2, 3])
        assert list(relate.upsell(view, shelf, _index(shelf), [(0, 100)], 1.6)) == []

    def test_opposite_taste_is_no_version(self, make_view: Views, make_shelf: Shelves) -> None:
        shelf = make_shelf(2, price=[100, 120], category=[1, 1])
        view = make_view(np.array([[-1.0, 0.0], [1.0, 0.0]]))
        assert list(relate.upsell(view, shelf, _index(shelf), [(0, 100)], 1.6)) == []

    def test_what_the_model_does_not_know_stands_last(self, make_view: Views, make_shelf: Shelves) -> None:
        shelf = make_shelf(4, price=[100, 120, 120, 120], category=[1, 1, 1, 1])
        view = make_view(np.array([[1.0, 0.5], [1.0, 0.0]]))  # rows 1 and 0; rows 2 and 3 are in no model
        found = list(relate.upsell(view, shelf, _index(shelf), [(0, 100)], 1.6))
        assert [row for row, _, _ in found] == [1, 2, 3]
        assert found[0][1] > found[1][1] > 0

    def test_factors_of_zero_say_nothing(self, make_view: Views, make_shelf: Shelves) -> None:
        shelf = make_shelf(2, price=[100, 120], category=[1, 1])
        found = list(relate.upsell(make_view(np.zeros((2, 3))), shelf, _index(shelf), [(0, 100)], 1.6))
        assert [row for row, _, _ in found] == [1]

    @pytest.mark.parametrize(("price", "serves"), [(74, False), (75, True), (100, True), (125, True), (126, False)])
    def test_substitutes_lie_within_the_band(self, make_shelf: Shelves, price: int, serves: bool) -> None:
        shelf = make_shelf(2, price=[100, price], category=[1, 1])
        assert bool(list(relate.substitute(None, shelf, _index(shelf), [(0, 100)]))) is serves

    def test_a_category_that_has_changed_since_the_index_was_built(self, make_shelf: Shelves) -> None:
        before = make_shelf(2, price=[100, 120], category=[1, 1])
        now = make_shelf(2, price=[100, 120], category=[1, 2])
        assert list(relate.upsell(None, now, _index(before), [(0, 100)], 1.6)) == []


def test_co_bought_share(make_view: Views) -> None:
    view = make_view(np.ones((3, 2)), co={2: [(1, 0.5, 20)]}, baskets=[10, 10, 80])
    assert relate.co_bought_share(view, 0, 1) == 0.25  # row 0 is index 2: 20 of its 80 baskets
    assert relate.co_bought_share(view, 1, 0) == 0.0
    assert relate.co_bought_share(view, 99, 0) == 0.0


class TestNextBest:
    factors = np.random.default_rng(8).normal(size=(40, 5)).astype(np.float32)

    def test_exact_is_the_order_of_all_products(self, make_view: Views, make_shelf: Shelves) -> None:
        view = make_view(self.factors)
        shelf = make_shelf(40, offerable=[row % 3 != 0 for row in range(40)])
        taste = taste_of(view, History.of([4, 9], [1, 2], [1.0, 5.0]), [])
        assert taste is not None
        scores = (self.factors @ taste.folded.vector)[::-1]  # by row
        expected = [r for r in np.argsort(-scores).tolist() if scores[r] > 0 and r % 3 != 0]
        assert [row for row, _, _ in relate.next_best_exact(view, taste.folded, shelf, 2)] == expected

    def test_among_candidates_scores_are_the_same(self, make_view: Views) -> None:
        view = make_view(self.factors, similar={35: [(7, 0.9, 0), (8, 0.8, 0)]})
        taste = taste_of(view, History.of([4], [1], [1.0]), [])
        assert taste is not None
        found = list(relate.next_best(view, taste, np.array([1, 2], np.int32), np.array([3], np.int32)))
        wanted = {39 - i for i in (35, 7, 8, 1, 2, 3)}
        scores = (self.factors @ taste.folded.vector)[::-1]
        assert {row for row, _, _ in found} == {r for r in wanted if scores[r] > 0}
        assert [s for _, s, _ in found] == pytest.approx(sorted((float(scores[r]) for r, _, _ in found), reverse=True))


def test_repeat_ranks_what_is_due(make_shelf: Shelves) -> None:
    shelf = make_shelf(4, replenishable=[1, 1, 0, -1])
    history = History.of([0, 1, 2, 3], [1, 4, 9, 2], [40.0, 40.0, 40.0, 10.0])
    found = list(relate.repeat(shelf, history, 30, 40.0))
    assert [(row, score) for row, score, _ in found] == [(1, 2.0), (0, 0.5)]
