"""``item_set`` events into the catalogue."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from offers.domain.event import Event
from offers.domain.item import Item
from offers.state.catalogue_store import CatalogueStore
from offers.state.item_record import item_of

__all__ = ["CatalogueProjection"]

_log = logging.getLogger(__name__)


class CatalogueProjection:
    """Applies item events in position order; ``faults`` counts those that could not be."""

    def __init__(self, store: CatalogueStore) -> None:
        self.faults = 0
        self._store = store

    def apply(self, batch: Sequence[tuple[int, Event]]) -> None:
        """``params.item`` replaces the item, or with ``params.partial`` is laid over it. Raises StateUnavailable."""
        events = [(position, event) for position, event in batch if event.event_name == "item_set"]
        if not events:
            return
        ids = dict.fromkeys(_item_id(event) for _, event in events)
        known = self._store.get([item_id for item_id in ids if item_id])
        changed: dict[str, tuple[int, Item]] = {}
        for position, event in events:
            item_id = _item_id(event)
            before = known.get(item_id)
            if before is not None and before[0] >= position:
                continue
            try:
                told = event.params["item"]
                base = before[1] if before is not None and event.params.get("partial") else None
                known[item_id] = changed[item_id] = (position, item_of(told, base))
            except (ValueError, TypeError, KeyError):
                self.faults += 1
                _log.exception("event %s at %d could not be applied", event.event_id, position)
        self._store.put(list(changed.values()))


def _item_id(event: Event) -> str:
    told = event.params.get("item")
    item_id = told.get("item_id") if isinstance(told, dict) else None
    return item_id if isinstance(item_id, str) else ""
