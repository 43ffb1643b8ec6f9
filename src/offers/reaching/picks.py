"""A pick as a letter shows it, read from the body that ``/picks`` answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from offers.domain.money import CURRENCIES, digits, to_minor

__all__ = ["Pick", "amount", "picks_of", "safe_url"]

_SIGNS = {"RUB": "₽", "USD": "$", "EUR": "€", "GBP": "£"}
_NBSP = "\u00a0"


@dataclass(frozen=True, slots=True)
class Pick:
    """One item of a letter, ready to be shown. Addresses are absolute http(s) or None."""

    name: str
    price: str
    old_price: str | None
    link: str | None
    image: str | None
    reason: str


def amount(major: float, currency: str, lang: str) -> str:
    """Money for people: ``$1,299.90`` in English, ``1 299,90 ₽`` in Russian; the code where there is no sign."""
    if currency not in CURRENCIES:
        return f"{major:g}{_NBSP}{currency}"
    minor, _ = to_minor(major, currency)
    n = digits(currency)
    whole, part = divmod(abs(minor), 10**n)
    minus = "-" if minor < 0 else ""
    sign = _SIGNS.get(currency)
    if lang == "ru":
        text = f"{whole:,}".replace(",", _NBSP) + (f",{part:0{n}d}" if n else "")
        return f"{minus}{text}{_NBSP}{sign or currency}"
    text = f"{whole:,}" + (f".{part:0{n}d}" if n else "")
    return f"{minus}{sign}{text}" if sign else f"{minus}{text}{_NBSP}{currency}"


def safe_url(address: object) -> str | None:
    """``address`` when it is an absolute http or https one, else None: a catalogue must not bring a script in."""
    if not isinstance(address, str) or any(c <= " " for c in address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.netloc else None


def picks_of(body: Mapping[str, Any], lang: str) -> list[Pick]:
    """The picks of a decoded body of ``/picks``, in order."""
    found = []
    for offer in body["offers"]:
        item = offer["item"]
        currency, old = item["currency"], item.get("old_price")
        lower = old is not None and item["price"] is not None and old > item["price"]
        found.append(
            Pick(
                name=" ".join(str(item["item_name"] or item["item_id"]).split()),
                price="" if item["price"] is None else amount(item["price"], currency, lang),
                old_price=amount(old, currency, lang) if lower else None,
                link=safe_url(offer.get("click_url") or item.get("link")),
                image=safe_url(item.get("image_link")),
                reason=offer["reason"]["text"],
            )
        )
    return found
