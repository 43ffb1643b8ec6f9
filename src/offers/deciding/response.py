"""The body that leaves: a decision rendered from the live catalogue. No I/O, no decisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from offers.deciding.answer import Answer
from offers.deciding.reasons import reason_text
from offers.domain.money import to_major
from offers.domain.offer import Offer
from offers.state.catalogue import Catalogue

__all__ = ["picks_response", "response"]


class _Linked(msgspec.Struct, gc=False):
    """What is read of an item's JSON; the rest of it is passed on as it is."""

    link: str | None = None


_LINKED = msgspec.json.Decoder(_Linked)


def response(
    answer: Answer, catalogue: Catalogue, lang: str, explain: bool = False, scores: bool = False
) -> dict[str, Any]:
    """The body of ``/v1/offers`` for ``orjson.dumps``; items are :class:`orjson.Fragment`.

    ``explain`` adds ``explain.dropped``: what was dropped and by which step. ``scores`` adds ``score`` to offers
    and to what was dropped, for keys that may see numbers.
    """
    decision = answer.decision

    def name_of(item_id: str) -> str | None:
        at = catalogue.row_of.get(item_id)
        return None if at is None else catalogue.name(at)

    body: dict[str, Any] = {
        "decision_id": decision.decision_id,
        "model_version": decision.model_version,
        "fallback": decision.fallback,
        "recorded": answer.recorded,
        "warnings": [{"pointer": w.pointer, "code": w.code, "detail": w.detail} for w in answer.warnings],
        "experiments": [{"key": key, "variant": variant} for key, variant in decision.experiments],
        "offers": [_offer(offer, catalogue, name_of, lang, scores) for offer in decision.offers],
    }
    if explain:
        body["explain"] = {
            "dropped": [
                {"item_id": d.item_id, "step": d.step, **({"score": d.score} if scores else {})}
                for d in decision.dropped
            ]
        }
    return body


def picks_response(
    answer: Answer, catalogue: Catalogue, lang: str, explain: bool = False, scores: bool = False
) -> dict[str, Any]:
    """The body of ``/picks``: that of ``/v1/offers`` and a flat ``items``, both empty together."""
    body = response(answer, catalogue, lang, explain, scores)
    body["items"] = [offer["item"] for offer in body["offers"]]
    return body


def _offer(
    offer: Offer, catalogue: Catalogue, name_of: Callable[[str], str | None], lang: str, scores: bool
) -> dict[str, Any]:
    row = catalogue.row_of[offer.item_id]
    item = catalogue.item_json(row)
    currency = catalogue.currency(row)
    difference = offer.reason.facts.get("price_difference")
    rendered: dict[str, Any] = {
        "offer_id": offer.offer_id,
        "rank": offer.rank,
        "relation": offer.relation,
        "replaces": offer.replaces,
        "price_difference": None if difference is None or currency is None else to_major(round(difference), currency),
        "promotion": None,
        "item": orjson.Fragment(item),
        "reason": {
            "code": offer.reason.code,
            "because": list(offer.reason.because),
            "text": reason_text(offer.reason, lang, name_of, currency),
        },
        "click_url": _LINKED.decode(item).link,
    }
    if scores:
        rendered["score"] = offer.score
    return rendered
