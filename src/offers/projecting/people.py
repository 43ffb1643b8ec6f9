"""A batch of events into what is known of people, whatever the batch's size or where it was cut."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from offers.domain.event import Event
from offers.projecting.entries import order_key
from offers.projecting.joins import alias, erase, sight
from offers.projecting.profiles import apply_profile, withdraw_consent
from offers.projecting.purchases import apply_order, unclaimed
from offers.projecting.workspace import Workspace
from offers.state.people_store import PeopleStore

__all__ = ["WITHDRAWALS", "PeopleProjection"]

_log = logging.getLogger(__name__)
_NOT_SEEN = frozenset({"config", "customer", "decision", "item"})
WITHDRAWALS = frozenset({"unsubscribe", "complaint"})
"""Events that end a consent to letters."""


class PeopleProjection:
    """Applies events in position order. ``counts_from``: status from which an order counts.

    ``faults`` counts events that could not be applied; they are logged by id and passed over, so that one bad
    event of ours cannot hold up all that come after it.
    """

    def __init__(self, store: PeopleStore, *, counts_from: str = "placed") -> None:
        self.faults = 0
        self._store = store
        self._counts_from = counts_from

    def apply(
        self, batch: Sequence[tuple[int, Event]], checkpoint: Callable[[int], object] = lambda position: None
    ) -> None:
        """Apply a batch and write it. Raises StateUnavailable; the batch may then be applied again.

        An erasure is written by itself: what came before it must not be applied once more to people that are
        half forgotten. So ``checkpoint`` is called, before and after it, with the position up to which all is
        written, and the batch must not be applied again from further back.
        """
        runs = _runs([(position, event) for position, event in batch if _concerns_people(event)])
        for n, run in enumerate(runs, 1):
            work = Workspace(self._store, self._counts_from)
            self._prefetch(work, [event for _, event in run])
            for position, event in run:
                try:
                    _apply(work, position, event)
                except (ValueError, TypeError, KeyError):
                    self.faults += 1
                    _log.exception("event %s at %d could not be applied", event.event_id, position)
            work.save()
            if n < len(runs):
                checkpoint(run[-1][0])

    def _prefetch(self, work: Workspace, events: Sequence[Event]) -> None:
        buyers: dict[str, None] = {}
        seen: dict[str, None] = {}
        told: dict[str, None] = {}
        orders: list[str] = []
        for event in events:
            person = event.person
            if event.visitor_id:
                seen[f"v:{event.visitor_id}"] = None
            if person is not None:
                seen[person.key] = None
            if event.kind == "order":
                orders.append(order_key(event))
                buyers[unclaimed(order_key(event)) if person is None else person.key] = None
                if event.visitor_id:
                    buyers[f"v:{event.visitor_id}"] = None
            elif person is not None and (event.kind == "customer" or event.event_name in WITHDRAWALS):
                told[person.key] = None
        work.prefetch(buyers, seen, told, orders)


def _concerns_people(event: Event) -> bool:
    kind = event.kind
    if kind in ("order", "customer") or event.event_name in WITHDRAWALS:
        return True
    return bool(kind not in _NOT_SEEN and event.customer_id and event.visitor_id)


def _runs(batch: list[tuple[int, Event]]) -> list[list[tuple[int, Event]]]:
    """The batch, cut so that every erasure stands alone."""
    runs: list[list[tuple[int, Event]]] = []
    joins_on = False
    for pair in batch:
        erases = pair[1].event_name == "customer_erased"
        if joins_on and not erases:
            runs[-1].append(pair)
        else:
            runs.append([pair])
        joins_on = not erases
    return runs


def _apply(work: Workspace, position: int, event: Event) -> None:
    if event.customer_id and event.visitor_id and event.kind not in _NOT_SEEN:
        sight(work, position, event.visitor_id, event.customer_id, event.occurred_at)
    if event.kind == "order":
        apply_order(work, position, event)
    elif event.event_name == "customer_set":
        apply_profile(work, position, event)
    elif event.event_name == "customer_aliased":
        alias(work, position, event)
    elif event.event_name == "customer_erased":
        erase(work, position, event)
    elif event.event_name in WITHDRAWALS:
        withdraw_consent(work, position, event)
