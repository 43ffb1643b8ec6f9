"""A decision as the ledger keeps it: one event with every offer, its reason, score and price of the moment."""

from __future__ import annotations

from typing import Any

from offers.deciding.request import OfferRequest
from offers.domain.event import Event
from offers.domain.offer import Decision, Offer
from offers.ledger.codec import dump
from offers.state.catalogue import Catalogue

__all__ = ["record"]


def record(decision: Decision, request: OfferRequest, catalogue: Catalogue) -> bytes:
    """The stored form of the decision's event, one line without its newline."""
    kind, _, person_id = (decision.person_key or "").partition(":")
    params: dict[str, Any] = {
        "placement": decision.placement,
        "channel": decision.channel,
        "message_id": decision.message_id,
        "model_version": decision.model_version,
        "fallback": decision.fallback,
        "experiments": [{"key": key, "variant": variant} for key, variant in decision.experiments],
        "cart": [{"item_id": n.item_id, "quantity": n.quantity, "price": n.price} for n in request.cart],
        "context": dict(decision.context),
        "offers": [_offer(offer, catalogue) for offer in decision.offers],
    }
    return dump(
        Event(
            event_id=decision.decision_id,
            event_name="decision",
            occurred_at=decision.decided_at,
            received_at=decision.decided_at,
            customer_id=person_id if kind == "c" else request.customer_id,
            visitor_id=person_id if kind == "v" else request.visitor_id,
            currency=request.currency,
            decision_id=decision.decision_id,
            source="system",
            params=params,
        )
    )


def _offer(offer: Offer, catalogue: Catalogue) -> dict[str, Any]:
    row = catalogue.row_of[offer.item_id]
    return {
        "offer_id": offer.offer_id,
        "item_id": offer.item_id,
        "rank": offer.rank,
        "relation": offer.relation,
        "reason": {"code": offer.reason.code, "because": offer.reason.because, "facts": offer.reason.facts},
        "score": offer.score,
        "price": catalogue.price.item(row),
        "currency": catalogue.currency(row),
        "replaces": offer.replaces,
    }
