"""The stored form: exact, tolerant, and the same in Python and in frames."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.clock import to_us
from offers.domain.event import NAMES, Event, Line
from offers.ledger import codec
from offers.ledger.schema import LINE, SCHEMA

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
INT = st.integers(-(2**62), 2**62)
MOMENT = st.integers(0, 4 * 10**15)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
LINES = st.builds(
    Line,
    TEXT,
    st.floats(0, 1e6),
    st.none() | INT,
    INT,
    st.none() | TEXT,
    st.none() | TEXT,
)
EVENTS = st.builds(
    Event,
    event_id=TEXT,
    event_name=st.sampled_from(sorted(NAMES)) | TEXT,
    occurred_at=MOMENT,
    received_at=MOMENT,
    customer_id=st.none() | TEXT,
    visitor_id=st.none() | TEXT,
    order_id=st.none() | TEXT,
    status=st.none() | TEXT,
    currency=st.none() | TEXT,
    value=st.none() | INT,
    lines=st.lists(LINES, max_size=3).map(tuple),
    version_at=st.none() | MOMENT,
    decision_id=st.none() | TEXT,
    source=TEXT,
    params=st.dictionaries(TEXT, JSON, max_size=3),
)


@given(EVENTS)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    data = codec.dump(event)
    assert b"\n" not in data
    assert codec.load(data) == event


@given(st.lists(EVENTS, max_size=4))
def test_rows_hold_what_events_hold(events: list[Event]) -> None:
    frame = codec.frame(list(enumerate(events)))
    assert frame.schema == SCHEMA
    assert frame.height == len(events)
    for at, (event, row) in enumerate(zip(events, frame.iter_rows(named=True), strict=True)):
        assert row["position"] == at
        assert row["kind"] == event.kind
        assert row["day"] == row["occurred_at"].date()
        assert to_us(row["occurred_at"]) == event.occurred_at
        assert to_us(row["received_at"]) == event.received_at
        assert (row["version_at"] is None) == (event.version_at is None)
        assert tuple(Line(**line) for line in row["lines"]) == event.lines
        assert json.loads(row["params"]) == event.params
        assert row["schema_version"] == event.schema
        for name in ("event_id", "customer_id", "order_id", "status", "currency", "value", "decision_id", "source"):
            assert row[name] == getattr(event, name)


def test_every_column_has_its_type() -> None:
    frame = codec.frame([(7, Event("e", "purchase", 1_772_452_800_000_001, 0, lines=(Line("i"),)))])
    assert frame.schema["lines"] == pl.List(LINE)
    row = frame.row(0, named=True)
    assert row["day"] == date(2026, 3, 2)
    assert row["occurred_at"] == datetime(2026, 3, 2, 12, 0, 0, 1, tzinfo=UTC)
    assert row["lines"] == [
        {"item_id": "i", "quantity": 1.0, "price": None, "discount": 0, "offer_id": None, "coupon": None}
    ]


def test_a_day_before_the_epoch() -> None:
    assert codec.frame([(1, Event("e", "view_item", -1, 0))])["day"][0] == date(1969, 12, 31)


def test_what_a_later_version_adds_is_ignored_and_what_an_earlier_lacks_is_filled_in() -> None:
    data = (
        b'{"event_id":"e","event_name":"purchase","occurred_at":1,"received_at":2,'
        b'"mood":{"x":[1]},"lines":[{"item_id":"i","colour":1}]}'
    )
    event = codec.load(data)
    assert event == Event("e", "purchase", 1, 2, lines=(Line("i"),))
    row = codec.frame_stored([data], [5]).row(0, named=True)
    assert row["lines"][0]["quantity"] == 1.0
    assert (row["source"], row["params"], row["schema_version"]) == ("api", "{}", 1)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        b'{"event_id":"e"}',
        b"\xff",
        b'{"event_id":"e","event_name":"x","occurred_at":"a"}',
    ],
)
def test_what_is_no_event_is_told(bad: bytes) -> None:
    good = codec.dump(Event("e", "view_item", 1, 2))
    with pytest.raises(ValueError):
        codec.load(bad)
    with pytest.raises(ValueError):
        codec.frame_stored([good, bad, good], [1, 2, 3])


def test_nothing_is_an_empty_frame() -> None:
    assert codec.frame([]).schema == SCHEMA
