"""Real answers of every route, held against the schema that the document promises."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offers.settings import Settings
from offers.web.openapi import document
from offers.web.routes import OPERATIONS

NDJSON = "application/x-ndjson"


def _lines(*documents: Any) -> bytes:
    return b"\n".join(d if isinstance(d, bytes) else json.dumps(d).encode() for d in documents)


PURCHASE = {
    "event_name": "purchase",
    "transaction_id": "answers-1",
    "timestamp": "2026-03-02T12:00:00Z",
    "customer_id": "answers",
    "currency": "USD",
    "items": [{"item_id": "sku-1", "quantity": 2, "price": 10.015}],
}

#: operation -> (path, body, content type) of calls that succeed
CALLS: dict[str, list[tuple[str, Any, str]]] = {
    "offers": [
        ("/v1/offers", {"placement": "checkout", "customer_id": "a", "cart": [{"item_id": "sku-1"}]}, ""),
        ("/v1/offers?explain=1&preview=1", {"placement": "checkout", "unknown": 1, "limit": 2}, ""),
        ("/v1/offers", {"placements": ["product", "checkout"], "visitor_id": "v", "lang": "ru"}, ""),
    ],
    "picks": [
        ("/v1/customers/a/picks", None, ""),
        ("/v1/customers/a/picks?message_id=m&limit=3&min=2&lang=ru", None, ""),
        ("/v1/customers/a/picks?format=html&explain=1", None, ""),
        ("/v1/customers/a/picks?format=text&limit=1&min=1", None, ""),
    ],
    "sign_picks": [("/v1/picks/sign", {"customer_id": "a", "format": "html"}, "")],
    "picks_batch": [("/v1/picks/batch", _lines({"customer_id": "a"}, {"customer_id": 5}, b"{"), NDJSON)],
    "events": [
        ("/v1/events", PURCHASE, ""),
        ("/v1/events", [{"event_name": "view_item"}, {"event_name": "purchase"}, {"event_name": "strange"}, 7], ""),
        ("/v1/events", {"event": "view_item", "ecommerce": {"items": [{"item_id": "sku-1"}]}}, ""),
    ],
    "items_batch": [("/v1/items/batch", _lines({"item_id": "b-1", "item_name": "B", "new": 1}, {}), NDJSON)],
    "get_item": [("/v1/items/sku-1", None, "")],
    "put_item": [("/v1/items/put-1", {"item_name": "Put", "price": 5, "colour": "red"}, "")],
    "patch_item": [("/v1/items/sku-2", {"stock": 3}, "")],
    "get_customer": [("/v1/customers/answers", None, "")],
    "put_customer": [("/v1/customers/answers-2", {"city": "Tver", "age": 5}, "")],
    "erase_customer": [("/v1/customers/answers-3", None, "")],
    "alias_customer": [("/v1/customers/answers-4/alias", {"to": "answers-5"}, "")],
    "switch_placement": [("/v1/placements/answers/switch", {"on": False}, "")],
    "list_keys": [("/v1/keys", None, "")],
    "create_key": [("/v1/keys", {"name": "x", "scopes": ["offers"]}, "")],
    "delete_key": [],
    "healthz": [("/healthz", None, "")],
    "readyz": [("/readyz", None, "")],
    "metrics": [("/metrics", None, "")],
    "list_models": [("/v1/models", None, "")],
    "index": [("/", None, "")],
    "openapi": [("/openapi.json", None, "")],
    "docs": [("/docs", None, "")],
}

DOCUMENT = document(Settings())


def test_every_operation_has_a_call() -> None:
    assert {o.name for o in OPERATIONS} == CALLS.keys()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_answers_are_as_documented(api: Any, promised: Any, operation: Any) -> None:
    if operation.name == "get_customer":
        api.call("POST", "/v1/events", PURCHASE)
        api.settle()
    for path, body, content_type in CALLS[operation.name]:
        headers = {"Content_Type": content_type} if content_type else {}
        answer = api.call(operation.method, path, body, **headers)
        assert answer.status_code in {r.status for r in operation.replies}, answer.get_data(as_text=True)
        media = answer.content_type.split(";")[0]
        validator = promised(operation.method, operation.path, answer.status_code, media)
        if media == "application/json":
            validator.validate(answer.json)
        elif media == NDJSON:
            for line in answer.data.splitlines():
                validator.validate(json.loads(line))
        else:
            validator.validate(answer.get_data(as_text=True))
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Request-Id"]
        assert answer.headers["Cache-Control"]
