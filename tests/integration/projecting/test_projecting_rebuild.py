"""The live projection, the one from the ledger and the ledger's own order lines agree."""

from __future__ import annotations

import tempfile
import threading
from collections import defaultdict
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offers.clock import HeldClock
from offers.domain.event import Event
from offers.errors import Conflict
from offers.ledger.accept import EventStream
from offers.ledger.scan import order_lines
from offers.ledger.table import LedgerTable
from offers.ledger.writer import Writer
from offers.projecting.projector import Projector
from offers.projecting.rebuild import rebuild
from offers.projecting.turn import REBUILDING, Turn
from offers.state.catalogue_store import CatalogueStore
from offers.state.configuration import Configuration
from offers.state.people import People
from offers.state.people_store import PeopleStore

_SETTINGS = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class Instance:
    """Stream, ledger and online state under one prefix, empty at first."""

    def __init__(self, server: Any, home: str, clock: HeldClock) -> None:
        self.client = server.client()
        self.client.flushall()
        self.stream = EventStream(self.client, "shop", clock)
        self.table = LedgerTable(Path(home) / "ledger")
        self.writer = Writer(self.table, self.stream, Path(home) / "spool", clock, projected=lambda: 0)
        self.people = PeopleStore(self.client, "shop")
        self.items = CatalogueStore(self.client, "shop")
        self.configuration = Configuration(self.client, "shop")
        self.projector = Projector(self.stream, self.people, self.items, self.configuration, clock, batch=5)

    def take(self, events: list[Event]) -> None:
        self.stream.append(events, [event.event_id.encode().ljust(8) for event in events])
        self.projector.drain()
        while self.writer.drain().more:
            pass

    def rebuild(self, **how: Any) -> Any:
        return rebuild(self.table, self.stream, self.people, self.items, self.configuration, **how)

    def state(self, world: ModuleType) -> SimpleNamespace:
        self.configuration.refresh()
        return SimpleNamespace(
            people=world.state_of(self.client, "shop"),
            items={item.item_id: item for chunk in self.items.scan() for item in chunk},
            keys=dict(self.configuration.keys),
            off=self.configuration.switched_off,
        )


@_SETTINGS
@given(data=st.data())
def test_a_rebuild_equals_live_projection(
    server: Any, world: ModuleType, clock: HeldClock, data: st.DataObject
) -> None:
    more = st.one_of(world.item_sets, world.keys, world.revocations, world.switches)
    told = data.draw(st.lists(more, max_size=8))
    people = [event for _, event in data.draw(world.people_events)]
    events = [event for _, event in world.numbered(told)]
    events = [*people, *(Event(**{**_fields(event), "event_id": f"x{n}"}) for n, event in enumerate(events))]
    events = data.draw(st.permutations(events))
    with tempfile.TemporaryDirectory() as home:
        instance = Instance(server, home, clock)
        instance.take(events)
        live = instance.state(world)
        seen: list[tuple[int, int]] = []
        done = instance.rebuild(progress=lambda n, total: seen.append((n, total)), chunk=4)
        assert instance.state(world) == live
        assert instance.stream.projected() == done.position == instance.stream.last_position()
        assert done.faults == 0
        assert not seen or seen[-1] == (done.events, done.events)
        instance.client.close()


def _fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in Event.__dataclass_fields__}


@_SETTINGS
@given(data=st.data())
def test_histories_are_the_ledgers_order_lines(
    server: Any, world: ModuleType, clock: HeldClock, data: st.DataObject
) -> None:
    # Without visitors, whom only the online state joins, and with every order its customer's own.
    def own(event: dict[str, Any]) -> dict[str, Any]:
        known = event["order_id"].startswith("o")
        customer = "abc"[int(event["order_id"][1]) % 3] if known else event["customer_id"]
        return {**event, "customer_id": customer, "visitor_id": None}

    aliases = st.lists(st.sampled_from([("a", "b"), ("b", "c"), ("d", "a")]), max_size=2, unique=True).map(
        lambda pairs: [
            {"event_name": "customer_aliased", "occurred_at": world.T0, "customer_id": old, "params": {"to": new}}
            for old, new in pairs
        ]
    )
    told = data.draw(st.lists(st.one_of(world.purchases, world.purchases, world.refunds).map(own), max_size=14))
    events = [event for _, event in world.numbered(data.draw(st.permutations(told + data.draw(aliases))))]
    with tempfile.TemporaryDirectory() as home:
        instance = Instance(server, home, clock)
        instance.take(events)
        expected: dict[str, dict[str, tuple[set[str], float, int]]] = defaultdict(dict)
        for row in order_lines(instance.table).collect().iter_rows(named=True):
            if row["person"] is None:
                continue
            orders, quantity, last = expected[row["person"]].get(row["item_id"], (set(), 0.0, 0))
            at = int(row["occurred_at"].timestamp())
            expected[row["person"]][row["item_id"]] = (
                orders | {row["order_id"]},
                quantity + row["quantity"],
                max(last, at),
            )
        people = People(instance.client, "shop", timeout=1)
        for customer in world.CUSTOMERS:
            view = people.fetch(customer, None, "f")
            assert view.person is not None
            found = {item: (orders, quantity, last) for item, orders, quantity, last in view.items}
            wanted = expected.get(view.person.key, {})
            assert found == {item: (len(orders), quantity, last) for item, (orders, quantity, last) in wanted.items()}
        instance.client.close()


def test_a_running_projector_stands_back_and_goes_on(
    server: Any, world: ModuleType, clock: HeldClock, tmp_path: Path
) -> None:
    instance = Instance(server, str(tmp_path), clock)
    events = [Event(f"e{n}", "purchase", world.T0 + n, 0, customer_id=str(n % 7), order_id=f"o{n}") for n in range(60)]
    instance.take(events[:40])
    live = instance.state(world)
    stop = threading.Event()
    running = threading.Thread(target=instance.projector.run, args=(stop,))
    running.start()
    try:
        instance.rebuild()
        assert instance.state(world).people == live.people
        instance.stream.append(events[40:], [b"12345678"] * 20)
        people = People(server.client(), "shop", timeout=1)
        for _ in range(100):
            if instance.stream.projected() == instance.stream.last_position():
                break
            stop.wait(0.05)
        counts = [
            people.profile(person) for person in (people.fetch(str(n), None, "f").person for n in range(7)) if person
        ]
        assert sum(told["orders"] for told in counts if told) == 60
    finally:
        stop.set()
        running.join()


def test_a_rebuild_that_was_cut_short_does_not_stop_what_comes_after(
    server: Any, world: ModuleType, clock: HeldClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    instance = Instance(server, str(tmp_path), clock)
    instance.take([Event("e1", "purchase", world.T0, 0, customer_id="1", order_id="o1")])
    instance.stream.reset_projected(REBUILDING)
    instance.take([Event("e2", "purchase", world.T0, 0, customer_id="1", order_id="o2")])
    assert "offers rebuild" in caplog.text
    assert instance.stream.projected() == instance.stream.last_position()


def test_two_rebuilds_do_not_meet(server: Any, clock: HeldClock) -> None:
    stream = EventStream(server.client(), "shop", clock)
    first, second = Turn(stream), Turn(stream)
    first.claim()
    with pytest.raises(Conflict):
        second.claim(patience_s=0.2)
    first.release()
    second.claim(patience_s=0.2)
    assert not first.mine()
    second.release()
    assert first.mine()
