"""Every route answers every fault with the one problem document."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from offers.web.routes import OPERATIONS

GUARDED = [o for o in OPERATIONS if o.scope is not None]
WITH_BODY = [o for o in OPERATIONS if o.body is not None]
WITH_JSON = [o for o in WITH_BODY if o.body.media == "application/json"]
NDJSON = "application/x-ndjson"


def _path(operation: Any) -> str:
    named = {"placement": "checkout", "key_id": "0" * 12}
    return re.sub(r"{(\w+)}", lambda m: named.get(m[1], f"problem-{m[1]}"), operation.path)


def _name(operation: Any) -> str:
    return str(operation.name)


def _send(api: Any, operation: Any, body: Any = None, **more: Any) -> Any:
    if body is None and operation.body is not None:
        body = json.dumps(operation.body.example).encode()
    if operation.body is not None:
        more.setdefault("Content_Type", operation.body.media)
    return api.call(operation.method, _path(operation), body, **more)


@pytest.mark.parametrize("operation", GUARDED, ids=_name)
@pytest.mark.parametrize("key", [None, "", "offers_wrong", "ключ"], ids=["none", "empty", "wrong", "cyrillic"])
def test_without_a_valid_key(api: Any, problem: Any, operation: Any, key: str | None) -> None:
    header = None if key is None else key.encode().decode("latin-1")
    problem(_send(api, operation, key=header), "unauthorized")


@pytest.fixture(scope="module")
def narrow(api: Any) -> dict[str, str]:
    """Keys with one scope each."""
    return {scope: api.key_with(scope) for scope in ("offers", "assign")}


@pytest.mark.parametrize("operation", GUARDED, ids=_name)
def test_without_the_scope(api: Any, problem: Any, narrow: dict[str, str], operation: Any) -> None:
    key = narrow["assign" if operation.scope == "offers" else "offers"]
    told = problem(_send(api, operation, key=key), "forbidden")
    assert repr(operation.scope) in told["detail"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=_name)
def test_another_method(api: Any, problem: Any, operation: Any) -> None:
    answer = api.call("TRACE", _path(operation))
    problem(answer, "method_not_allowed")
    assert operation.method in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1", "/v1/offers/", "/v1//offers", "/v1/keys/a/b", "/docs/x", "/static/.."]
)
def test_an_address_that_is_no_route(api: Any, problem: Any, path: str) -> None:
    problem(api.call("GET", path), "not_found")


@pytest.mark.parametrize("operation", WITH_BODY, ids=_name)
def test_a_body_that_is_too_large(api: Any, problem: Any, operation: Any) -> None:
    problem(_send(api, operation, b'{"a": "' + b"x" * 10_000_000 + b'"}'), "too_large")


@pytest.mark.parametrize("operation", WITH_BODY, ids=_name)
def test_a_body_of_another_type(api: Any, problem: Any, operation: Any) -> None:
    problem(_send(api, operation, b"<a/>", Content_Type="application/xml"), "unsupported_media_type")


@pytest.mark.parametrize("operation", WITH_JSON, ids=_name)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a": NaN}', b'{"a": "\xff"}', '{"a": "ж"}'.encode("cp1251"), b"nonsense"],
    ids=["empty", "cut", "nan", "not-utf8", "cp1251", "word"],
)
def test_a_body_that_is_no_json(api: Any, problem: Any, operation: Any, body: bytes) -> None:
    problem(_send(api, operation, body), "malformed_json")


@pytest.mark.parametrize("operation", WITH_JSON, ids=_name)
@pytest.mark.parametrize("body", [b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 100 + b"1" + b"}" * 100])
def test_a_body_nested_too_deeply(api: Any, problem: Any, operation: Any, body: bytes) -> None:
    problem(_send(api, operation, body), "invalid_request", {""})


@pytest.mark.parametrize("operation", WITH_JSON, ids=_name)
@pytest.mark.parametrize("body", [b'"text"', b"5", b"null", b"true"])
def test_a_body_that_is_no_object(api: Any, problem: Any, operation: Any, body: bytes) -> None:
    problem(_send(api, operation, body), "invalid_request", {""})


@pytest.mark.parametrize("operation", [o for o in WITH_BODY if o.body.media == NDJSON], ids=_name)
def test_batches_are_bounded(api: Any, problem: Any, operation: Any) -> None:
    problem(_send(api, operation, b"{}\n" * 51), "too_large")
    problem(_send(api, operation, b"\n\n"), "invalid_request")


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if "{customer_id}" in o.path], ids=_name)
def test_an_email_address_is_no_customer(api: Any, problem: Any, operation: Any) -> None:
    path = operation.path.replace("{customer_id}", "ann@shop.example")
    body = json.dumps(operation.body.example).encode() if operation.body else None
    problem(api.call(operation.method, path, body), "invalid_request", {"/customer_id"})


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if "{item_id}" in o.path], ids=_name)
def test_an_email_address_is_no_item(api: Any, problem: Any, operation: Any) -> None:
    path = operation.path.replace("{item_id}", "ann@shop.example")
    body = json.dumps(operation.body.example).encode() if operation.body else None
    problem(api.call(operation.method, path, body), "invalid_request", {"/item_id"})


LINE = {"item_id": "sku-1", "quantity": 1, "price": 5}


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"placement": None}, {"/placement"}),
        ({"placement": "Checkout page"}, {"/placement"}),
        ({"placements": ["a", "b"]}, {"/placements"}),
        ({"placement": None, "placements": []}, {"/placements"}),
        ({"placement": None, "placements": ["a", "a"]}, {"/placements"}),
        ({"customer_id": "ann@shop.example"}, {"/customer_id"}),
        ({"visitor_id": "a\nb"}, {"/visitor_id"}),
        ({"customer_id": 17}, {"/customer_id"}),
        ({"customer_id": "x" * 129}, {"/customer_id"}),
        ({"limit": 0}, {"/limit"}),
        ({"limit": 51}, {"/limit"}),
        ({"limit": "4"}, {"/limit"}),
        ({"currency": "XXX"}, {"/currency"}),
        ({"currency": "dollars"}, {"/currency"}),
        ({"cart": {}}, {"/cart"}),
        ({"cart": [LINE] * 101}, {"/cart"}),
        ({"cart": [LINE] * 5_000}, {"/cart"}),
        ({"cart": [{**LINE, "quantity": -1}]}, {"/cart/0/quantity"}),
        ({"cart": [LINE, {**LINE, "quantity": 0}]}, {"/cart/1/quantity"}),
        ({"cart": [{**LINE, "price": -1}]}, {"/cart/0/price"}),
        ({"cart": [{**LINE, "price": 1e300}]}, {"/cart/0/price"}),
        ({"currency": "CLF", "cart": [{**LINE, "price": 1e12}]}, {"/cart/0/price"}),
        ({"cart": [{**LINE, "item_id": "ann@shop.example"}]}, {"/cart/0/item_id"}),
        ({"cart": [{"quantity": 1}, 5]}, {"/cart/0/item_id", "/cart/1"}),
        ({"exclude": "sku-1"}, {"/exclude"}),
        ({"exclude": ["x"] * 1001}, {"/exclude"}),
        ({"context": "msk"}, {"/context"}),
        ({"deadline_ms": 0}, {"/deadline_ms"}),
        ({"deadline_ms": 1.5}, {"/deadline_ms"}),
        ({"relations": ["cross-sell"]}, {"/relations/0"}),
        ({"lang": "de"}, {"/lang"}),
        ({"preview": "yes"}, {"/preview"}),
        ({"limit": 0, "currency": 5, "cart": [{}]}, {"/limit", "/currency", "/cart/0/item_id"}),
    ],
    ids=lambda v: json.dumps(v)[:40] if isinstance(v, dict) else "",
)
def test_what_a_checkout_can_get_wrong(api: Any, problem: Any, change: dict[str, Any], pointers: set[str]) -> None:
    body = {k: v for k, v in ({"placement": "checkout"} | change).items() if v is not None}
    told = problem(api.call("POST", "/v1/offers", body), "invalid_request", pointers)
    assert all(e["detail"] for e in told["errors"])


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"timestamp": "2026-03-02T12:00:00"}, "naive_timestamp", "/timestamp"),
        ({"timestamp": "2126-03-02T12:00:00Z"}, "timestamp_in_future", "/timestamp"),
        ({"timestamp": "1970-03-02T12:00:00Z"}, "timestamp_too_old", "/timestamp"),
        ({"timestamp": "yesterday"}, "invalid_timestamp", "/timestamp"),
        ({"currency": "XXX"}, "unknown_currency", "/currency"),
        ({"customer_id": "ann@shop.example"}, "email_as_id", "/customer_id"),
        ({"items": [{"item_id": "a", "quantity": -1}]}, "negative_quantity", "/items/0/quantity"),
        ({"items": [{"item_id": "a", "price": -1}]}, "negative_amount", "/items/0/price"),
        ({"items": [{"quantity": 1}]}, "required", "/items/0/item_id"),
        ({"items": [{"item_id": "a"}] * 5_001}, "too_many_lines", "/items"),
        ({"transaction_id": None}, "required", "/transaction_id"),
        ({"event_name": "decision"}, "reserved_name", "/event_name"),
        ({"event_name": None}, "required", "/event_name"),
        ({"status": "lost"}, "unknown_status", "/status"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_bad_event_is_refused_and_its_neighbours_are_kept(
    api: Any, change: dict[str, Any], code: str, pointer: str
) -> None:
    name = f"{code}{pointer}".replace("/", "-")
    good = {"event_name": "purchase", "transaction_id": name, "timestamp": "2026-03-02T12:00:00Z", "currency": "USD"}
    bad = {k: v for k, v in (good | change).items() if v is not None}
    answer = api.call("POST", "/v1/events", [good, bad, {**good, "event_id": name}])
    assert answer.status_code == 202
    first, second, third = answer.json["events"]
    assert (first["verdict"], third["verdict"]) == ("accepted", "accepted")
    assert (second["verdict"], second["code"], second["pointer"]) == ("refused", code, "/1" + pointer)


def test_an_event_sent_alone_that_is_refused_is_a_problem(api: Any, problem: Any) -> None:
    alone = {"event_name": "view_item", "customer_id": "c-1", "timestamp": "2026-03-02T12:00:00"}
    told = problem(api.call("POST", "/v1/events", alone), "invalid_request", {"/timestamp"})
    assert "+03:00" in told["errors"][0]["detail"], "the remedy is named"


def test_refused_events_are_set_aside(api: Any) -> None:
    api.call("POST", "/v1/events", {"event_name": "purchase", "mark": "set-aside"})
    folder = api.services.settings.data_dir / "refused"
    lines = [json.loads(line) for path in folder.iterdir() for line in path.read_bytes().splitlines()]
    (kept,) = [line for line in lines if "set-aside" in json.dumps(line["event"])]
    assert kept["errors"][0]["pointer"] == "/transaction_id"


def test_too_many_events(api: Any, problem: Any) -> None:
    problem(api.call("POST", "/v1/events", [{"event_name": "view_item"}] * 1_001), "too_large", {""})
    problem(api.call("POST", "/v1/events", []), "invalid_request", {""})


@pytest.mark.parametrize(
    ("item", "code", "pointer"),
    [
        ({"price": 5.001}, "too_many_decimals", "/price"),
        ({"price": -5}, "negative_amount", "/price"),
        ({"price": 0}, "out_of_range", "/price"),
        ({"currency": "XXX"}, "unknown_currency", "/currency"),
        ({"item_id": "another"}, "contradiction", "/item_id"),
        ({"link": "javascript:alert(1)"}, "invalid_link", "/link"),
        ({"availability": "perhaps"}, "not_allowed", "/availability"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_a_catalogue_can_get_wrong(
    api: Any, problem: Any, method: str, item: dict[str, Any], code: str, pointer: str
) -> None:
    told = problem(
        api.call(method, "/v1/items/problem-item", {"item_name": "Tea"} | item), "invalid_request", {pointer}
    )
    assert told["errors"][0]["code"] == code


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("limit=many", {"/limit"}),
        ("limit=51", {"/limit"}),
        ("min=5&limit=4", {"/min"}),
        ("lang=de&format=pdf", {"/lang", "/format"}),
        ("placement=E%20mail", {"/placement"}),
        ("message_id=ann@shop.example", {"/message_id"}),
        ("message_id=" + "x" * 129, {"/message_id"}),
    ],
)
def test_what_a_letter_can_get_wrong(api: Any, problem: Any, query: str, pointers: set[str]) -> None:
    problem(api.call("GET", f"/v1/customers/a/picks?{query}"), "invalid_request", pointers)


@pytest.mark.parametrize(
    ("method", "path", "body", "pointers"),
    [
        ("POST", "/v1/keys", {"name": "x", "scopes": ["everything"]}, {"/scopes/0"}),
        ("POST", "/v1/keys", {"name": "x", "scopes": []}, {"/scopes"}),
        ("POST", "/v1/keys", {"name": "", "scopes": ["offers"]}, {"/name"}),
        ("POST", "/v1/keys", {"nam": "x", "name": "x", "scopes": ["offers"]}, {"/nam"}),
        ("POST", "/v1/placements/checkout/switch", {"on": "off"}, {"/on"}),
        ("POST", "/v1/placements/checkout/switch", {"on": True, "off": 1}, {"/off"}),
        ("POST", "/v1/placements/Check%20out/switch", {"on": True}, {""}),
        ("POST", "/v1/customers/a/alias", {"to": "a"}, {"/to"}),
        ("POST", "/v1/customers/a/alias", {"to": "ann@shop.example"}, {"/to"}),
        ("POST", "/v1/picks/sign", {"customer_id": "a", "expires_in": 5}, {"/expires_in"}),
        ("POST", "/v1/picks/sign", {"customer_id": "a", "formt": "html"}, {"/formt"}),
    ],
)
def test_what_configuration_refuses(
    api: Any, problem: Any, method: str, path: str, body: Any, pointers: set[str]
) -> None:
    problem(api.call(method, path, body), "invalid_request", pointers)


@pytest.mark.parametrize("path", ["/v1/items/never-set", "/v1/customers/never-seen"])
def test_what_is_not_there(api: Any, problem: Any, path: str) -> None:
    problem(api.call("GET", path), "not_found")


def test_keys_that_are_not_there_and_the_last_that_may_administer(own_api: Any, problem: Any) -> None:
    problem(own_api.call("DELETE", "/v1/keys/ffffffffffff"), "not_found")
    problem(own_api.call("DELETE", "/v1/keys/"), "not_found")
    (only,) = own_api.call("GET", "/v1/keys").json["keys"]
    problem(own_api.call("DELETE", f"/v1/keys/{only['id']}"), "conflict")


def test_a_fault_of_ours_tells_nothing_but_the_request_id(
    api: Any, problem: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(api.services.registry, "list", fail)
    answer = api.call("GET", "/v1/models", X_Request_Id="find-me")
    problem(answer, "internal")
    assert b"secret" not in answer.data
    assert answer.headers["X-Request-Id"] == "find-me"
    (record,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert record.request_id == "find-me"
    assert "a secret" in str(record.exc_info)


@pytest.mark.parametrize("broken", ["decider", "catalogue"])
def test_a_checkout_never_fails_because_of_us(
    api: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a secret")

    if broken == "decider":
        monkeypatch.setattr(api.services.decider, "offers", fail)
        monkeypatch.setattr(api.services.decider, "page", fail)
    else:
        monkeypatch.setattr(api.services.catalogue, "item_json", fail)
    for body in ({"placement": "checkout", "visitor_id": broken}, {"placements": ["a", "b"], "visitor_id": broken}):
        answer = api.call("POST", "/v1/offers", body)
        assert answer.status_code == 200
        blocks = answer.json.get("placements", [answer.json])
        assert [(b["offers"], b["fallback"], b["recorded"]) for b in blocks] == [([], "failure", False)] * len(blocks)
    assert any("a secret" in str(r.exc_info) for r in caplog.records)
    counted = api.call("GET", "/metrics").get_data(as_text=True)
    assert float(re.search(r"^offers_decision_failures_total (\S+)$", counted, re.M)[1]) >= 2  # type: ignore[index]


def test_too_many_at_once(api: Any, problem: Any) -> None:
    limits = api.client.application.extensions["offers"].limits
    event = {"event_name": "view_item", "timestamp": "2026-03-02T12:00:00Z"}
    held = [limits.events.take() for _ in range(api.services.settings.max_inflight_events)]
    for slot in held:
        slot.__enter__()
    try:
        problem(api.call("POST", "/v1/events", event), "overloaded")
    finally:
        for slot in held:
            slot.__exit__(None, None, None)
    assert api.call("POST", "/v1/events", event).status_code == 202
    with limits.batches.take(), limits.batches.take():
        problem(api.call("POST", "/v1/picks/batch", b"{}", Content_Type=NDJSON), "too_many_requests")


def test_a_full_stream_takes_nothing_and_says_when_to_come_back(
    api: Any, problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.services.stream, "max_entries", 0)
    problem(api.call("POST", "/v1/events", {"event_name": "view_item"}), "overloaded")
    problem(api.call("PUT", "/v1/items/full", {"item_name": "x"}), "overloaded")
    assert api.call("POST", "/v1/offers", {"placement": "checkout", "visitor_id": "full"}).status_code == 200
