"""The projector on a real stream: soon, in bulk, and whatever happens to the server."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from offers.clock import SystemClock
from offers.domain.event import Event, Line
from offers.ledger.accept import EventStream
from offers.projecting.projector import Projector
from offers.state.catalogue import Catalogue
from offers.state.catalogue_store import CatalogueStore
from offers.state.configuration import Configuration
from offers.state.connection import connect
from offers.state.people import People
from offers.state.people_store import PeopleStore

T0 = 1_772_000_000_000_000


class Live:
    """A projector in a thread, as the worker runs it."""

    def __init__(self, server: Any) -> None:
        client = connect(server.url, timeout_ms=2000)
        self.stream = EventStream(client, "shop", SystemClock())
        self.items = CatalogueStore(client, "shop")
        self.configuration = Configuration(client, "shop")
        self.people = People(connect(server.url, timeout_ms=500), "shop", timeout=0.5)
        self.projector = Projector(
            self.stream, PeopleStore(client, "shop"), self.items, self.configuration, SystemClock()
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.projector.run, args=(self._stop,))

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.people.close()

    def tell(self, *events: Event) -> None:
        self.stream.append(events, [b"12345678"] * len(events))


@pytest.fixture
def live(server: Any) -> Iterator[Live]:
    made = Live(server)
    yield made
    made.close()


def _purchase(n: int, customer: str, *items: str, at: int = T0) -> Event:
    lines = tuple(Line(item, 1.0, 100) for item in items)
    return Event(f"e{n}", "purchase", at + n * 1_000_000, at, customer_id=customer, order_id=f"o{n}", lines=lines)


def _until(true: Any, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.001)


def test_a_purchase_is_in_the_history_at_once(live: Live) -> None:
    live.start()
    waits = []
    for n in range(30):
        live.tell(_purchase(n, "17", f"i{n}"))
        start = time.perf_counter()
        _until(lambda item=f"i{n}": [row for row in live.people.fetch("17", None, "f").items if row[0] == item])
        waits.append(time.perf_counter() - start)
    waits.sort()
    print(f"from durable to visible: median {waits[15] * 1000:.1f} ms, worst {waits[-1] * 1000:.1f} ms")
    assert waits[15] < 0.1


def test_items_keys_and_switches_arrive(live: Live) -> None:
    live.start()
    view = Catalogue()
    item = {"item_id": "tea", "item_name": "Tea", "price": 500, "currency": "RUB"}
    live.tell(
        Event("1", "item_set", T0, T0, params={"item": item, "partial": False}),
        Event("2", "item_set", T0, T0, params={"item": {"item_id": "tea", "stock": 0.0}, "partial": True}),
        Event("3", "item_set", T0, T0, params={"item": {"nonsense": 1}}),
        Event("4", "key_created", T0, T0, params={"key_hash": "ab", "name": "shop", "scopes": ["offers"]}),
        Event("5", "placement_switched", T0, T0, params={"placement": "checkout", "on": False}),
        Event("6", "model_promoted", T0, T0, params={"model": "m"}),
        Event("7", "key_created", T0, T0, params={}),
    )
    _until(lambda: live.stream.projected() == live.stream.last_position())
    view.refresh(live.items)
    live.configuration.refresh()
    assert view.price[view.row_of["tea"]] == 500
    assert not view.offerable[view.row_of["tea"]]
    assert live.configuration.keys["ab"].name == "shop"
    assert live.configuration.is_off("checkout")
    assert live.projector.faults == 2


@pytest.mark.slow
def test_bulk_is_projected_by_person(live: Live) -> None:
    chance = random.Random(1)
    events = [
        _purchase(n, str(chance.randrange(400)), *{f"i{chance.randrange(5000)}" for _ in range(10)})
        for n in range(20_000)
    ]
    for start in range(0, len(events), 1000):
        live.tell(*events[start : start + 1000])
    start_s = time.perf_counter()
    assert live.projector.drain() == len(events)
    took = time.perf_counter() - start_s
    print(f"{len(events) / took:.0f} orders of 10 lines a second")
    assert took < 20
    counts = [
        live.people.profile(person) for n in range(400) if (person := live.people.fetch(str(n), None, "f").person)
    ]
    assert sum(told["orders"] for told in counts if told) == len(events)


@pytest.mark.kill
def test_goes_on_after_the_server_was_stopped(live: Live, server: Any) -> None:
    live.start()
    live.tell(_purchase(1, "17", "x"))
    _until(lambda: live.people.fetch("17", None, "f").items)
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    server.process.send_signal(signal.SIGCONT)
    live.tell(_purchase(2, "17", "y"))
    _until(lambda: live.stream.projected() == live.stream.last_position(), 10)
    assert {row[0] for row in live.people.fetch("17", None, "f").items} == {"x", "y"}


def test_two_projectors_take_turns(live: Live, server: Any) -> None:
    other = Live(server)
    live.start()
    live.tell(_purchase(1, "17", "x"))
    _until(lambda: live.people.fetch("17", None, "f").items)
    assert other.projector.step() == 0
    assert not other.projector.held
    live.close()
    live.tell(_purchase(2, "17", "y"))
    assert other.projector.drain() == 1
    other.close()
