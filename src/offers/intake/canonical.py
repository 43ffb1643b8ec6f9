"""What makes two tellings of one fact the same: canonical bodies and their digests.

An order that arrives by event and again by import gets the same event id, because both roads hash the same
essentials: name, order, status, currency, customer, times, lines. A digest is 8 bytes of BLAKE2b over the
canonical body; the stream compares it to tell a repeat from a conflict.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import orjson

from offers.domain.event import Event, Line

__all__ = [
    "FIELD",
    "LINE",
    "body_digest",
    "digest_of",
    "line_text",
    "lines_text",
    "order_event_id",
    "order_head",
    "sum_of_lines",
    "text_digest",
]

#: Separators inside canonical texts. Ids hold no control characters, so they cannot occur in them.
FIELD = "\x1f"
LINE = "\x1e"

_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def text_digest(text: str) -> bytes:
    """8 bytes of BLAKE2b over a canonical text."""
    return blake2b(text.encode(), digest_size=8).digest()


def body_digest(body: Any) -> bytes:
    """8 bytes of BLAKE2b over a JSON document whose keys are sorted.

    Raises:
        TypeError: the document holds what JSON cannot say (an integer beyond 64 bits, a lone surrogate).
    """
    return blake2b(orjson.dumps(body, option=_SORTED), digest_size=8).digest()


def line_text(item_id: str, quantity: float, price: int | None) -> str:
    """One line: item, quantity in millionths, price in minor units or nothing."""
    return f"{item_id}{FIELD}{round(quantity * 1_000_000)}{FIELD}{'' if price is None else price}"


def lines_text(lines: Iterable[Line]) -> str:
    """All lines in an order that does not depend on how they were sent."""
    return LINE.join(sorted([line_text(line.item_id, line.quantity, line.price) for line in lines]))


def sum_of_lines(lines: Iterable[Line]) -> int | None:
    """Minor units of all lines together; None when one has no price or there are none."""
    total, any_line = 0, False
    for line in lines:
        if line.price is None:
            return None
        total += round(line.price * line.quantity)
        any_line = True
    return total if any_line else None


def order_head(
    event_name: str,
    order_id: str,
    status: str | None,
    currency: str | None,
    customer_id: str | None,
    occurred_at: int,
    version_at: int | None,
    value: int | None,
) -> str:
    """All essentials of an order event but its lines. ``value`` only when it is not the sum of the lines."""
    said = (order_id, status, currency, customer_id, occurred_at, version_at, value)
    return event_name + FIELD + FIELD.join(["" if part is None else str(part) for part in said])


def order_event_id(event_name: str, order_id: str, digest: bytes) -> str:
    """The event id of an order event that brought none."""
    return f"{event_name}:{order_id}:{digest.hex()}"


def digest_of(event: Event) -> bytes:
    """The digest of an event that this service made (``item_set``, ``customer_set``, ``key_created`` …).

    Neither the moment of arrival nor the road counts.
    """
    body = {
        "name": event.event_name,
        "at": event.occurred_at,
        "customer": event.customer_id,
        "visitor": event.visitor_id,
        "order": event.order_id,
        "status": event.status,
        "currency": event.currency,
        "value": event.value,
        "lines": lines_text(event.lines),
        "version": event.version_at,
        "decision": event.decision_id,
        "params": event.params,
    }
    return body_digest(body)
