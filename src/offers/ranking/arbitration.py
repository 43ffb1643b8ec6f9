"""How relations share one response.

Scores of different relations measure different things, so they are never compared. Relations take turns in the
order in which they are asked for: the first gives two offers a turn, every other one, each its best that the
filters let through; a relation with nothing left is passed over. At a checkout that is cross_sell, cross_sell,
upsell, next_best and again. An offer's score is that of its candidate as a share of the best candidate of the same
relation, in (0, 1]: how strong it is for what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from offers.domain.offer import Relation
from offers.ranking.candidates import NO_BASE, Candidate
from offers.ranking.filters import Gate

__all__ = ["FIRST_SHARE", "Pick", "arbitrate", "fill"]

FIRST_SHARE = 2
"""Offers a turn of the first relation; the others give one."""


class Pick(NamedTuple):
    """A candidate that made it. ``popular``: it came from no relation of its own but fills the response."""

    row: int
    relation: Relation
    score: float
    base: int = NO_BASE
    popular: bool = False


class _Source:
    """What one relation still has to give."""

    __slots__ = ("_best", "_candidates", "_relation", "share")

    def __init__(self, relation: Relation, candidates: Iterator[Candidate], share: int) -> None:
        self.share = share
        self._relation = relation
        self._candidates = candidates
        self._best = 0.0

    def next_pick(self, gate: Gate, crowd: list[Pick]) -> Pick | None:
        relation = self._relation
        for row, score, base in self._candidates:
            if score > self._best:
                self._best = score
            share = score / self._best if self._best > 0 else 0.0
            step = gate.admit(row, relation, share, base)
            if step is None:
                return Pick(row, relation, share, base)
            if step == "diversity":
                crowd.append(Pick(row, relation, share, base))
        return None


def arbitrate(
    relations: Sequence[Relation], candidates: Mapping[Relation, Iterable[Candidate]], gate: Gate, limit: int
) -> tuple[list[Pick], list[Pick]]:
    """At most ``limit`` picks in the order they are shown, and those that only diversity held back."""
    picks: list[Pick] = []
    crowd: list[Pick] = []
    waiting = [
        _Source(relation, iter(candidates[relation]), FIRST_SHARE if place == 0 else 1)
        for place, relation in enumerate(relations)
        if relation in candidates
    ]
    while waiting and len(picks) < limit:
        for source in tuple(waiting):
            for _ in range(min(source.share, limit - len(picks))):
                pick = source.next_pick(gate, crowd)
                if pick is None:
                    waiting.remove(source)
                    break
                picks.append(pick)
    return picks, crowd


def fill(
    picks: list[Pick], crowd: Sequence[Pick], popular: Iterable[tuple[int, float]], gate: Gate, limit: int
) -> list[Pick]:
    """Bring ``picks`` up to ``limit``: popular items (row, share) first, then what only diversity held back."""
    held = list(crowd)
    for row, share in popular:
        if len(picks) >= limit:
            return picks
        step = gate.admit(row, "next_best", share)
        if step is None:
            picks.append(Pick(row, "next_best", share, popular=True))
        elif step == "diversity" and len(held) < limit + len(crowd):
            held.append(Pick(row, "next_best", share, popular=True))
    for pick in held:
        if len(picks) >= limit:
            return picks
        if gate.admit(pick.row, pick.relation, pick.score, pick.base, crowded=True) is None:
            picks.append(pick)
    return picks
