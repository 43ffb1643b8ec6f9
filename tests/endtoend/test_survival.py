"""Nothing acknowledged is lost and nothing is doubled, whichever process dies without warning."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

SECONDS = float(os.environ.get("OFFERS_TEST_KILL_SECONDS", "25"))

pytestmark = [pytest.mark.kill, pytest.mark.slow, pytest.mark.timeout(300)]


class Traffic:
    """Clients that remember exactly what was acknowledged; an unanswered batch is sent again, as a shop would."""

    def __init__(self, service: Any) -> None:
        self.service = service
        self.stop = threading.Event()
        self.events: set[str] = set()
        self.decisions: set[str] = set()
        self.refused = Counter[int]()
        self.bad: list[str] = []
        self.threads = [threading.Thread(target=self._events, args=(n,)) for n in range(2)]
        self.threads += [threading.Thread(target=self._offers, args=(n,)) for n in range(2)]

    def _events(self, worker: int) -> None:
        n = 0
        while not self.stop.is_set():
            stamp = datetime.now(UTC).isoformat()
            batch = [
                {
                    "event_id": f"e-{worker}-{n}-{i}",
                    "event_name": "view_item" if i % 2 else "purchase",
                    "transaction_id": f"o-{worker}-{n}-{i}",
                    "timestamp": stamp,
                    "customer_id": f"c-{(n * 7 + i) % 50}",
                    "currency": "USD",
                    "items": [{"item_id": f"i-{i}", "quantity": 1, "price": 2.5}],
                }
                for i in range(10)
            ]
            while True:
                try:
                    status, answer = self.service.json("POST", "/v1/events", batch, timeout=5)
                except Exception:
                    status, answer = 0, None
                if status == 202:
                    for event, verdict in zip(batch, answer["events"], strict=True):
                        if verdict["verdict"] in ("accepted", "duplicate"):
                            self.events.add(str(event["event_id"]))
                        else:
                            self.bad.append(json.dumps(verdict))
                    break
                self.refused[status] += 1
                if self.stop.is_set():
                    return
                time.sleep(0.1)
            n += 1

    def _offers(self, worker: int) -> None:
        n = 0
        while not self.stop.is_set():
            body = {
                "customer_id": f"c-{worker}-{n}",
                "placement": "checkout",
                "cart": [{"item_id": "i-1", "quantity": 1, "price": 2.5}],
            }
            n += 1
            try:
                status, answer = self.service.json("POST", "/v1/offers", body, timeout=5)
            except Exception:
                self.refused[-1] += 1
                time.sleep(0.1)
                continue
            if status != 200:
                self.bad.append(f"/v1/offers answered {status}")
            elif answer["recorded"]:
                self.decisions.add(answer["decision_id"])

    def __enter__(self) -> Traffic:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(30)


def _kill(service: Any, victim: str) -> bool:
    if victim == "supervisor":
        service.process.kill()
        service.process.wait(30)
        service.start()
        return True
    found: list[int] = {
        "server": lambda: service.find("valkey-server"),
        "writer": lambda: service.find("offers.running.worker") or service.find("offers worker"),
        "api": lambda: service.api_workers(),
    }[victim]()
    for pid in found[:1]:
        os.kill(pid, signal.SIGKILL)
    return bool(found)


def _in_ledger(service: Any) -> dict[str, int]:
    """How often each id of an event or decision stands in the ledger."""
    rows = (
        pl.scan_delta(str(service.home / "var" / "ledger"))
        .filter(pl.col("kind").is_in(["order", "behaviour", "decision"]))
        .group_by("event_id")
        .len()
        .collect()
    )
    return dict(rows.iter_rows())


def test_every_acknowledged_event_and_every_answered_decision_is_in_the_ledger_once(service: Any) -> None:
    service.start()
    items = [{"item_id": f"i-{i}", "item_name": f"Item {i}", "price": 2.5} for i in range(20)]
    status, _, _ = service.call(
        "POST",
        "/v1/items/batch",
        "\n".join(json.dumps(i) for i in items).encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert status in (200, 202)
    chance = random.Random(20260302)
    killed = Counter[str]()
    with Traffic(service) as traffic:
        until = time.monotonic() + SECONDS
        order = ["writer", "server", "api", "supervisor"]
        while time.monotonic() < until:
            time.sleep(chance.uniform(0.5, 2.5))
            victim = order[sum(killed.values()) % len(order)]
            killed[victim] += _kill(service, victim)
        service.wait_ready()
    assert all(killed[v] for v in order), f"not every kind of process was killed: {killed}"
    assert not traffic.bad, traffic.bad[:3]
    assert len(traffic.events) > 200
    assert len(traffic.decisions) > 200
    expected = traffic.events | traffic.decisions
    # A worker killed last comes back by itself and brings the ledger up to date.
    until = time.monotonic() + 40
    while not expected <= _in_ledger(service).keys() and time.monotonic() < until:
        time.sleep(1)
    service.stop()
    counts = _in_ledger(service)
    lost = sorted(e for e in expected if e not in counts)
    doubled = sorted(e for e, n in counts.items() if n > 1)
    print(f"kills {dict(killed)}, events {len(traffic.events)}, decisions {len(traffic.decisions)}, {traffic.refused}")
    assert not lost, f"{len(lost)} lost of {len(expected)}, first {lost[:5]}"
    assert not doubled, f"{len(doubled)} doubled, first {doubled[:5]}"
