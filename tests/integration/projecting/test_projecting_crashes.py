"""However events are cut into batches, and wherever a crash cuts the writing of one, the same state comes out."""

from __future__ import annotations

import os
import random
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offers.domain.event import Event
from offers.errors import StateUnavailable
from offers.projecting import shelf
from offers.projecting.people import PeopleProjection
from offers.state.people_store import PeopleStore

_SETTINGS = settings(
    max_examples=int(os.environ.get("EXAMPLES", "30")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(params=["roomy", "cramped"])
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Books of the usual size, and books that overflow at once."""
    if request.param == "cramped":
        monkeypatch.setattr(shelf, "MAX_ORDERS", 2)


def _apply(store: PeopleStore, batch: list[tuple[int, Event]], sizes: list[int]) -> None:
    projection, at = PeopleProjection(store), 0
    for size in [*sizes, len(batch)]:
        projection.apply(batch[at : at + size])
        at += size


@_SETTINGS
@given(data=st.data())
@pytest.mark.usefixtures("room")
def test_batches_of_any_size_leave_the_same_state(server: Any, world: ModuleType, data: st.DataObject) -> None:
    client = server.client()
    client.flushall()
    events = data.draw(world.people_events)
    sizes = data.draw(st.lists(st.integers(1, 6), max_size=10))
    _apply(PeopleStore(client, "one"), events, [1] * len(events))
    _apply(PeopleStore(client, "all"), events, [])
    _apply(PeopleStore(client, "cut"), events, sizes)
    one = world.state_of(client, "one")
    assert world.state_of(client, "all") == one
    assert world.state_of(client, "cut") == one
    client.close()


@_SETTINGS
@given(data=st.data())
@pytest.mark.usefixtures("room")
def test_a_crash_at_any_write_is_repaired_by_applying_again(
    server: Any, world: ModuleType, data: st.DataObject
) -> None:
    client = server.client()
    client.flushall()
    events = data.draw(world.people_events)
    size = data.draw(st.integers(1, len(events)))
    _apply(PeopleStore(client, "calm"), events, [size] * (len(events) // size))
    store = world.FailingStore(client, "torn")
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    projection, at, done = PeopleProjection(store), 0, [0]
    end = size
    while at < len(events):
        if chance.random() < 0.7:
            store.chance = chance
        try:
            projection.apply([pair for pair in events[at:end] if pair[0] > done[-1]], done.append)
        except StateUnavailable:
            end += chance.choice([0, 0, 1, 5])  # more has come meanwhile
            continue
        store.chance = None
        at, end = end, end + size
    assert world.state_of(client, "torn") == world.state_of(client, "calm")
    client.close()


@_SETTINGS
@given(data=st.data())
def test_applying_again_what_was_written_changes_nothing(server: Any, world: ModuleType, data: st.DataObject) -> None:
    client = server.client()
    client.flushall()
    events = data.draw(world.people_events)
    store = PeopleStore(client, "again")
    _apply(store, events, [])
    before = world.state_of(client, "again")
    # As far back as can happen: once something is written after an erasure, nothing goes behind it.
    erasures = [n for n, (_, event) in enumerate(events) if event.event_name == "customer_erased"]
    _apply(store, events[erasures[-1] + 1 if erasures else 0 :], [3] * 5)
    assert world.state_of(client, "again") == before
    client.close()
