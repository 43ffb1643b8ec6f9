"""An item as a shop describes it -> an ``item_set`` event."""

from __future__ import annotations

from typing import Any

from offers.clock import Clock
from offers.domain.event import Event
from offers.errors import FieldError
from offers.intake.canonical import body_digest
from offers.intake.fields import Fields, kind_of_value
from offers.settings import Settings

__all__ = ["AVAILABILITY", "CATEGORIES", "ITEM_FIELDS", "item_event", "read_item", "wire_fields"]

CATEGORIES: tuple[str, ...] = ("item_category", "item_category2", "item_category3", "item_category4", "item_category5")
"""From the broadest to the narrowest, as in GA4."""

#: Every field of an item on the wire.
ITEM_FIELDS: frozenset[str] = frozenset(
    {
        "item_id",
        "item_name",
        "price",
        "old_price",
        "currency",
        "cost",
        "stock",
        *CATEGORIES,
        "item_brand",
        "link",
        "image_link",
        "availability",
        "replenishable",
        "item_group_id",
    }
)

#: Google Merchant's words, and those of other exports -> whether it can be bought now.
AVAILABILITY: dict[str, bool] = {
    **dict.fromkeys(
        ("in_stock", "instock", "in stock", "available", "limited_availability", "true", "yes", "1", "да", "в наличии"),
        True,
    ),
    **dict.fromkeys(
        (
            "out_of_stock",
            "outofstock",
            "out of stock",
            "unavailable",
            "preorder",
            "backorder",
            "discontinued",
            "false",
            "no",
            "0",
            "нет",
            "нет в наличии",
        ),
        False,
    ),
}


def item_event(
    item: dict[str, Any], *, occurred_at: int, received_at: int, partial: bool = False, source: str = "api"
) -> Event:
    """The event that sets an item. ``item``: fields of :class:`offers.domain.item.Item`, money in minor units."""
    params = {"item": item, "partial": partial}
    digest = body_digest(params).hex()
    return Event(
        event_id=f"item:{item['item_id']}:{digest}:{occurred_at}",
        event_name="item_set",
        occurred_at=occurred_at,
        received_at=received_at,
        source=source,
        params=params,
    )


def _available(fields: Fields) -> bool | None:
    said = fields.values.get("availability", fields.values.get("available"))
    if said is None or said == "":
        return None
    if type(said) is bool:
        return said
    found = AVAILABILITY.get(str(said).strip().lower()) if type(said) in (str, int) else None
    if found is None:
        name = "availability" if "availability" in fields.values else "available"
        fields.fault(name, "not_allowed", "availability must be in_stock, out_of_stock, preorder or backorder")
    return found


def read_item(
    doc: object,
    item_id: str | None = None,
    partial: bool = False,
    *,
    clock: Clock,
    settings: Settings,
    source: str = "api",
    base: str = "",
) -> Event | tuple[FieldError, ...]:
    """The ``item_set`` event of a document, or every fault of it.

    ``item_id``: from the address; a different one in the document is a fault. With ``partial`` (PATCH) only the fields
    sent are set, and null takes a field away. Money with more decimals than its currency is refused.
    """
    if type(doc) is not dict:
        return (FieldError(base, "wrong_type", f"an item is an object, not {kind_of_value(doc)}"),)
    faults: list[FieldError] = []
    fields = Fields(doc, base, faults)
    inside = fields.identifier("item_id")
    if item_id is None:
        if inside is None and not faults:
            fields.fault("item_id", "required", "an item needs its item_id")
        known = inside
    else:
        checked = Fields({"item_id": item_id}, base, faults).identifier("item_id")
        if inside is not None and inside != item_id:
            fields.fault("item_id", "contradiction", "item_id differs from the one in the address; leave it out")
        known = checked
    name = fields.text("item_name")
    if name is None and not any(f.pointer.endswith("/item_name") for f in faults):
        if not partial:
            fields.fault("item_name", "required", "an item needs its item_name")
        elif "item_name" in doc:
            fields.fault("item_name", "required", "item_name cannot be empty; leave it out to keep it")
    item = wire_fields(fields, settings.currency, partial)
    if faults:
        return tuple(faults)
    assert known is not None
    full: dict[str, Any] = {"item_id": known}
    if name is not None:
        full["item_name"] = name
    full |= item
    now = clock.now_us()
    return item_event(full, occurred_at=now, received_at=now, partial=partial, source=source)


def wire_fields(fields: Fields, default_currency: str, partial: bool) -> dict[str, Any]:
    """All but id and name, under the domain's names; absent ones are absent, null only in a partial change."""
    doc = fields.values
    item: dict[str, Any] = {}

    def put(wire: str, name: str, value: object) -> None:
        if value is not None or (partial and wire in doc):
            item[name] = value

    currency = fields.currency(default_currency)
    prices = [wire for wire in ("price", "old_price", "cost") if doc.get(wire) not in (None, "")]
    if "currency" in doc or prices or not partial:
        item["currency"] = currency
    price = fields.money("price", currency, exact=True)
    if price == 0:
        fields.fault("price", "out_of_range", "price must be above 0; leave it out for an item that cannot be offered")
    put("price", "price", price)
    put("old_price", "old_price", fields.money("old_price", currency, exact=True))
    put("cost", "cost", fields.money("cost", currency, exact=True))
    put("stock", "stock", fields.number("stock", least=-1e9))
    available = _available(fields)
    if available is not None:
        item["available"] = available
    if any(c in doc for c in CATEGORIES):
        item["categories"] = [c for c in (fields.text(name, 200) for name in CATEGORIES) if c is not None]
    put("item_brand", "brand", fields.text("item_brand", 200))
    put("link", "link", fields.link("link"))
    put("image_link", "image_link", fields.link("image_link"))
    put("replenishable", "replenishable", fields.flag("replenishable"))
    put("item_group_id", "group", fields.identifier("item_group_id"))
    return item
