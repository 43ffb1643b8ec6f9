"""Numbers and money as shops send them: JSON numbers, and texts where only one reading is possible."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from offers.domain.money import CURRENCIES, to_minor

__all__ = ["SPACES", "exact_number", "money", "number_of_text"]

#: Spaces and apostrophes that group thousands.
SPACES = " \u00a0\u2007\u2009\u202f\t'\u2019"
_DROP = str.maketrans("", "", SPACES)
_PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_COMMA_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")
_BOTH_US = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+\.\d+")
_BOTH_EU = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d+")
_LONGEST = 40


def number_of_text(text: str) -> Decimal | None:
    """The number in ``text`` when there is one reading of it, else None.

    ``1299.90``, ``1 299,90``, ``1,299.90`` and ``1.299,90`` have one; ``1,299`` has two.
    """
    if len(text) > _LONGEST or (not text.isascii() and not any(c in text for c in SPACES)):
        return None
    plain = text.translate(_DROP)
    if not plain.isascii():
        return None
    if _PLAIN.fullmatch(plain):
        return Decimal(plain)
    if _COMMA.fullmatch(plain) and not _COMMA_THOUSANDS.fullmatch(plain):
        return Decimal(plain.replace(",", "."))
    if _BOTH_US.fullmatch(plain):
        return Decimal(plain.replace(",", ""))
    if _BOTH_EU.fullmatch(plain):
        return Decimal(plain.replace(".", "").replace(",", "."))
    return None


def exact_number(value: object) -> int | float | Decimal:
    """The finite number that ``value`` is or says.

    Raises:
        TypeError: neither a number nor a text.
        ValueError: not finite, or a text with no reading or more than one.
    """
    kind = type(value)
    if kind is int:
        if not -(10**18) < value < 10**18:  # type: ignore[operator]
            raise ValueError("must have at most 18 digits")
        return value  # type: ignore[return-value]
    if kind is float:
        if not math.isfinite(value):  # type: ignore[arg-type]
            raise ValueError("must be a finite number")
        return value  # type: ignore[return-value]
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("must be a finite number")
        return value
    if isinstance(value, str):
        found = number_of_text(value)
        if found is None:
            raise ValueError(f"{value[:40]!r} cannot be read as one number; send a number such as 1299.90")
        return found
    raise TypeError("must be a number")


def money(amount: int | float | Decimal, currency: str) -> tuple[int, bool]:
    """Minor units of a finite amount in a known currency, half-even, and whether anything was rounded away.

    The same as :func:`offers.domain.money.to_minor`, with a short cut: when the nearest float to r/100 is the
    amount itself, its shortest decimal form has at most two decimals, so nothing is rounded.

    Raises:
        ValueError: beyond 10**15 minor units.
    """
    if type(amount) is float:
        scale = 10 ** CURRENCIES[currency]
        if -1e12 < amount < 1e12:
            near = round(amount * scale)
            if near / scale == amount:
                return near, False
    return to_minor(amount, currency)
