"""Order events: into the book of the person whose order it is."""

from __future__ import annotations

from offers.domain.event import Event
from offers.projecting.entries import fact_of, order_key
from offers.projecting.shelf import DROPPED
from offers.projecting.workspace import Workspace

__all__ = ["apply_order", "unclaimed"]


def unclaimed(order_id: str) -> str:
    """The key under which the events of an order of nobody wait for its person."""
    return f"o:{order_id}"


def apply_order(work: Workspace, position: int, event: Event) -> None:
    """``purchase`` or ``refund``: told to the book that has the order.

    A refund that names nobody finds its order by the order's id. A version that names another person takes the
    order along if it is the latest one to name a customer (or a visitor, while no version names a customer).
    """
    order_id = order_key(event)
    person = event.person
    holder = work.owner(order_id)
    if holder == DROPPED:
        return
    claimed: str | None = None
    if person is not None:
        link = work.link(person.key)
        if link is not None and link.position >= position:
            return  # told before a crash, and the link written after it
        claimed = work.end_of(person.key)
    if holder is None:
        target = claimed or unclaimed(order_id)
    elif claimed is None or claimed == holder or not _takes(work, holder, order_id, position, event):
        target = holder
    else:
        target = claimed
    shelf = work.shelf(target)
    entry = None
    if holder is not None and holder != target:
        previous = work.shelf(holder)
        entry = previous.lose(order_id, position)
        if holder[0] == "o":
            previous.gone = True
    if shelf.position >= position:
        if (keeper := shelf.keeper(order_id)) is not None:
            work.set_owner(order_id, keeper)
        return  # told before a crash
    work.set_owner(order_id, target)
    removed: list[str] = []
    if entry is not None and holder is not None:
        removed += shelf.take([entry], (0, 0), holder, position, work.counts_from)
    removed += shelf.tell(order_id, fact_of(position, event, target), work.counts_from)
    for gone in removed:
        work.set_owner(gone, DROPPED)


def _takes(work: Workspace, holder: str, order_id: str, position: int, event: Event) -> bool:
    """Whether the event's person takes the order from ``holder``."""
    if holder[0] == "o":
        return True
    if event.event_name != "purchase":
        return False
    entry = work.shelf(holder).orders.get(order_id)
    facts = [fact for fact in entry.facts if fact.event_name == "purchase"] if entry is not None else []
    by_customer = [fact for fact in facts if (fact.who or holder)[0] == "c"]
    if by_customer and not event.customer_id:
        return False
    rivals = by_customer if event.customer_id else facts
    mine = (event.version, position)
    return all((f.occurred_at if f.version_at is None else f.version_at, f.position) < mine for f in rivals)
