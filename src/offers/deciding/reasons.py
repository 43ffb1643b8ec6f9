"""Why an offer is made, in words: Russian and English, with the names of the items that carry it."""

from __future__ import annotations

from collections.abc import Callable

from offers.domain.money import digits
from offers.domain.offer import Reason

__all__ = ["LANGUAGES", "REASON_CODES", "money_text", "reason_text"]

LANGUAGES: tuple[str, ...] = ("en", "ru")

#: code -> language -> (with the names of items, without)
_TEXTS: dict[str, dict[str, tuple[str, str]]] = {
    "bought_together": {
        "en": ("Often bought together with {names}", "Often bought together"),
        "ru": ("Часто покупают вместе: {names}", "Часто покупают вместе"),
    },
    "similar_taste": {
        "en": ("Chosen for you because of {names}", "Chosen for you"),
        "ru": ("Подобрано для вас, вам подошло: {names}", "Подобрано для вас"),
    },
    "better_version": {
        "en": ("A step up from {names}", "A step up"),
        "ru": ("Классом выше, чем {names}", "Классом выше"),
    },
    "same_need": {
        "en": ("Can stand in for {names}", "A close alternative"),
        "ru": ("Подойдёт вместо: {names}", "Близкая замена"),
    },
    "bought_before": {
        "en": ("You have bought this before", "You have bought this before"),
        "ru": ("Вы это уже покупали", "Вы это уже покупали"),
    },
    "popular": {
        "en": ("Popular with our customers", "Popular with our customers"),
        "ru": ("Популярно у наших покупателей", "Популярно у наших покупателей"),
    },
    "assortment": {
        "en": ("From our range", "From our range"),
        "ru": ("Из нашего ассортимента", "Из нашего ассортимента"),
    },
}

REASON_CODES: tuple[str, ...] = tuple(_TEXTS)

_DEARER = {"en": ", for {amount} more", "ru": ", дороже на {amount}"}
_QUOTES = {"en": "“{}”", "ru": "«{}»"}
_SIGNS = {"RUB": "₽", "USD": "$", "EUR": "€", "GBP": "£"}


def money_text(minor: int, currency: str, lang: str) -> str:
    """An amount as people write it: ``$1,299.90`` in English, ``1 299,90 ₽`` in Russian."""
    n = digits(currency)
    whole, part = divmod(abs(minor), 10**n)
    sign = "-" if minor < 0 else ""
    symbol = _SIGNS.get(currency)
    if lang == "ru":
        amount = f"{whole:,}".replace(",", "\u00a0") + (f",{part:0{n}d}" if n else "")
        return f"{sign}{amount}\u00a0{symbol or currency}"
    amount = f"{whole:,}" + (f".{part:0{n}d}" if n else "")
    return f"{sign}{symbol}{amount}" if symbol else f"{sign}{amount}\u00a0{currency}"


def reason_text(reason: Reason, lang: str, name_of: Callable[[str], str | None], currency: str | None) -> str:
    """The sentence shown beside an offer; a language other than ``ru`` reads English.

    Items without a name are left out of it. ``price_difference`` among the facts (minor units of ``currency``)
    is said for a better version.
    """
    lang = lang if lang in LANGUAGES else "en"
    named, plain = _TEXTS[reason.code][lang]
    names = [_QUOTES[lang].format(name) for name in map(name_of, reason.because[:2]) if name]
    text = named.format(names=", ".join(names)) if names else plain
    difference = reason.facts.get("price_difference")
    if reason.code == "better_version" and difference is not None and currency is not None:
        text += _DEARER[lang].format(amount=money_text(round(difference), currency, lang))
    return text
