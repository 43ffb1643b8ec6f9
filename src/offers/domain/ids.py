"""Ids that shops send us: opaque, bounded, and never an e-mail address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["MAX_ID", "Person", "id_fault", "is_placement"]

MAX_ID = 128
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_PLACEMENT = re.compile(r"^[a-z0-9_.-]{1,50}$")


def id_fault(value: str) -> str | None:
    """What is wrong with an id, as a sentence, or None. Ids are otherwise opaque: no trimming, no folding."""
    if not value:
        return "an id cannot be empty"
    if len(value) > MAX_ID:
        return f"an id has at most {MAX_ID} characters"
    if _CONTROL.search(value):
        return "an id holds no control characters"
    if "@" in value and _EMAIL.match(value):
        return "an e-mail address cannot be an id: ids appear in logs; send the shop's own customer number"
    return None


def is_placement(value: str) -> bool:
    """Whether ``value`` is a key of a placement: ``[a-z0-9_.-]{1,50}``."""
    return _PLACEMENT.match(value) is not None


@dataclass(frozen=True, slots=True)
class Person:
    """The unit of everything: the customer if known, else the visitor."""

    kind: Literal["c", "v"]
    id: str

    @property
    def key(self) -> str:
        """``c:ID`` or ``v:ID``: how state and ledger name a person."""
        return f"{self.kind}:{self.id}"

    @classmethod
    def of(cls, customer_id: str | None, visitor_id: str | None) -> Person | None:
        """The person of a request or event, before any join; None for a guest."""
        if customer_id:
            return cls("c", customer_id)
        if visitor_id:
            return cls("v", visitor_id)
        return None
