"""From an order book to the compact history that a request reads."""

from __future__ import annotations

from collections import defaultdict

from offers.state.records import History, OrderBook, OrderEntry

__all__ = ["MAX_ITEMS", "history_of"]

MAX_ITEMS = 200
"""Items in a history, the latest bought ones."""

_SECOND = 1_000_000


def history_of(book: OrderBook) -> History:
    """Orders, pieces and last time by item, newest first, net of what was refunded.

    A refund of an order that was never told takes back the latest earlier purchases of its items, as the ledger's
    order lines do.
    """
    standing = [entry for entry in book.orders if entry.occurred_at]
    times = [entry.occurred_at for entry in standing]
    orphans = [entry for entry in book.orders if not entry.occurred_at and _is_orphan(entry)]
    lines = [(entry.occurred_at, item, float(q)) for entry in standing for item, q in _left(entry) if q > 0]
    if orphans:
        lines = _taken_back(standing, orphans)
    found: dict[str, list[float]] = {}
    for at, item, quantity in lines:
        known = found.get(item)
        if known is None:
            found[item] = [1, quantity, at]
        else:
            known[0] += 1
            known[1] += quantity
            if at > known[2]:
                known[2] = at
    items = [(item, int(n), quantity, int(at) // _SECOND) for item, (n, quantity, at) in found.items()]
    items.sort(key=lambda row: (-row[3], row[0]))
    if book.dropped:
        times.append(book.dropped_at)
    return History(
        items=tuple(items[:MAX_ITEMS]),
        orders=len(standing) + book.dropped,
        first_at=min(times, default=0),
        last_at=max(times, default=0),
    )


def _left(entry: OrderEntry) -> list[tuple[str, float]]:
    if entry.net is None:
        return entry.facts[0].lines
    net: dict[str, float] = {}
    for item, quantity in entry.net:
        net[item] = net.get(item, 0) + quantity
    return list(net.items())


def _is_orphan(entry: OrderEntry) -> bool:
    return all(fact.event_name != "purchase" for fact in entry.facts)


def _taken_back(standing: list[OrderEntry], orphans: list[OrderEntry]) -> list[tuple[int, str, float]]:
    """Order lines after refunds of unknown orders, matched from the latest earlier purchase of the item back."""
    walks: dict[str, list[tuple[int, int, str, float]]] = defaultdict(list)
    for entry in standing:
        for item, quantity in _left(entry):
            if quantity > 0:
                walks[item].append((entry.occurred_at, 0, entry.order_id, float(quantity)))
    for entry in orphans:
        # Told by two roads, a refund counts once: the greater sum. Its time is the earliest it was told of.
        roads: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        first: dict[str, int] = {}
        for fact in entry.facts:
            for item, quantity in fact.lines:
                roads[item][fact.imported] += abs(quantity)
                first[item] = min(first.get(item, fact.occurred_at), fact.occurred_at)
        for item, sums in roads.items():
            walks[item].append((first[item], 1, entry.order_id, max(sums)))
    left: list[tuple[int, str, float]] = []
    for item, walk in walks.items():
        walk.sort(reverse=True)
        open_ = 0.0
        for at, is_refund, _, quantity in walk:
            if is_refund:
                open_ += quantity
                continue
            matched = min(open_, quantity)
            open_ -= matched
            if (rest := round(quantity - matched, 9)) > 0:
                left.append((at, item, rest))
    return left
