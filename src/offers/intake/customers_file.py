"""Customers from tables: one row per customer, the last good row wins, one ``customer_set`` event per customer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from offers.clock import Clock, SystemClock
from offers.intake.canonical import digest_of
from offers.intake.columns import resolve
from offers.intake.customers import MAX_ATTRIBUTES, customer_event
from offers.intake.dates import Dates
from offers.intake.fields import EARLIEST_US, FUTURE_US, shape_fault
from offers.intake.files import ROW, Batch, open_table
from offers.intake.items_file import moment_of
from offers.intake.outcome import Delivery, Progress, Rejects, Sink, Summary
from offers.intake.reading import (
    CODE,
    SENTENCES,
    Columns,
    first_fault,
    id_fault_expr,
    reject_broken,
    reject_faulty,
    undecodable,
)
from offers.intake.text import flags

__all__ = ["CUSTOMER_COLUMNS", "import_customers"]

#: Fields of a customer row; ``attributes`` is a JSON object.
CUSTOMER_COLUMNS: tuple[str, ...] = (
    "customer_id",
    "first_seen",
    "birthday",
    "city",
    "consent_email",
    "consent_sms",
    "source",
    "attributes",
)
_TOLD = ("first_seen", "birthday", "city", "consent_email", "consent_sms", "source")


def _attributes(text: str | None) -> dict[str, Any] | None:
    """The object of an ``attributes`` cell; None when it is none."""
    try:
        found = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return None
    if type(found) is not dict or len(found) > MAX_ATTRIBUTES or shape_fault(found, 4) is not None:
        return None
    return found


def _read(batch: Batch, found: Mapping[str, str], dates: Dates, now_us: int, *, checked: bool) -> pl.DataFrame:
    columns = Columns(batch.frame, found)
    birthday = columns.raw("birthday")
    days = Dates("UTC", dates.date_format, dates.slashed).read(birthday)
    consents = {name: flags(columns.raw(name)).alias(name) for name in ("consent_email", "consent_sms")}
    cells = columns.text("attributes")
    parsed = [_attributes(cell) for cell in cells]
    bad_consent = [columns.text(name).is_not_null() & flag.is_null() for name, flag in consents.items()]
    frame = pl.DataFrame(
        [
            batch.frame[ROW].alias("row"),
            columns.ids("customer_id"),
            dates.read(columns.raw("first_seen")).alias("first_seen"),
            columns.text("first_seen").is_not_null().alias("has_seen"),
            days.cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d").alias("birthday"),
            (columns.text("birthday").is_not_null() & days.is_null()).alias("bad_birthday"),
            columns.text("city").str.slice(0, 200),
            columns.text("source").str.slice(0, 200),
            *consents.values(),
            (bad_consent[0] | bad_consent[1]).alias("bad_consent"),
            pl.Series("attributes", [orjson.dumps(p).decode() if p else None for p in parsed], dtype=pl.String),
            pl.Series("bad_attributes", [p is None for p in parsed], dtype=pl.Boolean),
            undecodable(batch.frame, checked),
        ]
    )
    seen = pl.col("first_seen")
    return frame.with_columns(
        first_fault(
            ("undecodable", pl.col("odd")),
            ("missing_customer_id", pl.col("customer_id").is_null()),
            ("invalid_customer_id", id_fault_expr("customer_id")),
            ("invalid_timestamp", pl.col("has_seen") & seen.is_null()),
            ("timestamp_in_future", seen > now_us + FUTURE_US),
            ("timestamp_too_old", seen < EARLIEST_US),
            ("invalid_birthday", pl.col("bad_birthday")),
            ("invalid_consent", pl.col("bad_consent")),
            ("invalid_attributes", pl.col("bad_attributes")),
        )
    )


def import_customers(
    path: Path | str,
    sink: Sink,
    *,
    mapping: Mapping[str, str] | None = None,
    timezone: str = "UTC",
    encoding: str | None = None,
    date_format: str | None = None,
    partial: bool = False,
    reject_file: Path | str | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Summary:
    """Import customers from CSV, Parquet or NDJSON; customers that the file does not name stay as they are.

    Events bear the file's time of modification, so a repeat of the file makes the same events. ``partial``: what a
    row does not tell stays as it is.

    Raises:
        InvalidInput: the file is none, a column is missing, an option is wrong.
    """
    started = time.monotonic()
    now_us = (clock or SystemClock()).now_us()
    table = open_table(path, encoding=encoding)
    found = resolve(table.columns, mapping or {}, fields=CUSTOMER_COLUMNS, required=("customer_id",))
    dates = Dates(timezone, date_format)
    summary = Summary("customers", str(table.path), encoding=table.encoding)
    tell = progress or (lambda done, total: None)
    kept: pl.DataFrame | None = None
    with Rejects(summary, SENTENCES, reject_file, table.columns) as rejects:
        for batch in table.batches():
            summary.rows += batch.rows
            reject_broken(rejects, batch)
            rows = _read(batch, found, dates, now_us, checked=table.checked)
            reject_faulty(rejects, rows, batch.frame)
            good = rows.filter(pl.col(CODE).is_null())
            summary.accepted_rows += good.height
            both = good if kept is None else pl.concat([kept, good])
            kept = both.unique("customer_id", keep="last", maintain_order=True)
            tell(summary.rows, max(table.total, summary.rows))
        delivery = Delivery(sink, summary, sleep)
        told_at = min(moment_of(table.path), now_us)
        count = 0 if kept is None else kept.height
        for row in () if kept is None else kept.iter_rows(named=True):
            customer = {name: row[name] for name in _TOLD if row[name] is not None}
            if row["attributes"] is not None:
                customer["attributes"] = orjson.loads(row["attributes"])
            event = customer_event(
                row["customer_id"],
                customer,
                occurred_at=told_at,
                received_at=now_us,
                partial=partial,
                source="import",
            )
            delivery.add(event, digest_of(event))
        delivery.flush()
        summary.notes["customers"] += count
        summary.notes["superseded_rows"] += summary.accepted_rows - count
    tell(summary.rows, summary.rows)
    summary.seconds = time.monotonic() - started
    return summary
