"""People as deciding reads them: histories, earlier decisions, frozen picks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from offers.domain.ids import Person
from offers.state.connection import connect
from offers.state.people import People
from offers.state.records import HISTORY, LINK, History, Link

ITEMS = tuple((f"sku-{n:07d}", 3, 4.0, 1_700_000_000 - n) for n in range(200))


@pytest.fixture
def people(server: Any) -> Iterator[People]:
    made = People(connect(server.url, timeout_ms=1000), "shop", timeout=0.5)
    yield made
    made.close()


def test_nobody_and_somebody_unknown(people: People) -> None:
    assert people.fetch(None, None, "f").person is None
    view = people.fetch("17", "9", "f")
    assert (view.person, view.items, view.same) == (Person("c", "17"), (), None)
    assert people.fetch(None, "9", "f").person == Person("v", "9")
    assert people.fetch("", "9", "f").person == Person("v", "9")


def test_a_remembered_decision_is_found_by_its_field_until_it_ages(people: People) -> None:
    people.remember("c:17", "checkout:abc", b"one", 0.5)
    people.remember("c:17", "checkout:xyz", b"two", 60)
    for _ in range(100):
        if people.fetch("17", None, "checkout:xyz").same:
            break
        time.sleep(0.01)
    assert people.fetch("17", None, "checkout:xyz").same == b"two"
    assert people.fetch("17", None, "checkout:abc").same == b"one"
    assert people.fetch("18", None, "checkout:abc").same is None
    time.sleep(0.6)
    assert people.fetch("17", None, "checkout:abc").same is None
    assert people.forgotten == 0


def test_a_remembered_decision_costs_no_fsync(people: People, server: Any) -> None:
    client = server.client()
    before = client.info("persistence")["aof_current_size"]
    people.remember("c:17", "f", b"x" * 10_000, 60)
    people.close()
    assert people.fetch("17", None, "f").same == b"x" * 10_000
    assert client.info("persistence")["aof_current_size"] - before < 1_000


def test_the_first_to_freeze_a_letter_wins_until_it_expires(people: People) -> None:
    assert people.frozen("c:17", "email", "m1") is None
    assert people.freeze("c:17", "email", "m1", b"one", 60) == b"one"
    assert people.freeze("c:17", "email", "m1", b"two", 60) == b"one"
    assert people.frozen("c:17", "email", "m1") == b"one"
    assert people.frozen("c:17", "email", "m2") is None
    assert people.frozen("c:17", "push", "m1") is None
    assert people.freeze("c:18", "email", "m1", b"short", 0.05) == b"short"
    time.sleep(0.1)
    assert people.frozen("c:18", "email", "m1") is None
    assert people.freeze("c:18", "email", "m1", b"later", 60) == b"later"


def test_expired_letters_of_a_person_are_swept(people: People, server: Any) -> None:
    for n in range(70):
        people.freeze("c:17", "email", f"m{n}", b"x", 0.001 if n < 66 else 60)
        time.sleep(0.0015)
    assert server.client().hlen(people.keys.frozen("c:17")) < 70
    assert people.frozen("c:17", "email", "m69") == b"x"


def test_a_chain_of_joins_is_followed_even_when_it_is_a_ring(people: People, server: Any) -> None:
    client = server.client()
    client.set(people.keys.link("v:9"), LINK.encode(Link(1, "c:1")))
    client.set(people.keys.link("c:1"), LINK.encode(Link(1, "c:2")))
    client.set(people.keys.history("c:2"), HISTORY.encode(History(ITEMS)))
    view = people.fetch(None, "9", "f")
    assert view.person == Person("c", "2")
    assert view.items == ITEMS
    assert people.resolve(Person("v", "9")) == Person("c", "2")
    client.set(people.keys.link("c:2"), LINK.encode(Link(1, "c:1")))
    assert people.fetch(None, "9", "f").person is not None


def test_a_record_of_an_older_version_stays_readable(people: People, server: Any) -> None:
    import msgspec

    server.client().set(people.keys.history("c:1"), msgspec.msgpack.encode([[["x", 1, 2.0, 3]]]))
    server.client().set(people.keys.history("c:2"), msgspec.msgpack.encode([[["x", 1, 2.0, 3]], 1, 2, 3, "newer"]))
    assert people.fetch("1", None, "f").items == (("x", 1, 2.0, 3),)
    assert people.fetch("2", None, "f").items == (("x", 1, 2.0, 3),)


def test_a_whole_fetch_is_fast(people: People, server: Any) -> None:
    server.client().set(people.keys.history("c:17"), HISTORY.encode(History(ITEMS)))
    times = []
    for _ in range(1000):
        start = time.perf_counter()
        view = people.fetch("17", None, "f")
        times.append(time.perf_counter() - start)
    assert len(view.items) == 200
    best = sorted(times)[len(times) // 10] * 1e6
    print(f"fetch of 200 items, 10th percentile: {best:.0f} µs, median {sorted(times)[500] * 1e6:.0f} µs")
    assert best < 300  # 30 µs on an idle machine; a loaded one is given room
