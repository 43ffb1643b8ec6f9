"""Candidates of every relation asked for, one step at a time within the deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from offers.deciding.serving_model import ServingModel
from offers.deciding.situation import Situation
from offers.domain.offer import Relation
from offers.ranking import relations as relate
from offers.ranking.candidates import Candidate, CategoryIndex, Neighbours
from offers.ranking.taste import Taste, taste_of

__all__ = ["Gathered", "gather"]

_NO_NEIGHBOURS = Neighbours(np.empty(0, np.int32), np.empty(0, np.float32), ())
_NEAREST = 16
"""Complements of each line that are scored for taste when only candidates are."""

_SLACK = 24
"""Items of the exact ranking found beyond those needed, since the filters drop some."""


@dataclass(slots=True)
class Gathered:
    """What was found. ``late``: the deadline passed before everything could be looked at."""

    by_relation: dict[Relation, Iterable[Candidate]] = field(default_factory=dict)
    complements: Neighbours = _NO_NEIGHBOURS
    taste: Taste | None = None
    late: bool = False


def gather(
    wanted: Sequence[Relation],
    situation: Situation,
    serving: ServingModel | None,
    categories: Callable[[], CategoryIndex],
    *,
    limit: int,
    exact: bool,
    max_price_ratio: float,
    bought_again_after_days: float,
    half_life_days: float,
    late: Callable[[], bool],
) -> Gathered:
    """Candidates of the relations ``wanted``, as far as ``late()`` lets it. ``exact``: rank the whole model."""
    found = Gathered()
    view = None if serving is None else serving.view
    for relation in wanted:
        if late():
            found.late = True
            break
        if relation == "cross_sell" and serving is not None:
            found.complements = relate.complements(serving.view, situation.bases)
            found.by_relation[relation] = relate.cross_sell(serving.view, found.complements)
        elif relation == "upsell" and situation.cart:
            lines = tuple(zip(situation.cart, situation.paid, strict=True))
            found.by_relation[relation] = relate.upsell(
                view, situation.shelf, categories(), [line for line in lines if line[1] > 0], max_price_ratio
            )
        elif relation == "substitute":
            wanted_for = _to_stand_in_for(situation)
            if wanted_for:
                found.by_relation[relation] = relate.substitute(view, situation.shelf, categories(), wanted_for)
        elif relation == "next_best" and serving is not None:
            _personal(found, situation, serving, wanted, limit, exact)
        elif relation == "repeat":
            found.by_relation[relation] = relate.repeat(
                situation.shelf, situation.history, bought_again_after_days, half_life_days
            )
    return found


def _to_stand_in_for(situation: Situation) -> list[tuple[int, int]]:
    """The item of the page, and lines of the cart that are out of stock, with what they cost."""
    lines: dict[int, int] = {}
    if situation.page is not None:
        lines[situation.page] = int(situation.shelf.price[situation.page])
    for row, price in zip(situation.cart, situation.paid, strict=True):
        if not situation.shelf.offerable[row]:
            lines.setdefault(row, price)
    return list(lines.items())


def _personal(
    found: Gathered,
    situation: Situation,
    serving: ServingModel,
    wanted: Sequence[Relation],
    limit: int,
    exact: bool,
) -> None:
    taste = taste_of(serving.view, situation.history, situation.looked_at)
    if taste is None:
        return
    found.taste = taste
    candidates: Iterable[Candidate]
    if exact:
        first = limit + len(situation.barred.bought) + len(situation.barred.cart) + _SLACK
        candidates = relate.next_best_exact(serving.view, taste.folded, situation.shelf, first)
    else:
        near = found.complements
        if not len(near.targets) and situation.bases:
            near = relate.complements(serving.view, situation.bases)
        candidates = relate.next_best(serving.view, taste, near.nearest(_NEAREST), serving.head)
    if "repeat" in wanted:
        # What was bought before is then offered as what it is, when it is due.
        bought = set(situation.history.rows.tolist())
        candidates = (c for c in candidates if c[0] not in bought)
    found.by_relation["next_best"] = candidates
