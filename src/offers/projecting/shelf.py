"""One person's order book in memory, bounded, and what it was told, took over and lost within a batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from offers.projecting.entries import moved, settle, tell
from offers.state.records import ORDERS, Fact, OrderBook, OrderEntry, split_position

__all__ = ["DROPPED", "MAX_LINES", "MAX_ORDERS", "Shelf"]

DROPPED = "-"
"""Owner of an order that no longer fitted into its person's book: what comes about it is passed over."""

MAX_ORDERS = 200
"""Orders kept per person, the latest ones."""

MAX_LINES = 5_000
"""Lines kept per person: a wholesaler's book stays small enough to be rewritten with every order."""


@dataclass(slots=True)
class Shelf:
    """The orders of one person key.

    ``position``: of the last event that changed it; a book that was written holds the changes of every event up to
    there, so an event is behind it only when it is applied again after a crash. ``dropped``: orders that counted
    and no longer fit. ``lost``, ``left``: orders, and counts of dropped ones, that went to another book and are
    written once more, marked, until that one is safe. ``out``: ids of what was dropped since it was written last.
    ``gone``: once empty, the keys are removed. ``again``: events that the book holds are being applied again.
    """

    person: str
    position: int = 0
    orders: dict[str, OrderEntry] = field(default_factory=dict)
    dropped: tuple[int, int] = (0, 0)
    lines: int = 0
    lost: list[OrderEntry] = field(default_factory=list)
    left: list[tuple[int, int, int]] = field(default_factory=list)
    out: dict[str, None] = field(default_factory=dict)
    dirty: bool = False
    gone: bool = False
    again: bool = False

    @classmethod
    def of(cls, person: str, value: bytes | None) -> Shelf:
        """The shelf of a stored book."""
        if value is None:
            return cls(person)
        position, blob = split_position(value)
        book = ORDERS.decode(blob)
        orders = {entry.order_id: entry for entry in book.orders if not entry.left_at}
        lost = [entry for entry in book.orders if entry.left_at]
        lines = sum(map(_size, orders.values()))
        dropped, out = (book.dropped, book.dropped_at), dict.fromkeys(book.out)
        return cls(person, position, orders, dropped, lines, lost, book.left, out)

    def book(self, with_lost: bool) -> OrderBook:
        """As it is stored; ``with_lost``: until the new owners are known to have what it lost."""
        orders = list(self.orders.values())
        if with_lost:
            return OrderBook(orders + self.lost, *self.dropped, self.left, list(self.out))
        return OrderBook(orders, *self.dropped, [], list(self.out))

    def keeper(self, order_id: str) -> str | None:
        """After a crash, who is told about the order by now: this person, :data:`DROPPED`, or None.

        None: it is long with somebody else, and known to be, or the book would still have it marked.
        """
        self.again = True
        if order_id in self.orders or any(entry.order_id == order_id for entry in self.lost):
            return self.person
        return DROPPED if order_id in self.out else None

    def tell(self, order_id: str, fact: Fact, counts_from: str) -> list[str]:
        """Add a fact and work out its order anew; returns the ids of orders that no longer fit."""
        self._move_on(fact.position)
        entry = self.orders.get(order_id)
        if entry is None:
            entry = self.orders[order_id] = OrderEntry(order_id, [])
        if tell(entry, fact):
            self.lines += len(fact.lines)
            settle(entry, counts_from)
        self.gone = False
        return self._trim()

    def lose(self, order_id: str, position: int) -> OrderEntry | None:
        """Give an order away by the event at ``position``; None if it is not here."""
        if self.position >= position:
            self.again, self.dirty = True, self.dirty or bool(self.lost)
            return next((e for e in self.lost if e.order_id == order_id and e.left_at == position), None)
        entry = self.orders.pop(order_id, None)
        if entry is not None:
            self._move_on(position)
            self._leave(entry, position)
        return entry

    def lose_all(self, position: int) -> tuple[list[OrderEntry], tuple[int, int]]:
        """Give everything away by the event at ``position``: the orders, and the count of those that had not fit."""
        if self.position >= position:
            self._go_again(position)
            counts = [(count, at) for count, at, left_at in self.left if left_at == position]
            return [entry for entry in self.lost if entry.left_at == position], (counts or [(0, 0)])[0]
        entries, dropped = list(self.orders.values()), self.dropped
        if not self.position:
            return [], (0, 0)
        self._move_on(position)
        for entry in entries:
            self._leave(entry, position)
        if dropped[0]:
            self.left.append((*dropped, position))
        self.orders, self.dropped, self.lines = {}, (0, 0), 0
        self.gone = True
        return entries, dropped

    def take(
        self,
        entries: Iterable[OrderEntry],
        dropped: tuple[int, int],
        previous: str,
        position: int,
        counts_from: str,
    ) -> list[str]:
        """Take over orders of ``previous``; returns the ids of orders that no longer fit."""
        self._move_on(position)
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
        self.dropped = _sum_dropped(self.dropped, dropped)
        self.gone = False
        return self._trim()

    def erase(self, position: int) -> list[str]:
        """Forget everything, by the event at ``position``; returns the ids of the orders."""
        if self.position >= position:
            self._go_again(position)
            return []
        forgotten = list(self.orders)
        self.orders, self.dropped, self.lines = {}, (0, 0), 0
        if self.position:
            self._move_on(position)
            self.gone = True
        return forgotten

    def _leave(self, entry: OrderEntry, position: int) -> None:
        entry.left_at = position
        self.lines -= _size(entry)
        self.lost.append(entry)

    def _go_again(self, position: int) -> None:
        """The event by which all went is applied again: finish what the crash left undone."""
        self.again = True
        self.gone = self.gone or (self.position == position and not self.orders)
        self.dirty = self.dirty or self.gone or bool(self.lost or self.left)

    def _move_on(self, position: int) -> None:
        """An event that the stored book does not hold: unless it follows a crash, what went before is all written."""
        if not self.dirty and not self.again:
            self.out, self.lost, self.left = {}, [], []
        self.position = position
        self.dirty = True

    def _trim(self) -> list[str]:
        if len(self.orders) <= MAX_ORDERS and self.lines <= MAX_LINES:
            return []
        latest_first = sorted(self.orders.values(), key=lambda e: (-max(f.occurred_at for f in e.facts), e.order_id))
        removed: list[str] = []
        while len(self.orders) > MAX_ORDERS or (self.lines > MAX_LINES and len(self.orders) > 1):
            entry = self.orders.pop(latest_first.pop().order_id)
            self.lines -= _size(entry)
            removed.append(entry.order_id)
            self.out[entry.order_id] = None
            if entry.occurred_at:
                self.dropped = _sum_dropped(self.dropped, (1, entry.occurred_at))
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
