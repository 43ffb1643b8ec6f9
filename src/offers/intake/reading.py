"""What all tables share: a batch's columns as checked fields, each row with the code of its first fault."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from offers.domain.ids import MAX_ID
from offers.domain.money import CURRENCIES, normal_currency, to_minor
from offers.errors import InvalidInput
from offers.intake.files import ROW, Batch
from offers.intake.outcome import Rejects
from offers.intake.text import clean, ids

__all__ = [
    "CODE",
    "SENTENCES",
    "Columns",
    "check_currency",
    "first_fault",
    "id_fault_expr",
    "keep_originals",
    "minor_units",
    "reject_broken",
    "reject_faulty",
    "undecodable",
]

CODE = "code"
"""Column with the code of a row's fault; null for a good row."""

_CODE = "\x00code"
_LIMIT = 1e15

#: code -> why a row was rejected and what helps.
SENTENCES: dict[str, str] = {
    "wrong_number_of_cells": "The row has not as many cells as the header; mend its delimiters or quotes",
    "malformed_json": "The line is not one JSON object",
    "undecodable": "The row holds bytes that its encoding does not know; name the right one with --encoding",
    "missing_order_id": "The row names no order",
    "missing_customer_id": "The row names no customer",
    "missing_item_id": "The row names no item",
    "missing_timestamp": "The row has no moment",
    "missing_quantity": "The row has no quantity",
    "missing_price": "The row has no price",
    "missing_item_name": "The item has no name",
    "invalid_order_id": "The order id is longer than 128 characters, holds control characters or is an e-mail address",
    "invalid_customer_id": "The customer id is longer than 128 characters, holds control characters or is an e-mail "
    "address; use the shop's own number",
    "invalid_visitor_id": "The visitor id is longer than 128 characters, holds control characters or is an e-mail "
    "address",
    "invalid_item_id": "The item id is longer than 128 characters, holds control characters or is an e-mail address",
    "invalid_timestamp": "The moment cannot be read; use 2026-03-02T12:00:00 or say --date-format",
    "timestamp_in_future": "The moment lies more than 24 hours ahead",
    "timestamp_too_old": "The moment lies before 1990",
    "invalid_quantity": "The quantity is not one number up to 1000000",
    "zero_quantity": "The quantity is 0: nothing was bought or given back",
    "invalid_price": "The price is not one amount of money",
    "negative_price": "The price is negative; what goes back has a negative quantity",
    "price_not_positive": "An item's price must be above 0",
    "too_many_decimals": "An item's price has more decimals than its currency",
    "invalid_discount": "The discount is not one amount of at least 0",
    "unknown_currency": "The currency is not an ISO 4217 code such as USD, EUR or RUB",
    "unknown_status": "The status is none of placed, paid, delivered, cancelled, refunded, nor a usual word for one",
    "duplicate_row": "The same row stands in the file already; it was counted once",
    "order_of_several_customers": "One order id belongs to several customers; make ids unique, perhaps with the year",
    "order_in_several_currencies": "One order id has lines in several currencies",
    "too_many_lines": "One order id has more than 5000 lines; it is probably no order id",
    "invalid_stock": "The stock is not a number",
    "invalid_availability": "The availability is none of in_stock, out_of_stock, preorder, backorder",
    "invalid_attributes": "The attributes are not a JSON object",
    "invalid_birthday": "The birthday is not a day such as 1990-04-23",
    "invalid_consent": "The consent is neither yes nor no",
}


def check_currency(code: str) -> str:
    """The normal form of a currency given for a whole file.

    Raises:
        InvalidInput: there is no such currency.
    """
    normal = normal_currency(code)
    if normal not in CURRENCIES:
        raise InvalidInput(f"{code!r} is not an ISO 4217 currency code, such as USD, EUR or RUB")
    return normal


class Columns:
    """The mapped columns of one batch, as series of our types."""

    def __init__(self, frame: pl.DataFrame, found: Mapping[str, str]) -> None:
        self.frame = frame
        self._found = found

    def __contains__(self, field: str) -> bool:
        return field in self._found and self._found[field] in self.frame.columns

    def raw(self, field: str) -> pl.Series:
        """The column as it stands; nulls where there is none."""
        if field in self:
            return self.frame[self._found[field]]
        return pl.Series(field, [None] * self.frame.height, dtype=pl.String)

    def text(self, field: str) -> pl.Series:
        return clean(self.raw(field)).alias(field)

    def ids(self, field: str) -> pl.Series:
        return ids(self.raw(field)).alias(field)

    def currency(self, default: str) -> pl.Series:
        """Normal codes; null where a code is unknown."""
        if "currency" not in self:
            return pl.Series("currency", [default], dtype=pl.String).new_from_index(0, self.frame.height)
        text = self.text("currency").str.to_uppercase().fill_null(default)
        signs = {"₽": "RUB", "$": "USD", "€": "EUR", "£": "GBP", "РУБ": "RUB", "РУБ.": "RUB", "Р.": "RUB"}
        known = {code: signs.get(code, normal_currency(code)) for code in text.unique().to_list()}
        good = {code: normal for code, normal in known.items() if normal in CURRENCIES}
        return text.replace_strict(good, default=None, return_dtype=pl.String)


def id_fault_expr(column: str) -> pl.Expr:
    """Whether an id that is there cannot be one (:func:`offers.domain.ids.id_fault`, for columns)."""
    c = pl.col(column)
    return (
        (c.str.len_chars() > MAX_ID)
        | c.str.contains(r"[\x00-\x1f\x7f]")
        | c.str.contains(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
    ).fill_null(False)


def minor_units(amounts: pl.Series, currency: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Minor units of float amounts, half-even, and which were rounded; null where an amount is none.

    As in :func:`offers.intake.numbers.money`: r = round(x * scale) is exact when the nearest float to r / scale is x.
    The rest, each different amount once, takes the decimal road, so that both roads of intake round alike.
    """
    scales: dict[str, float] = {c: float(10 ** CURRENCIES[c]) for c in currency.drop_nulls().unique().to_list()}
    frame = pl.DataFrame({"x": amounts, "c": currency}).with_columns(
        s=pl.col("c").replace_strict(scales, default=None, return_dtype=pl.Float64)
    )
    fit = pl.col("x").is_finite() & (pl.col("x").abs() * pl.col("s") <= _LIMIT)
    frame = frame.with_columns(m=pl.when(fit).then((pl.col("x") * pl.col("s")).round(0)))
    frame = frame.with_columns(exact=(pl.col("m") / pl.col("s")) == pl.col("x"))
    odd = frame.filter(~pl.col("exact")).select("x", "c").unique()
    minor = frame["m"].cast(pl.Int64, strict=False)
    if odd.is_empty():
        return minor, pl.select(pl.repeat(False, len(minor), eager=False)).to_series()
    read = [to_minor(x, c) for x, c in odd.iter_rows()]
    table = odd.with_columns(
        exactly=pl.Series([m for m, _ in read], dtype=pl.Int64), rounded=pl.Series([r for _, r in read])
    )
    joined = frame.join(table, on=["x", "c"], how="left", maintain_order="left")
    minor = joined.select(pl.coalesce("exactly", pl.col("m").cast(pl.Int64, strict=False)))["exactly"]
    return minor, joined["rounded"].fill_null(False)


def first_fault(*checks: tuple[str, pl.Expr]) -> pl.Expr:
    """The code of the first check that holds, or null."""
    return pl.coalesce(*(pl.when(found).then(pl.lit(code)) for code, found in checks)).alias(CODE)


def undecodable(frame: pl.DataFrame, checked: bool) -> pl.Series:
    """Column ``odd``: rows in which some byte could not be read. ``checked``: the whole file is known to be sound."""
    if checked:
        return pl.Series("odd", [False]).new_from_index(0, frame.height)
    texts = [pl.col(c).str.contains("\ufffd", literal=True) for c, t in frame.schema.items() if t == pl.String]
    return frame.select(pl.any_horizontal(*texts).fill_null(False).alias("odd")).to_series()


def reject_broken(rejects: Rejects, batch: Batch) -> None:
    """Count and keep the rows of a batch that are no rows."""
    for broken in batch.broken:
        rejects.count(broken.code, 1, broken.row)
    rejects.write((b.row, b.code, b.original) for b in batch.broken)


def reject_faulty(rejects: Rejects, rows: pl.DataFrame, source: pl.DataFrame | None) -> None:
    """Count rows whose ``code`` is set; keep their originals, which ``source`` holds, where they are wanted."""
    faulty = rows.select("row", CODE).filter(pl.col(CODE).is_not_null())
    if faulty.is_empty():
        return
    for code, count, first in faulty.group_by(CODE).agg(pl.len(), pl.col("row").min()).sort(CODE).iter_rows():
        rejects.count(code, count, first)
    if source is not None:
        keep_originals(rejects, faulty, source)


def keep_originals(rejects: Rejects, faulty: pl.DataFrame, source: pl.DataFrame) -> None:
    """Write the rows of a batch that ``faulty`` (``row``, ``code``) names into the file of rejected rows."""
    if not rejects.wanted:
        return
    kept = source.join(faulty.rename({"row": ROW, CODE: _CODE}), on=ROW, how="inner", maintain_order="left")
    names = [c for c in source.columns if c != ROW]
    shown = kept.select(ROW, _CODE, *(pl.col(c).cast(pl.String, strict=False) for c in names))
    rejects.write((row, code, dict(zip(names, cells, strict=True))) for row, code, *cells in shown.iter_rows())
