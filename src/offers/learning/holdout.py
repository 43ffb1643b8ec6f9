"""What a shop would have wanted to know at an earlier moment, and what then happened.

The latest days are hidden. A model learns from the past alone, answers each question for people who bought in the
hidden days, and so does plain popularity. Every list is ranked over the full catalogue by the code that serves.

* ``discover``: which items, never bought before, does a customer buy in the hidden days?
* ``next_basket``: what is in a customer's first order of the hidden days, whatever was bought before?
* ``cart``: half of a basket is seen, in the first order of the hidden days; what is the other half?
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from offers.learning.dataset import US_A_DAY, Lines, runs

__all__ = ["QUESTIONS", "Case", "Holdout", "hidden_days"]

QUESTIONS: tuple[str, ...] = ("discover", "next_basket", "cart")

Ints = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """One list to be made. ``person``: code, -1 for a guest. ``seen``: the visible half of a cart, else empty.

    ``barred``: must not be in the list. ``wanted``: what was bought then. Item codes of the lines, not of a dataset:
    an item that no model can know is wanted all the same, and counts against everybody.
    """

    person: int
    seen: Ints
    barred: Ints
    wanted: Ints


@dataclass(frozen=True, slots=True)
class Holdout:
    """``cut``: µs; lines before it are the ``past``. ``cases`` by question, in the order of :data:`QUESTIONS`."""

    cut: int
    past: Lines
    cases: dict[str, tuple[Case, ...]]

    @classmethod
    def of(cls, lines: Lines, days: int, at_most: int, generator: np.random.Generator) -> Holdout:
        """Hide the last ``days`` (fewer if history is short, :func:`hidden_days`); draw ``at_most`` cases each."""
        cut = lines.last_at + 1 - int(hidden_days(lines, days) * US_A_DAY)
        past, later = lines.where(lines.at < cut), lines.where(lines.at >= cut)
        bought = _Grouped.of(past.person, past.item)
        buys = _Grouped.of(later.person, later.item)
        firsts = _first_orders(later)
        known = np.flatnonzero((bought.counts(lines.n_persons) > 0) & (buys.counts(lines.n_persons) > 0))
        discover, next_basket = [], []
        for person in _drawn(known, at_most, generator).tolist():
            before = bought[person]
            new = np.setdiff1d(buys[person], before)
            if len(new):
                discover.append(Case(person, _NONE, np.unique(before), new))
            next_basket.append(Case(person, _NONE, _NONE, later.item[firsts.lines_of_person(person)]))
        cart = []
        enough = np.array([o for o in firsts.orders if firsts.stop[o] - firsts.start[o] >= 2], np.int64)
        for order in _drawn(enough, at_most, generator).tolist():
            at = slice(int(firsts.start[order]), int(firsts.stop[order]))
            items = generator.permutation(later.item[at])
            half = (len(items) + 1) // 2
            cart.append(Case(int(later.person[at.start]), items[:half], items[:half], items[half:]))
        return cls(cut, past, dict(zip(QUESTIONS, map(tuple, (discover, next_basket, cart)), strict=True)))


_NONE: Ints = np.empty(0, np.int32)


def hidden_days(lines: Lines, days: int) -> float:
    """At most a quarter of the history is hidden, so that there is something to learn from."""
    return min(float(days), (lines.last_at - lines.first_at) / US_A_DAY / 4)


def _drawn(of: Ints, at_most: int, generator: np.random.Generator) -> Ints:
    """At most so many, in rising order, without repeats."""
    if len(of) <= at_most:
        return of
    return np.sort(generator.choice(of, at_most, replace=False))


@dataclass(frozen=True, slots=True)
class _Grouped:
    """Items by person; guests have none."""

    persons: Ints
    items: Ints

    @classmethod
    def of(cls, person: Ints, item: Ints) -> _Grouped:
        order = np.argsort(person, kind="stable")
        order = order[int(np.searchsorted(person[order], 0)) :]
        return cls(person[order], item[order])

    def __getitem__(self, person: int) -> Ints:
        start, stop = np.searchsorted(self.persons, (person, person + 1))
        return self.items[start:stop]

    def counts(self, n: int) -> Ints:
        return np.bincount(self.persons, minlength=n)


@dataclass(frozen=True, slots=True)
class _Firsts:
    """The first order of each person and every guest's order: ``orders`` are places in ``start`` and ``stop``."""

    orders: list[int]
    start: Ints
    stop: Ints
    of_person: dict[int, int]

    def lines_of_person(self, person: int) -> slice:
        place = self.of_person[person]
        return slice(int(self.start[place]), int(self.stop[place]))


def _first_orders(later: Lines) -> _Firsts:
    start, stop = runs(later.order)
    person, at = later.person[start], later.at[start]
    of_person: dict[int, int] = {}
    for place in np.argsort(at, kind="stable").tolist():
        if person[place] >= 0:
            of_person.setdefault(int(person[place]), place)
    guests = np.flatnonzero(person < 0).tolist()
    return _Firsts(sorted([*of_person.values(), *guests]), start, stop, of_person)
