"""Catalogues from tables: one row per item, the last good row of an item wins, one ``item_set`` event per item."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from offers.clock import Clock, SystemClock
from offers.domain.item import Item
from offers.intake.canonical import digest_of
from offers.intake.columns import resolve
from offers.intake.files import ROW, Batch, open_table
from offers.intake.items import AVAILABILITY, CATEGORIES, ITEM_FIELDS, item_event
from offers.intake.outcome import Delivery, Progress, Rejects, Sink, Summary
from offers.intake.reading import (
    CODE,
    SENTENCES,
    Columns,
    check_currency,
    first_fault,
    id_fault_expr,
    minor_units,
    reject_broken,
    reject_faulty,
    undecodable,
)
from offers.intake.text import comma_style, flags, numbers

__all__ = ["ITEM_COLUMNS", "changed_only", "deliver_items", "import_items", "moment_of"]

#: Fields of an item row.
ITEM_COLUMNS: tuple[str, ...] = (
    "item_id",
    "item_name",
    "price",
    *sorted(ITEM_FIELDS - {"item_id", "item_name", "price"}),
)
_MONEY = ("price", "old_price", "cost")
_DOMAIN = {"item_brand": "brand", "item_group_id": "group"}
_LINK = r"^https?://[^\s<>\"'`\\]+$"


class _Reader:
    """Checks batches of one file."""

    def __init__(
        self,
        found: Mapping[str, str],
        currency: str,
        delimiter: str | None,
        *,
        checked: bool,
        partial: bool,
    ) -> None:
        self._found = found
        self._currency = currency
        self._delimiter = delimiter
        self._checked = checked
        self._partial = partial
        self._comma: bool | None = None

    def read(self, batch: Batch) -> pl.DataFrame:
        """The batch's rows under the domain's names, with ``code`` set where a row is at fault."""
        columns = Columns(batch.frame, self._found)
        if self._comma is None:
            told = [f for f in (*_MONEY, "stock") if f in columns]
            self._comma = comma_style([columns.raw(f) for f in told], self._delimiter)
        currency = columns.currency(self._currency)
        fields = [
            batch.frame[ROW].alias("row"),
            columns.ids("item_id"),
            columns.text("item_name").str.slice(0, 500),
            currency.alias("currency"),
            undecodable(batch.frame, self._checked),
        ]
        decimals = pl.Series("decimals", [False]).new_from_index(0, batch.frame.height)
        for name in _MONEY:
            amounts = numbers(columns.raw(name), self._comma)
            minor, rounded = minor_units(amounts, currency)
            fields += [minor.alias(name), columns.text(name).is_not_null().alias(f"has_{name}")]
            decimals = decimals | rounded
        stock = numbers(columns.raw("stock"), self._comma)
        said = columns.text("availability").str.to_lowercase()
        fields += [
            decimals.alias("decimals"),
            stock.alias("stock"),
            (columns.text("stock").is_not_null() & (stock.is_null() | ~stock.is_finite())).alias("bad_stock"),
            said.replace_strict(AVAILABILITY, default=None, return_dtype=pl.Boolean).alias("available"),
            said.is_not_null().alias("has_available"),
            flags(columns.raw("replenishable")).alias("replenishable"),
            columns.text("item_brand").str.slice(0, 200).alias("brand"),
            columns.ids("item_group_id").alias("group"),
            *(columns.text(c).str.slice(0, 200) for c in CATEGORIES),
            *(columns.text(c) for c in ("link", "image_link")),
        ]
        frame = pl.DataFrame(fields)
        return frame.with_columns(self._faults())

    def _faults(self) -> pl.Expr:
        bad_money = [pl.col(f"has_{name}") & pl.col(name).is_null() for name in _MONEY]
        return first_fault(
            ("undecodable", pl.col("odd")),
            ("missing_item_id", pl.col("item_id").is_null()),
            ("invalid_item_id", id_fault_expr("item_id")),
            ("missing_item_name", pl.col("item_name").is_null() & (not self._partial)),
            ("unknown_currency", pl.col("currency").is_null()),
            ("missing_price", ~pl.col("has_price") & (not self._partial)),
            ("invalid_price", pl.any_horizontal(*bad_money)),
            ("price_not_positive", pl.col("price") <= 0),
            ("too_many_decimals", pl.col("decimals")),
            ("invalid_stock", pl.col("bad_stock")),
            ("invalid_availability", pl.col("has_available") & pl.col("available").is_null()),
        )


def _items(rows: pl.DataFrame, summary: Summary, *, partial: bool) -> list[dict[str, Any]]:
    """Rows as fields of :class:`offers.domain.item.Item`; what is not told is absent."""
    for name in ("link", "image_link"):
        bad = rows[name].is_not_null() & ~rows[name].str.contains(_LINK).fill_null(True)
        long = rows[name].str.len_chars() > 2048
        dropped = bad | long.fill_null(False)
        if dropped.any():
            summary.notes["links_dropped"] += int(dropped.sum())
            rows = rows.with_columns(pl.when(~dropped).then(pl.col(name)).alias(name))
    told = ["item_id", "item_name", *_MONEY, "currency", "stock", "available", "brand", "link", "image_link"]
    rows = rows.with_columns(categories=pl.concat_list(CATEGORIES).list.drop_nulls())
    items: list[dict[str, Any]] = []
    for row in rows.select(*told, "replenishable", "group", "categories").iter_rows(named=True):
        item = {name: value for name, value in row.items() if value is not None and value != []}
        if partial and not any(name in item for name in _MONEY):
            del item["currency"]
        items.append(item)
    return items


def moment_of(path: Path) -> int:
    """When a file's content was so, in µs: its time of modification. It names the events that it makes."""
    return path.stat().st_mtime_ns // 1000


def changed_only(item: dict[str, Any], now: Item | None, partial: bool) -> bool:
    """Whether ``item`` says anything that ``now`` does not."""
    if now is None:
        return True
    if partial:
        return any(_plain(getattr(now, name)) != value for name, value in item.items())
    return Item(**{**item, "categories": tuple(item.get("categories", ()))}) != now


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def deliver_items(
    items: list[dict[str, Any]],
    delivery: Delivery,
    summary: Summary,
    *,
    current: Mapping[str, Item] | None,
    partial: bool,
    told_at: int,
    now_us: int,
) -> None:
    """Make events of items: with ``current`` of those that change something, at this moment; else at ``told_at``."""
    for item in items:
        if current is not None:
            if not changed_only(item, current.get(item["item_id"]), partial):
                summary.notes["unchanged_items"] += 1
                continue
            event = item_event(item, occurred_at=now_us, received_at=now_us, partial=partial, source="import")
        else:
            event = item_event(item, occurred_at=told_at, received_at=now_us, partial=partial, source="import")
        delivery.add(event, digest_of(event))
    delivery.flush()


def import_items(
    path: Path | str,
    sink: Sink,
    *,
    mapping: Mapping[str, str] | None = None,
    currency: str = "USD",
    encoding: str | None = None,
    partial: bool = False,
    reject_file: Path | str | None = None,
    progress: Progress | None = None,
    current: Mapping[str, Item] | None = None,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Summary:
    """Import items from CSV, Parquet or NDJSON. Items that the file does not name stay as they are.

    ``mapping``: the file's column -> field of :data:`ITEM_COLUMNS`. ``current``: the catalogue as it stands; with it
    only items that differ make events, so importing a file again does nothing, and importing an older one goes back
    to it. Without it events bear the file's time of modification and repeats of the file are duplicates.
    ``partial``: rows set only what they tell; name and price may be absent.

    A row without a name or with a price that is not above 0 is rejected and does not overwrite a better one.

    Raises:
        InvalidInput: the file is none, a column is missing, an option is wrong.
    """
    started = time.monotonic()
    now_us = (clock or SystemClock()).now_us()
    table = open_table(path, encoding=encoding)
    required = ("item_id",) if partial else ("item_id", "item_name", "price")
    found = resolve(table.columns, mapping or {}, fields=ITEM_COLUMNS, required=required)
    summary = Summary("items", str(table.path), encoding=table.encoding)
    tell = progress or (lambda done, total: None)
    kept: pl.DataFrame | None = None
    with Rejects(summary, SENTENCES, reject_file, table.columns) as rejects:
        reader = _Reader(
            found,
            check_currency(currency),
            table.delimiter,
            checked=table.checked,
            partial=partial,
        )
        for batch in table.batches():
            summary.rows += batch.rows
            reject_broken(rejects, batch)
            rows = reader.read(batch)
            reject_faulty(rejects, rows, batch.frame)
            good = rows.filter(pl.col(CODE).is_null())
            summary.accepted_rows += good.height
            both = good if kept is None else pl.concat([kept, good])
            kept = both.unique("item_id", keep="last", maintain_order=True)
            tell(summary.rows, max(table.total, summary.rows))
        items = [] if kept is None else _items(kept, summary, partial=partial)
        summary.notes["items"] += len(items)
        summary.notes["superseded_rows"] += summary.accepted_rows - len(items)
        deliver_items(
            items,
            Delivery(sink, summary, sleep),
            summary,
            current=current,
            partial=partial,
            told_at=min(moment_of(table.path), now_us),
            now_us=now_us,
        )
    tell(summary.rows, summary.rows)
    summary.seconds = time.monotonic() - started
    return summary
