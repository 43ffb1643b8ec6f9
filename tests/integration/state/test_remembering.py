"""Earlier decisions: one short script a batch, few keys a person, all of them gone with the person."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from offers.errors import StateUnavailable
from offers.state.connection import connect
from offers.state.people import People
from offers.state.people_store import PeopleStore
from offers.state.remembering import recalled


@pytest.fixture
def people(server: Any) -> Iterator[People]:
    made = People(connect(server.url, timeout_ms=1000), "shop", timeout=0.5)
    yield made
    made.close()


def _same(people: People, customer: str, field: str) -> bytes | None:
    for _ in range(200):
        found = people.fetch(customer, None, field).same
        if found is not None:
            return found
        time.sleep(0.01)
    return None


def test_a_server_that_lost_its_scripts_is_given_the_script_again(people: People, server: Any) -> None:
    people.remember("c:1", "f", b"one", 60)
    assert _same(people, "1", "f") == b"one"
    server.client().script_flush()
    people.remember("c:2", "f", b"two", 60)
    assert _same(people, "2", "f") == b"two"
    server.client().client_kill_filter(_type="normal", skipme=True)
    people.remember("c:3", "f", b"three", 60)
    assert _same(people, "3", "f") == b"three"
    assert people.forgotten == 0


def test_a_whole_batch_of_many_people_is_written_with_its_lives(people: People, server: Any) -> None:
    for n in range(500):
        people.remember(f"c:{n}", "f", b"%d" % n, 60)
    assert _same(people, "499", "f") == b"499"
    assert all(people.fetch(str(n), None, "f").same == b"%d" % n for n in range(500))
    assert 0 < server.client().pttl(people.keys.same("c:17", "f")) <= 60_000


def test_two_fields_that_share_a_key_are_told_apart(people: People) -> None:
    other = next(f"g{n}" for n in range(10_000) if people.keys.same("c:1", f"g{n}") == people.keys.same("c:1", "f"))
    people.remember("c:1", "f", b"one", 60)
    assert _same(people, "1", "f") == b"one"
    assert people.fetch("1", None, other).same is None
    people.remember("c:1", other, b"two", 60)
    assert _same(people, "1", other) == b"two"
    assert people.fetch("1", None, "f").same is None
    assert recalled(b"1:fone", "f") == b"one"
    assert recalled(b"1:fone", "fo") is None


def test_a_forgotten_person_leaves_nothing_that_was_remembered(people: People, server: Any) -> None:
    for n in range(40):
        people.remember("c:1", f"f{n}", b"x", 60)
    people.remember("c:2", "f", b"stays", 60)
    assert _same(people, "2", "f") == b"stays"
    assert _same(people, "1", "f39") is not None
    PeopleStore(server.client(), "shop").forget(["c:1"])
    assert list(server.client().scan_iter("shop:{p:c:1}:*")) == []
    assert people.fetch("2", None, "f").same == b"stays"


@pytest.mark.kill
def test_a_call_may_be_given_less_time_and_a_single_miss_is_no_outage(server: Any) -> None:
    people = People(connect(server.url, timeout_ms=1000), "shop", timeout=0.5)
    people.fetch("17", None, "f")
    server.client().client_pause(400)
    released = threading.Event()
    start = time.monotonic()
    with pytest.raises(StateUnavailable):
        people.fetch("17", None, "f", timeout=0.02)
    assert time.monotonic() - start < 0.15
    assert people.breaker.closed
    for _ in range(2):
        with pytest.raises(StateUnavailable):
            people.fetch("17", None, "f", timeout=0.02)
    assert not people.breaker.closed, "several in a row are one"
    released.wait(0.6)
    assert people.fetch("17", None, "f", timeout=0.4).same is None
    assert people.breaker.closed
    people.close()
