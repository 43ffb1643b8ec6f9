"""Documents of items and customers into events."""

from __future__ import annotations

from typing import Any

import pytest

from offers.clock import HeldClock
from offers.domain.event import Event
from offers.intake.canonical import digest_of
from offers.intake.customers import read_customer
from offers.intake.items import read_item
from offers.settings import Settings

NOW = 1_772_452_800_000_000
ITEM = {"item_id": "sku-1", "item_name": "Cup", "price": 129.9, "currency": "RUB"}


def item(doc: Any, **more: Any) -> Any:
    return read_item(doc, **more, clock=HeldClock(NOW), settings=Settings())


def customer(doc: Any, **more: Any) -> Any:
    return read_customer(doc, **more, clock=HeldClock(NOW), settings=Settings())


def test_an_item_with_everything() -> None:
    event = item(
        {
            **ITEM,
            "old_price": "150,50",
            "cost": 80,
            "stock": 4,
            "item_category": "Kitchen",
            "item_category2": "Cups",
            "item_brand": "Acme",
            "link": "https://shop.example/cup",
            "image_link": "https://shop.example/cup.jpg",
            "availability": "in_stock",
            "replenishable": "нет",
            "item_group_id": 7,
        }
    )
    assert isinstance(event, Event)
    assert event.event_name == "item_set"
    assert event.event_id.startswith("item:sku-1:")
    assert event.event_id.endswith(f":{NOW}")
    assert len(digest_of(event)) == 8
    assert event.params == {
        "partial": False,
        "item": {
            "item_id": "sku-1",
            "item_name": "Cup",
            "price": 12990,
            "currency": "RUB",
            "old_price": 15050,
            "cost": 8000,
            "stock": 4.0,
            "available": True,
            "categories": ["Kitchen", "Cups"],
            "brand": "Acme",
            "link": "https://shop.example/cup",
            "image_link": "https://shop.example/cup.jpg",
            "replenishable": False,
            "group": "7",
        },
    }


@pytest.mark.parametrize(
    ("more", "pointer", "code"),
    [
        ({"item_id": None}, "/item_id", "required"),
        ({"item_id": "a@b.example"}, "/item_id", "email_as_id"),
        ({"item_name": " "}, "/item_name", "required"),
        ({"item_name": "x" * 501}, "/item_name", "too_long"),
        ({"item_name": "a\x00b"}, "/item_name", "invalid_text"),
        ({"price": 12.345}, "/price", "too_many_decimals"),
        ({"price": 0}, "/price", "out_of_range"),
        ({"price": -3}, "/price", "negative_amount"),
        ({"price": "much"}, "/price", "invalid_number"),
        ({"cost": []}, "/cost", "wrong_type"),
        ({"currency": "EURO"}, "/currency", "unknown_currency"),
        ({"stock": "many"}, "/stock", "invalid_number"),
        ({"availability": "perhaps"}, "/availability", "not_allowed"),
        ({"replenishable": "perhaps"}, "/replenishable", "wrong_type"),
        ({"link": "javascript:alert(1)"}, "/link", "invalid_link"),
        ({"link": 'https://shop.example/"onclick='}, "/link", "invalid_link"),
        ({"image_link": "/cup.jpg"}, "/image_link", "invalid_link"),
    ],
)
def test_faults_of_an_item(more: dict[str, Any], pointer: str, code: str) -> None:
    faults = item({**ITEM, **more})
    assert not isinstance(faults, Event)
    assert (pointer, code) in [(f.pointer, f.code) for f in faults]


def test_a_partial_item_says_only_what_was_sent() -> None:
    event = item({"stock": 0, "old_price": None}, item_id="sku-1", partial=True)
    assert event.params == {"partial": True, "item": {"item_id": "sku-1", "stock": 0.0, "old_price": None}}
    event = item({"price": 5}, item_id="sku-1", partial=True)
    assert event.params["item"] == {"item_id": "sku-1", "price": 500, "currency": "USD"}


def test_an_item_whose_address_says_otherwise() -> None:
    (fault,) = item(ITEM, item_id="sku-2", base="/4")
    assert (fault.pointer, fault.code) == ("/4/item_id", "contradiction")
    assert item("cup", base="/4")[0].pointer == "/4"


def test_a_customer() -> None:
    event = customer(
        {
            "customer_id": 17,
            "first_seen": "2020-01-01T00:00:00Z",
            "birthday": "1990-04-23",
            "city": "Тверь",
            "consent_email": {"granted": True, "date": "2020-01-01T00:00:00Z", "source": "checkout"},
            "consent_sms": "нет",
            "source": "ads",
            "attributes": {"size": "M"},
        }
    )
    assert isinstance(event, Event)
    assert (event.event_name, event.customer_id) == ("customer_set", "17")
    assert event.params["customer"] == {
        "first_seen": 1_577_836_800_000_000,
        "birthday": "1990-04-23",
        "city": "Тверь",
        "source": "ads",
        "attributes": {"size": "M"},
        "consent_email": True,
        "consent_email_at": 1_577_836_800_000_000,
        "consent_email_source": "checkout",
        "consent_sms": False,
    }


@pytest.mark.parametrize(
    ("doc", "pointer", "code"),
    [
        ({}, "/customer_id", "required"),
        ({"customer_id": "a@b.example"}, "/customer_id", "email_as_id"),
        ({"customer_id": "c", "first_seen": "2020-01-01"}, "/first_seen", "naive_timestamp"),
        ({"customer_id": "c", "birthday": "23.04.1990"}, "/birthday", "invalid_date"),
        ({"customer_id": "c", "consent_email": "perhaps"}, "/consent_email", "wrong_type"),
        ({"customer_id": "c", "consent_email": {}}, "/consent_email/granted", "required"),
        ({"customer_id": "c", "attributes": [1]}, "/attributes", "wrong_type"),
        ({"customer_id": "c", "attributes": {"a": [[[[[1]]]]]}}, "/attributes", "too_deep"),
        ({"customer_id": "c", "attributes": {str(n): n for n in range(101)}}, "/attributes", "too_many"),
    ],
)
def test_faults_of_a_customer(doc: dict[str, Any], pointer: str, code: str) -> None:
    faults = customer(doc)
    assert not isinstance(faults, Event)
    assert (pointer, code) in [(f.pointer, f.code) for f in faults]
