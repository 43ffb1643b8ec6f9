"""Configuration events: API keys and the switches of placements."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from offers.domain.event import Event
from offers.state.configuration import ApiKey, Change, Configuration

__all__ = ["apply_configuration", "changes_of"]

_log = logging.getLogger(__name__)


def changes_of(event: Event) -> list[Change]:
    """What an event changes; nothing for the events that are only a record (``model_promoted``).

    Raises:
        KeyError, TypeError: the event does not say what it must.
    """
    told = event.params
    if event.event_name == "key_created":
        key = ApiKey(str(told["name"]), tuple(map(str, told["scopes"])), event.occurred_at)
        return [Change("key", str(told["key_hash"]), key)]
    if event.event_name == "key_revoked":
        return [Change("revoke", str(told["key_hash"]))]
    if event.event_name == "placement_switched":
        return [Change("on" if told["on"] else "off", str(told["placement"]))]
    return []


def apply_configuration(configuration: Configuration, batch: Sequence[tuple[int, Event]]) -> int:
    """Apply in position order; returns how many could not be. Raises StateUnavailable."""
    faults = 0
    for position, event in batch:
        if event.kind != "config":
            continue
        try:
            changes = changes_of(event)
        except (KeyError, TypeError):
            faults += 1
            _log.exception("event %s at %d could not be applied", event.event_id, position)
            continue
        if changes:
            configuration.apply(changes, position)
    return faults
