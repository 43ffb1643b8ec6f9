"""What is left of an order: one rule a row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.domain.event import Event, Line
from offers.domain.order import resolve, share_out


def buy(at: int, *lines: Line, **more: object) -> Event:
    fields = {"order_id": "o", "customer_id": "c", "currency": "USD", **more}
    return Event(f"p{at}", "purchase", at, at, lines=lines, **fields)  # type: ignore[arg-type]


def back(at: int, *lines: Line, **more: object) -> Event:
    return Event(f"r{at}", "refund", at, at, order_id="o", lines=lines, **more)  # type: ignore[arg-type]


A, B = Line("a", 2, 1000), Line("b", 1, 500)


@pytest.mark.parametrize(
    ("events", "left", "revenue"),
    [
        pytest.param([buy(1, A, B)], {"a": 2, "b": 1}, 2500, id="sum of the lines"),
        pytest.param([buy(1, A, B, value=2000)], {"a": 2, "b": 1}, 2000, id="value before sum"),
        pytest.param([buy(1, A), buy(2, B)], {"b": 1}, 500, id="a later version replaces the lines"),
        pytest.param([buy(2, B), buy(1, A)], {"b": 1}, 500, id="whatever the order of arrival"),
        pytest.param([buy(9, A, version_at=1), buy(2, B)], {"b": 1}, 500, id="by version, not by time"),
        pytest.param([buy(1, A, value=1900), buy(2, status="paid")], {"a": 2}, 1900, id="a status keeps lines, value"),
        pytest.param([buy(1, A, value=1900), buy(2, value=1500)], {"a": 2}, 1500, id="a new value on the old lines"),
        pytest.param([buy(1, A, value=1900), buy(2, B)], {"b": 1}, 500, id="new lines end the old value"),
        pytest.param([buy(1, A, B), back(2, Line("a", 1))], {"a": 1, "b": 1}, 1500, id="partial refund"),
        pytest.param([buy(1, A, B, value=2000), back(2, Line("a", 1))], {"a": 1, "b": 1}, 1200, id="value prorated"),
        pytest.param([buy(1, A, B), back(2, Line("a", 9))], {"b": 1}, 500, id="never more than was bought"),
        pytest.param([buy(1, A, B), back(2, Line("a", -1))], {"a": 1, "b": 1}, 1500, id="negative means the same"),
        pytest.param(
            [buy(1, A), back(2, Line("a", 1)), back(3, Line("a", 1), source="import")],
            {"a": 1},
            1000,
            id="the same refund by two roads counts once",
        ),
        pytest.param(
            [buy(1, Line("a", 3, 10)), back(2, Line("a", 1)), back(3, Line("a", 1))],
            {"a": 1},
            10,
            id="two refunds by one road count twice",
        ),
        pytest.param([buy(1, A), back(2, Line("zzz", 1))], {"a": 2}, 2000, id="a refund of something else"),
        pytest.param([buy(1, value=700)], {}, 700, id="told without lines"),
        pytest.param([buy(1, value=700), back(2, Line("a", 1, 200))], {}, 500, id="without lines, by amount"),
        pytest.param([buy(1, Line("a", 2), value=100), back(2, Line("a", 1))], {"a": 1}, 50, id="without prices"),
        pytest.param([buy(1, Line("a", 2))], {"a": 2}, 0, id="neither price nor value"),
        pytest.param([buy(1, A, Line("b", 0, 500))], {"a": 2}, 2000, id="a line of nothing"),
    ],
)
def test_what_is_left(events: list[Event], left: dict[str, float], revenue: int) -> None:
    order = resolve(enumerate(events))
    assert order is not None
    assert {line.item_id: line.quantity for line in order.lines} == left
    assert order.revenue == revenue
    assert sum(order.line_revenue) == (revenue if order.lines else 0)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="nothing told"),
        pytest.param([back(1, A)], id="a refund alone"),
        pytest.param([buy(1, A), back(2)], id="refunded as a whole"),
        pytest.param([buy(1, A), back(2), buy(3, A)], id="refunded as a whole, then told again"),
        pytest.param([buy(1, A), buy(2, status="cancelled")], id="cancelled"),
        pytest.param([buy(1, A), buy(2, status="refunded")], id="status refunded"),
        pytest.param([buy(1, A), back(2, Line("a", 2))], id="every piece refunded"),
        pytest.param([buy(1, value=5), back(2, Line("a", 1, 5))], id="the whole amount refunded"),
    ],
)
def test_nothing_is_left(events: list[Event]) -> None:
    assert resolve(enumerate(events)) is None


def test_placed_then_paid_then_partly_refunded_by_two_roads_is_one_order() -> None:
    told = [buy(1, A, B, status="placed"), buy(2, A, B, status="paid"), back(3, Line("b", 1, 500))]
    again = [
        Event(**{f: getattr(e, f) for f in e.__slots__} | {"event_id": e.event_id + "i", "source": "import"})
        for e in told
    ]
    order = resolve(enumerate([*told, *again]))
    assert order is not None
    assert (order.revenue, order.status, order.occurred_at) == (2000, "paid", 1)


def test_counts_from() -> None:
    placed, paid = buy(1, A), buy(1, A, status="paid")
    assert resolve([(1, placed)], counts_from="paid") is None
    assert resolve([(1, paid)], counts_from="paid") is not None
    assert resolve([(1, paid)], counts_from="delivered") is None


def test_who_bought_is_the_newest_that_was_told() -> None:
    events = [buy(1, A, customer_id=None, visitor_id="v"), buy(2, A, customer_id="c"), buy(3, A, customer_id=None)]
    order = resolve(enumerate(events))
    assert order is not None
    assert (order.customer_id, order.visitor_id) == ("c", "v")


@given(st.integers(0, 10**12), st.lists(st.integers(1, 10**6), min_size=1, max_size=30))
def test_parts_add_up_to_the_whole(total: int, amounts: list[int]) -> None:
    floats = [float(a) for a in amounts]
    parts = share_out(total, floats, float(sum(amounts)))
    assert sum(parts) == total
    assert all(part >= 0 for part in parts)
