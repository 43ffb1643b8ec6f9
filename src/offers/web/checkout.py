"""``POST /v1/offers``: from bytes to bytes, without a framework in between. It never fails a checkout.

What the caller got wrong is a problem document; whatever goes wrong here is an empty 200 with ``fallback``
``failure``, logged with its request id and counted.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import orjson

from offers.deciding.answer import Answer
from offers.deciding.request import OfferRequest
from offers.deciding.response import response
from offers.domain.ids import id_fault
from offers.domain.money import currency_fault, normal_currency, to_minor
from offers.domain.offer import Cart, CartLine
from offers.errors import FieldError, OffersError
from offers.intake.fields import id_code
from offers.web.auth import Principal
from offers.web.body import read_json
from offers.web.context import Web
from offers.web.logs import LOGGER
from offers.web.problems import field_dict, pointer, render
from offers.web.schemas import CartLineBody, OffersBody
from offers.web.validate import ensure, known_fields, unknown_fields, validate

__all__ = ["Checkout", "Outcome", "flag"]

Outcome = tuple[int, list[tuple[str, str]], bytes, str | None]
"""Status, headers, body, step of degradation."""

_JSON_HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
_KNOWN = known_fields(OffersBody)
_KNOWN_LINE = known_fields(CartLineBody)
_TRUE = frozenset({"1", "true", "yes"})
_log = logging.getLogger(LOGGER)


def flag(text: str | None) -> bool:
    """Whether a query parameter says yes: 1, true or yes."""
    return text is not None and text.lower() in _TRUE


def _empty(placement: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "decision_id": "",
        "model_version": None,
        "fallback": "failure",
        "recorded": False,
        "warnings": [],
        "experiments": [],
        "offers": [],
    }
    return body if placement is None else {"placement": placement, **body}


class Checkout:
    """Answers calls for offers."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._settings = web.services.settings

    def answer(self, environ: dict[str, Any], request_id: str) -> Outcome:
        """Never raises."""
        placements: list[str] | None = None
        try:
            try:
                key = self._web.access.principal(environ, "offers")
                document = read_json(environ, self._settings.max_body_bytes)
                body = _read(document)
                placements = body.placements
                request, warnings = self._request(document, body, environ, key)
            except OffersError as error:
                return (*render(error, request_id), None)
            return self._decided(request, placements, warnings, "reports" in key.scopes)
        except Exception:  # noqa: BLE001 - logged; the caller gets an answer
            self._web.metrics.failure()
            _log.exception("offers failed and answered nothing", extra={"request_id": request_id})
            empty = _empty() if placements is None else {"placements": [_empty(p) for p in placements], "warnings": []}
            return 200, _JSON_HEADERS, orjson.dumps(empty), "failure"

    def _decided(
        self, request: OfferRequest, placements: list[str] | None, warnings: list[FieldError], scores: bool
    ) -> Outcome:
        services = self._web.services
        lang = request.lang or self._settings.language

        def rendered(answer: Answer) -> dict[str, Any]:
            return response(answer, services.catalogue, lang, request.explain, scores and request.explain)

        if placements is None:
            answer = services.decider.offers(request)
            body = rendered(answer)
            if warnings:
                body["warnings"] += [field_dict(w) for w in warnings]
            return 200, _JSON_HEADERS, orjson.dumps(body), answer.decision.fallback
        answers = services.decider.page(request, placements)
        page = {
            "placements": [{"placement": p, **rendered(a)} for p, a in zip(placements, answers, strict=True)],
            "warnings": [field_dict(w) for w in warnings],
        }
        steps = [a.decision.fallback for a in answers if a.decision.fallback]
        return 200, _JSON_HEADERS, orjson.dumps(page), steps[0] if steps else None

    def _request(
        self, document: Any, body: OffersBody, environ: dict[str, Any], key: Principal
    ) -> tuple[OfferRequest, list[FieldError]]:
        """The checked request in minor units, and what of it was not acted on."""
        faults: list[FieldError] = []
        placements = body.placements
        if body.placement is None and not placements:
            faults.append(FieldError("/placement", "required", "name a placement, such as checkout"))
        elif body.placement is not None and placements:
            faults.append(FieldError("/placements", "not_allowed", "send placement or placements, not both"))
        elif placements and len(set(placements)) < len(placements):
            faults.append(FieldError("/placements", "not_allowed", "a placement is named twice"))
        for name, value in (("customer_id", body.customer_id), ("visitor_id", body.visitor_id)):
            fault = id_fault(value) if value is not None else None
            if fault:
                faults.append(FieldError("/" + name, id_code(value or ""), fault))
        currency = body.currency
        if currency is not None:
            fault = currency_fault(currency)
            if fault:
                faults.append(FieldError("/currency", "unknown_currency", fault))
                currency = None
            else:
                currency = normal_currency(currency)
        if len(body.cart) > self._settings.max_cart_lines:
            detail = f"a cart has at most {self._settings.max_cart_lines} lines; this one has {len(body.cart)}"
            ensure([*faults, FieldError("/cart", "too_many_lines", detail)])
        cart, warnings = _cart(body, currency or self._settings.currency, faults)
        ensure(faults)
        explain, preview = body.explain, body.preview
        query = environ.get("QUERY_STRING")
        if query:
            sent = dict(parse_qsl(query))
            explain = explain or flag(sent.get("explain"))
            preview = preview or flag(sent.get("preview"))
        if not document.keys() <= _KNOWN or any(not line.keys() <= _KNOWN_LINE for line in document.get("cart", ())):
            warnings += unknown_fields(document, OffersBody)
        if explain and "reports" not in key.scopes:
            detail = "scores are shown to keys with the scope 'reports' only"
            warnings.append(FieldError("/explain", "scope_needed", detail))
        request = OfferRequest(
            placement=body.placement or (placements or [""])[0],
            customer_id=body.customer_id,
            visitor_id=body.visitor_id,
            channel=body.channel,
            limit=body.limit,
            cart=cart,
            currency=currency,
            exclude=frozenset(body.exclude),
            context=body.context,
            deadline_ms=body.deadline_ms,
            lang=body.lang,
            relations=tuple(body.relations) if body.relations is not None else None,
            preview=preview,
            explain=explain,
        )
        return request, warnings


def _read(document: Any) -> OffersBody:
    try:
        return msgspec.convert(document, OffersBody)
    except msgspec.ValidationError:
        return validate(document, OffersBody)


def _cart(body: OffersBody, currency: str, faults: list[FieldError]) -> tuple[Cart, list[FieldError]]:
    lines: list[CartLine] = []
    warnings: list[FieldError] = []
    for n, line in enumerate(body.cart):
        fault = id_fault(line.item_id)
        if fault:
            faults.append(FieldError(pointer("cart", n, "item_id"), id_code(line.item_id), fault))
        price = None
        if line.price is not None:
            try:
                price, rounded = to_minor(line.price, currency)
            except ValueError:
                faults.append(FieldError(pointer("cart", n, "price"), "out_of_range", "is too large an amount"))
                continue
            if rounded:
                detail = f"{line.price} has more decimals than {currency} and was rounded"
                warnings.append(FieldError(pointer("cart", n, "price"), "rounded", detail))
        lines.append(CartLine(line.item_id, line.quantity, price))
    return tuple(lines), warnings
