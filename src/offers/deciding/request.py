"""What is asked: offers for a page of the shop, or picks for a letter. Already checked and in minor units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from offers.domain.ids import Person
from offers.domain.offer import Cart, Relation

__all__ = ["DEFAULT_RELATIONS", "MAX_LIMIT", "OfferRequest", "PicksRequest", "relations_at"]

MAX_LIMIT = 50
"""Most offers in one response."""

#: placement -> relations in the order in which they are served; any other placement uses the last row.
DEFAULT_RELATIONS: dict[str, tuple[Relation, ...]] = {
    "checkout": ("cross_sell", "upsell", "next_best"),
    "email": ("next_best", "repeat"),
    "product": ("substitute", "cross_sell"),
    "order_status": ("cross_sell", "next_best"),
    "": ("next_best", "cross_sell"),
}


def relations_at(placement: str) -> tuple[Relation, ...]:
    """The relations a placement shows when the request names none."""
    return DEFAULT_RELATIONS.get(placement, DEFAULT_RELATIONS[""])


@dataclass(frozen=True, slots=True)
class OfferRequest:
    """A well-formed call for offers.

    ``limit`` is clamped to 1..50; None takes the setting ``default_limit``. ``currency`` None offers whatever
    currency the catalogue has. ``context`` may name ``item_id``: the item of a product page. ``deadline_ms`` None
    takes the setting. ``preview`` records nothing and remembers nothing. ``explain`` lists what was dropped.
    """

    placement: str
    customer_id: str | None = None
    visitor_id: str | None = None
    channel: str | None = None
    limit: int | None = None
    cart: Cart = ()
    currency: str | None = None
    exclude: frozenset[str] = frozenset()
    context: Mapping[str, Any] = field(default_factory=dict)
    deadline_ms: int | None = None
    lang: str | None = None
    relations: tuple[Relation, ...] | None = None
    preview: bool = False
    explain: bool = False

    @property
    def page_item(self) -> str | None:
        """The item that the page is about, if the context names one."""
        item_id = self.context.get("item_id")
        return item_id if isinstance(item_id, str) and item_id else None


@dataclass(frozen=True, slots=True)
class PicksRequest:
    """A well-formed call for the picks of one letter.

    With ``message_id`` the answer is frozen for (person, placement, message_id); with fewer than ``min`` picks it
    is empty.
    """

    person: Person
    placement: str = "email"
    message_id: str | None = None
    limit: int | None = None
    min: int = 0
    currency: str | None = None
    exclude: frozenset[str] = frozenset()
    context: Mapping[str, Any] = field(default_factory=dict)
    deadline_ms: int | None = None
    lang: str | None = None
    relations: tuple[Relation, ...] | None = None
    channel: str | None = "email"
    preview: bool = False
    explain: bool = False
