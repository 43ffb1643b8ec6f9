"""The reason of every offer, from what made it a candidate: items of cart or history, and numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from offers.deciding.candidates import Gathered
from offers.deciding.serving_model import ServingModel
from offers.deciding.situation import Situation
from offers.domain.offer import Reason
from offers.ranking.arbitration import Pick
from offers.ranking.arrays import Ints

__all__ = ["justify", "price_difference"]


def price_difference(row: int, base: int, situation: Situation) -> int | None:
    """By how many minor units a row costs more than what is paid for ``base``; None when that is not known."""
    price_of: Callable[[int], int] = situation.shelf.price.item
    for line, paid in zip(situation.cart, situation.paid, strict=True):
        if line == base:
            return price_of(row) - paid if paid > 0 else None
    return price_of(row) - price_of(base)


def justify(
    picks: Sequence[Pick],
    found: Gathered,
    situation: Situation,
    serving: ServingModel | None,
    item_ids: Sequence[str],
) -> list[Reason]:
    """One reason for each pick, in their order."""
    personal = _personal(picks, found, serving, item_ids, situation.history.rows)
    reasons: list[Reason] = []
    for pick in picks:
        if pick.popular:
            reasons.append(Reason("popular" if pick.score > 0 else "assortment"))
        elif pick.relation == "cross_sell" and serving is not None:
            reasons.append(_together(pick.row, found, situation, serving, item_ids))
        elif pick.relation == "upsell":
            difference = price_difference(pick.row, pick.base, situation)
            facts = {} if difference is None else {"price_difference": float(difference)}
            reasons.append(Reason("better_version", (item_ids[pick.base],), facts))
        elif pick.relation == "substitute":
            reasons.append(Reason("same_need", (item_ids[pick.base],)))
        elif pick.relation == "repeat":
            reasons.append(Reason("bought_before", (item_ids[pick.row],)))
        else:
            reasons.append(personal[pick.row])
    return reasons


def _together(
    row: int, found: Gathered, situation: Situation, serving: ServingModel, item_ids: Sequence[str]
) -> Reason:
    """The line of the strongest pair, with the baskets that hold both and the baskets that hold the line."""
    view = serving.view
    sources = found.complements.sources_of(view.index_of(row))[:2]
    bases = [situation.bases[place] for place, _ in sources]
    facts: dict[str, float] = {}
    if sources:
        strongest = view.index_of(bases[0])
        pair = view.co_indptr.item(strongest) + sources[0][1]
        together, baskets = view.co_together.item(pair), view.item_baskets.item(strongest)
        facts = {"together": float(together), "baskets": float(baskets)}
    return Reason("bought_together", tuple(item_ids[base] for base in bases), facts)


def _personal(
    picks: Sequence[Pick],
    found: Gathered,
    serving: ServingModel | None,
    item_ids: Sequence[str],
    bought: Ints,
) -> dict[int, Reason]:
    """Reasons of what taste found, by row: all of them by one solve."""
    rows = [p.row for p in picks if p.relation == "next_best" and not p.popular]
    if not rows or serving is None or found.taste is None:
        return {}
    indexes = serving.view.indexes_of(np.array(rows, np.int64))
    because = found.taste.because(serving.view.factors.take(indexes, axis=0))
    before: list[int] = bought.tolist()
    reasons: dict[int, Reason] = {}
    for row, base in zip(rows, because, strict=True):
        if row in before:
            reasons[row] = Reason("bought_before", (item_ids[row],))
        else:
            reasons[row] = Reason("similar_taste", (item_ids[base],) if base >= 0 else ())
    return reasons
