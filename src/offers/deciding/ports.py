"""What deciding needs from the parts below it, as far as it needs it."""

from __future__ import annotations

from typing import Protocol

from offers.domain.ids import Person

__all__ = ["HistoryItem", "People", "PersonView", "Recorder", "Switches"]


HistoryItem = tuple[str, int, float, int]
"""item_id, orders that hold it, quantity, seconds since the epoch of the latest of them."""


class PersonView(Protocol):
    """A person and their history as the online state has it.

    ``items``: newest first, each item once.
    ``same``: an earlier decision for the field asked for.
    """

    @property
    def person(self) -> Person | None: ...

    @property
    def items(self) -> tuple[HistoryItem, ...]: ...

    @property
    def same(self) -> bytes | None: ...


class People(Protocol):
    """Histories, remembered decisions and frozen picks. Every call may raise StateUnavailable."""

    def fetch(
        self, customer_id: str | None, visitor_id: str | None, field: str, *, timeout: float | None = None
    ) -> PersonView: ...

    def remember(self, person_key: str, field: str, blob: bytes, ttl_s: int) -> None: ...

    def freeze(self, person_key: str, placement: str, message_id: str, blob: bytes, ttl_s: int) -> bytes: ...

    def frozen(self, person_key: str, placement: str, message_id: str) -> bytes | None: ...


class Recorder(Protocol):
    """Keeps a decision for the ledger; raises Busy when it cannot (a full disk)."""

    def append(self, record: bytes) -> None: ...


class Switches(Protocol):
    """Which placements an operator has switched off."""

    def is_off(self, placement: str) -> bool: ...
