"""Frames and plain Python leave the same of every order."""

from __future__ import annotations

from collections import defaultdict

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offers.clock import to_us
from offers.domain.event import Event, Line
from offers.domain.order import resolve
from offers.ledger import codec, netting

NO_ALIASES = pl.LazyFrame(schema={"alias": pl.String, "aliased_to": pl.String})

QUANTITY = st.integers(0, 6).map(lambda n: n / 2)
LINE = st.builds(Line, st.sampled_from("abc"), QUANTITY, st.none() | st.integers(0, 2000))
EVENT = st.builds(
    Event,
    event_id=st.just(""),
    event_name=st.sampled_from(["purchase", "purchase", "refund"]),
    occurred_at=st.integers(1, 9),
    received_at=st.just(0),
    customer_id=st.none() | st.sampled_from(["c1", "c2"]),
    visitor_id=st.none() | st.just("v1"),
    order_id=st.sampled_from(["o1", "o2"]),
    status=st.none() | st.sampled_from(["placed", "paid", "paid", "delivered", "cancelled", "refunded"]),
    currency=st.none() | st.just("USD"),
    value=st.none() | st.integers(0, 5000),
    lines=st.lists(LINE, max_size=4).map(tuple),
    version_at=st.none() | st.integers(1, 9),
    source=st.sampled_from(["api", "import"]),
)


def told(events: list[Event]) -> list[tuple[int, Event]]:
    """Events with ids and positions, as the ledger holds them."""
    return [
        (at, Event(**{f: getattr(e, f) for f in e.__slots__} | {"event_id": f"e{at}"}))
        for at, e in enumerate(events, 1)
    ]


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENT, max_size=9), st.sampled_from(["placed", "paid", "delivered"]))
@example([Event("", "purchase", 1, 0, order_id="o1", value=5), Event("", "purchase", 1, 0, order_id="o1")], "placed")
def test_frames_and_python_agree(events: list[Event], counts_from: str) -> None:
    rows = told(events)
    purchased = {e.order_id for _, e in rows if e.event_name == "purchase"}
    rows = [(at, e) for at, e in rows if e.order_id in purchased]  # refunds of unknown orders: below
    frame = codec.frame(rows).lazy()
    lines = netting.lines_left(frame, NO_ALIASES, counts_from).collect()
    without = netting.lineless(frame, NO_ALIASES, counts_from).collect()
    by_order = {key: group.sort("line_no") for (key,), group in lines.group_by("order_id")}
    expected = {o: resolve([r for r in rows if r[1].order_id == o], counts_from=counts_from) for o in purchased}
    assert set(by_order) == {o for o, order in expected.items() if order and order.lines}
    assert set(without["order_id"]) == {o for o, order in expected.items() if order and not order.lines}
    for key, order in expected.items():
        if order is None:
            continue
        got = by_order[key] if order.lines else without.filter(pl.col("order_id") == key)
        assert got["revenue"].sum() == order.revenue
        assert set(got["customer_id"]) == {order.customer_id}
        assert set(got["visitor_id"]) == {order.visitor_id}
        assert set(got["status"]) == {order.status}
        assert set(got["currency"]) == {order.currency}
        assert {to_us(at) for at in got["occurred_at"]} == {order.occurred_at}
        if order.lines:
            assert got["item_id"].to_list() == [line.item_id for line in order.lines]
            assert got["quantity"].to_list() == [line.quantity for line in order.lines]
            assert got["price"].to_list() == [line.price for line in order.lines]
            assert got["revenue"].to_list() == list(order.line_revenue)


def taken_back(moves: list[tuple[str, int, float]]) -> dict[int, float]:
    """Index of a purchase -> what is left of it: a refund takes from the latest earlier ones. Times rise."""
    left: dict[int, float] = {}
    for at, (move, _, quantity) in enumerate(moves):
        if move == "buy":
            left[at] = quantity
            continue
        for earlier in sorted(left, reverse=True):
            took = min(left[earlier], quantity)
            left[earlier] -= took
            quantity -= took
    return left


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["buy", "back"]), st.just(0), st.integers(1, 6).map(lambda n: n / 2)), max_size=10
    )
)
def test_a_refund_of_an_unknown_order_takes_back_the_latest_earlier_purchases(
    moves: list[tuple[str, int, float]],
) -> None:
    rows = []
    for at, (move, _, quantity) in enumerate(moves):
        name = "purchase" if move == "buy" else "refund"
        line = (Line("a", quantity, 100),)
        rows.append((at, Event(f"e{at}", name, at, 0, customer_id="c", order_id=f"{move}{at}", lines=line)))
    other = Event("other", "purchase", 0, 0, customer_id="d", order_id="other", lines=(Line("a", 5, 100),))
    lines = netting.lines_left(codec.frame([*rows, (99, other)]).lazy(), NO_ALIASES, "placed").collect()
    got = dict(lines.select("order_id", "quantity").iter_rows())
    assert got.pop("other") == 5
    expected = {f"buy{at}": left for at, left in taken_back(moves).items() if left > 0}
    assert got == expected
    assert dict(lines.filter(pl.col("order_id") != "other").select("order_id", "revenue").iter_rows()) == {
        key: round(left * 100) for key, left in expected.items()
    }


def test_an_unknown_refund_of_a_guest_stands_alone() -> None:
    rows = [
        (1, Event("1", "purchase", 1, 0, customer_id="c", order_id="1", lines=(Line("a", 1, 100),))),
        (2, Event("2", "refund", 2, 0, order_id="C1", lines=(Line("a", 1, 100),))),
    ]
    assert netting.lines_left(codec.frame(rows).lazy(), NO_ALIASES, "placed").collect().height == 1


def test_aliases_make_one_person_of_two() -> None:
    rows = [
        (1, Event("1", "purchase", 1, 0, customer_id="old", order_id="1", lines=(Line("a", 1, 100),))),
        (2, Event("2", "refund", 2, 0, customer_id="new", order_id="C1", lines=(Line("a", 1, 100),))),
        (3, Event("3", "purchase", 1, 0, customer_id="old", order_id="3", lines=(Line("b", 1, 100),))),
    ]
    aliases = pl.LazyFrame({"alias": ["c:old"], "aliased_to": ["c:new"]})
    lines = netting.lines_left(codec.frame(rows).lazy(), aliases, "placed").collect()
    assert lines.select("order_id", "person", "customer_id").rows() == [("3", "c:new", "old")]


def test_an_order_without_id_is_an_order_of_its_own() -> None:
    rows = [(n, Event(f"e{n}", "purchase", 1, 0, customer_id="c", lines=(Line("a", 1, 100),))) for n in range(3)]
    lines = netting.lines_left(codec.frame(rows).lazy(), NO_ALIASES, "placed").collect()
    assert sorted(lines["order_id"]) == ["e0", "e1", "e2"]


@pytest.mark.parametrize("size", [0, 1])
def test_nothing_told_is_nothing_left(size: int) -> None:
    rows = [(1, Event("r", "refund", 1, 0, order_id="o", customer_id="c"))][:size]
    assert netting.lines_left(codec.frame(rows).lazy(), NO_ALIASES, "placed").collect().is_empty()
    assert netting.lineless(codec.frame(rows).lazy(), NO_ALIASES, "placed").collect().is_empty()


def test_many_orders_keep_apart() -> None:
    rows = [
        (
            n,
            Event(
                f"e{n}",
                "purchase",
                n,
                0,
                customer_id=f"c{n % 7}",
                order_id=f"o{n % 40}",
                value=n,
                lines=(Line(f"i{n}", 1.0, 100),),
            ),
        )
        for n in range(1, 200)
    ]
    lines = netting.lines_left(codec.frame(rows).lazy(), NO_ALIASES, "placed").collect()
    expected: dict[str, list[tuple[int, Event]]] = defaultdict(list)
    for row in rows:
        expected[str(row[1].order_id)].append(row)
    got = dict(lines.select("order_id", "item_id").iter_rows())
    assert got == {key: f"i{max(at for at, _ in group)}" for key, group in expected.items()}
