"""``POST /v1/events``: facts become durable, a verdict each; a bad one never sinks its neighbours."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Response

from offers.errors import InvalidInput, OffersError
from offers.intake.events import Parsed, read_events
from offers.ledger.accept import Verdict
from offers.web.answers import EventsAnswer
from offers.web.context import Web
from offers.web.facts_schemas import DataLayerBody, EventBody
from offers.web.operation import JSON, Body, Operation, Reply, Route
from offers.web.problems import field_dict
from offers.web.responding import document_of, json_response

__all__ = ["ROUTES"]

_EXAMPLE = {
    "event_name": "purchase",
    "transaction_id": "order-1001",
    "timestamp": "2026-03-02T12:00:00+03:00",
    "customer_id": "c-17",
    "currency": "RUB",
    "items": [{"item_id": "sku-1", "quantity": 2, "price": 129.9}],
}

EVENTS = Operation(
    "POST",
    "/v1/events",
    "events",
    "Events",
    "Send what happened",
    (Reply(202, "A verdict per event; what is accepted is on disk", {JSON: EventsAnswer}),),
    about=(
        "One event, a list of up to 1,000, or a GA4 dataLayer push. `accepted`; `duplicate` (the same again); "
        "`conflict` (same id, other body: the first stays); `stored_unused` (unknown name, kept); `refused` with code "
        "and pointer; sent alone, a refused event gets a problem document. Refused events are kept for 30 days in a "
        "file of their own. After a 503 send all of it again: "
        "repeats are recognised."
    ),
    scope="events",
    body=Body({"anyOf": [EventBody, {"type": "array", "items": EventBody, "maxItems": 1000}, DataLayerBody]}, _EXAMPLE),
    errors=("overloaded", "state_unavailable"),
)


def _refused(parsed: Parsed, document: Any) -> dict[str, Any]:
    first = parsed.faults[0]
    sent = document.get("event_id") if isinstance(document, dict) else None
    return {
        "verdict": Verdict.refused,
        "event_id": sent if isinstance(sent, str) else None,
        **field_dict(first),
        "errors": [field_dict(f) for f in parsed.faults],
    }


def _events(web: Web) -> Response:
    services = web.services
    with web.limits.events.take():
        body = document_of(web)
        parsed = read_events(body, clock=services.clock, settings=services.settings)
        good = [(p.event, p.digest) for p in parsed if p.event is not None]
        try:
            kept = iter(services.stream.append([e for e, _ in good], [d for _, d in good]) if good else ())
        except OffersError:
            web.metrics.event("not_kept", len(good))
            raise
    documents = body if isinstance(body, list) else [body]
    answers: list[dict[str, Any]] = []
    for one, document in zip(parsed, documents, strict=True):
        if one.event is None:
            answers.append(_refused(one, document))
            continue
        verdict, _ = next(kept)
        answer: dict[str, Any] = {"verdict": verdict, "event_id": one.event.event_id}
        if one.rounded:
            answer["rounded"] = True
        answers.append(answer)
    web.dead_letters.keep([(d, p.faults) for p, d in zip(parsed, documents, strict=True) if p.event is None])
    counts = Counter(str(a["verdict"]) for a in answers)
    for name, n in counts.items():
        web.metrics.event(name, n)
    if not isinstance(body, list) and parsed[0].faults:
        # Nobody else is in the body: the refusal is the answer. It was kept all the same.
        raise InvalidInput("The event was refused", parsed[0].faults)
    return json_response({"events": answers, "counts": counts}, 202)


ROUTES: tuple[Route, ...] = (Route(EVENTS, _events),)
