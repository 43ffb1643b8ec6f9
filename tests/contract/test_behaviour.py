"""What routes do, through the front door."""

from __future__ import annotations

import json
import re
import signal
import time
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest

NDJSON = "application/x-ndjson"


def test_an_unknown_field_at_checkout_is_a_warning(api: Any) -> None:
    body = {"placement": "checkout", "visitor_id": "warned", "limitt": 2, "cart": [{"item_id": "sku-1", "quantty": 1}]}
    answer = api.call("POST", "/v1/offers", body)
    assert answer.status_code == 200
    assert answer.json["offers"]
    warnings = {w["pointer"]: w for w in answer.json["warnings"]}
    assert warnings["/limitt"]["code"] == "unknown_field"
    assert "'limit'" in warnings["/limitt"]["detail"]
    assert "'quantity'" in warnings["/cart/0/quantty"]["detail"]


def test_money_of_a_browser_is_rounded_and_said_so(api: Any) -> None:
    line = {"item_id": "sku-1", "price": 12.989999999}
    warnings = api.call("POST", "/v1/offers", {"placement": "checkout", "cart": [line]}).json["warnings"]
    assert [(w["pointer"], w["code"]) for w in warnings if w["code"] == "rounded"] == [("/cart/0/price", "rounded")]


def test_scores_are_for_reports_only(api: Any) -> None:
    body = {"placement": "checkout", "visitor_id": "explained", "explain": True}
    seen = api.call("POST", "/v1/offers", body).json
    assert all("score" in offer for offer in seen["offers"])
    hidden = api.call("POST", "/v1/offers", {**body, "visitor_id": "hidden"}, key=api.key_with("offers")).json
    assert hidden["offers"]
    assert all("score" not in offer for offer in hidden["offers"])
    assert "explain" in hidden
    assert hidden["warnings"][0]["code"] == "scope_needed"


def test_a_page_has_no_repeats(api: Any) -> None:
    body = {"placements": ["product", "checkout", "other"], "visitor_id": "page", "limit": 5}
    blocks = api.call("POST", "/v1/offers", body).json["placements"]
    assert [b["placement"] for b in blocks] == body["placements"]
    shown = [o["item"]["item_id"] for b in blocks for o in b["offers"]]
    assert len(shown) == 15
    assert len(set(shown)) == 15


def test_a_letter_is_frozen_and_named(api: Any) -> None:
    path = "/v1/customers/frozen/picks?message_id=frozen-1&limit=3"
    first = api.call("GET", path)
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = api.call("GET", path)
    assert again.data == first.data
    assert again.headers["ETag"] == first.headers["ETag"]
    unchanged = api.call("GET", path, If_None_Match=f'"other", {first.headers["ETag"]}')
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    assert unchanged.headers["ETag"] == first.headers["ETag"]
    assert api.call("HEAD", path).headers["ETag"] == first.headers["ETag"]


def test_without_a_message_nothing_is_kept(api: Any) -> None:
    answer = api.call("GET", "/v1/customers/loose/picks?limit=3")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers
    assert [i["item_id"] for i in answer.json["items"]] == [o["item"]["item_id"] for o in answer.json["offers"]]


def test_fewer_than_min_is_nothing(api: Any) -> None:
    excluded = api.call("GET", "/v1/customers/least/picks?limit=50&min=50")
    assert (excluded.json["offers"], excluded.json["items"]) == ([], [])
    html = api.call("GET", "/v1/customers/least/picks?limit=50&min=50&format=html")
    assert (html.status_code, html.data) == (200, b"")


class _Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {k for k, _ in attrs}
        self.found += [v or "" for k, v in attrs if k in ("href", "src")]


def test_a_block_is_html_with_the_shops_links(api: Any) -> None:
    answer = api.call("GET", "/v1/customers/block/picks?format=html&lang=ru&limit=2")
    assert answer.content_type == "text/html; charset=utf-8"
    page = answer.get_data(as_text=True)
    assert "Подобрали для вас" in page
    assert {urlsplit(link).netloc for link in _Links(page).found} == {"shop.example"}


def test_a_signed_address_replaces_the_key(api: Any, problem: Any) -> None:
    body = {"customer_id": "подпись/1", "message_id": "m & m", "limit": 2, "format": "text"}
    signed = api.call("POST", "/v1/picks/sign", body)
    address = signed.json["url"].removeprefix("http://localhost")
    answer = api.call("GET", address, key=None)
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; charset=utf-8"
    assert "Thing" in answer.get_data(as_text=True)
    problem(api.call("GET", address.replace("limit=2", "limit=3"), key=None), "signature_invalid")
    problem(api.call("GET", address + "&explain=1", key=None), "signature_invalid")
    problem(api.call("GET", address.replace("&sig=", "&gis="), key=None), "unauthorized")


def test_a_batch_answers_line_by_line(api: Any) -> None:
    lines = [
        {"customer_id": "b-1", "message_id": "batch", "limit": 2},
        {"customer_id": "ann@shop.example"},
        {"customer_id": "b-2", "limit": 1, "mni": 1},
        {"customer_id": "b-3", "limit": 1, "min": 2},
    ]
    body = b"\n".join(json.dumps(line).encode() for line in lines) + b"\nnonsense\n"
    answer = api.call("POST", "/v1/picks/batch", body, Content_Type=NDJSON)
    told = [json.loads(line) for line in answer.data.splitlines()]
    assert [t.get("customer_id") for t in told] == ["b-1", "ann@shop.example", "b-2", "b-3", None]
    assert [t.get("problem", {}).get("code") for t in told] == [
        None,
        "invalid_request",
        None,
        "invalid_request",
        "malformed_json",
    ]
    assert len(told[0]["items"]) == 2
    assert told[2]["warnings"][0]["pointer"] == "/mni"
    single = api.call("GET", "/v1/customers/b-1/picks?message_id=batch&limit=2").json
    assert single["decision_id"] == told[0]["decision_id"]


def test_the_same_event_again_and_another_under_its_id(api: Any) -> None:
    event = {"event_id": "again-1", "event_name": "view_item", "timestamp": "2026-03-02T12:00:00Z", "x": 1}
    verdicts = [
        api.call("POST", "/v1/events", e).json["events"][0]["verdict"] for e in (event, event, {**event, "x": 2})
    ]
    assert verdicts == ["accepted", "duplicate", "conflict"]


def test_items_are_set_changed_and_read(api: Any) -> None:
    first = api.call("PUT", "/v1/items/life/of an-item", {"item_name": "Чай", "price": 5, "item_category": "Food"})
    assert (first.status_code, first.json["verdict"]) == (202, "accepted")
    api.call("PATCH", "/v1/items/life/of an-item", {"stock": 0, "price": 4.5})
    api.settle()
    item = api.call("GET", "/v1/items/life/of an-item").json
    assert (item["item_name"], item["price"], item["stock"], item["offerable"]) == ("Чай", 4.5, 0, False)
    assert item["item_category"] == "Food"


def test_a_batch_of_items(api: Any) -> None:
    body = b'{"item_id": "bi-1", "item_name": "One", "prise": 5}\n{"item_name": "no id"}\n{"item_id": "bi-2"}\n'
    answer = api.call("POST", "/v1/items/batch", body, Content_Type=NDJSON)
    told = [json.loads(line) for line in answer.data.splitlines()]
    assert [t.get("verdict") for t in told] == ["accepted", None, None]
    assert told[0]["warnings"][0]["pointer"] == "/prise"
    assert told[2]["problem"]["errors"][0]["pointer"] == "/item_name"
    changed = api.call("POST", "/v1/items/batch?partial=1", b'{"item_id": "bi-1", "price": 7}', Content_Type=NDJSON)
    assert json.loads(changed.data)["verdict"] == "accepted"
    api.settle()
    assert api.call("GET", "/v1/items/bi-1").json["price"] == 7


def test_a_customer_is_told_about_joined_and_erased(api: Any) -> None:
    order = {"event_name": "purchase", "timestamp": "2026-03-02T12:00:00Z", "currency": "USD"}
    order |= {"items": [{"item_id": "sku-9", "quantity": 2, "price": 10}]}
    api.call("POST", "/v1/events", {**order, "transaction_id": "life-1", "customer_id": "life-old"})
    told = api.call("PUT", "/v1/customers/life-new", {"city": "Тверь", "hobby": "tea"})
    assert told.json["warnings"][0]["pointer"] == "/hobby"
    api.call("POST", "/v1/customers/life-old/alias", {"to": "life-new"})
    api.settle()
    portrait = api.call("GET", "/v1/customers/life-old").json
    assert portrait["customer_id"] == "life-new"
    assert portrait["profile"]["city"] == "Тверь"
    assert (portrait["orders"], portrait["items"][0]["item_id"]) == (1, "sku-9")
    receipt = api.call("DELETE", "/v1/customers/life-new")
    assert (receipt.status_code, receipt.json["verdict"]) == (202, "accepted")
    api.settle()
    assert api.call("GET", "/v1/customers/life-new").status_code == 404


def test_the_kill_switch(api: Any) -> None:
    body = {"placement": "killed", "visitor_id": "k"}
    assert api.call("POST", "/v1/offers", body).json["offers"]
    assert api.call("POST", "/v1/placements/killed/switch", {"on": False}).json == {"placement": "killed", "on": False}
    off = api.call("POST", "/v1/offers", body)
    assert (off.status_code, off.json["offers"], off.json["fallback"]) == (200, [], "switched_off")
    api.call("POST", "/v1/placements/killed/switch", {"on": True})
    assert api.call("POST", "/v1/offers", body).json["offers"]


def test_a_key_lives_until_it_is_revoked(api: Any, problem: Any) -> None:
    made = api.call("POST", "/v1/keys", {"name": "short-lived", "scopes": ["reports", "reports"]})
    assert re.fullmatch(r"offers_[\w-]{32}", made.json["key"])
    assert made.json["scopes"] == ["reports"]
    key = made.json["key"]
    assert api.call("GET", "/v1/models", key=key).status_code == 200
    listed = api.call("GET", "/v1/keys").json["keys"]
    assert {"id": made.json["id"], "name": "short-lived", "scopes": ["reports"]} in listed
    assert key not in json.dumps(listed)
    assert api.call("DELETE", f"/v1/keys/{made.json['id']}").status_code == 204
    problem(api.call("GET", "/v1/models", key=key), "unauthorized")


def test_metrics_tell_of_routes_events_and_parts(api: Any) -> None:
    api.call("POST", "/v1/offers", {"placement": "checkout"})
    api.call("POST", "/v1/events", {"event_name": "view_item"})
    api.call("GET", "/v1/customers/secret-id/picks")
    told = api.call("GET", "/metrics", key=None).get_data(as_text=True)
    for line in (
        r'offers_request_duration_seconds_bucket\{fallback="no_model",le="0.005",route="/v1/offers"\} ',
        r'offers_request_duration_seconds_count\{fallback="no_model",route="/v1/customers/\{customer_id\}/picks"\} ',
        r'offers_requests_total\{method="POST",route="/v1/offers",status="200"\} ',
        r'offers_events_total\{verdict="accepted"\} ',
        r"offers_stream_entries ",
        r"offers_projection_lag_seconds ",
        r"offers_ledger_version ",
        r'offers_model_info\{version="none"\} 1',
        r"offers_catalogue_items ",
        r"offers_catalogue_bytes ",
        r'offers_part_up\{part="stream"\} 1',
    ):
        assert re.search("^" + line, told, re.M), line
    assert "secret-id" not in told


def test_the_page_of_documentation_stands_alone(api: Any) -> None:
    answer = api.call("GET", "/docs", key=None)
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")
    page = answer.get_data(as_text=True)
    read = _Links(page)
    assert "script" not in read.tags
    assert "style" not in read.tags | read.attributes
    assert not [a for a in read.attributes if a.startswith("on")]
    local = {link for link in read.found if not link.startswith("#")}
    assert all(link.startswith("/") for link in local)
    for link in local:
        assert api.call("GET", link, key=None).status_code == 200
    anchors = set(re.findall(r'id="([^"]+)"', page))
    assert {link[1:] for link in read.found if link.startswith("#")} <= anchors


def test_readiness_names_each_part(api: Any) -> None:
    answer = api.call("GET", "/readyz", key=None)
    assert answer.status_code == 200
    parts = {name: part["status"] for name, part in answer.json["parts"].items()}
    assert parts == {"state": "ok", "configuration": "ok", "catalogue": "ok", "model": "absent"}
    assert api.call("GET", "/readyz?strict=1", key=None).status_code == 503


def test_with_the_store_stopped_checkouts_are_answered_and_the_rest_says_so_in_time(own_api: Any, problem: Any) -> None:
    body = {"placement": "checkout", "customer_id": "c", "cart": [{"item_id": "sku-1"}]}
    assert own_api.call("POST", "/v1/offers", body).json["fallback"] == "no_model"
    own_api.process.send_signal(signal.SIGSTOP)
    try:
        for n in range(5):
            began = time.monotonic()
            answer = own_api.call("POST", "/v1/offers", {**body, "customer_id": f"stopped-{n}"})
            assert time.monotonic() - began < 0.4
            assert answer.status_code == 200
            assert answer.json["offers"]
            assert answer.json["recorded"] is True
        began = time.monotonic()
        problem(own_api.call("POST", "/v1/events", {"event_name": "view_item"}), "state_unavailable")
        problem(own_api.call("GET", "/v1/items/sku-1"), "state_unavailable")
        problem(own_api.call("GET", "/v1/customers/c"), "state_unavailable")
        ready = own_api.call("GET", "/readyz", key=None)
        assert (ready.status_code, ready.json["status"]) == (200, "degraded")
        assert ready.json["parts"]["state"]["status"] == "unavailable"
        told = own_api.call("GET", "/metrics", key=None).get_data(as_text=True)
        assert 'offers_part_up{part="stream"} 0' in told
        assert time.monotonic() - began < 2
    finally:
        own_api.process.send_signal(signal.SIGCONT)
    until = time.monotonic() + 5
    while own_api.call("POST", "/v1/events", {"event_name": "view_item"}).status_code != 202:
        assert time.monotonic() < until, "it did not recover by itself"
        time.sleep(0.05)


@pytest.mark.parametrize("headers", [{"X_Request_Id": "mine-1"}, {}])
def test_request_ids_come_back(api: Any, headers: dict[str, str]) -> None:
    for path in ("/healthz", "/v1/keys", "/nothing"):
        answer = api.call("GET", path, **headers)
        assert answer.headers["X-Request-Id"] == headers.get("X_Request_Id", answer.headers["X-Request-Id"])
        assert len(answer.headers.get_all("X-Request-Id")) == 1
    assert api.call("POST", "/v1/offers", {"placement": "a"}, X_Request_Id="mine-2").headers["X-Request-Id"] == "mine-2"
