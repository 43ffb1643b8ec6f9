"""Ids of decisions: UUIDs of version 7 (RFC 9562, section 5.7) as 32 hexadecimal digits.

They sort by time, so the ledger's statistics can prune by them, and carry 74 random bits from the system, so
nobody guesses another's. Drawn one by one: a buffer of random bytes would be shared by forked workers.
"""

from __future__ import annotations

import os

__all__ = ["new_decision_id", "offer_id"]

_VERSION_7 = 7 << 76
_VARIANT = 2 << 62


def new_decision_id(now_us: int) -> str:
    """A new id for a decision made at ``now_us`` (µs since the epoch)."""
    chance = int.from_bytes(os.urandom(10), "big")
    number = (now_us // 1000) << 80 | _VERSION_7 | (chance >> 62 & 0xFFF) << 64 | _VARIANT | chance & ((1 << 62) - 1)
    return f"{number:032x}"


def offer_id(decision_id: str, rank: int) -> str:
    """The id of one offer: its decision and the rank it was recorded with."""
    return f"{decision_id}-{rank}"
