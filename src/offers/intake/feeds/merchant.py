"""Google Merchant: RSS 2.0 or Atom with ``g:`` fields, or the same fields as tab-separated text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from offers.clock import to_us
from offers.intake.columns import normal_header
from offers.intake.feeds.xml import elements, local
from offers.intake.files import ROW, Table

__all__ = ["document_of", "read_merchant_tsv", "read_merchant_xml"]

_CURRENCY_LENGTH = 3


def _amount(text: str | None) -> tuple[str | None, str | None]:
    """``1299.90 RUB`` -> amount and currency; either order, and the currency may be absent."""
    words = (text or "").split()
    if len(words) > 1:
        for at in (-1, 0):
            if len(words[at]) == _CURRENCY_LENGTH and words[at].isalpha():
                rest = words[:-1] if at == -1 else words[1:]
                return " ".join(rest), words[at]
    return (text or None), None


def _on_sale(period: str | None, now_us: int) -> bool:
    """Whether ``start/end`` (ISO 8601) holds now; a sale without period does."""
    if not period:
        return True
    start, _, end = period.partition("/")
    try:
        moments = [datetime.fromisoformat(part.strip()) for part in (start, end)]
    except ValueError:
        return False
    if any(m.tzinfo is None for m in moments):
        return False
    return to_us(moments[0]) <= now_us <= to_us(moments[1])


def document_of(fields: Mapping[str, str], now_us: int) -> dict[str, Any]:
    """A Merchant product as a catalogue document (the wire's fields); ``availability`` is always said."""
    price, currency = _amount(fields.get("price"))
    sale, sale_currency = _amount(fields.get("sale_price"))
    cost, cost_currency = _amount(fields.get("cost_of_goods_sold"))
    old_price = None
    if sale and sale_currency in (None, currency) and _on_sale(fields.get("sale_price_effective_date"), now_us):
        price, old_price = sale, price
    path = fields.get("product_type") or fields.get("google_product_category") or ""
    chain = [] if path.strip().isdigit() else [part.strip() for part in path.split(">") if part.strip()][:5]
    document: dict[str, Any] = {
        "item_id": fields.get("id", ""),
        "item_name": fields.get("title"),
        "price": price,
        "old_price": old_price,
        "currency": currency,
        "cost": cost if cost_currency in (None, currency) else None,
        "stock": fields.get("sell_on_google_quantity"),
        "item_brand": fields.get("brand"),
        "link": fields.get("link"),
        "image_link": fields.get("image_link"),
        "item_group_id": fields.get("item_group_id"),
        "availability": fields.get("availability") or "in_stock",
    }
    for n, category in enumerate(chain, 1):
        document["item_category" if n == 1 else f"item_category{n}"] = category
    return document


def read_merchant_xml(path: Path, now_us: int) -> Iterator[dict[str, Any]]:
    """Each ``item`` (RSS) or ``entry`` (Atom) as a catalogue document."""
    for _, element in elements(path, "item", "entry"):
        fields: dict[str, str] = {}
        for child in element:
            name, text = local(child.tag), (child.text or "").strip()
            if name == "link" and not text:
                text = (child.get("href") or "").strip()  # Atom's own link
            if text and (name not in fields or str(child.tag).startswith("{http://base.google.com/")):
                fields[name] = text
        yield document_of(fields, now_us)


def read_merchant_tsv(table: Table, now_us: int) -> Iterator[dict[str, Any]]:
    """Each row as a catalogue document. Headers are read as ``image link`` or ``image_link``."""
    for batch in table.batches():
        names = [normal_header(c).removeprefix("g:") for c in batch.frame.columns if c != ROW]
        for row in batch.frame.drop(ROW).iter_rows():
            fields = {name: cell.strip() for name, cell in zip(names, row, strict=True) if cell and cell.strip()}
            yield document_of(fields, now_us)
