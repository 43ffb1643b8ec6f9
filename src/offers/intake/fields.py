"""One document's fields, read one by one: each fault gets a pointer into what was sent, a code and a remedy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from offers.clock import from_us, to_us
from offers.domain.ids import MAX_ID, id_fault
from offers.domain.money import CURRENCIES, currency_fault, normal_currency
from offers.errors import FieldError
from offers.intake.numbers import exact_number, money

__all__ = [
    "EARLIEST_US",
    "FUTURE_US",
    "MAX_DEPTH",
    "MAX_FAULTS",
    "Fields",
    "escape",
    "id_code",
    "kind_of_value",
    "shape_fault",
    "time_fault",
]

MAX_FAULTS = 50
"""Most faults reported for one document."""

MAX_DEPTH = 8
"""Deepest nesting inside parameters and attributes."""

EARLIEST_US = 631_152_000_000_000
"""1990-01-01: nothing that a shop sends happened before."""

FUTURE_US = 86_400_000_000
"""How far a shop's clock may be ahead: 24 hours."""

_WORDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


def kind_of_value(value: object) -> str:
    """What a JSON value is, in words."""
    return "null" if value is None else _WORDS.get(type(value), "something else")


def escape(name: str) -> str:
    """A name as one step of an RFC 6901 pointer, shortened where a sender made it huge."""
    return name[:200].replace("~", "~0").replace("/", "~1")


def id_code(value: str) -> str:
    """The code of what :func:`offers.domain.ids.id_fault` found."""
    if not value:
        return "required"
    if len(value) > MAX_ID:
        return "too_long"
    return "email_as_id" if "@" in value and "\x00" not in value else "invalid_id"


def time_fault(us: int, now_us: int) -> tuple[str, str] | None:
    """Code and sentence for a moment that cannot be right, or None."""
    if us > now_us + FUTURE_US:
        return "timestamp_in_future", (
            f"{from_us(min(us, now_us + 10**16)).date()} lies more than 24 hours ahead; check the sender's clock"
        )
    if us < EARLIEST_US:
        return "timestamp_too_old", "lies before 1990; send the moment at which it happened"
    return None


def shape_fault(value: Any, depth: int = MAX_DEPTH) -> tuple[str, str] | None:
    """Code and sentence for nesting deeper than ``depth``, a number that JSON cannot say or a text that is not one."""
    level: list[Any] = [value]
    while level:
        below: list[Any] = []
        for one in level:
            kind = type(one)
            if kind is dict:
                below.extend(one.values())
                if not all(type(key) is str for key in one):
                    return "wrong_type", "names of fields must be texts"
            elif kind is list or kind is tuple:
                below.extend(one)
            elif kind is float:
                if not math.isfinite(one):
                    return "not_finite", "must be a finite number"
            elif kind is int and not -(2**63) <= one < 2**64:
                return "out_of_range", "whole numbers have at most 64 bits; send longer ones as texts"
        if below and depth == 0:
            return "too_deep", f"may nest at most {MAX_DEPTH} deep; flatten it"
        depth -= 1
        level = below
    return None


class Fields:
    """Reads a document's fields and collects every fault. ``inner`` names fields that lay under ``/ecommerce``."""

    __slots__ = ("base", "faults", "inner", "rounded", "values")

    def __init__(self, values: Mapping[str, Any], base: str, faults: list[FieldError], inner: Any = ()) -> None:
        self.values = values
        self.base = base
        self.faults = faults
        self.inner = inner
        self.rounded = False

    def at(self, name: str) -> str:
        """Pointer of a field."""
        return f"{self.base}{'/ecommerce' if name in self.inner else ''}/{escape(name)}"

    def fault(self, name: str, code: str, detail: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(FieldError(self.at(name), code, detail))

    def wrong_type(self, name: str, wanted: str) -> None:
        self.fault(name, "wrong_type", f"{name} must be {wanted}, not {kind_of_value(self.values.get(name))}")

    def identifier(self, name: str) -> str | None:
        """An id. Whole numbers are read as their digits; null and "" are absence."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if type(value) is not str:
            if type(value) is int:
                value = str(value) if -(10**40) < value < 10**40 else "9" * (MAX_ID + 1)
            elif type(value) is float and value.is_integer() and abs(value) < 1e15:
                value = str(int(value))
            else:
                self.wrong_type(name, "a text")
                return None
        if len(value) <= MAX_ID and value.isalnum():
            return value
        fault = id_fault(value)
        if fault is not None:
            self.fault(name, id_code(value), fault)
            return None
        return value

    def text(self, name: str, longest: int = 500) -> str | None:
        """A short text; null and blank are absence."""
        value = self.values.get(name)
        if value is None:
            return None
        if type(value) is not str:
            if type(value) in (int, float):
                return str(value)
            self.wrong_type(name, "a text")
            return None
        if len(value) > longest:
            self.fault(name, "too_long", f"{name} has at most {longest} characters")
            return None
        if not value.isprintable() and any((c < " " and c not in "\t\r\n") or "\ud800" <= c <= "\udfff" for c in value):
            self.fault(name, "invalid_text", f"{name} holds control characters; send plain text")
            return None
        return value.strip() or None

    def flag(self, name: str) -> bool | None:
        """Yes or no; the texts and numbers that shops use for them are read too."""
        value = self.values.get(name)
        if value is None or type(value) is bool:
            return value
        if type(value) is int and value in (0, 1):
            return bool(value)
        if type(value) is str:
            found = _FLAGS.get(value.strip().lower())
            if found is not None:
                return found
            if not value.strip():
                return None
        self.wrong_type(name, "true or false")
        return None

    def number(self, name: str, *, least: float = 0.0, most: float = 1e9) -> float | None:
        """A finite number between ``least`` and ``most``."""
        value = self._exact(name)
        if value is None:
            return None
        found = float(value)
        if not least <= found <= most:
            self.fault(name, "out_of_range", f"{name} must be between {least:g} and {most:g}")
            return None
        return found

    def quantity(self) -> float:
        """Pieces of a line, 1 if it does not say. A negative one is refused: what goes back is a ``refund``."""
        value = self.values.get("quantity", 1)
        if type(value) is int and 0 < value <= 1_000_000:
            return float(value)
        if value is None:
            return 1.0
        exact = self._exact("quantity")
        if exact is None:
            return 1.0
        found = float(exact)
        if found < 0:
            self.fault(
                "quantity", "negative_quantity", "quantity must be above 0; send what goes back as a refund event"
            )
        elif found == 0:
            self.fault("quantity", "zero_quantity", "quantity must be above 0; leave out lines that were not bought")
        elif found > 1e6:
            self.fault("quantity", "out_of_range", "quantity must be at most 1000000")
        return found

    def currency(self, default: str) -> str | None:
        """The normal code of the document's currency; None, with a fault, when it is unknown."""
        value = self.values.get("currency")
        if value is None or value == "":
            return default
        if type(value) is str:
            if value in CURRENCIES:
                return value
            fault = currency_fault(value[:20])
            if fault is None:
                return normal_currency(value)
            self.fault("currency", "unknown_currency", fault)
        else:
            self.wrong_type("currency", "a text")
        return None

    def money(self, name: str, currency: str | None, *, exact: bool = False, sign: bool = False) -> int | None:
        """Minor units of ``currency``; None when absent or at fault.

        More decimals than the currency has are rounded half-even and set ``rounded``; with ``exact`` they are a fault.
        With ``sign`` a negative amount is read without its sign.
        """
        value = self.values.get(name)
        if value is None or value == "":
            return None
        number = self._exact(name)
        if number is None or currency is None:
            return None
        if number < 0:
            if not sign:
                self.fault(name, "negative_amount", f"{name} cannot be negative; send what goes back as a refund event")
                return None
            number = -number
        try:
            minor, rounded = money(number, currency)
        except ValueError:
            self.fault(name, "out_of_range", f"{name} is too large an amount")
            return None
        if rounded and exact:
            n = CURRENCIES[currency]
            self.fault(
                name, "too_many_decimals", f"{name} in {currency} has at most {n} decimals; round it before sending"
            )
            return None
        self.rounded |= rounded
        return minor

    def moment(self, name: str, now_us: int) -> int | None:
        """A moment in µs since the epoch, from RFC 3339 with an offset."""
        value = self.values.get(name)
        if value is None:
            return None
        if type(value) is not str:
            self.wrong_type(name, "a text such as 2026-03-02T12:00:00+03:00")
            return None
        try:
            found = datetime.fromisoformat(value.strip()[:64])
        except ValueError:
            self.fault(name, "invalid_timestamp", f"{value[:40]!r} is not a moment such as 2026-03-02T12:00:00+03:00")
            return None
        if found.tzinfo is None:
            self.fault(name, "naive_timestamp", f"{name} needs its offset from UTC, such as Z or +03:00")
            return None
        us = to_us(found)
        fault = time_fault(us, now_us)
        if fault is not None:
            self.fault(name, fault[0], f"{name} {fault[1]}" if fault[0].endswith("old") else f"{name}: {fault[1]}")
            return None
        return us

    def day(self, name: str) -> str | None:
        """A calendar day as ``YYYY-MM-DD``."""
        value = self.text(name, 40)
        if value is None:
            return None
        try:
            return date.fromisoformat(value[:10]).isoformat()
        except ValueError:
            self.fault(name, "invalid_date", f"{name} must be a day such as 1990-04-23")
            return None

    def link(self, name: str) -> str | None:
        """An absolute http or https address."""
        value = self.text(name, 2048)
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            good = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
        except ValueError:
            good = False
        if not good or any(c in value for c in "\r\n\t <>\"'`\\"):
            self.fault(name, "invalid_link", f"{name} must be an absolute address that begins with https:// or http://")
            return None
        return value

    def _exact(self, name: str) -> int | float | Decimal | None:
        value = self.values.get(name)
        if value is None or value == "":
            return None
        try:
            return exact_number(value)
        except TypeError:
            self.wrong_type(name, "a number")
        except ValueError as fault:
            finite = type(value) is str
            self.fault(name, "invalid_number" if finite else "not_finite", f"{name}: {fault}")
        return None


_FLAGS = {
    **dict.fromkeys(("true", "yes", "y", "1", "да", "д", "on"), True),
    **dict.fromkeys(("false", "no", "n", "0", "нет", "н", "off"), False),
}
