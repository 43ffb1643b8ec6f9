"""Order histories from files: one row per line of an order, one ``purchase`` or ``refund`` event per order.

Rows are checked in batches and spilled by order into buckets, so memory is bounded by the batch and the bucket, not by
the file; each bucket becomes events (:mod:`offers.intake.grouping`) in the order in which they happened.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from offers.clock import Clock, SystemClock
from offers.intake.columns import resolve
from offers.intake.dates import Dates
from offers.intake.fields import EARLIEST_US, FUTURE_US
from offers.intake.files import ROW, Batch, Table, open_table
from offers.intake.grouping import OPTIONAL, Grouping
from offers.intake.outcome import Delivery, Progress, Rejects, Sink, Summary
from offers.intake.reading import (
    CODE,
    SENTENCES,
    Columns,
    check_currency,
    first_fault,
    id_fault_expr,
    keep_originals,
    minor_units,
    reject_broken,
    reject_faulty,
    undecodable,
)
from offers.intake.statuses import SYNONYMS
from offers.intake.text import comma_style, numbers

__all__ = ["ORDER_COLUMNS", "import_orders", "import_table"]

#: Fields of an order row. ``amount`` (of the whole line, after discount) may stand in for ``price``.
ORDER_COLUMNS: tuple[str, ...] = (
    "order_id",
    "customer_id",
    "visitor_id",
    "timestamp",
    "updated_at",
    "item_id",
    "quantity",
    "price",
    "amount",
    "discount",
    "currency",
    "status",
    "coupon",
    "offer_id",
    "channel",
    "source",
    "medium",
    "campaign",
)
_REQUIRED = ("order_id", ("customer_id", "visitor_id"), "timestamp", "item_id", "quantity", ("price", "amount"))
_SYNONYMS = {"transaction_id": "order_id"}

_BUCKET_ROWS = 1_500_000
"""Rows of a bucket, about: what is held at once while orders are put together."""


@dataclass
class _Reader:
    """Checks batches of one file."""

    found: Mapping[str, str]
    dates: Dates
    currency: str
    now_us: int
    delimiter: str | None
    checked: bool
    comma: bool | None = field(default=None)

    def read(self, batch: Batch) -> pl.DataFrame:
        """The batch's rows as fields, with ``code`` set where a row is at fault."""
        columns = Columns(batch.frame, self.found)
        told = [f for f in ("quantity", "price", "amount", "discount") if f in columns]
        if self.comma is None:
            self.comma = comma_style([columns.raw(f) for f in told], self.delimiter)
        currency = columns.currency(self.currency)
        quantity = numbers(columns.raw("quantity"), self.comma).alias("quantity")
        status_text = columns.text("status").str.to_lowercase().str.replace_all(r"\s+", "_")
        fields = [
            batch.frame[ROW].alias("row"),
            *(columns.ids(f) for f in ("order_id", "customer_id", "visitor_id", "item_id", "offer_id")),
            *(columns.text(f) for f in ("coupon", "channel", "source", "medium", "campaign")),
            self.dates.read(columns.raw("timestamp")).alias("at"),
            self.dates.read(columns.raw("updated_at")).alias("updated"),
            quantity,
            currency.alias("currency"),
            status_text.replace_strict(SYNONYMS, default=None, return_dtype=pl.String).alias("status"),
            batch.frame.drop(ROW).hash_rows().alias("twin"),
            *self._money(columns, quantity, currency),
        ]
        frame = pl.DataFrame(fields)
        frame = frame.with_columns(
            t=columns.text("timestamp").is_null()
            if columns.raw("timestamp").dtype == pl.String
            else frame["at"].is_null(),
            q=columns.text("quantity").is_null(),
            s=status_text.is_not_null(),
            u=columns.text("updated_at").is_not_null(),
            odd=undecodable(batch.frame, self.checked),
        )
        unsaid = [name for name in OPTIONAL if {"updated": "updated_at"}.get(name, name) not in columns]
        helpers = ("t", "q", "s", "u", "odd", "no_price", "bad_discount")
        return frame.with_columns(self._faults()).drop(*helpers, *unsaid)

    def _money(self, columns: Columns, quantity: pl.Series, currency: pl.Series) -> list[pl.Series]:
        comma = bool(self.comma)
        amounts = numbers(columns.raw("amount"), comma)
        prices = numbers(columns.raw("price"), comma)
        missing = columns.text("price").is_null() & columns.text("amount").is_null()
        if "amount" in columns:
            per_piece = pl.select(pl.when(quantity != 0).then(amounts.abs() / quantity.abs())).to_series()
            prices = prices.fill_null(per_piece)
            amount = minor_units(amounts.abs(), currency)[0]
        else:
            amount = pl.Series("amount", [None], dtype=pl.Int64).new_from_index(0, len(quantity))
        price, rounded = minor_units(prices, currency)
        if "amount" in columns:
            rounded = rounded & amount.is_null()
        discounts = numbers(columns.raw("discount"), comma)
        discount = minor_units(discounts, currency)[0]
        bad = columns.text("discount").is_not_null() & (discount.is_null() | (discount < 0))
        return [
            price.alias("price"),
            rounded.alias("rounded"),
            amount.alias("amount"),
            missing.alias("no_price"),
            discount.fill_null(0).alias("discount"),
            bad.fill_null(True).alias("bad_discount"),
        ]

    def _faults(self) -> pl.Expr:
        at = pl.col("at")
        quantity = pl.col("quantity")
        return first_fault(
            ("undecodable", pl.col("odd")),
            ("missing_order_id", pl.col("order_id").is_null()),
            ("invalid_order_id", id_fault_expr("order_id")),
            ("missing_timestamp", pl.col("t")),
            ("invalid_timestamp", at.is_null() | (pl.col("u") & pl.col("updated").is_null())),
            ("timestamp_in_future", (at > self.now_us + FUTURE_US) | (pl.col("updated") > self.now_us + FUTURE_US)),
            ("timestamp_too_old", at < EARLIEST_US),
            ("missing_item_id", pl.col("item_id").is_null()),
            ("invalid_item_id", id_fault_expr("item_id")),
            ("invalid_customer_id", id_fault_expr("customer_id")),
            ("invalid_visitor_id", id_fault_expr("visitor_id")),
            ("missing_quantity", pl.col("q")),
            ("invalid_quantity", quantity.is_null() | ~quantity.is_finite() | (quantity.abs() > 1e6)),
            ("zero_quantity", (quantity * 1e6).round(0) == 0),
            ("unknown_currency", pl.col("currency").is_null()),
            ("missing_price", pl.col("no_price")),
            ("invalid_price", pl.col("price").is_null()),
            ("negative_price", pl.col("price") < 0),
            ("invalid_discount", pl.col("bad_discount")),
            ("unknown_status", pl.col("s") & pl.col("status").is_null()),
        )


class _Buckets:
    """Good rows, parted by order: in memory when they fit into one bucket, else in files."""

    def __init__(self, count: int, folder: Path) -> None:
        self._count = count
        self._folder = folder
        self._frames: list[pl.DataFrame] = []
        self._parts = 0

    def add(self, rows: pl.DataFrame) -> None:
        if self._count == 1:
            self._frames.append(rows)
            return
        keyed = rows.with_columns(bucket=pl.col("order_id").hash() % self._count)
        for (bucket,), part in keyed.partition_by("bucket", as_dict=True, include_key=False).items():
            part.write_ipc(self._folder / f"{bucket}-{self._parts}.arrow", compression="lz4")
        self._parts += 1

    def __iter__(self) -> Iterator[pl.DataFrame]:
        if self._count == 1:
            if self._frames:
                frames, self._frames = self._frames, []
                yield pl.concat(frames)
            return
        for bucket in range(self._count):
            paths = sorted(self._folder.glob(f"{bucket}-*.arrow"), key=lambda p: int(p.stem.split("-")[1]))
            if paths:
                yield pl.concat([pl.read_ipc(p) for p in paths])
                for path in paths:
                    path.unlink()


def import_orders(
    path: Path | str,
    sink: Sink,
    *,
    mapping: Mapping[str, str] | None = None,
    currency: str = "USD",
    timezone: str = "UTC",
    encoding: str | None = None,
    date_format: str | None = None,
    reject_file: Path | str | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Summary:
    """Import a history of orders from CSV, Parquet or NDJSON. Importing a file again makes the same events.

    ``mapping``: the file's column -> field of :data:`ORDER_COLUMNS`. ``currency`` and ``timezone``: of rows that name
    none. An empty customer is a guest. A negative quantity is a refund, and so is an order id ``C`` + digits in a file
    that also has plain numbers. A price of 0 is a gift. Rows of one order with several statuses are its versions.

    Raises:
        InvalidInput: the file is none, a column is missing, an option is wrong.
        Busy: the sink took nothing for minutes. Import the file again: what was taken is not taken twice.
    """
    table = open_table(path, encoding=encoding)
    return import_table(
        table,
        lambda _: table.batches(),
        sink,
        mapping=mapping,
        currency=currency,
        timezone=timezone,
        date_format=date_format,
        reject_file=reject_file,
        progress=progress,
        clock=clock,
        sleep=sleep,
    )


def import_table(
    table: Table,
    batches: Callable[[Summary], Iterator[Batch]],
    sink: Sink,
    *,
    mapping: Mapping[str, str] | None = None,
    currency: str = "USD",
    timezone: str = "UTC",
    date_format: str | None = None,
    reject_file: Path | str | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
    bucket_rows: int = _BUCKET_ROWS,
) -> Summary:
    """:func:`import_orders` of a table that is open; ``batches`` yields its rows and may note in the summary."""
    started = time.monotonic()
    now_us = (clock or SystemClock()).now_us()
    found = resolve(table.columns, mapping or {}, fields=ORDER_COLUMNS, required=_REQUIRED, synonyms=_SYNONYMS)
    dates = Dates(timezone, date_format)
    summary = Summary("orders", str(table.path), encoding=table.encoding)
    tell = progress or (lambda done, total: None)
    with (
        Rejects(summary, SENTENCES, reject_file, table.columns) as rejects,
        tempfile.TemporaryDirectory(prefix="offers-import-") as folder,
    ):
        reader = _Reader(found, dates, check_currency(currency), now_us, table.delimiter, table.checked)
        count = -(-table.total // bucket_rows) if table.total > bucket_rows * 1.5 else 1
        buckets = _Buckets(count, Path(folder))
        grouping = Grouping(now_us, rejects, summary)
        for batch in batches(summary):
            summary.rows += batch.rows
            reject_broken(rejects, batch)
            rows = reader.read(batch)
            faulty = rows.filter(pl.col(CODE).is_not_null())
            reject_faulty(rejects, faulty, batch.frame)
            good = rows if faulty.is_empty() else rows.filter(pl.col(CODE).is_null())
            grouping.look(good)
            buckets.add(good)
            # reading is half of the way, making events the other half
            tell(summary.rows // 2, max(table.total, summary.rows))
        delivery = Delivery(sink, summary, sleep)
        done = summary.rejected_rows
        for rows in buckets:
            for covered, event, digest in grouping.events(rows):
                delivery.add(event, digest)
                done += covered
                if covered and summary.rows:
                    tell(summary.rows // 2 + min(done, summary.rows) // 2, summary.rows)
        delivery.flush()
        if grouping.late:
            late = pl.concat(grouping.late)
            last = late.sort("row")["row"][-1]
            for batch in batches(Summary("orders", summary.path)):
                keep_originals(rejects, late, batch.frame)
                if not batch.frame.is_empty() and batch.frame[ROW][-1] >= last:
                    break
    tell(summary.rows, summary.rows)
    summary.seconds = time.monotonic() - started
    return summary
