"""Picks for letters: one at send time, and signed addresses for mail systems that cannot send a key."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import orjson
from flask import Response, request

from offers.clock import from_us
from offers.deciding.request import PicksRequest
from offers.deciding.response import picks_response
from offers.domain.ids import Person, id_fault
from offers.errors import FieldError
from offers.intake.fields import id_code
from offers.web.answers import PicksAnswer, SignedAnswer
from offers.web.context import Web
from offers.web.edge import FALLBACK
from offers.web.operation import JSON, Body, Operation, Parameter, Reply, Route
from offers.web.problems import field_dict
from offers.web.responding import document_of, json_response, principal, query_dict
from offers.web.schemas import PicksLine, PicksQuery, SignBody
from offers.web.validate import ensure, unknown_fields, validate

__all__ = ["ROUTES", "checked", "decide"]

_ID = {"type": "string", "minLength": 1, "maxLength": 128}
_CUSTOMER = Parameter("customer_id", "path", "The customer", _ID, required=True, example="c-17")
_NOT_PARAMETERS = frozenset({"sig", "exp"})


def checked(customer_id: str, query: PicksQuery | PicksLine | SignBody, base: str = "/") -> None:
    """What structs cannot say: ids that are no e-mail addresses, ``min`` within ``limit``."""
    faults: list[FieldError] = []
    fault = id_fault(customer_id)
    if fault:
        faults.append(FieldError(base + "customer_id", id_code(customer_id), fault))
    fault = id_fault(query.message_id) if query.message_id is not None else None
    if fault:
        faults.append(FieldError(base + "message_id", id_code(query.message_id or ""), fault))
    if query.limit is not None and query.min > query.limit:
        faults.append(FieldError(base + "min", "out_of_range", "cannot be more than limit"))
    ensure(faults)


def decide(
    web: Web,
    customer_id: str,
    query: PicksQuery | PicksLine,
    warnings: list[FieldError],
    *,
    scores: bool = False,
) -> tuple[dict[str, Any], bool]:
    """The body of the picks of one letter, with items as fragments, and whether they are frozen."""
    services = web.services
    wants = isinstance(query, PicksQuery)
    explain = wants and query.explain  # type: ignore[union-attr]
    answer = services.decider.picks(
        PicksRequest(
            person=Person("c", customer_id),
            placement=query.placement,
            message_id=query.message_id,
            limit=query.limit,
            min=query.min,
            lang=query.lang,
            preview=wants and query.preview,  # type: ignore[union-attr]
            explain=explain,
        )
    )
    lang = query.lang or services.settings.language
    body = picks_response(answer, services.catalogue, lang, explain, scores and explain)
    body["warnings"] += [field_dict(w) for w in warnings]
    return body, answer.frozen


PICKS = Operation(
    "GET",
    "/v1/customers/{customer_id}/picks",
    "picks",
    "Letters",
    "The picks of one letter",
    (
        Reply(
            200,
            "The picks; both lists are empty (HTML and text: nothing at all) when there are fewer than `min`",
            {JSON: PicksAnswer, "text/html": {"type": "string"}, "text/plain": {"type": "string"}},
            {"ETag": "With message_id: names this answer for If-None-Match"},
        ),
        Reply(304, "The letter is still what If-None-Match names"),
    ),
    about=(
        "With `message_id` the picks are frozen for 90 days: items and reasons stay, prices are rendered anew. Without "
        "it nothing is kept. A fetch exposes nobody. Takes a key, or an address from POST /v1/picks/sign."
    ),
    scope="picks",
    signed=True,
    parameters=(
        _CUSTOMER,
        Parameter("placement", "query", "Where they appear; default email", {"type": "string"}, example="email"),
        Parameter("message_id", "query", "Id of the letter", _ID, example="spring-sale-2026"),
        Parameter("limit", "query", "Most picks", {"type": "integer", "minimum": 1, "maximum": 50}, example=6),
        Parameter("min", "query", "Fewer become none", {"type": "integer", "minimum": 0, "maximum": 50}, example=3),
        Parameter("lang", "query", "Language", {"type": "string", "enum": ["ru", "en"]}),
        Parameter("format", "query", "Form of the answer", {"type": "string", "enum": ["json", "html", "text"]}),
        Parameter("preview", "query", "Record and freeze nothing", {"type": "boolean"}),
        Parameter("explain", "query", "Add what was dropped and why", {"type": "boolean"}),
        Parameter("sig", "query", "Signature of a signed address, instead of a key", {"type": "string"}),
        Parameter("exp", "query", "Expiry of a signed address, seconds since the epoch", {"type": "integer"}),
        Parameter("If-None-Match", "header", "ETag of the answer you have", {"type": "string"}),
    ),
    errors=("invalid_request", "state_unavailable"),
)


def _picks(web: Web, customer_id: str) -> Response:
    sent = {k: v for k, v in query_dict().items() if k not in _NOT_PARAMETERS}
    query = validate(sent, PicksQuery, lax=True)
    checked(customer_id, query)
    key = principal()
    body, frozen = decide(
        web, customer_id, query, unknown_fields(sent, PicksQuery), scores=key is not None and "reports" in key.scopes
    )
    request.environ[FALLBACK] = body["fallback"]
    data = orjson.dumps(body)
    content_type = JSON
    if query.format != "json":
        blocks = web.blocks
        lang = query.lang or web.services.settings.language
        write = blocks.html if query.format == "html" else blocks.text
        data = write(orjson.loads(data), lang).encode()
        content_type = f"text/{'html' if query.format == 'html' else 'plain'}; charset=utf-8"
    answer = Response(data, content_type=content_type)
    if not frozen:
        answer.headers["Cache-Control"] = "no-store"
        return answer
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.set_etag(blake2b(data, digest_size=16).hexdigest())
    answer.make_conditional(request)
    return answer


SIGN = Operation(
    "POST",
    "/v1/picks/sign",
    "sign_picks",
    "Letters",
    "An address of picks that needs no key",
    (Reply(201, "The address", {JSON: SignedAnswer}),),
    about="The signature covers the customer, every parameter and the expiry.",
    scope="picks",
    body=Body(SignBody, {"customer_id": "c-17", "message_id": "spring-sale-2026", "format": "html", "min": 3}),
)


def _sign(web: Web) -> Response:
    document = document_of(web)
    body = validate(document, SignBody, strict_names=True)
    checked(body.customer_id, body)
    services = web.services
    expires_at = services.clock.now_us() // 1_000_000 + body.expires_in
    query = {"placement": body.placement, "format": body.format}
    query |= {
        name: str(value) for name in ("message_id", "limit", "lang") if (value := getattr(body, name)) is not None
    }
    if body.min:
        query["min"] = str(body.min)
    path = web.signer.sign(f"/v1/customers/{body.customer_id}/picks", query, expires_at)
    base = services.settings.public_url.rstrip("/") or request.host_url.rstrip("/")
    return json_response({"url": base + path, "expires_at": from_us(expires_at * 1_000_000).isoformat()}, 201)


ROUTES: tuple[Route, ...] = (Route(PICKS, _picks), Route(SIGN, _sign))
