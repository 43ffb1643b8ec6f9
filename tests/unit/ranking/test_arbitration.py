from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from offers.domain.offer import Relation
from offers.ranking.arbitration import Pick, arbitrate, fill
from offers.ranking.arrays import Shelf
from offers.ranking.filters import Barred, Gate

CHECKOUT: tuple[Relation, ...] = ("cross_sell", "upsell", "next_best")


@pytest.fixture
def gate(make_shelf: Callable[..., Shelf]) -> Gate:
    shelf = make_shelf(50, category=[9] * 10 + [-1] * 40)
    return Gate(
        shelf, Barred.of(shelf), 6, currency=None, currency_of=lambda row: "USD", together=lambda base, row: False
    )


def _c(*rows: int, base: Sequence[int] | None = None) -> list[tuple[int, float, int]]:
    return [(row, 1.0 / (n + 1), base[n] if base else -1) for n, row in enumerate(rows)]


def test_relations_take_turns_and_the_first_gives_two(gate: Gate) -> None:
    candidates = {
        "next_best": _c(31, 32),
        "cross_sell": _c(11, 12, 13, 14),
        "upsell": _c(21, 22, base=[1, 2]),
    }
    picks, _ = arbitrate(CHECKOUT, candidates, gate, 6)
    assert [p.row for p in picks] == [11, 12, 21, 31, 13, 14]


def test_a_relation_with_nothing_left_is_passed_over(gate: Gate) -> None:
    picks, _ = arbitrate(CHECKOUT, {"cross_sell": _c(11), "next_best": _c(31, 32, 33)}, gate, 6)
    assert [(p.row, p.relation) for p in picks] == [
        (11, "cross_sell"),
        (31, "next_best"),
        (32, "next_best"),
        (33, "next_best"),
    ]


def test_scores_are_shares_of_the_best_of_their_relation(gate: Gate) -> None:
    picks, _ = arbitrate(("next_best", "repeat"), {"next_best": [(11, 8.0, -1), (12, 2.0, -1)]}, gate, 6)
    assert [p.score for p in picks] == [1.0, 0.25]


def test_the_same_item_of_two_relations_comes_once(gate: Gate) -> None:
    picks, _ = arbitrate(CHECKOUT, {"cross_sell": _c(11), "next_best": _c(11, 12)}, gate, 6)
    assert [p.row for p in picks] == [11, 12]


@pytest.mark.parametrize("limit", [0, 1, 2, 3])
def test_the_limit_cuts_a_turn_short(gate: Gate, limit: int) -> None:
    picks, _ = arbitrate(CHECKOUT, {"cross_sell": _c(11, 12), "upsell": _c(21, base=[1])}, gate, limit)
    assert [p.row for p in picks] == [11, 12, 21][:limit]


def test_popular_items_fill_and_then_what_diversity_held_back(gate: Gate) -> None:
    picks, crowd = arbitrate(("next_best",), {"next_best": _c(0, 1, 2, 3, 4)}, gate, 6)
    assert [p.row for p in picks] == [0, 1, 2]
    assert [p.row for p in crowd] == [3, 4]
    filled = fill(picks, crowd, [(11, 0.9), (5, 0.8), (1, 0.7)], gate, 6)
    assert [(p.row, p.popular) for p in filled[3:]] == [(11, True), (3, False), (4, False)]


def test_nothing_to_offer(gate: Gate) -> None:
    assert arbitrate(CHECKOUT, {}, gate, 4) == ([], [])
    assert fill([], [], [], gate, 4) == []


def test_a_full_response_asks_for_no_more(gate: Gate) -> None:
    def endless():  # type: ignore[no-untyped-def]
        yield 11, 1.0
        raise AssertionError("asked for more than was needed")

    full = [Pick(40, "next_best", 1.0)]
    assert fill(full, (), endless(), gate, 1) == full[:1]
