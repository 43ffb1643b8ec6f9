"""What events make of people, read as deciding reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from offers.domain.event import Event, Line
from offers.domain.ids import Person
from offers.projecting.people import PeopleProjection
from offers.state.people import People
from offers.state.people_store import PeopleStore

S = 1_000_000
HOUR = 3_600 * S
DAY = 24 * HOUR
T0 = 1_772_000_000 * S


class Shop:
    """Tells events one by one, at the next position each."""

    def __init__(self, server: Any) -> None:
        self.client = server.client()
        self.people = People(self.client, "shop", timeout=1)
        self.projection = PeopleProjection(PeopleStore(self.client, "shop"))
        self.position = 1_000

    def tell(self, name: str, at: int = T0, *lines: tuple[str, float], **fields: Any) -> None:
        self.position += 1
        event = Event(
            f"e{self.position}", name, at, at, lines=tuple(Line(item, quantity) for item, quantity in lines), **fields
        )
        self.projection.apply([(self.position, event)])

    def items(self, customer: str | None = None, visitor: str | None = None) -> dict[str, float]:
        return {item: quantity for item, _, quantity, _ in self.people.fetch(customer, visitor, "f").items}

    def person(self, customer: str | None = None, visitor: str | None = None) -> str | None:
        person = self.people.fetch(customer, visitor, "f").person
        return person.key if person else None


@pytest.fixture
def shop(server: Any) -> Iterator[Shop]:
    made = Shop(server)
    yield made
    made.people.close()
    made.client.close()


def test_an_order_counts_once_in_its_latest_version(shop: Shop) -> None:
    shop.tell("purchase", T0, ("x", 2), ("y", 1), customer_id="1", order_id="o", status="placed")
    shop.tell("purchase", T0, ("x", 2), ("y", 1), customer_id="1", order_id="o", status="paid", version_at=T0 + 1)
    assert shop.items("1") == {"x": 2, "y": 1}
    shop.tell("refund", T0 + 2, ("x", 1), customer_id="1", order_id="o")
    shop.tell("refund", T0 + 2, ("x", 1), customer_id="1", order_id="o", source="import")
    assert shop.items("1") == {"x": 1, "y": 1}
    shop.tell("purchase", T0, ("z", 5), customer_id="1", order_id="o", status="paid", version_at=T0 + 3)
    assert shop.items("1") == {"z": 5}
    shop.tell("refund", T0 + 4, order_id="o")
    assert shop.items("1") == {}


def test_a_refund_that_names_nobody_finds_its_order(shop: Shop) -> None:
    shop.tell("purchase", T0, ("x", 2), customer_id="1", order_id="o")
    shop.tell("refund", T0, ("x", 2), order_id="o")
    assert shop.items("1") == {}


def test_a_refund_before_its_purchase_waits_for_it(shop: Shop) -> None:
    shop.tell("refund", T0 + 5, ("x", 1), order_id="o")
    shop.tell("purchase", T0, ("x", 3), customer_id="1", order_id="o")
    assert shop.items("1") == {"x": 2}


def test_an_order_of_a_guest_is_claimed_by_the_version_that_names_a_customer(shop: Shop) -> None:
    shop.tell("purchase", T0, ("x", 3), order_id="o")
    shop.tell("purchase", T0, customer_id="1", order_id="o", status="paid", version_at=T0 + 1)
    assert shop.items("1") == {"x": 3}
    shop.tell("purchase", T0, customer_id="2", order_id="o", status="paid", version_at=T0 + 2)
    assert shop.items("1") == {}
    assert shop.items("2") == {"x": 3}


def test_a_visitor_belongs_to_the_last_customer_and_brings_its_history(shop: Shop) -> None:
    shop.tell("purchase", T0, ("x", 1), visitor_id="v", order_id="o1")
    assert shop.person(visitor="v") == "v:v"
    assert shop.items(visitor="v") == {"x": 1}
    assert shop.items("1", "v") == {"x": 1}, "a visitor of nobody lends its history to a new customer"
    shop.tell("login", T0 + HOUR, customer_id="1", visitor_id="v")
    assert shop.person(visitor="v") == "c:1"
    assert shop.items("1") == {"x": 1}
    shop.tell("purchase", T0 + DAY, ("y", 1), visitor_id="v", order_id="o2")
    assert shop.items("1") == {"x": 1, "y": 1}
    shop.tell("login", T0 + 2 * DAY, customer_id="2", visitor_id="v")
    assert shop.person(visitor="v") == "c:2"
    assert shop.items("2") == {}, "what was joined stays joined"
    assert shop.items("3", "v") == {}, "a visitor of somebody lends nothing"


def test_a_shared_visitor_is_nobody(shop: Shop) -> None:
    for n, customer in enumerate("1234"):
        shop.tell("login", T0 + n * DAY, customer_id=customer, visitor_id="kiosk")
    assert shop.person(visitor="kiosk") == "v:kiosk"
    shop.tell("purchase", T0 + 5 * DAY, ("x", 1), visitor_id="kiosk", order_id="o")
    shop.tell("login", T0 + 6 * DAY, customer_id="1", visitor_id="kiosk")
    assert shop.items(visitor="kiosk") == {"x": 1}
    assert shop.items("1") == {}


def test_aliases_merge_and_chains_end_at_one_person(shop: Shop) -> None:
    for customer in "123":
        shop.tell("purchase", T0, (f"i{customer}", 1), customer_id=customer, order_id=f"o{customer}")
    shop.tell("login", T0, customer_id="1", visitor_id="v")
    shop.people.freeze("c:1", "email", "m", b"picked", 60)
    shop.tell("customer_aliased", T0, customer_id="1", params={"to": "2"})
    shop.tell("customer_aliased", T0, customer_id="2", params={"to": "3"})
    shop.tell("customer_aliased", T0, customer_id="3", params={"to": "1"})
    for who in ({"customer": "1"}, {"customer": "2"}, {"customer": "3"}, {"visitor": "v"}):
        assert shop.person(**who) == "c:3"
        assert shop.items(**who) == {"i1": 1, "i2": 1, "i3": 1}
    assert shop.people.frozen("c:3", "email", "m") == b"picked", "a letter stays as it was"
    shop.tell("refund", T0, order_id="o1")
    assert shop.items("2") == {"i2": 1, "i3": 1}


def test_profiles_consent_and_portrait(shop: Shop) -> None:
    told = {"city": "Oslo", "consent_email": True, "attributes": {"size": "M"}}
    shop.tell("customer_set", T0, customer_id="1", params={"customer": told, "partial": False})
    shop.tell("customer_set", T0, customer_id="1", params={"customer": {"attributes": {"pet": "cat"}}, "partial": True})
    shop.tell("purchase", T0 + 9, ("x", 2), customer_id="1", order_id="o")
    portrait = shop.people.profile(Person("c", "1"))
    assert portrait is not None
    assert portrait["attributes"] == {"size": "M", "pet": "cat"}
    assert portrait["consent_email"] is True
    assert portrait["consent_email_at"] == T0
    assert (portrait["orders"], portrait["first_order_at"], portrait["last_order_at"]) == (1, T0 + 9, T0 + 9)
    shop.tell("unsubscribe", T0 + 50, customer_id="1")
    shop.tell("customer_set", T0 + 60, customer_id="1", params={"customer": {"city": "Bergen"}, "partial": False})
    portrait = shop.people.profile(Person("c", "1"))
    assert portrait is not None
    assert portrait["consent_email"] is False, "silence is no new consent"
    assert portrait["consent_email_source"] == "unsubscribe"
    assert portrait["city"] == "Bergen"
    assert "attributes" not in portrait
    assert shop.people.profile(Person("c", "nobody")) is None


def test_erasure_leaves_no_key_that_names_the_person(shop: Shop) -> None:
    shop.tell("purchase", T0, ("x", 1), customer_id="old", order_id="o0")
    shop.tell("purchase", T0, ("x", 1), customer_id="erika", visitor_id="vis", order_id="o1")
    shop.tell("customer_aliased", T0, customer_id="old", params={"to": "erika"})
    shop.tell("customer_set", T0, customer_id="erika", params={"customer": {"city": "Oslo"}})
    shop.people.freeze("c:erika", "email", "m", b"picked", 60)
    shop.people.remember("c:erika", "field", b"same", 60)
    shop.people.close()
    assert shop.client.keys("*erika*")
    shop.tell("customer_erased", T0, customer_id="old")
    names = b" ".join(shop.client.keys("*"))
    assert not any(who in names for who in (b"erika", b"old", b"vis"))
    assert shop.client.keys("*") == [], "nor a value that does"
    shop.tell("purchase", T0, ("y", 1), customer_id="erika", order_id="o2")
    assert shop.items("erika") == {"y": 1}


def test_a_repeat_of_an_event_is_not_applied_twice(shop: Shop) -> None:
    shop.tell("purchase", T0, ("x", 3), customer_id="1", order_id="o")
    event = Event("r", "refund", T0, T0, customer_id="1", order_id="o", lines=(Line("x", 1.0),))
    shop.projection.apply([(shop.position + 1, event)])
    shop.projection.apply([(shop.position + 2, event)])
    assert shop.items("1") == {"x": 2}


def test_an_event_of_ours_that_makes_no_sense_is_passed_over(shop: Shop) -> None:
    shop.tell("customer_aliased", T0, customer_id="1", params={})
    shop.tell("customer_set", T0, customer_id="1", params={"customer": "?"})
    shop.tell("customer_erased", T0)
    shop.tell("purchase", T0, ("x", 3), customer_id="1", order_id="o")
    assert shop.projection.faults == 3
    assert shop.items("1") == {"x": 3}


def test_a_writer_that_was_asleep_changes_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.tell("purchase", T0, ("x", 1), customer_id="1", order_id="o1")
    stale = PeopleStore(shop.client, "shop")
    real_write: Callable[..., None] = stale.write

    def asleep(*args: Any) -> None:
        shop.tell("purchase", T0, ("y", 1), customer_id="1", order_id="o2")
        shop.tell("purchase", T0, ("z", 1), customer_id="1", order_id="o3")
        real_write(*args)

    monkeypatch.setattr(stale, "write", asleep)
    event = Event("e", "purchase", T0, T0, customer_id="1", order_id="o2", lines=(Line("y", 1.0),))
    PeopleProjection(stale).apply([(shop.position + 1, event)])
    assert shop.items("1") == {"x": 1, "y": 1, "z": 1}
