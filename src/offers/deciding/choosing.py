"""From a situation to the offers of one response: candidates, filters, arbitration, reasons. Remembers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from offers.deciding.candidates import Gathered, gather
from offers.deciding.decision_ids import offer_id
from offers.deciding.justify import justify
from offers.deciding.request import OfferRequest, relations_at
from offers.deciding.serving_model import ServingModel
from offers.deciding.shelves import Shelves
from offers.deciding.situation import Situation
from offers.domain.offer import Dropped, Offer
from offers.ranking.arbitration import Pick, arbitrate, fill
from offers.ranking.filters import Gate
from offers.ranking.relations import RARELY, co_bought_share
from offers.settings import Settings
from offers.state.catalogue import Catalogue

__all__ = ["HALF_LIFE_DAYS", "Choice", "choose", "gate_of", "popular_only"]

HALF_LIFE_DAYS = 180.0
"""Fading of repeat purchases while no model says otherwise."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Offers in the order they are shown; what was dropped, if asked for; whether time ran out on the way."""

    offers: tuple[Offer, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    late: bool = False


def gate_of(
    request: OfferRequest, situation: Situation, serving: ServingModel | None, catalogue: Catalogue, limit: int
) -> Gate:
    """The filters of one response."""

    def together(base: int, row: int) -> bool:
        return serving is not None and co_bought_share(serving.view, base, row) > RARELY

    return Gate(
        situation.shelf,
        situation.barred,
        limit,
        currency=request.currency,
        currency_of=catalogue.currency,
        together=together,
        keep_refused=request.explain,
    )


def choose(
    decision_id: str,
    request: OfferRequest,
    situation: Situation,
    serving: ServingModel | None,
    catalogue: Catalogue,
    shelves: Shelves,
    settings: Settings,
    *,
    limit: int,
    exact: bool,
    late: Callable[[], bool],
) -> Choice:
    """The best that can be offered now; after the deadline, what was found until then and popular items."""
    wanted = relations_at(request.placement) if request.relations is None else request.relations
    gate = gate_of(request, situation, serving, catalogue, limit)
    found = gather(
        wanted,
        situation,
        serving,
        lambda: shelves.categories(serving),
        limit=limit,
        exact=exact,
        max_price_ratio=settings.max_price_ratio,
        bought_again_after_days=settings.bought_again_after_days,
        half_life_days=HALF_LIFE_DAYS if serving is None else serving.view.half_life_days,
        late=late,
    )
    picks, crowd = arbitrate(wanted, found.by_relation, gate, limit)
    if len(picks) < limit and (request.relations is None or "next_best" in wanted):
        fill(picks, crowd, _popular(situation, serving, catalogue), gate, limit)
    return Choice(
        _offers(decision_id, picks, found, situation, serving, catalogue),
        tuple(Dropped(catalogue.item_ids[row], step, round(score, 6)) for row, step, score in gate.refused),
        found.late,
    )


def popular_only(
    decision_id: str,
    request: OfferRequest,
    situation: Situation,
    serving: ServingModel | None,
    catalogue: Catalogue,
    limit: int,
) -> Choice:
    """Popular items that nothing forbids: what is left when deciding itself failed."""
    if request.relations is not None and "next_best" not in request.relations:
        return Choice()
    gate = gate_of(request, situation, None, catalogue, limit)
    picks = fill([], (), _popular(situation, serving, catalogue), gate, limit)
    return Choice(_offers(decision_id, picks, Gathered(), situation, serving, catalogue))


def _popular(situation: Situation, serving: ServingModel | None, catalogue: Catalogue) -> Iterator[tuple[int, float]]:
    """Popular items and, in a shop that has hardly sold anything, the rest of the range in its own order."""
    if serving is not None:
        yield from serving.popular
    for row in np.flatnonzero(situation.shelf.offerable[: catalogue.n]).tolist():
        yield row, 0.0


def _offers(
    decision_id: str,
    picks: list[Pick],
    found: Gathered,
    situation: Situation,
    serving: ServingModel | None,
    catalogue: Catalogue,
) -> tuple[Offer, ...]:
    ids = catalogue.item_ids
    reasons = justify(picks, found, situation, serving, ids)
    return tuple(
        Offer(
            offer_id=offer_id(decision_id, rank),
            item_id=ids[pick.row],
            rank=rank,
            relation=pick.relation,
            reason=reason,
            score=round(pick.score, 6),
            replaces=ids[pick.base] if pick.base >= 0 else None,
        )
        for rank, (pick, reason) in enumerate(zip(picks, reasons, strict=True), start=1)
    )
