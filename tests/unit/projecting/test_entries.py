"""What is left of an order in a book is what the domain says."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from offers.domain.event import Event, Line
from offers.domain.order import resolve
from offers.projecting.entries import fact_of, settle, tell
from offers.state.records import ORDERS, OrderBook, OrderEntry

_lines = st.lists(
    st.builds(Line, st.sampled_from("xyz"), st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.sampled_from([None, 100])),
    max_size=4,
).map(tuple)
_events = st.lists(
    st.fixed_dictionaries(
        {
            "event_name": st.sampled_from(["purchase", "purchase", "refund"]),
            "occurred_at": st.integers(1, 5).map(lambda day: day * 86_400_000_000),
            "version_at": st.none() | st.integers(1, 9).map(lambda day: day * 86_400_000_000),
            "status": st.sampled_from([None, "placed", "paid", "delivered", "cancelled"]),
            "lines": _lines,
            "source": st.sampled_from(["api", "import"]),
        }
    ),
    min_size=1,
    max_size=5,
)


def _told(documents: list[dict[str, Any]]) -> list[tuple[int, Event]]:
    return [(n, Event(f"e{n}", received_at=0, order_id="o", **doc)) for n, doc in enumerate(documents, 1)]


@given(_events, st.sampled_from(["placed", "paid", "delivered"]))
def test_what_is_left_is_what_the_domain_says(documents: list[dict[str, Any]], counts_from: str) -> None:
    events = _told(documents)
    entry = OrderEntry("o", [])
    for position, event in events:
        assert tell(entry, fact_of(position, event, "c:1"))
        settle(entry, counts_from)
    entry = ORDERS.decode(ORDERS.encode(OrderBook([entry]))).orders[0]  # as it comes back from the server
    order = resolve(events, counts_from=counts_from)
    if order is None:
        assert entry.occurred_at == 0
        return
    left: dict[str, float] = {}
    for item, quantity in entry.facts[0].lines if entry.net is None else entry.net:
        if quantity > 0:
            left[item] = left.get(item, 0) + quantity
    expected: dict[str, float] = {}
    for line in order.lines:
        expected[line.item_id] = expected.get(line.item_id, 0) + line.quantity
    assert left == expected
    assert entry.occurred_at == order.occurred_at


def test_a_repeat_of_an_event_tells_nothing_new() -> None:
    (first,) = _told([{"event_name": "purchase", "occurred_at": 7, "lines": (Line("x", 2.0),)}])
    entry = OrderEntry("o", [])
    assert tell(entry, fact_of(1, first[1], "c:1"))
    assert not tell(entry, fact_of(99, first[1], "c:1"))
    assert len(entry.facts) == 1
