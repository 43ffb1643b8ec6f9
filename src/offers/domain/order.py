"""An order as it stands: its latest version, net of what was cancelled and refunded.

The ledger's frames (:mod:`offers.ledger.netting`) hold the same rules for whole tables; a property test keeps the
two equal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import floor

from offers.domain.event import Event, Line

__all__ = ["COUNTED_FROM", "GONE", "Order", "resolve", "share_out"]

#: Statuses that count, by the setting ``orders_count_from``.
COUNTED_FROM: dict[str, tuple[str, ...]] = {
    "placed": ("placed", "paid", "delivered"),
    "paid": ("paid", "delivered"),
    "delivered": ("delivered",),
}

#: Statuses after which nothing is left of an order.
GONE: frozenset[str] = frozenset({"cancelled", "refunded"})


@dataclass(frozen=True, slots=True)
class Order:
    """What is left of an order.

    ``occurred_at`` (µs) is the first version's. ``lines`` hold net quantities, all above 0; ``line_revenue`` is
    each one's part of ``revenue``, both in minor units of ``currency``. An order told without lines has a revenue
    and no lines.
    """

    order_id: str
    customer_id: str | None
    visitor_id: str | None
    occurred_at: int
    status: str
    currency: str | None
    lines: tuple[Line, ...]
    line_revenue: tuple[int, ...]
    revenue: int


def share_out(total: int | None, left: list[float], bought: float) -> tuple[int, ...]:
    """Parts of ``total`` for ``left``, amounts out of ``bought``: rounded so that they add up to its share.

    Part i is F(left_1 + ... + left_i) - F(left_1 + ... + left_i-1), F(x) = round(total * x / bought); of None the
    rounded amounts themselves.
    """
    parts: list[int] = []
    running, before = 0.0, 0
    for amount in left:
        running += amount
        if total is None:
            upto = floor(running + 0.5)
        elif running == bought:
            upto = total
        else:
            upto = floor(float(total) * running / bought + 0.5) if bought else 0
        parts.append(upto - before)
        before = upto
    return tuple(parts)


def _refunded(refunds: list[tuple[int, Event]]) -> tuple[dict[str, float], float]:
    """Quantity per item, and amount, that partial refunds take back.

    The same refund told by two roads (a file import and anything else) counts once: the greater of the two sums.
    """
    quantity: dict[str, dict[bool, float]] = defaultdict(lambda: {True: 0.0, False: 0.0})
    amount = {True: 0.0, False: 0.0}
    for _, event in refunds:
        road = event.source == "import"
        for line in event.lines:
            quantity[line.item_id][road] += abs(line.quantity)
        told = sum(abs(line.quantity) * (line.price or 0) for line in event.lines)
        amount[road] += float(told if event.value is None else abs(event.value))
    return {item: max(roads.values()) for item, roads in quantity.items()}, max(amount.values())


def resolve(events: Iterable[tuple[int, Event]], *, counts_from: str = "placed") -> Order | None:
    """The order that these events, all of one order id, leave; None if nothing is left or it does not count yet.

    ``events``: ledger position and event, in any order. The latest purchase, by (version, position), gives the
    status; the value is the newest one told since the lines were, the lines are the newest ones told. A cancelled
    or refunded status, or a refund without lines, leaves nothing; a refund with lines takes its quantities back,
    from the first line of the item on, never more than was bought. A refund without purchase leaves nothing.
    """
    told = sorted(events, key=lambda pair: (pair[1].version, pair[0]))
    purchases = [event for _, event in told if event.event_name == "purchase"]
    refunds = [(at, event) for at, event in told if event.event_name == "refund"]
    if not purchases or any(not event.lines for _, event in refunds):
        return None
    status = purchases[-1].status or "placed"
    if status not in COUNTED_FROM[counts_from]:
        return None
    with_lines = max((i for i, event in enumerate(purchases) if event.lines), default=0)
    told_lines = bool(purchases[with_lines].lines)
    bought = [line for line in purchases[with_lines].lines if line.quantity > 0]
    value = next((e.value for e in reversed(purchases[with_lines:]) if e.value is not None), None)
    taken, amount = _refunded(refunds)
    lines: list[Line] = []
    left: list[float] = []
    priced = any(line.price for line in bought)
    for line in bought:
        back = min(line.quantity, taken.get(line.item_id, 0.0))
        if back:
            taken[line.item_id] -= back
        quantity = line.quantity - back
        if quantity > 0:
            lines.append(Line(line.item_id, quantity, line.price, line.discount, line.offer_id, line.coupon))
            left.append(quantity * (line.price or 0) if priced else quantity)
    if told_lines:
        if not lines:
            return None
        whole = 0.0
        for line in bought:
            whole += line.quantity * (line.price or 0) if priced else line.quantity
        parts = share_out(value if value is not None or priced else 0, left, whole)
        revenue = sum(parts)
    else:
        parts = ()
        revenue = max(0, floor((value or 0) - amount + 0.5))
        if refunds and revenue == 0:
            return None
    return Order(
        order_id=purchases[0].order_id or purchases[0].event_id,
        customer_id=next((e.customer_id for e in reversed(purchases) if e.customer_id), None),
        visitor_id=next((e.visitor_id for e in reversed(purchases) if e.visitor_id), None),
        occurred_at=purchases[0].occurred_at,
        status=status,
        currency=next((e.currency for e in reversed(purchases) if e.currency), None),
        lines=tuple(lines),
        line_revenue=parts,
        revenue=revenue,
    )
