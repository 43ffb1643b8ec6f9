"""Catalogues and customers as shops export them."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from offers.clock import HeldClock
from offers.domain.item import Item
from offers.errors import InvalidInput
from offers.intake.customers_file import import_customers
from offers.intake.items_file import import_items

NOW = 1_772_452_800_000_000


def test_a_russian_price_list(write: Any, taken: Any) -> None:
    path = write(
        "Артикул;Наименование;Цена;Старая цена;Остаток;Категория;Ссылка;Наличие\n"
        "А-1;Чашка;1 299,90;1 500;12;Посуда;https://shop.example/a;да\n"
        "А-2;Блюдце;99,5;;0;;/relative;нет\n"
        "А-1;Чашка «Утро»;1 399,90;;7;Посуда;https://shop.example/a;да\n"
        "А-1;;1;;;;;\n"
        "А-1;Чашка;0;;;;;\n"
        "А-1;Чашка;1,234;;;;;\n"
        "А-3;Ложка;дорого;;;;;\n"
        "А-4;Вилка;5;;много;;;\n"
        "А-5;Нож;5;;;;;кто знает\n",
        "items.csv",
        "cp1251",
    )
    names = ("item_id", "item_name", "price", "old_price", "stock", "item_category", "link", "availability")
    headers = ("Артикул", "Наименование", "Цена", "Старая цена", "Остаток", "Категория", "Ссылка", "Наличие")
    mapping = dict(zip(headers, names, strict=True))
    summary = import_items(path, taken, mapping=mapping, currency="RUB")
    assert taken.items() == {
        "А-1": {
            "item_id": "А-1",
            "item_name": "Чашка «Утро»",
            "price": 139990,
            "currency": "RUB",
            "stock": 7.0,
            "available": True,
            "link": "https://shop.example/a",
            "categories": ["Посуда"],
        },
        "А-2": {
            "item_id": "А-2",
            "item_name": "Блюдце",
            "price": 9950,
            "currency": "RUB",
            "stock": 0.0,
            "available": False,
        },
    }
    assert dict(summary.reasons) == {
        "missing_item_name": 1,
        "price_not_positive": 1,
        "too_many_decimals": 1,
        "invalid_price": 1,
        "invalid_stock": 1,
        "invalid_availability": 1,
    }
    assert summary.notes["links_dropped"] == 1
    assert summary.notes["superseded_rows"] == 1


def test_a_repeat_of_the_file_is_a_duplicate_and_a_newer_file_is_not(write: Any, taken: Any) -> None:
    path = write("item_id,item_name,price\na,A,1.5\nb,B,2.5\n", "items.csv")
    assert import_items(path, taken).verdicts == {"accepted": 2}
    assert import_items(path, taken).verdicts == {"duplicate": 2}
    stamp = path.stat().st_mtime_ns + 1_000_000_000
    os.utime(path, ns=(stamp, stamp))
    assert import_items(path, taken, clock=HeldClock(stamp // 1000 + 5)).verdicts == {"accepted": 2}


def test_with_the_catalogue_at_hand_only_changes_are_told(write: Any, taken: Any) -> None:
    path = write("item_id,item_name,price,item_category\na,A,1.5,x\nb,B,2.5,\nc,C,1,\n", "items.csv")
    current = {
        "a": Item("a", "A", 150, "USD", categories=("x",)),
        "b": Item("b", "B", 200, "USD"),
    }
    summary = import_items(path, taken, current=current, clock=HeldClock(NOW))
    assert sorted(taken.items()) == ["b", "c"]
    assert {e.occurred_at for e in taken.events} == {NOW}
    assert summary.notes["unchanged_items"] == 1


def test_a_partial_file_needs_only_ids(write: Any, taken: Any) -> None:
    path = write("item_id;stock\na;0\nb;4\n", "items.csv")
    with pytest.raises(InvalidInput, match="item_name, price"):
        import_items(path, taken)
    current = {"a": Item("a", "A", 150, "USD", stock=0.0), "b": Item("b", "B", 150, "USD", stock=3.0)}
    import_items(path, taken, partial=True, current=current)
    (event,) = taken.events
    assert event.params == {"partial": True, "item": {"item_id": "b", "stock": 4.0}}


def test_customers(write: Any, taken: Any) -> None:
    path = write(
        "customer_id;first_seen;birthday;city;consent_email;attributes\n"
        '17;01.02.2020;23.04.1990;Тверь;да;"{""size"": ""M""}"\n'
        "18;;;;;\n"
        "17;02.02.2020;;Псков;нет;\n"
        ";;;;;\n"
        ";01.02.2020;;;;\n"
        "a@example.com;;;;;\n"
        "19;когда-то;;;;\n"
        "19;;31.02.1990;;;\n"
        "19;;;;может быть;\n"
        '19;;;;;"[1]"\n',
        "customers.csv",
        "cp1251",
    )
    summary = import_customers(path, taken, timezone="Europe/Moscow", clock=HeldClock(2 * NOW))
    told = {e.customer_id: e.params["customer"] for e in taken.events}
    assert told == {
        "17": {"first_seen": 1_580_590_800_000_000, "city": "Псков", "consent_email": False},
        "18": {},
    }
    assert dict(summary.reasons) == {
        "missing_customer_id": 1,
        "invalid_customer_id": 1,
        "invalid_timestamp": 1,
        "invalid_birthday": 1,
        "invalid_consent": 1,
        "invalid_attributes": 1,
    }
    assert import_customers(path, taken, timezone="Europe/Moscow", clock=HeldClock(2 * NOW)).verdicts == {
        "duplicate": 2
    }


def test_customers_from_ndjson_keep_their_attributes(write: Any, taken: Any) -> None:
    rows = [{"customer_id": 5, "consent_sms": True, "attributes": {"tier": "gold", "visits": 3}}]
    import_customers(write("\n".join(map(json.dumps, rows)), "customers.ndjson"), taken)
    (event,) = taken.events
    assert event.params["customer"] == {"consent_sms": True, "attributes": {"tier": "gold", "visits": 3}}
