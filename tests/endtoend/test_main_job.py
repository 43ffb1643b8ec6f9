"""The main job through the public interface alone: load, train, serve, see it change, see it degrade, see it swap."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

GROUPS = 6
PER_GROUP = 8


def _write_shop(folder: Any) -> tuple[Any, Any]:
    """A shop whose right answer is known: six tastes, items of one taste are bought together and never across."""
    chance = random.Random(7)
    items = folder / "items.csv"
    with items.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item_id", "item_name", "price", "item_category", "item_category2", "currency"])
        for g in range(GROUPS):
            for i in range(PER_GROUP):
                writer.writerow(
                    [f"g{g}-{i}", f"Thing {i} of taste {g}", f"{4 + i}.50", f"taste {g}", f"kind {g}-{i}", "USD"]
                )
    orders = folder / "orders.csv"
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=67 * 1500)
    with orders.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order_id", "customer_id", "timestamp", "item_id", "quantity", "price"])
        for n in range(1500):
            customer = n % 240
            g = customer % GROUPS
            stamp = (start + timedelta(minutes=67 * n)).isoformat()
            for i in chance.sample(range(PER_GROUP), 3):
                writer.writerow([f"o{n}", f"c{customer}", stamp, f"g{g}-{i}", 1, f"{4 + i}.50"])
    return items, orders


@pytest.fixture(scope="module")
def shop(services: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running shop with a trained, promoted model."""
    instance = services.Service(settings={"OFFERS_BOUGHT_AGAIN_AFTER_DAYS": "30"})
    try:
        items, orders = _write_shop(tmp_path_factory.mktemp("shop"))
        instance.cli("import", "items", str(items))
        instance.cli("import", "orders", str(orders))
        instance.cli("train", "--promote")
        instance.start()
        yield instance
        instance.stop()
    finally:
        instance.close()


def _ids(answer: Any) -> list[str]:
    return [o["item"]["item_id"] for o in answer["offers"]]


def _ledger_orders(service: Any, order_id: str) -> pl.DataFrame:
    return (
        pl.scan_delta(str(service.home / "var" / "ledger"))
        .filter((pl.col("kind") == "order") & (pl.col("order_id") == order_id))
        .collect()
    )


def test_offers_complete_the_cart_from_its_own_taste(shop: Any) -> None:
    right = total = 0
    for g in range(GROUPS):
        body = {
            "visitor_id": f"never-seen-{g}",
            "placement": "checkout",
            "cart": [{"item_id": f"g{g}-1", "quantity": 1, "price": 5.5}],
        }
        status, answer = shop.json("POST", "/v1/offers", body)
        assert status == 200
        assert answer["recorded"] is True
        assert answer["fallback"] is None
        assert answer["offers"], "a cart of a known item gets offers"
        assert f"g{g}-1" not in _ids(answer)
        head = _ids(answer)[:2]
        right += sum(i.startswith(f"g{g}-") for i in head)
        total += len(head)
    assert right == total, "the first offers belong to the taste of the cart"


def test_a_purchase_changes_the_next_picks_within_a_second_and_reaches_the_ledger_within_five(shop: Any) -> None:
    customer = "fresh-customer"
    before = _ids(shop.json("GET", f"/v1/customers/{customer}/picks?placement=email&limit=6")[1])
    order = {
        "event_name": "purchase",
        "transaction_id": "fresh-1",
        "timestamp": datetime.now(UTC).isoformat(),
        "customer_id": customer,
        "currency": "USD",
        "items": [{"item_id": f"g3-{i}", "quantity": 1, "price": 4.5 + i} for i in range(3)],
    }
    status, answer = shop.json("POST", "/v1/events", order)
    assert (status, answer["events"][0]["verdict"]) == (202, "accepted")
    posted = time.monotonic()
    while (after := _ids(shop.json("GET", f"/v1/customers/{customer}/picks?placement=email&limit=6")[1])) == before:
        assert time.monotonic() - posted < 1.0, "the picks did not change within a second"
        time.sleep(0.05)
    assert after[0].startswith("g3-")
    assert not set(after) & {"g3-0", "g3-1", "g3-2"}, "what was just bought is not offered again"
    while _ledger_orders(shop, "fresh-1").is_empty():
        assert time.monotonic() - posted < 5.0, "the order did not reach the ledger within five seconds"
        time.sleep(0.1)


def test_an_order_counts_once_in_its_latest_version_whichever_road_it_took(shop: Any, tmp_path: Any) -> None:
    from offers.ledger.scan import orders
    from offers.ledger.table import LedgerTable

    placed = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    lines = [{"item_id": "g0-1", "quantity": 2, "price": 5.5}, {"item_id": "g0-2", "quantity": 1, "price": 6.5}]
    order = {
        "event_name": "purchase",
        "transaction_id": "ord-9",
        "customer_id": "c9x",
        "currency": "USD",
        "items": lines,
    }
    paid = placed + timedelta(minutes=5)
    refunded = placed + timedelta(minutes=50)
    refund = {"event_name": "refund", "transaction_id": "ord-9", "currency": "USD", "customer_id": "c9x"}
    refund["items"] = [{"item_id": "g0-1", "quantity": 1, "price": 5.5}]
    events = [
        {**order, "status": "placed", "timestamp": placed.isoformat()},
        {**order, "status": "paid", "timestamp": placed.isoformat(), "updated_at": paid.isoformat()},
        {**refund, "timestamp": refunded.isoformat()},
    ]
    for event in [*events, *events]:
        assert shop.json("POST", "/v1/events", event)[0] == 202
    path = tmp_path / "again.csv"
    rows = ["order_id,customer_id,timestamp,item_id,quantity,price,status"]
    rows += [f"ord-9,c9x,{placed.isoformat()},{x['item_id']},{x['quantity']},{x['price']},paid" for x in lines]
    rows += [f"ord-9,c9x,{refunded.isoformat()},g0-1,-1,5.5,refunded"]
    path.write_text("\n".join(rows) + "\n")
    shop.cli("import", "orders", str(path))
    until = time.monotonic() + 10
    while _ledger_orders(shop, "ord-9").height < 3 and time.monotonic() < until:
        time.sleep(0.2)
    time.sleep(1)
    table = LedgerTable(str(shop.home / "var" / "ledger"))
    found = orders(table).filter(pl.col("order_id") == "ord-9").collect().to_dicts()
    assert len(found) == 1
    assert found[0]["revenue"] == 550 + 650, "two pieces and one piece, one of them given back"
    assert found[0]["status"] == "paid"


def test_price_and_stock_are_live_in_every_worker_within_a_second(shop: Any) -> None:
    def seen() -> set[tuple[bool, float | None]]:
        found = set()
        for n in range(12):
            body = {
                "visitor_id": f"look-{time.time_ns()}-{n}",
                "placement": "checkout",
                "limit": 7,
                "cart": [{"item_id": "g5-0", "quantity": 1, "price": 4.5}],
            }
            offers = shop.json("POST", "/v1/offers", body)[1]["offers"]
            mine = [o["item"]["price"] for o in offers if o["item"]["item_id"] == "g5-4"]
            found.add((bool(mine), mine[0] if mine else None))
        return found

    assert (True, 8.5) in seen()
    assert shop.json("PATCH", "/v1/items/g5-4", {"price": 7.25})[0] in (200, 202)
    time.sleep(1.0)
    assert seen() == {(True, 7.25)}
    assert shop.json("PATCH", "/v1/items/g5-4", {"stock": 0})[0] in (200, 202)
    time.sleep(1.0)
    assert seen() == {(False, None)}
    shop.json("PATCH", "/v1/items/g5-4", {"stock": 5, "price": 8.5})


def test_with_the_state_server_frozen_offers_still_answer_in_time_and_recover(shop: Any) -> None:
    (server,) = shop.find("valkey-server")[:1]
    body = {
        "customer_id": "c1",
        "placement": "checkout",
        "cart": [{"item_id": "g1-1", "quantity": 1}],
        "deadline_ms": 150,
    }
    slowest = 0.0
    os.kill(server, signal.SIGSTOP)
    try:
        until = time.monotonic() + float(os.environ.get("OFFERS_TEST_STOP_SECONDS", "5"))
        fallbacks = set()
        n = 0
        while time.monotonic() < until:
            n += 1
            began = time.monotonic()
            status, answer = shop.json(
                "POST", "/v1/offers", {**body, "customer_id": f"c{n % 200}", "exclude": [f"x{n}"]}
            )
            slowest = max(slowest, time.monotonic() - began)
            assert status == 200
            assert answer["offers"]
            assert answer["recorded"] is True
            fallbacks.add(answer["fallback"])
        assert "history_unavailable" in fallbacks
        assert slowest < 0.4, f"{slowest:.3f} s: the deadline of 150 ms and the noise of a shared machine"
    finally:
        os.kill(server, signal.SIGCONT)
    until = time.monotonic() + 5
    while shop.json("POST", "/v1/offers", {**body, "exclude": [f"y{time.time_ns()}"]})[1]["fallback"] is not None:
        assert time.monotonic() < until, "it did not recover by itself"
        time.sleep(0.1)


def test_a_model_promoted_under_load_fails_no_request_and_mixes_no_artifacts(shop: Any) -> None:
    versions: list[tuple[float, str]] = []
    bad: list[Any] = []
    stop = threading.Event()

    def ask(worker: int) -> None:
        n = 0
        while not stop.is_set():
            n += 1
            body = {"visitor_id": f"swap-{worker}-{n}", "placement": "checkout", "cart": [{"item_id": "g2-3"}]}
            status, answer = shop.json("POST", "/v1/offers", body)
            # On a machine busy with training a history may come too late; the answer is still whole.
            if status != 200 or not answer["offers"] or answer["fallback"] not in (None, "history_unavailable"):
                bad.append((status, answer))
            else:
                versions.append((time.monotonic(), answer["model_version"]))

    threads = [threading.Thread(target=ask, args=(w,)) for w in range(4)]
    for thread in threads:
        thread.start()
    try:
        shop.json("POST", "/v1/events", {
            "event_name": "purchase", "transaction_id": "swap-1", "timestamp": datetime.now(UTC).isoformat(),
            "customer_id": "c1", "currency": "USD", "items": [{"item_id": "g1-1", "quantity": 1, "price": 5.5}],
        })  # fmt: skip
        until = time.monotonic() + 20
        while _ledger_orders(shop, "swap-1").is_empty() and time.monotonic() < until:
            time.sleep(0.2)
        shop.cli("train", "--promote")
        promoted = time.monotonic()
        time.sleep(2.5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not bad, bad[:2]
    names = {v for _, v in versions}
    assert len(names) == 2, names
    last_old = max(t for t, v in versions if v == versions[0][1])
    assert last_old < promoted + 1.0, "every worker is on the new model within a second"
    assert shop.cli_json("models", "list")["current"] == versions[-1][1]


def test_the_same_letter_is_the_same_letter(shop: Any) -> None:
    path = "/v1/customers/c3/picks?placement=email&message_id=spring-1&limit=4"
    newer = "/v1/customers/c3/picks?placement=email&message_id=spring-2&limit=4"
    first_status, first_headers, first = shop.call("GET", path)
    order = {
        "event_name": "purchase", "transaction_id": "letter-1", "timestamp": datetime.now(UTC).isoformat(),
        "customer_id": "c3", "currency": "USD", "items": [{"item_id": "g4-1", "quantity": 1, "price": 5.5}],
    }  # fmt: skip
    shop.json("POST", "/v1/events", order)
    time.sleep(0.5)
    again_status, _, again = shop.call("GET", path)
    assert first_status == again_status == 200
    assert json.loads(first)["decision_id"] == json.loads(again)["decision_id"]
    assert _ids(json.loads(first)) == _ids(json.loads(again))
    assert shop.call("GET", path, headers={"If-None-Match": first_headers["etag"]})[0] == 304
    assert "g4-1" not in _ids(shop.json("GET", newer)[1]), "the next letter knows of the purchase"


def test_state_made_anew_from_the_ledger_is_the_state_that_was(shop: Any) -> None:
    time.sleep(1.5)
    paths = [f"/v1/customers/{c}" for c in (*(f"c{n}" for n in range(0, 40, 5)), "fresh-customer", "c9x")]
    paths += [f"/v1/items/g{g}-1" for g in range(GROUPS)]
    before = [shop.json("GET", p) for p in paths]
    assert {status for status, _ in before} == {200}
    shop.stop()
    shop.cli("rebuild")
    shop.start()
    assert [shop.json("GET", p) for p in paths] == before
