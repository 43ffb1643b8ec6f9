"""Facts that this service states itself over HTTP: keys, switches, joins, erasures, the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from offers.domain.event import Event
from offers.ledger.accept import Verdict
from offers.ledger.codec import dump
from offers.web.context import Web

__all__ = ["keep", "stated"]


def stated(web: Web, event_name: str, identity: str, params: dict[str, Any], **fields: Any) -> Event:
    """An event of this moment. ``identity``: of whom or what, part of the event's id."""
    now = web.services.clock.now_us()
    return Event(
        event_id=f"{event_name}:{identity}:{now}",
        event_name=event_name,
        occurred_at=now,
        received_at=now,
        params=params,
        **fields,
    )


def keep(web: Web, events: Sequence[Event]) -> list[Verdict]:
    """Make ``events`` durable, in order, in one call; a verdict each.

    Raises:
        Busy: the stream takes nothing now; nothing was kept.
        StateUnavailable: whether anything was kept is not known; send the same again.
    """
    with web.limits.events.take():
        digests = [blake2b(dump(event), digest_size=8).digest() for event in events]
        return [verdict for verdict, _ in web.services.stream.append(events, digests)]
