"""Texts in blocks: what goes in comes out, whatever the sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.state.texts import Texts


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=50))
def test_every_text_is_where_it_was_put(told: list[bytes]) -> None:
    texts = Texts()
    places = [texts.add(text) for text in told]
    assert [texts.get(place) for place in places] == told
    assert texts.used == sum(map(len, told))
    assert 0 not in places


def test_a_text_longer_than_a_block_gets_its_own() -> None:
    texts = Texts()
    small, large, after = texts.add(b"a"), texts.add(b"x" * 3_000_000), texts.add(b"b")
    assert texts.get(small) == b"a"
    assert texts.get(large) == b"x" * 3_000_000
    assert texts.get(after) == b"b"


@pytest.mark.parametrize("text", [b"", b"x" * (1 << 24)], ids=["empty", "too long"])
def test_a_text_that_has_no_place_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        Texts().add(text)
