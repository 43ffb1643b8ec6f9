"""Which column of a file is which of our fields, and what to say when one cannot be found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from offers.errors import InvalidInput

__all__ = ["likely", "normal_header", "resolve"]

#: Our field -> headers that shops' exports use for it, normalised; suggestions only, never taken silently.
_LIKELY: dict[str, str] = {
    "order_id": "order order_no order_number orderid invoice invoiceno invoice_no basket_id transaction receipt check "
    "номер_заказа заказ №_заказа id_заказа код_заказа номер номер_чека чек накладная",
    "customer_id": "customer customerid client client_id user_id household_id buyer member card покупатель "
    "клиент id_клиента код_клиента номер_клиента id_покупателя карта номер_карты контрагент",
    "visitor_id": "client_id cookie_id session_id anonymous_id ga_client_id посетитель",
    "timestamp": "date datetime order_date invoicedate invoice_date created created_at purchased_at time "
    "transaction_timestamp дата дата_заказа дата_создания дата_и_время время_заказа дата_продажи",
    "item_id": "sku product_id productid stockcode stock_code article articul item item_code code upc ean barcode "
    "артикул код код_товара id_товара товар sku_товара номенклатура штрихкод",
    "quantity": "qty count units pieces amount_of_items кол-во количество кол_во шт число",
    "price": "unitprice unit_price item_price cost_per_item цена цена_за_шт цена_за_единицу стоимость цена_товара",
    "amount": "sum total line_total sales_value revenue subtotal сумма итого сумма_строки стоимость_позиции",
    "discount": "unit_discount скидка скидка_за_шт",
    "currency": "валюта curr currency_code",
    "status": "order_status state статус статус_заказа состояние",
    "updated_at": "modified modified_at updated date_modified изменен дата_изменения",
    "coupon": "coupon_code promo promocode промокод купон",
    "item_name": "name title product_name description product наименование название название_товара "
    "наименование_товара имя товар",
    "old_price": "oldprice list_price regular_price compare_at_price старая_цена цена_до_скидки",
    "cost": "cost_price purchase_price cogs себестоимость закупочная_цена закупка",
    "stock": "quantity_in_stock inventory available_quantity остаток остатки наличие_шт",
    "item_category": "category product_category department категория раздел группа_товаров",
    "item_brand": "brand vendor manufacturer бренд производитель марка",
    "link": "url product_url ссылка адрес",
    "image_link": "image picture image_url photo картинка изображение фото",
    "availability": "available in_stock наличие в_наличии",
    "item_group_id": "group_id parent_id группа",
    "first_seen": "registered registered_at created_at registration_date дата_регистрации",
    "birthday": "birth_date date_of_birth dob дата_рождения день_рождения",
    "city": "town город",
    "consent_email": "email_consent subscribed email_opt_in согласие_email подписка",
    "consent_sms": "sms_consent sms_opt_in согласие_sms",
    "attributes": "extra properties атрибуты",
}


def normal_header(text: str) -> str:
    """A header folded for comparison: ``Order ID`` and ``order-id`` are ``order_id``; ``OrderID`` is ``orderid``."""
    return re.sub(r"[\s\-.]+", "_", text.strip().strip("\ufeff").casefold()).strip("_:")


def likely(field: str, columns: Sequence[str]) -> str | None:
    """The column that probably holds ``field``, or None."""
    words = [field, *_LIKELY.get(field, "").split()]
    folded = {normal_header(c): c for c in reversed(columns)}
    squeezed = {c.replace("_", ""): c for c in folded}
    for word in words:
        key = normal_header(word)
        if key in folded:
            return folded[key]
        if key.replace("_", "") in squeezed:
            return folded[squeezed[key.replace("_", "")]]
    for word in words:
        close = get_close_matches(normal_header(word), list(folded), n=1, cutoff=0.8)
        if close:
            return folded[close[0]]
    return None


def _quoted(text: str) -> str:
    return f'"{text}"' if re.search(r"\s|[\"'$`;&|<>()]", text) else text


def resolve(
    columns: Sequence[str],
    mapping: Mapping[str, str],
    *,
    fields: Sequence[str],
    required: Sequence[str | tuple[str, ...]],
    synonyms: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Our field -> the file's column. ``mapping``: theirs -> ours; what it does not name is found by equal names.

    ``required``: fields, or tuples of fields of which one is enough. ``synonyms``: further names -> our fields.

    Raises:
        InvalidInput: a mapping that names nothing, or a required field without a column, with the likely mapping.
    """
    found: dict[str, str] = {}
    faults: list[str] = []
    by_name = {normal_header(c): c for c in reversed(columns)}
    for theirs, ours in mapping.items():
        column = theirs if theirs in columns else by_name.get(normal_header(theirs))
        if column is None:
            close = get_close_matches(theirs, columns, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            faults.append(f"the file has no column {theirs!r}{hint}")
        elif ours not in fields:
            close = get_close_matches(ours, fields, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]!r}?" if close else f"; fields are {', '.join(fields)}"
            faults.append(f"there is no field {ours!r}{hint}")
        elif ours in found:
            faults.append(f"{found[ours]!r} is mapped to {ours} already")
        else:
            found[ours] = column
    if faults:
        raise InvalidInput("--map: " + "; ".join(faults))
    names = {**{f: f for f in fields}, **(synonyms or {})}
    for name, ours in names.items():
        if name in by_name and by_name[name] not in found.values():
            found.setdefault(ours, by_name[name])
    missing = [r if isinstance(r, tuple) else (r,) for r in required]
    missing = [group for group in missing if not any(f in found for f in group)]
    if missing:
        free = [c for c in columns if c not in found.values()]
        suggestions = []
        for group in missing:
            guess = next(((f, c) for f in group if (c := likely(f, free)) is not None), None)
            if guess is not None:
                suggestions.append(f"{_quoted(guess[1])}={guess[0]}")
                free.remove(guess[1])
        named = ", ".join(" or ".join(group) for group in missing)
        columns_said = ", ".join(columns[:50])
        hint = f" Probably: --map {' '.join(suggestions)}" if suggestions else " Name them with --map THEIRS=OURS."
        raise InvalidInput(f"no column for {named}. The file has: {columns_said}.{hint}")
    return found
