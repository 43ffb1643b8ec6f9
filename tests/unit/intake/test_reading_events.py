"""What `read_events` makes of bodies, good and bad."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.clock import HeldClock
from offers.errors import InvalidInput, TooLarge
from offers.intake.events import MAX_LINES, Parsed, read_events
from offers.settings import Settings

NOW = 1_772_452_800_000_000  # 2026-03-02 12:00 UTC
SETTINGS = Settings(currency="RUB")
ORDER: dict[str, Any] = {
    "event_name": "purchase",
    "transaction_id": "o-1",
    "timestamp": "2026-03-02T12:00:00+03:00",
    "customer_id": "c-17",
    "currency": "RUB",
    "items": [{"item_id": "sku-1", "quantity": 2, "price": 129.90}],
}


def read(body: Any) -> list[Parsed]:
    return read_events(body, clock=HeldClock(NOW), settings=SETTINGS)


def one(**more: Any) -> Parsed:
    (parsed,) = read({**ORDER, **more})
    return parsed


def test_an_order() -> None:
    parsed = one()
    event = parsed.event
    assert event is not None
    assert (event.order_id, event.status, event.currency, event.customer_id) == ("o-1", "placed", "RUB", "c-17")
    assert event.occurred_at == NOW - 3 * 3_600_000_000
    assert event.received_at == NOW
    (line,) = event.lines
    assert (line.item_id, line.quantity, line.price) == ("sku-1", 2.0, 12990)
    assert event.event_id == f"purchase:o-1:{parsed.digest.hex()}"
    assert len(parsed.digest) == 8
    assert not parsed.rounded
    assert event.params == {}


@pytest.mark.parametrize(
    ("more", "pointer", "code"),
    [
        ({"event_name": None}, "/event_name", "required"),
        ({"event_name": 7}, "/event_name", "wrong_type"),
        ({"event_name": ""}, "/event_name", "invalid_name"),
        ({"event_name": "item_set"}, "/event_name", "reserved_name"),
        ({"items": "sku"}, "/items", "wrong_type"),
        ({"items": [3]}, "/items/0", "wrong_type"),
        ({"items": [{}]}, "/items/0/item_id", "required"),
        ({"items": [{"item_id": ["a"]}]}, "/items/0/item_id", "wrong_type"),
        ({"items": [{"item_id": "a", "quantity": -1}]}, "/items/0/quantity", "negative_quantity"),
        ({"items": [{"item_id": "a", "quantity": 0}]}, "/items/0/quantity", "zero_quantity"),
        ({"items": [{"item_id": "a", "quantity": 1e9}]}, "/items/0/quantity", "out_of_range"),
        ({"items": [{"item_id": "a", "quantity": True}]}, "/items/0/quantity", "wrong_type"),
        ({"items": [{"item_id": "a", "price": "1,299"}]}, "/items/0/price", "invalid_number"),
        ({"items": [{"item_id": "a", "price": -1}]}, "/items/0/price", "negative_amount"),
        ({"items": [{"item_id": "a", "price": float("inf")}]}, "/items/0/price", "not_finite"),
        ({"items": [{"item_id": "a", "price": 10**400}]}, "/items/0/price", "not_finite"),
        ({"items": [{"item_id": "a", "price": 1e15}]}, "/items/0/price", "out_of_range"),
        ({"items": [{"item_id": "a"}] * (MAX_LINES + 1)}, "/items", "too_many_lines"),
        ({"value": float("nan")}, "/value", "not_finite"),
        ({"value": -5}, "/value", "negative_amount"),
        ({"currency": "XXX"}, "/currency", "unknown_currency"),
        ({"currency": 5}, "/currency", "wrong_type"),
        ({"customer_id": "a@example.com"}, "/customer_id", "email_as_id"),
        ({"customer_id": "x" * 129}, "/customer_id", "too_long"),
        ({"visitor_id": "a\nb"}, "/visitor_id", "invalid_id"),
        ({"customer_id": {"id": 1}}, "/customer_id", "wrong_type"),
        ({"timestamp": "2026-03-02T12:00:00"}, "/timestamp", "naive_timestamp"),
        ({"timestamp": "2026-03-02"}, "/timestamp", "naive_timestamp"),
        ({"timestamp": "yesterday"}, "/timestamp", "invalid_timestamp"),
        ({"timestamp": 1772452800}, "/timestamp", "wrong_type"),
        ({"timestamp": "2026-03-03T12:00:01Z"}, "/timestamp", "timestamp_in_future"),
        ({"timestamp": "9999-12-31T23:59:59-14:00"}, "/timestamp", "timestamp_in_future"),
        ({"timestamp": "1989-12-31T23:59:59Z"}, "/timestamp", "timestamp_too_old"),
        ({"updated_at": "2026-03-02T12:00:00"}, "/updated_at", "naive_timestamp"),
        ({"status": "gone"}, "/status", "unknown_status"),
        ({"transaction_id": None}, "/transaction_id", "required"),
        ({"transaction_id": ""}, "/transaction_id", "required"),
        ({"order_id": "o-2"}, "/order_id", "contradiction"),
        ({"event_name": "refund", "transaction_id": None}, "/transaction_id", "required"),
        ({"ecommerce": []}, "/ecommerce", "wrong_type"),
        ({"deep": [[[[[[[[[[[1]]]]]]]]]]]}, "/deep", "too_deep"),
        ({"inf": [float("inf")]}, "/inf", "not_finite"),
        ({"a/b~c": float("nan")}, "/a~1b~0c", "not_finite"),
        ({"params": {"deep": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}}}, "/params", "too_deep"),
        ({"params": {"huge": 2**80}}, "/params", "out_of_range"),
        ({"note": "x" * 1_000_001}, "/params", "too_large"),
        ({"event_name": "experiment_viewed"}, "/experiment", "required"),
        ({"event_name": "experiment_viewed", "experiment": "e"}, "/variant", "required"),
    ],
)
def test_each_fault_has_its_place_its_code_and_a_sentence(more: dict[str, Any], pointer: str, code: str) -> None:
    parsed = one(**more)
    assert parsed.event is None
    assert parsed.digest == b""
    assert (pointer, code) in [(f.pointer, f.code) for f in parsed.faults]
    assert all(len(f.detail) > 10 for f in parsed.faults)


def test_all_faults_are_told_at_once_and_neighbours_are_unharmed() -> None:
    bad = {"event_name": "purchase", "timestamp": "2026-03-02", "currency": "XXX", "items": [{"quantity": -1}, 3]}
    parsed = read([ORDER, bad, 5, None, ORDER])
    assert [p.event is not None for p in parsed] == [True, False, False, False, True]
    assert {f.pointer for f in parsed[1].faults} == {
        "/1/transaction_id",
        "/1/timestamp",
        "/1/currency",
        "/1/items/0/item_id",
        "/1/items/0/quantity",
        "/1/items/1",
    }
    assert parsed[2].faults[0].pointer == "/2"


@pytest.mark.parametrize("body", [None, "purchase", 5, True, []])
def test_a_body_that_holds_no_events(body: Any) -> None:
    with pytest.raises(InvalidInput):
        read(body)


def test_more_than_a_thousand_events() -> None:
    with pytest.raises(TooLarge):
        read([ORDER] * 1001)
    assert len(read([ORDER] * 1000)) == 1000


def test_a_data_layer_push() -> None:
    push = {
        "event": "purchase",
        "customer_id": "c-17",
        "timestamp": ORDER["timestamp"],
        "gtm.uniqueEventId": 12,
        "ecommerce": {k: ORDER[k] for k in ("transaction_id", "currency", "items")},
    }
    (pushed,) = read(push)
    assert pushed.event is not None
    assert pushed.event.event_id == read(ORDER)[0].event.event_id  # type: ignore[union-attr]
    assert pushed.event.params == {"gtm.uniqueEventId": 12}
    push["ecommerce"]["items"] = [{"item_id": "a", "quantity": -3}]
    assert read([push])[0].faults[0].pointer == "/0/ecommerce/items/0/quantity"


def test_numbers_and_ids_as_shops_really_send_them() -> None:
    parsed = one(
        customer_id=17850.0,
        visitor_id="",
        transaction_id=536365,
        value="1 299,90",
        items=[{"item_id": 71053, "quantity": "2", "price": "649.95"}],
    )
    event = parsed.event
    assert event is not None
    assert (event.customer_id, event.visitor_id, event.order_id) == ("17850", None, "536365")
    assert event.value == 129990
    assert (event.lines[0].item_id, event.lines[0].quantity, event.lines[0].price) == ("71053", 2.0, 64995)


def test_javascript_floats_are_rounded_half_even_and_said_so() -> None:
    parsed = one(items=[{"item_id": "a", "price": 12.989999999}])
    assert parsed.rounded
    assert parsed.event is not None
    assert parsed.event.lines[0].price == 1299
    assert one(items=[{"item_id": "a", "price": 2.675}]).event.lines[0].price == 268  # type: ignore[union-attr]
    assert one(items=[{"item_id": "a", "price": 2.665}]).event.lines[0].price == 266  # type: ignore[union-attr]
    assert one(value=0.1 + 0.2, items=[]).event.value == 30  # type: ignore[union-attr]


def test_currencies_without_and_with_three_decimals() -> None:
    yen = one(currency="JPY", items=[{"item_id": "a", "price": 1200}]).event
    dinar = one(currency="kwd", items=[{"item_id": "a", "price": 1.234}]).event
    old = one(currency="RUR").event
    assert yen is not None
    assert dinar is not None
    assert old is not None
    assert (yen.lines[0].price, dinar.lines[0].price, dinar.currency, old.currency) == (1200, 1234, "KWD", "RUB")


def test_a_status_update_needs_neither_items_nor_value() -> None:
    parsed = read({"event_name": "purchase", "order_id": "o-1", "status": "Отменён"})[0]
    assert parsed.event is not None
    assert (parsed.event.status, parsed.event.lines, parsed.event.value) == ("cancelled", (), None)


def test_unknown_names_and_parameters_are_kept() -> None:
    parsed = read({"event_name": "spin_wheel", "prize": {"kind": "mug"}, "visitor_id": "v"})[0]
    assert parsed.unknown_name
    assert parsed.event is not None
    assert parsed.event.params == {"prize": {"kind": "mug"}}
    viewed = read(
        {
            "event_name": "view_item",
            "items": [{"item_id": "a", "item_name": "Cup"}, {"item_id": "b"}],
            "params": {"page": 1},
        }
    )
    assert viewed[0].event is not None
    assert viewed[0].event.params == {"page": 1, "items": [{"item_name": "Cup"}, {}]}


def test_a_refund_has_no_status_and_no_sign() -> None:
    parsed = one(event_name="refund", value=-10, status="refunded", items=[{"item_id": "sku-1"}])
    assert parsed.event is not None
    assert (parsed.event.status, parsed.event.value) == (None, 1000)
    assert parsed.event.params == {"status": "refunded"}


class TestSameness:
    """Which tellings are one."""

    def test_the_order_of_lines_and_keys_does_not_matter(self) -> None:
        items = [{"item_id": "a", "price": 1}, {"item_id": "b", "price": 2, "quantity": 3}]
        first, second = one(items=items), one(items=items[::-1])
        assert first.event is not None
        assert second.event is not None
        assert first.event.event_id == second.event.event_id
        assert first.digest == second.digest

    @pytest.mark.parametrize(
        "more",
        [
            {"status": "paid"},
            {"customer_id": "c-18"},
            {"value": 100},
            {"timestamp": "2026-03-02T12:00:01+03:00"},
            {"updated_at": "2026-03-02T13:00:00+03:00"},
            {"items": [{"item_id": "sku-1", "quantity": 1, "price": 129.90}]},
            {"items": [{"item_id": "sku-1", "quantity": 2, "price": 129.91}]},
        ],
    )
    def test_a_correction_is_another_event(self, more: dict[str, Any]) -> None:
        assert one(**more).event.event_id != one().event.event_id  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        "more",
        [
            {"value": 259.80},
            {"updated_at": ORDER["timestamp"]},
            {"status": "placed"},
            {"timestamp": "2026-03-02T09:00:00Z"},
            {"channel": "app"},
        ],
    )
    def test_what_says_the_same_is_the_same(self, more: dict[str, Any]) -> None:
        assert one(**more).event.event_id == one().event.event_id  # type: ignore[union-attr]
        assert one(**more).digest == one().digest

    def test_a_given_id_with_another_body_has_another_digest(self) -> None:
        assert one(event_id="e").digest == one(event_id="e").digest
        assert one(event_id="e").digest != one(event_id="e", value=3).digest

    def test_a_given_id_without_timestamp_is_the_same_later(self) -> None:
        body = {"event_name": "login", "customer_id": "c", "event_id": "e"}
        later = read_events(body, clock=HeldClock(NOW + 5), settings=SETTINGS)
        assert read(body)[0].digest == later[0].digest

    def test_behaviour_without_id(self) -> None:
        view = {"event_name": "view_item", "visitor_id": "v", "items": [{"item_id": "a"}]}
        first, second = (p.event.event_id for p in read([view, view]) if p.event)
        assert first != second, "two views without a time are two views"
        timed = {**view, "timestamp": ORDER["timestamp"]}
        first, second = (p.event.event_id for p in read([timed, timed]) if p.event)
        assert first == second, "the same moment is a repeat"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
_FIELDS = st.sampled_from([*ORDER, "value", "status", "updated_at", "event_id", "ecommerce", "params", "order_id", "x"])


@given(st.dictionaries(_FIELDS, _JSON, max_size=6))
def test_no_body_fails_and_every_pointer_leads_somewhere(more: dict[str, Any]) -> None:
    body = {**ORDER, **more}
    (parsed,) = read(body)
    assert (parsed.event is None) == bool(parsed.faults)
    if parsed.event is not None:
        assert len(parsed.digest) == 8
        assert json.loads(json.dumps(parsed.event.params, allow_nan=False)) == parsed.event.params
    for fault in parsed.faults:
        assert fault.pointer == "" or fault.pointer.startswith("/")
