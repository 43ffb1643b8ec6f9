"""The types of what shops tell: events, items, customers. ``offers.intake`` reads them field by field, more leniently
where an order must not be refused; a test holds the names and the verdicts of the two together."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from offers.domain.event import STATUSES
from offers.web.schemas import Currency, Id

__all__ = ["CustomerBody", "DataLayerBody", "EventBody", "EventItem", "ItemBody", "ItemPatch"]

Price = Annotated[
    float,
    Meta(gt=0, le=1e12, description="Decimal major units, no more decimals than its currency has", examples=[49.9]),
]
Cost = Annotated[float, Meta(ge=0, le=1e12, description="Decimal major units, no more decimals than its currency has")]
Told = Annotated[float, Meta(ge=0, description="Decimal major units; more decimals than the currency has are rounded")]
Moment = Annotated[
    str, Meta(description="RFC 3339 with an offset, at most 24 hours ahead", examples=["2026-03-02T12:00:00+03:00"])
]
Text = Annotated[str, Meta(max_length=200)]
Link = Annotated[str, Meta(max_length=2048, description="Absolute http or https address")]
Stock = Annotated[float, Meta(description="Pieces; 0 or less cannot be offered, unknown counts as available")]
Group = Annotated[Id, Meta(description="Variants of one thing share it; one of them is offered at a time")]
Status = Annotated[str, Meta(extra_json_schema={"enum": list(STATUSES)})]


Attributes = Annotated[dict[str, Any], Meta(max_length=100, description="Anything else, at most 100")]


class EventItem(Struct, omit_defaults=True):
    """A line of an order, cart or list, in GA4's words. Other fields are kept."""

    item_id: Annotated[Id, Meta(examples=["sku-1"])]
    quantity: Annotated[float, Meta(gt=0, le=1e6)] = 1.0
    price: Annotated[Told | None, Meta(description="Per piece after discount")] = None
    discount: Annotated[Told | None, Meta(description="Per piece")] = None
    coupon: Text | None = None
    offer_id: Annotated[Id | None, Meta(description="Echo of offers[].offer_id: this line was taken from an offer")] = (
        None
    )


class EventBody(Struct, omit_defaults=True):
    """A fact. Unknown names are kept and not acted on; unknown fields are kept as parameters."""

    event_name: Annotated[str, Meta(min_length=1, max_length=100, examples=["purchase", "view_item", "refund"])]
    event_id: Annotated[Id | None, Meta(description="Names the fact, so that a repeat is recognised")] = None
    timestamp: Annotated[Moment | None, Meta(description="When it happened; now when absent")] = None
    updated_at: Annotated[Moment | None, Meta(description="Orders the versions of one order")] = None
    customer_id: Id | None = None
    visitor_id: Id | None = None
    transaction_id: Annotated[Id | None, Meta(description="The order; required for purchase and refund")] = None
    order_id: Annotated[Id | None, Meta(description="Another name of transaction_id")] = None
    status: Annotated[Status | None, Meta(description="Of a purchase; placed when absent")] = None
    currency: Currency | None = None
    value: Annotated[Told | None, Meta(description="Sum of price times quantity, without tax and shipping")] = None
    items: Annotated[list[EventItem], Meta(max_length=5000)] = []
    decision_id: Annotated[Id | None, Meta(description="The decision it followed from")] = None
    params: Annotated[dict[str, Any], Meta(description="Anything else worth keeping")] = {}


class DataLayerBody(Struct):
    """A GA4 dataLayer push as it is."""

    event: Annotated[str, Meta(min_length=1, max_length=100, examples=["add_to_cart"])]
    ecommerce: Annotated[dict[str, Any], Meta(description="GA4's e-commerce parameters, items included")]


class ItemBody(Struct):
    """An item as the shop sells it now. Without a price it is kept and not offered."""

    item_name: Annotated[str, Meta(min_length=1)]
    item_id: Annotated[Id | None, Meta(description="As in the address; required in a batch")] = None
    price: Price | None = None
    old_price: Cost | None = None
    currency: Annotated[Currency | None, Meta(description="The shop's base currency when absent")] = None
    cost: Annotated[Cost | None, Meta(description="What it costs the shop; gives the margin")] = None
    stock: Stock | None = None
    item_category: Annotated[Text | None, Meta(description="The broadest category")] = None
    item_category2: Text | None = None
    item_category3: Text | None = None
    item_category4: Text | None = None
    item_category5: Text | None = None
    item_brand: Text | None = None
    link: Link | None = None
    image_link: Link | None = None
    availability: Annotated[
        Literal["in_stock", "out_of_stock", "preorder", "backorder"] | bool | None,
        Meta(description="Google Merchant's words"),
    ] = None
    replenishable: Annotated[bool | None, Meta(description="Whether people buy it again and again")] = None
    item_group_id: Group | None = None


class ItemPatch(Struct):
    """Fields of an item that change; null takes one away, absent ones stay."""

    item_name: Annotated[str, Meta(min_length=1)] | UnsetType = UNSET
    item_id: Id | UnsetType | None = UNSET
    price: Price | UnsetType | None = UNSET
    old_price: Cost | UnsetType | None = UNSET
    currency: Currency | UnsetType | None = UNSET
    cost: Cost | UnsetType | None = UNSET
    stock: Stock | UnsetType | None = UNSET
    item_category: Text | UnsetType | None = UNSET
    item_category2: Text | UnsetType | None = UNSET
    item_category3: Text | UnsetType | None = UNSET
    item_category4: Text | UnsetType | None = UNSET
    item_category5: Text | UnsetType | None = UNSET
    item_brand: Text | UnsetType | None = UNSET
    link: Link | UnsetType | None = UNSET
    image_link: Link | UnsetType | None = UNSET
    availability: Literal["in_stock", "out_of_stock", "preorder", "backorder"] | bool | UnsetType | None = UNSET
    replenishable: bool | UnsetType | None = UNSET
    item_group_id: Group | UnsetType | None = UNSET


class Consent(Struct):
    """Permission with its date and source."""

    granted: bool
    date: Moment | None = None
    source: Text | None = None


class CustomerBody(Struct):
    """What the shop tells about a customer. E-mail addresses are not needed and have no field."""

    customer_id: Annotated[Id | None, Meta(description="As in the address")] = None
    first_seen: Moment | None = None
    birthday: Annotated[str | None, Meta(description="A day", examples=["1990-04-23"])] = None
    city: Text | None = None
    consent_email: Annotated[bool | Consent | None, Meta(description="May letters be sent")] = None
    consent_sms: Annotated[bool | Consent | None, Meta(description="May messages be sent")] = None
    source: Annotated[Text | None, Meta(description="Where the customer came from")] = None
    attributes: Attributes | None = None
