from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.ledger import position

IDS = st.tuples(st.integers(0, 2**43 - 1), st.integers(0, 2**20 - 1))


@given(IDS, IDS)
def test_positions_sort_as_stream_ids_do_and_come_back(a: tuple[int, int], b: tuple[int, int]) -> None:
    first, second = (position.encode(f"{ms}-{seq}") for ms, seq in (a, b))
    assert (first < second) == (a < b)
    assert position.decode(first) == f"{a[0]}-{a[1]}"
    assert position.encode(position.decode(first).encode()) == first
    assert first < 2**63


def test_the_first_position_is_nought() -> None:
    assert position.encode("0-0") == 0


@pytest.mark.parametrize("bad", ["", "5", "a-b", "1-1048576"])
def test_what_is_no_position(bad: str) -> None:
    with pytest.raises(ValueError):
        position.encode(bad)
