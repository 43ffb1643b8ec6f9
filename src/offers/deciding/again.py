"""An earlier decision answered again: what still may be shown stands, the rest is dropped and not replaced."""

from __future__ import annotations

from dataclasses import replace

from offers.deciding.justify import price_difference
from offers.deciding.situation import Situation
from offers.domain.offer import Dropped, Offer, Reason
from offers.ranking.filters import Gate
from offers.state.catalogue import Catalogue

__all__ = ["what_stands"]


def what_stands(
    offers: tuple[Offer, ...], situation: Situation, catalogue: Catalogue, gate: Gate
) -> tuple[tuple[Offer, ...], tuple[Dropped, ...]]:
    """Offers, ranks and ids unchanged, checked against live stock, price, cart and history; and what was dropped.

    The difference in price of an upsell is worked out anew; one that costs no more than the line is dropped.
    """
    standing: list[Offer] = []
    dropped: list[Dropped] = []
    for offer in offers:
        row = catalogue.row_of.get(offer.item_id)
        kept = offer
        step = "unavailable" if row is None or row >= len(situation.shelf.price) else None
        if step is None and row is not None and offer.relation == "upsell" and offer.replaces is not None:
            base = catalogue.row_of.get(offer.replaces)
            difference = None if base is None else price_difference(row, base, situation)
            if difference is not None and difference <= 0:
                step = "price"
            elif difference is not None:
                facts = {"price_difference": float(difference)}
                kept = replace(offer, reason=Reason(offer.reason.code, offer.reason.because, facts))
        if step is None and row is not None:
            step = gate.stands(row)
        if step is None:
            standing.append(kept)
        else:
            dropped.append(Dropped(offer.item_id, step, offer.score))
    return tuple(standing), tuple(dropped)
