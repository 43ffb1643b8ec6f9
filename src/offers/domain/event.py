"""An event: a fact that happened, in the past tense, kept for ever (or as long as its kind is retained).

What a shop sends, what we decided and what an operator configured are all events; everything else in the
service can be derived from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from offers.domain.ids import Person

__all__ = ["KINDS", "NAMES", "OWN_NAMES", "SCHEMA", "STATUSES", "Event", "Kind", "Line", "kind_of"]

SCHEMA = 1
"""Version of the stored form of events. Readers accept every version up to this one."""

Kind = Literal["order", "behaviour", "message", "decision", "exposure", "customer", "item", "config"]
KINDS: tuple[Kind, ...] = (
    "order",
    "behaviour",
    "message",
    "decision",
    "exposure",
    "customer",
    "item",
    "config",
)

STATUSES: tuple[str, ...] = ("placed", "paid", "delivered", "cancelled", "refunded")

#: event name -> kind. A name outside this table is kept as behaviour and not acted on.
NAMES: dict[str, Kind] = {
    "purchase": "order",
    "refund": "order",
    "view_item": "behaviour",
    "view_item_list": "behaviour",
    "select_item": "behaviour",
    "add_to_cart": "behaviour",
    "remove_from_cart": "behaviour",
    "view_cart": "behaviour",
    "begin_checkout": "behaviour",
    "view_promotion": "behaviour",
    "select_promotion": "behaviour",
    "add_to_wishlist": "behaviour",
    "search": "behaviour",
    "login": "behaviour",
    "sign_up": "behaviour",
    "referral": "behaviour",
    "review": "behaviour",
    "email_sent": "message",
    "email_delivered": "message",
    "email_bounce": "message",
    "email_open": "message",
    "email_click": "message",
    "unsubscribe": "message",
    "complaint": "message",
    "experiment_viewed": "exposure",
    "decision": "decision",
    "item_set": "item",
    "customer_set": "customer",
    "customer_aliased": "customer",
    "customer_erased": "customer",
    "key_created": "config",
    "key_revoked": "config",
    "placement_switched": "config",
    "model_promoted": "config",
}

#: Names that only this service writes; refused from outside.
OWN_NAMES: frozenset[str] = frozenset(n for n, k in NAMES.items() if k in ("decision", "item", "customer", "config"))


def kind_of(event_name: str) -> Kind:
    """The kind, which names the partition and the retention, of an event name."""
    return NAMES.get(event_name, "behaviour")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order or cart. ``price``: minor units per piece after discount; None if it was not said."""

    item_id: str
    quantity: float = 1.0
    price: int | None = None
    discount: int = 0
    offer_id: str | None = None
    coupon: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A fact. Times are microseconds since the epoch, UTC; money is in minor units of ``currency``.

    ``occurred_at`` names the ledger's day, so a repeat of an event lands in the partition of the first.
    ``version_at`` orders the versions of one order (``updated_at`` or ``timestamp``; None = ``occurred_at``).
    ``value`` is the order's revenue without tax and shipping; None: the sum of its lines counts.
    ``refund`` without lines is a full one. ``params`` keeps whatever else was sent, unchanged.
    """

    event_id: str
    event_name: str
    occurred_at: int
    received_at: int
    customer_id: str | None = None
    visitor_id: str | None = None
    order_id: str | None = None
    status: str | None = None
    currency: str | None = None
    value: int | None = None
    lines: tuple[Line, ...] = ()
    version_at: int | None = None
    decision_id: str | None = None
    source: str = "api"
    params: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def kind(self) -> Kind:
        return kind_of(self.event_name)

    @property
    def person(self) -> Person | None:
        return Person.of(self.customer_id, self.visitor_id)

    @property
    def version(self) -> int:
        return self.occurred_at if self.version_at is None else self.version_at
