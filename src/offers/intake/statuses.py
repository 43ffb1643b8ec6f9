"""Statuses of an order, by the names that shops' systems give them."""

from __future__ import annotations

from offers.domain.event import STATUSES

__all__ = ["SYNONYMS", "normal_status"]

_SAID = {
    "placed": "new created pending processing accepted confirmed open on-hold on_hold новый принят создан обработка "
    "в_обработке подтвержден подтверждён оформлен",
    "paid": "payed captured shipped sent оплачен оплачено отправлен отгружен",
    "delivered": "completed complete fulfilled done closed выполнен доставлен завершен завершён получен закрыт",
    "cancelled": "canceled cancel void voided failed rejected отменен отменён отмена аннулирован отказ",
    "refunded": "refund returned return возврат возвращен возвращён",
}

#: Casefolded word, with underscores for spaces -> status.
SYNONYMS: dict[str, str] = {word: status for status, words in _SAID.items() for word in words.split()} | {
    status: status for status in STATUSES
}


def normal_status(text: str) -> str | None:
    """The status that ``text`` names, or None."""
    return SYNONYMS.get("_".join(text.casefold().split()))
