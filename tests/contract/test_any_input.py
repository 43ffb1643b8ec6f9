"""Whatever is sent, the answer is designed: an answer of success or a problem document, never a fault of ours."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from offers.web.facts_schemas import CustomerBody, EventBody, EventItem, ItemBody
from offers.web.schemas import CartLineBody, OffersBody
from offers.web.validate import known_fields

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["checkout", "USD", "sku-1", "ann@shop.example", "2026-03-02T12:00:00Z", "purchase", "refund", "ru"]
    )
)
_ANY = st.recursive(_SCALARS, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=8), x, max_size=3))


def _of(names: frozenset[str], inner: st.SearchStrategy[Any] = _ANY) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(sorted(names)) | st.text(max_size=8), inner, max_size=6)


_LINES = st.lists(_of(known_fields(CartLineBody)) | _SCALARS, max_size=4)
_OFFERS = _of(known_fields(OffersBody)).flatmap(
    lambda body: st.fixed_dictionaries({}, optional={"cart": _LINES}).map(
        lambda cart: {"placement": "checkout", **body, **cart}
    )
)
_EVENT = _of(known_fields(EventBody)).flatmap(
    lambda body: st.lists(_of(known_fields(EventItem)), max_size=3).map(
        lambda items: {"event_name": "purchase", "transaction_id": "fuzz", **body, "items": items}
    )
)


def _designed(answer: Any, *statuses: int) -> Any:
    told = json.loads(answer.data)
    assert answer.status_code in (*statuses, 400, 413), answer.data
    if answer.status_code >= 400:
        assert answer.content_type == "application/problem+json"
        assert told["code"] in ("invalid_request", "malformed_json", "too_large")
    return told


@settings(max_examples=400, deadline=None)
@given(_OFFERS | _ANY)
def test_offers(api: Any, body: Any) -> None:
    told = _designed(api.call("POST", "/v1/offers", json.dumps(body).encode()), 200)
    for block in told.get("placements", [told]):
        assert block.get("fallback") != "failure", body


@settings(max_examples=300, deadline=None)
@given(st.lists(_EVENT, min_size=1, max_size=3) | _EVENT | _ANY)
def test_events(api: Any, body: Any) -> None:
    _designed(api.call("POST", "/v1/events", json.dumps(body).encode()), 202)


@settings(max_examples=200, deadline=None)
@given(_of(known_fields(ItemBody)) | _ANY, st.sampled_from(["PUT", "PATCH"]))
def test_items(api: Any, body: Any, method: str) -> None:
    _designed(api.call(method, "/v1/items/fuzz", json.dumps(body).encode()), 202)


@settings(max_examples=200, deadline=None)
@given(_of(known_fields(CustomerBody)) | _ANY)
def test_customers(api: Any, body: Any) -> None:
    _designed(api.call("PUT", "/v1/customers/fuzz", json.dumps(body).encode()), 202)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_bytes(api: Any, body: bytes) -> None:
    _designed(api.call("POST", "/v1/offers", body), 200)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["limit", "min", "placement", "message_id", "lang", "format", "explain", "preview", "x"]),
        st.text(max_size=12) | st.sampled_from(["1", "3", "email", "html", "ru"]),
    )
)
def test_letters(api: Any, query: dict[str, str]) -> None:
    answer = api.client.get(
        "/v1/customers/fuzz/picks", query_string=query, headers={"Authorization": api.authorization}, buffered=True
    )
    assert answer.status_code in (200, 400), answer.data


def test_what_was_accepted_can_be_applied(api: Any) -> None:
    """Last in this file: the projector has met all of it and stands."""
    api.settle()
    assert api.services.projector.faults == 0
