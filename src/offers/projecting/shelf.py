"""One person's order book in memory, bounded, and what it was told, took over and lost within a batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from offers.projecting.entries import moved, settle, tell
from offers.state.records import ORDERS, Fact, OrderBook, OrderEntry, split_position

__all__ = ["MAX_LINES", "MAX_ORDERS", "Shelf"]

MAX_ORDERS = 200
"""Orders kept per person, the latest ones."""

MAX_LINES = 5_000
"""Lines kept per person: a wholesaler's book stays small enough to be rewritten with every order."""


@dataclass(slots=True)
class Shelf:
    """The orders of one person key.

    ``position``: of the last event told. ``dropped``: orders that counted and no longer fit. ``lost``: what went
    to somebody else in this batch. ``gone``: once empty, the keys are removed instead of written.
    """

    person: str
    position: int = 0
    orders: dict[str, OrderEntry] = field(default_factory=dict)
    dropped: int = 0
    dropped_at: int = 0
    lines: int = 0
    lost: list[OrderEntry] = field(default_factory=list)
    lost_dropped: tuple[int, int] = (0, 0)
    dirty: bool = False
    gone: bool = False

    @classmethod
    def of(cls, person: str, value: bytes | None) -> Shelf:
        """The shelf of a stored book."""
        if value is None:
            return cls(person)
        position, blob = split_position(value)
        book = ORDERS.decode(blob)
        orders = {entry.order_id: entry for entry in book.orders}
        return cls(person, position, orders, book.dropped, book.dropped_at, sum(map(_size, book.orders)))

    def book(self, with_lost: bool) -> OrderBook:
        """As it is stored; ``with_lost``: as it is until the new owners are known to have what it lost."""
        if not with_lost:
            return OrderBook(list(self.orders.values()), self.dropped, self.dropped_at)
        lost = {entry.order_id: entry for entry in self.lost}
        dropped, at = _sum_dropped((self.dropped, self.dropped_at), self.lost_dropped)
        return OrderBook(list((lost | self.orders).values()), dropped, at)

    def tell(self, order_id: str, fact: Fact, counts_from: str) -> list[str]:
        """Add a fact and work out its order anew; returns the ids of orders that no longer fit."""
        entry = self.orders.get(order_id)
        if entry is None:
            entry = self.orders[order_id] = OrderEntry(order_id, [])
        if tell(entry, fact):
            self.lines += len(fact.lines)
            settle(entry, counts_from)
        self.position = fact.position
        self.dirty = True
        return self._trim()

    def lose(self, order_id: str) -> OrderEntry | None:
        """Give an order away; None if it is not here."""
        entry = self.orders.pop(order_id, None)
        if entry is not None:
            self.lines -= _size(entry)
            self.lost.append(entry)
            self.dirty = True
        return entry

    def lose_dropped(self) -> tuple[int, int]:
        """Give away the count of what no longer fitted: how many, and when the earliest was."""
        given = (self.dropped, self.dropped_at)
        self.lost_dropped = _sum_dropped(self.lost_dropped, given)
        self.dropped, self.dropped_at = 0, 0
        return given

    def take(
        self,
        entries: Iterable[OrderEntry],
        dropped: tuple[int, int],
        previous: str,
        position: int,
        counts_from: str,
    ) -> list[str]:
        """Take over orders of ``previous``; returns the ids of orders that no longer fit."""
        for theirs in entries:
            # Copies: what was lost is written once more as it was.
            entry = OrderEntry(theirs.order_id, [_copy(fact) for fact in theirs.facts], theirs.occurred_at, theirs.net)
            moved(entry, previous, self.person)
            mine = self.orders.get(entry.order_id)
            if mine is None:
                self.orders[entry.order_id] = entry
                self.lines += _size(entry)
                continue
            for fact in entry.facts:
                if tell(mine, fact):
                    self.lines += len(fact.lines)
            settle(mine, counts_from)
        self.dropped, self.dropped_at = _sum_dropped((self.dropped, self.dropped_at), dropped)
        self.position = position
        self.dirty = True
        return self._trim()

    def erase(self, position: int, counts_from: str) -> list[str]:
        """Forget every fact up to ``position``; returns the ids of orders of which nothing remains."""
        empty: list[str] = []
        for order_id, entry in list(self.orders.items()):
            entry.facts = [fact for fact in entry.facts if fact.position > position]
            if entry.facts:
                settle(entry, counts_from)
            else:
                del self.orders[order_id]
                empty.append(order_id)
        self.lines = sum(map(_size, self.orders.values()))
        self.dropped, self.dropped_at = 0, 0
        self.lost, self.lost_dropped = [], (0, 0)
        self.dirty = self.gone = True
        return empty

    def _trim(self) -> list[str]:
        if len(self.orders) <= MAX_ORDERS and self.lines <= MAX_LINES:
            return []
        latest_first = sorted(self.orders.values(), key=lambda e: (-max(f.occurred_at for f in e.facts), e.order_id))
        removed: list[str] = []
        while len(self.orders) > MAX_ORDERS or (self.lines > MAX_LINES and len(self.orders) > 1):
            entry = self.orders.pop(latest_first.pop().order_id)
            self.lines -= _size(entry)
            removed.append(entry.order_id)
            if entry.occurred_at:
                one = (1, entry.occurred_at)
                self.dropped, self.dropped_at = _sum_dropped((self.dropped, self.dropped_at), one)
        return removed


def _size(entry: OrderEntry) -> int:
    return sum(len(fact.lines) for fact in entry.facts)


def _copy(fact: Fact) -> Fact:
    return Fact(
        fact.position,
        fact.id_hash,
        fact.event_name,
        fact.occurred_at,
        fact.lines,
        fact.version_at,
        fact.status,
        fact.value,
        fact.imported,
        fact.who,
    )


def _sum_dropped(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return a[0] + b[0], min(filter(None, (a[1], b[1])), default=0)
