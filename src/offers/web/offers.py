"""``POST /v1/offers`` as an operation. Requests are answered at the edge; this view is for whoever bypasses it."""

from __future__ import annotations

from flask import Response, request

from offers.web.answers import OffersAnswer, PageAnswer
from offers.web.checkout import Checkout
from offers.web.context import Web
from offers.web.operation import JSON, Body, Operation, Parameter, Reply, Route
from offers.web.responding import request_id
from offers.web.schemas import OffersBody

__all__ = ["ROUTES"]

_EXAMPLE = {
    "customer_id": "c-17",
    "visitor_id": "v-9f",
    "placement": "checkout",
    "channel": "web",
    "limit": 4,
    "cart": [{"item_id": "sku-1", "quantity": 2, "price": 129.9}],
    "currency": "RUB",
    "exclude": ["sku-8"],
    "context": {"store": "msk-1"},
    "deadline_ms": 150,
}

OFFERS = Operation(
    "POST",
    "/v1/offers",
    "offers",
    "Offers",
    "What to offer here and now",
    (
        Reply(
            200,
            "Whatever can be offered, perhaps nothing. With `placements` one answer per placement.",
            {JSON: {"anyOf": [OffersAnswer, PageAnswer]}},
        ),
    ),
    about=(
        "Well formed requests are always answered with 200, within `deadline_ms`; `fallback` names the step of "
        "degradation (history_unavailable, deadline, no_model, switched_off, failure). Unknown fields do no harm and "
        "are named in `warnings`. The same person, placement and cart get the same decision for 30 minutes, checked "
        "again against live stock and price."
    ),
    scope="offers",
    parameters=(
        Parameter("explain", "query", "As `explain` in the body", {"type": "string", "enum": ["1", "true", "yes"]}),
        Parameter("preview", "query", "As `preview` in the body", {"type": "string", "enum": ["1", "true", "yes"]}),
    ),
    body=Body(OffersBody, _EXAMPLE),
)


def _offers(web: Web) -> Response:
    status, headers, body, _ = Checkout(web).answer(request.environ, request_id())
    return Response(body, status, headers=headers)


ROUTES: tuple[Route, ...] = (Route(OFFERS, _offers),)
