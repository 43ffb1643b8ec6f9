"""Histories from books."""

from __future__ import annotations

from offers.projecting.history import MAX_ITEMS, history_of
from offers.state.records import Fact, OrderBook, OrderEntry

S = 1_000_000


def bought(order_id: str, at: int, *lines: tuple[str, float]) -> OrderEntry:
    return OrderEntry(order_id, [Fact(at, at, "purchase", at * S, list(lines))], at * S)


def refund(order_id: str, at: int, *lines: tuple[str, float], imported: bool = False) -> OrderEntry:
    return OrderEntry(order_id, [Fact(at, at, "refund", at * S, list(lines), imported=imported)], 0, [])


def test_counts_orders_pieces_and_the_last_time_newest_first() -> None:
    book = OrderBook([bought("1", 10, ("x", 2), ("y", 1)), bought("2", 20, ("x", 3)), bought("3", 5, ("z", 1))])
    history = history_of(book)
    assert history.items == (("x", 2, 5.0, 20), ("y", 1, 1.0, 10), ("z", 1, 1.0, 5))
    assert (history.orders, history.first_at, history.last_at) == (3, 5 * S, 20 * S)


def test_an_order_that_went_is_not_counted() -> None:
    gone = bought("1", 10, ("x", 2))
    gone.occurred_at, gone.net = 0, []
    assert history_of(OrderBook([gone])).items == ()
    assert history_of(OrderBook([gone])).orders == 0


def test_a_refund_of_an_unknown_order_takes_back_the_latest_earlier_purchase() -> None:
    orders = [bought("1", 10, ("x", 2)), bought("2", 20, ("x", 3)), bought("3", 40, ("x", 5))]
    history = history_of(OrderBook([*orders, refund("C9", 30, ("x", 4))]))
    # 3 pieces of order 2 and 1 of order 1; order 3 came after the refund.
    assert history.items == (("x", 2, 6.0, 40),)
    alone = history_of(OrderBook([refund("C9", 30, ("x", 4))]))
    assert alone.items == ()


def test_an_unknown_refund_told_by_two_roads_counts_once() -> None:
    twice = refund("C9", 30, ("x", 1))
    twice.facts.append(Fact(31, 31, "refund", 30 * S, [("x", 1)], imported=True))
    assert history_of(OrderBook([bought("1", 10, ("x", 2)), twice])).items == (("x", 1, 1.0, 10),)


def test_holds_the_latest_items_and_counts_what_was_dropped() -> None:
    book = OrderBook([bought(str(n), n, (f"i{n}", 1)) for n in range(1, MAX_ITEMS + 50)], dropped=7, dropped_at=S // 2)
    history = history_of(book)
    assert len(history.items) == MAX_ITEMS
    assert history.items[0][0] == f"i{MAX_ITEMS + 49}"
    assert history.orders == MAX_ITEMS + 49 + 7
    assert history.first_at == S // 2
