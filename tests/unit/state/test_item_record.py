"""Items as stored and as told in part."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.domain.item import Item
from offers.state.item_record import dump_item, item_of, load_item

_text = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
items = st.builds(
    Item,
    item_id=_text,
    item_name=_text,
    price=st.none() | st.integers(0, 10**12),
    currency=st.sampled_from(["RUB", "USD", "JPY"]),
    stock=st.none() | st.floats(0, 1e6),
    available=st.booleans(),
    categories=st.lists(_text, max_size=3).map(tuple),
    replenishable=st.sampled_from([None, True, False]),
    group=st.none() | _text,
)


@given(items)
def test_what_is_stored_is_what_was_told(item: Item) -> None:
    assert load_item(dump_item(item)) == item


def test_fields_of_a_newer_version_are_passed_over() -> None:
    assert load_item(msgspec.msgpack.encode({"item_id": "a", "item_name": "A", "colour": "red"})) == Item("a", "A")


def test_some_fields_are_laid_over_what_was_known() -> None:
    before = Item("a", "A", price=100, currency="RUB", stock=3, categories=("x", "y"))
    assert item_of({"item_id": "a", "price": 90, "categories": ["z"]}, before) == Item(
        "a", "A", price=90, currency="RUB", stock=3, categories=("z",)
    )
    assert item_of({"item_id": "b", "price": 5}) == Item("b", "b", price=5)


@pytest.mark.parametrize("told", [{}, {"item_id": "a", "price": "dear"}, {"item_id": 7}], ids=str)
def test_what_is_no_item_is_a_value_error(told: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        item_of(told)
