"""One order in a book: what of its events is kept, and what they leave of it."""

from __future__ import annotations

from hashlib import blake2b

from offers.domain.event import Event, Line
from offers.domain.order import COUNTED_FROM, resolve
from offers.state.records import Fact, OrderEntry

__all__ = ["fact_of", "moved", "order_key", "settle", "tell"]

_DAY = 86_400_000_000


def order_key(event: Event) -> str:
    """The order an event tells about."""
    return event.order_id or event.event_id


def fact_of(position: int, event: Event, owner: str) -> Fact:
    """What is kept of an order event in the book of ``owner``, a person key."""
    lines: dict[str, float] = {}
    refund = event.event_name == "refund"
    for line in event.lines:
        quantity = abs(line.quantity) if refund else max(line.quantity, 0.0)
        lines[line.item_id] = lines.get(line.item_id, 0) + quantity
    person = event.person
    # The ledger knows a repeat by its id within the day; so does a book.
    name = f"{event.occurred_at // _DAY}:{event.event_id}".encode()
    return Fact(
        position=position,
        id_hash=int.from_bytes(blake2b(name, digest_size=8).digest(), "big", signed=True),
        event_name=event.event_name,
        occurred_at=event.occurred_at,
        lines=[(item_id, int(q) if q == int(q) else q) for item_id, q in lines.items()],
        version_at=event.version_at,
        status=event.status,
        value=event.value,
        imported=event.source == "import",
        who=None if person is None or person.key == owner else person.key,
    )


def tell(entry: OrderEntry, fact: Fact) -> bool:
    """Add a fact to its order; False if the order knew it."""
    if any(known.position == fact.position or known.id_hash == fact.id_hash for known in entry.facts):
        return False
    entry.facts.append(fact)
    if len(entry.facts) > 1 and entry.facts[-2].position > fact.position:
        entry.facts.sort(key=lambda known: known.position)
    return True


def moved(entry: OrderEntry, old: str, new: str) -> OrderEntry:
    """The order in the book of ``new`` instead of ``old``, person keys. Nobody's events become the new owner's."""
    for fact in entry.facts:
        who = fact.who or (None if old[0] == "o" else old)
        fact.who = None if who == new else who
    return entry


def settle(entry: OrderEntry, counts_from: str) -> None:
    """Work out anew what is left of an order."""
    if len(entry.facts) == 1 and (only := entry.facts[0]).event_name == "purchase":
        # Nearly every order: one version and nothing taken back. Says what resolve() says, without its cost.
        stands = (only.status or "placed") in COUNTED_FROM[counts_from]
        left = not only.lines or any(quantity > 0 for _, quantity in only.lines)
        entry.occurred_at, entry.net = (only.occurred_at, None) if stands and left else (0, [])
        return
    order = resolve([(fact.position, _event(entry.order_id, fact)) for fact in entry.facts], counts_from=counts_from)
    if order is None:
        entry.occurred_at, entry.net = 0, []
    else:
        entry.occurred_at = order.occurred_at
        entry.net = [(line.item_id, line.quantity) for line in order.lines]


def _event(order_id: str, fact: Fact) -> Event:
    return Event(
        event_id="",
        event_name=fact.event_name,
        occurred_at=fact.occurred_at,
        received_at=0,
        order_id=order_id,
        status=fact.status,
        value=fact.value,
        lines=tuple(Line(item_id, quantity) for item_id, quantity in fact.lines),
        version_at=fact.version_at,
        source="import" if fact.imported else "api",
    )
