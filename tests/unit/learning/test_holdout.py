"""What is hidden stays hidden."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from offers.learning.dataset import US_A_DAY, Lines, read_lines
from offers.learning.holdout import QUESTIONS, Holdout, hidden_days

Make = Callable[[Sequence[Any]], pl.LazyFrame]

ORDERS = [
    ("o01", "c:ann", 0.0, ["a", "b"]),
    ("o02", "c:bob", 5.0, ["a"]),
    ("o03", "c:ann", 80.0, ["a", "c", "d", "e"]),
    ("o04", "c:ann", 90.0, ["f", "b"]),
    ("o05", "c:bob", 85.0, ["a"]),
    ("o06", "c:new", 85.0, ["a", "z"]),
    ("o07", None, 90.0, ["b", "c"]),
    ("o08", "c:gone", 3.0, ["a"]),
    ("o09", "c:end", 100.0, ["a"]),
]


def _names(lines: Lines, codes: Any) -> set[str]:
    return {lines.item_ids[i] for i in codes}


def test_each_question_wants_what_it_says(make_lines: Make) -> None:
    lines = read_lines(make_lines(ORDERS))
    holdout = Holdout.of(lines, 25, 100, np.random.default_rng(1))
    assert tuple(holdout.cases) == QUESTIONS
    assert int(holdout.past.at.max()) < holdout.cut <= lines.first_at + 80 * US_A_DAY
    discover = {c.person: (_names(lines, c.barred), _names(lines, c.wanted)) for c in holdout.cases["discover"]}
    # People in the order of their keys: ann, bob, end, gone, new. Bob bought nothing new; new and end have no past.
    assert discover == {0: ({"a", "b"}, {"c", "d", "e", "f"})}
    following = {c.person: (len(c.barred), _names(lines, c.wanted)) for c in holdout.cases["next_basket"]}
    assert following == {0: (0, {"a", "c", "d", "e"}), 1: (0, {"a"})}
    carts = holdout.cases["cart"]
    assert [c.person for c in carts] == [0, 4, -1]
    for cart, items in zip(carts, ({"a", "c", "d", "e"}, {"a", "z"}, {"b", "c"}), strict=True):
        assert _names(lines, cart.seen) | _names(lines, cart.wanted) == items
        assert not _names(lines, cart.seen) & _names(lines, cart.wanted)
        assert _names(lines, cart.barred) == _names(lines, cart.seen)
        assert len(cart.seen) == (len(items) + 1) // 2


def test_of_too_many_people_some_are_drawn_by_the_seed(make_lines: Make) -> None:
    orders = [(f"o{p}-{day}", f"c:{p}", float(day), ["a", "b", f"i{day}"]) for p in range(50) for day in (0, 90, 100)]
    lines = read_lines(make_lines(orders))
    drawn = [Holdout.of(lines, 20, 10, np.random.default_rng(seed)).cases for seed in (1, 1, 2)]
    people = [[c.person for c in cases["discover"]] for cases in drawn]
    assert [len(p) for p in people] == [10, 10, 10]
    assert people[0] == people[1] != people[2]
    assert [c.seen.tolist() for c in drawn[0]["cart"]] == [c.seen.tolist() for c in drawn[1]["cart"]]


def test_of_a_short_history_a_quarter_is_hidden(make_lines: Make) -> None:
    lines = read_lines(make_lines([("o1", "c:a", 0.0, ["a"]), ("o2", "c:a", 8.0, ["a"])]))
    assert hidden_days(lines, 28) == 2.0
    assert hidden_days(lines, 1) == 1.0


def test_orders_of_one_moment_hide_nothing(make_lines: Make) -> None:
    lines = read_lines(make_lines([("o1", "c:a", 1.0, ["a", "b"]), ("o2", "c:b", 1.0, ["a", "b"])]))
    holdout = Holdout.of(lines, 28, 10, np.random.default_rng(1))
    assert [len(cases) for cases in holdout.cases.values()] == [0, 0, 0]
    assert len(holdout.past) == 4
