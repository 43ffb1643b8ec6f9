"""Yandex YML: ``yml_catalog / shop / (categories, offers / offer)``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from offers.intake.feeds.xml import elements, local

__all__ = ["read_yml"]

_DEEPEST = 5


def _text(offer: Element, name: str) -> str | None:
    for child in offer:
        if local(child.tag) == name:
            return (child.text or "").strip() or None
    return None


def _chain(category_id: str | None, tree: dict[str, tuple[str, str | None]]) -> list[str]:
    """Names from the broadest category to the offer's own. A loop in the tree ends the chain."""
    names: list[str] = []
    seen: set[str] = set()
    while category_id is not None and category_id in tree and category_id not in seen:
        seen.add(category_id)
        name, category_id = tree[category_id]
        names.append(name)
    names.reverse()
    return names if len(names) <= _DEEPEST else [*names[: _DEEPEST - 1], names[-1]]


def _name(offer: Element) -> str | None:
    """``name``, or in the older form type, vendor and model."""
    name = _text(offer, "name")
    if name is not None:
        return name
    parts = (_text(offer, part) for part in ("typeprefix", "vendor", "model"))
    return " ".join(p for p in parts if p) or None


def read_yml(path: Path) -> Iterator[dict[str, Any]]:
    """Each offer as a catalogue document (the wire's fields); ``availability`` is always said.

    ``available="false"`` is an offer on order, and ``disabled`` one that is hidden: neither can be bought now.
    """
    tree: dict[str, tuple[str, str | None]] = {}
    for name, element in elements(path, "category", "offer"):
        if name == "category":
            category_id = element.get("id")
            if category_id:
                tree[category_id] = ((element.text or "").strip() or category_id, element.get("parentId"))
            continue
        hidden = (_text(element, "disabled") or "").lower() == "true"
        on_order = element.get("available", _text(element, "available") or "true").strip().lower() == "false"
        chain = _chain(_text(element, "categoryid"), tree)
        document: dict[str, Any] = {
            "item_id": (element.get("id") or "").strip(),
            "item_name": _name(element),
            "price": _text(element, "price"),
            "old_price": _text(element, "oldprice"),
            "cost": _text(element, "purchase_price"),
            "currency": _text(element, "currencyid"),
            "stock": _text(element, "count") or _text(element, "stock_quantity"),
            "item_brand": _text(element, "vendor"),
            "link": _text(element, "url"),
            "image_link": _text(element, "picture"),
            "item_group_id": (element.get("group_id") or "").strip() or None,
            "availability": not (hidden or on_order),
        }
        for n, category in enumerate(chain, 1):
            document["item_category" if n == 1 else f"item_category{n}"] = category
        yield document
