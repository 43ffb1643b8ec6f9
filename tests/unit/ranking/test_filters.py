from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from offers.domain.offer import Relation
from offers.ranking.arrays import Shelf
from offers.ranking.diversity import CategoryCap
from offers.ranking.filters import STEPS, Barred, Gate

Shelves = Callable[..., Shelf]


def _gate(shelf: Shelf, limit: int = 4, **told: Any) -> Gate:
    barred = Barred.of(shelf, **{k: told.pop(k) for k in ("cart", "excluded", "bought", "shown", "bases") if k in told})
    return Gate(
        shelf,
        barred,
        limit,
        currency=told.get("currency"),
        currency_of=told.get("currency_of", lambda row: "USD"),
        together=told.get("together", lambda base, row: False),
        keep_refused=True,
    )


@pytest.mark.parametrize(
    ("step", "told", "relation", "base"),
    [
        ("unavailable", {"offerable": [0, 1, 1]}, "next_best", -1),
        ("in_cart", {"cart": [0]}, "next_best", -1),
        ("excluded", {"excluded": [0]}, "next_best", -1),
        ("already_bought", {"bought": [0]}, "next_best", -1),
        ("currency", {"currency": "EUR"}, "next_best", -1),
        ("shown_already", {"shown": [0]}, "next_best", -1),
        ("same_group", {"group": [7, 7, -1], "shown": [1]}, "next_best", -1),
        ("same_group", {"group": [7, 7, -1], "cart": [1]}, "next_best", -1),
        ("same_group", {"group": [7, 7, -1], "bought": [1], "replenishable": [0, 0, 0]}, "next_best", -1),
        ("near_substitute", {"category": [3, 3, -1], "bases": [1]}, "cross_sell", -1),
        ("bought_together", {"together": lambda base, row: True, "cart": [1]}, "upsell", 1),
        ("currency", {"currency_of": lambda row: "USD" if row else "EUR", "cart": [1]}, "upsell", 1),
        (None, {"group": [7, 7, -1], "cart": [1]}, "upsell", 1),
        (None, {"category": [3, 3, -1], "bases": [1]}, "next_best", -1),
        (None, {"group": [7, 7, -1], "bought": [1]}, "next_best", -1),
        (None, {"currency": "USD"}, "next_best", -1),
    ],
)
def test_one_candidate(
    make_shelf: Shelves, step: str | None, told: dict[str, Any], relation: Relation, base: int
) -> None:
    columns = {k: told[k] for k in ("offerable", "group", "category", "replenishable") if k in told}
    gate = _gate(make_shelf(3, **columns), **{k: v for k, v in told.items() if k not in columns})
    assert gate.admit(0, relation, 0.5, base) == step
    assert step is None or step in STEPS
    assert gate.refused == ([] if step is None else [(0, step, 0.5)])


def test_nothing_comes_twice(make_shelf: Shelves) -> None:
    gate = _gate(make_shelf(3, group=[1, 1, -1]))
    assert [gate.admit(row, "next_best", 1.0) for row in (0, 0, 1, 2)] == [None, "shown_already", "same_group", None]


def test_one_upsell_for_a_line(make_shelf: Shelves) -> None:
    gate = _gate(make_shelf(4), cart=[3])
    assert [gate.admit(row, "upsell", 1.0, 3) for row in (0, 1)] == [None, "one_per_line"]
    assert gate.admit(2, "substitute", 1.0, 3) is None


def test_a_refused_item_that_another_relation_brings_is_not_listed(make_shelf: Shelves) -> None:
    gate = _gate(make_shelf(2, category=[5, 5]), bases=[1])
    assert gate.admit(0, "cross_sell", 1.0) == "near_substitute"
    assert gate.admit(0, "next_best", 1.0) is None
    assert gate.refused == []


def test_half_of_a_response_may_come_from_one_category(make_shelf: Shelves) -> None:
    gate = _gate(make_shelf(6, category=[1, 1, 1, 2, -1, -1]), limit=3)
    steps = [gate.admit(row, "next_best", 1.0) for row in range(6)]
    assert steps == [None, None, "diversity", None, None, None]
    assert gate.admit(2, "next_best", 1.0, crowded=True) is None


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (2, 1), (3, 2), (4, 2), (50, 25)])
def test_the_cap(limit: int, most: int) -> None:
    assert CategoryCap(limit).most == most


def test_an_earlier_offer_is_asked_only_what_must_never_appear(make_shelf: Shelves) -> None:
    gate = _gate(make_shelf(4, category=[5, 5, 5, 5], offerable=[1, 1, 0, 1]), limit=1, cart=[3])
    assert [gate.stands(row) for row in (0, 1, 2, 3, 0)] == [None, None, "unavailable", "in_cart", "shown_already"]


def test_rows_may_come_as_numpy_numbers(make_shelf: Shelves) -> None:
    shelf = make_shelf(2)
    assert _gate(shelf, excluded=np.array([0]).tolist()).admit(int(np.int64(0)), "next_best", 1.0) == "excluded"
