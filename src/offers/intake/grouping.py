"""Rows of orders -> ``purchase`` and ``refund`` events: duplicates, refunds, versions, totals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import polars as pl

from offers.domain.event import STATUSES, Event, Line
from offers.intake.canonical import FIELD, LINE, order_event_id, order_head, text_digest
from offers.intake.events import MAX_LINES
from offers.intake.outcome import Rejects, Summary
from offers.intake.reading import CODE, first_fault, reject_faulty

__all__ = ["OPTIONAL", "Grouping"]

_SLICE_ROWS = 50_000
#: Columns that a file may lack; rows carry only those that it has.
OPTIONAL: tuple[str, ...] = (
    "visitor_id",
    "updated",
    "amount",
    "discount",
    "coupon",
    "offer_id",
    "channel",
    "source",
    "medium",
    "campaign",
)
_TYPES = {"updated": pl.Int64, "amount": pl.Int64, "discount": pl.Int64}
_PARAMS = ("channel", "source", "medium", "campaign", "coupon")
_RANK = {status: n for n, status in enumerate(STATUSES)}


class Grouping:
    """Puts the good rows of one file together. :meth:`look` at every batch first, then ask for :meth:`events`.

    ``late``: ``row`` and ``code`` of rows rejected here, whose originals are long gone by then.
    """

    def __init__(self, now_us: int, rejects: Rejects, summary: Summary) -> None:
        self.late: list[pl.DataFrame] = []
        self._now = now_us
        self._rejects = rejects
        self._summary = summary
        self._plain_numbers = False

    def look(self, rows: pl.DataFrame) -> None:
        """Learn what only the whole file tells: whether plain numbers stand beside C-numbers."""
        if not self._plain_numbers:
            self._plain_numbers = bool(rows["order_id"].str.contains(r"^\d+$").any())

    def events(self, rows: pl.DataFrame) -> Iterator[tuple[int, Event, bytes]]:
        """Rows covered, event and digest, in the order of time. ``rows`` hold all rows of each of their orders."""
        rows = self._sound(rows)
        if rows.is_empty():
            return
        rows = _timed(self._versioned(rows))
        self._note(rows)
        for part in _slices(rows):
            orders = _orders(part)
            self._note_orders(orders)
            for told in orders.iter_rows(named=True):
                yield self._event(told)

    def _sound(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows without repeats and without orders that cannot be one."""
        rows = rows.sort("row")
        again = ~rows.select(pl.struct("order_id", "twin").is_first_distinct()).to_series()
        # least and greatest tell whether there are several, for less than counting them
        wrong = (
            rows.group_by("order_id")
            .agg(
                customers=pl.col("customer_id").min() != pl.col("customer_id").max(),
                currencies=pl.col("currency").min() != pl.col("currency").max(),
                long=pl.len() > MAX_LINES,
            )
            .filter(pl.col("customers").fill_null(False) | pl.col("currencies") | pl.col("long"))
        )
        if wrong.is_empty() and not again.any():
            return rows
        rows = rows.join(wrong, on="order_id", how="left", maintain_order="left").with_columns(
            first_fault(
                ("duplicate_row", pl.lit(again)),
                ("order_of_several_customers", pl.col("customers").fill_null(False)),
                ("order_in_several_currencies", pl.col("currencies").fill_null(False)),
                ("too_many_lines", pl.col("long").fill_null(False)),
            )
        )
        rows = rows.drop("customers", "currencies", "long")
        bad = rows[CODE].is_not_null()
        wrong_rows = rows.filter(bad)
        reject_faulty(self._rejects, wrong_rows, None)
        if self._rejects.wanted:
            self.late.append(wrong_rows.select("row", CODE))
        return rows.filter(~bad)

    def _versioned(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with ``refund`` and ``part``: rows of one order with the same part are one event.

        Several statuses in one order are versions told one after another when their times differ or an item comes
        again; its rows marked refunded then are refunds. Otherwise each line has a status of its own: the cancelled
        ones leave, and the least advanced of the others is the order's.
        """
        negative = pl.col("quantity") < 0
        c_number = pl.col("order_id").str.contains(r"^C\d+$") if self._plain_numbers else pl.lit(False)
        rows = rows.with_columns(refund=negative | c_number, quantity=pl.col("quantity").abs()).drop(CODE, "twin")
        rows = rows.with_columns(
            status=pl.when(pl.col("refund")).then(None).otherwise(pl.col("status").fill_null("placed")),
            part=pl.lit("", pl.String),
        )
        if rows["status"].drop_nulls().n_unique() > 1:
            rows = self._statuses(rows)
        # refunds of one order at different times are different refunds
        return rows.with_columns(
            part=pl.when(pl.col("refund")).then(pl.col("at").cast(pl.String)).otherwise(pl.col("part"))
        )

    def _statuses(self, rows: pl.DataFrame) -> pl.DataFrame:
        mixed = pl.col("status").drop_nulls().n_unique().over("order_id") > 1
        several = rows.filter(mixed)
        if several.is_empty():
            return rows
        rest = rows.filter(~mixed)
        sold = pl.col("status").is_not_null()
        times = pl.col("at").filter(sold).n_unique().over("order_id") > 1
        again = pl.struct("item_id", "status").filter(sold).n_unique().over("order_id") > pl.col("item_id").filter(
            sold
        ).n_unique().over("order_id")
        several = several.with_columns(versions=times | again)
        versions = several.filter("versions")
        not_refunded = (sold & (pl.col("status") != "refunded")).any().over("order_id")
        back = (pl.col("status") == "refunded").fill_null(False) & not_refunded
        versions = versions.with_columns(
            refund=pl.col("refund") | back, status=pl.when(back).then(None).otherwise(pl.col("status"))
        ).with_columns(part=pl.col("status").fill_null(""))
        each = several.filter(~pl.col("versions"))
        gone = pl.col("status").is_in(["cancelled", "refunded"]).fill_null(False)
        each = each.with_columns(gone=gone & (sold & ~gone).any().over("order_id"))
        self._summary.notes["cancelled_lines"] += int(each["gone"].sum())
        rank = pl.col("status").replace_strict(_RANK, default=None, return_dtype=pl.Int64)
        each = (
            each.filter(~pl.col("gone"))
            .with_columns(lowest=rank.min().over("order_id"))
            .with_columns(
                status=pl.when(sold).then(
                    pl.col("lowest").replace_strict(dict(enumerate(STATUSES)), default=None, return_dtype=pl.String)
                )
            )
        )
        columns = rows.columns
        return pl.concat([rest, versions.select(columns), each.select(columns)]).sort("row")

    def _note(self, rows: pl.DataFrame) -> None:
        notes = self._summary.notes
        self._summary.accepted_rows += rows.height
        notes["gift_rows"] += int(((rows["price"] == 0) & ~rows["refund"]).sum())
        notes["refund_rows"] += int(rows["refund"].sum())
        guests = rows["customer_id"].is_null()
        if "visitor_id" in rows.columns:
            guests = guests & rows["visitor_id"].is_null()
        notes["guest_rows"] += int(guests.sum())
        notes["rounded_rows"] += int(rows["rounded"].sum())

    def _note_orders(self, orders: pl.DataFrame) -> None:
        notes = self._summary.notes
        sold = orders.filter(~pl.col("refund"))
        first = sold.filter(~pl.col("several") | pl.col("version_at").is_null())
        notes["orders"] += first.height
        notes["refunds"] += orders.height - sold.height
        guests = pl.col("customer_id").is_null() & pl.col("visitor_id").is_null()
        notes["guest_orders"] += first.filter(guests).height

    def _event(self, told: dict[str, Any]) -> tuple[int, Event, bytes]:
        name = "refund" if told["refund"] else "purchase"
        order_id, at, version_at = told["order_id"], told["occurred_at"], told["version_at"]
        items, prices = told["item_id"], told["price"]
        lines = tuple(
            map(
                Line,
                items,
                told["quantity"],
                prices,
                told["discount"] or repeat(0, len(items)),
                told["offer_id"] or repeat(None, len(items)),
                told["line_coupon"] or repeat(None, len(items)),
            )
        )
        value = told["value"]
        differs = None if value == told["sum"] else value
        head = order_head(
            name, order_id, told["status"], told["currency"], told["customer_id"], at, version_at, differs
        )
        digest = text_digest(f"{head}\x1d{told['canonical']}")
        event = Event(
            event_id=order_event_id(name, order_id, digest),
            event_name=name,
            occurred_at=at,
            received_at=self._now,
            customer_id=told["customer_id"],
            visitor_id=told["visitor_id"],
            order_id=order_id,
            status=told["status"],
            currency=told["currency"],
            value=value,
            lines=lines,
            version_at=version_at,
            source="import",
            params={p: told[p] for p in _PARAMS if told[p] is not None},
        )
        return told["lines"], event, digest


def _timed(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with what only all rows of their order tell, sorted by the moment of their event; ``event`` counts events.

    ``first_at``: when the order was first told; ``buyer``: its customer; ``several``: whether it has more versions.
    """
    rows = rows.with_columns(
        first_at=pl.col("at").filter(~pl.col("refund")).min().over("order_id"),
        buyer=pl.col("customer_id").drop_nulls().first().over("order_id"),
        several=(pl.col("part").min() != pl.col("part").max()).over("order_id", "refund"),
    )
    when = pl.when("refund").then(pl.col("at")).otherwise(pl.col("first_at"))
    said = pl.col("updated").fill_null(pl.col("at")) if "updated" in rows.columns else pl.col("at")
    rows = rows.with_columns(when=when, version=said.max().over("order_id", "refund", "part"))
    rows = rows.sort("when", "order_id", "version", "refund", "part", "row")
    return rows.with_columns(event=pl.struct("order_id", "refund", "part").rle_id()).drop("when", "version")


def _slices(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """``rows`` in parts of about as many rows, never within an event: lists of lines are held for one part only."""
    start = 0
    while start < rows.height:
        end = min(start + _SLICE_ROWS, rows.height)
        if end < rows.height:
            end = int(rows["event"].search_sorted(rows["event"][end - 1], side="right"))
        yield rows.slice(start, end - start)
        start = end


def _orders(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per event, earliest first, with its lines as lists in the order of the file."""
    absent = [name for name in OPTIONAL if name not in rows.columns]
    rows = rows.with_columns(pl.lit(None, _TYPES.get(name, pl.String)).alias(name) for name in absent)
    said = {name: rows[name].null_count() < rows.height for name in ("offer_id", "coupon", *_PARAMS)}
    none = pl.lit(None, pl.String)
    millionths = (pl.col("quantity") * 1_000_000).round(0, mode="half_to_even").cast(pl.Int64).cast(pl.String)
    price = pl.col("price").cast(pl.String)
    total = pl.col("price") * pl.col("quantity")
    rows = rows.with_columns(
        canonical=pl.concat_str([pl.col("item_id"), millionths, price], separator=FIELD),
        total=total.round(0, mode="half_to_even").cast(pl.Int64),
    )
    orders = rows.group_by("event", "order_id", "refund", maintain_order=True).agg(
        pl.len().alias("lines"),
        pl.when(pl.col("refund").first())
        .then(pl.col("at").min())
        .otherwise(pl.col("first_at").first())
        .alias("occurred_at"),
        pl.when(~pl.col("refund").first() & pl.col("several").first()).then(pl.col("at").max()).alias("told_at"),
        pl.col("updated").max(),
        pl.col("several").first(),
        pl.col("buyer").first().alias("customer_id"),
        pl.col("visitor_id").drop_nulls().first(),
        pl.col("currency").first(),
        pl.col("status").drop_nulls().last(),
        pl.col("canonical").sort().str.join(LINE),
        pl.col("total").sum().alias("sum"),
        pl.when(pl.col("amount").is_not_null().all()).then(pl.col("amount").sum()).alias("value"),
        pl.col("item_id"),
        pl.col("quantity"),
        pl.col("price"),
        (pl.col("discount") if (rows["discount"] > 0).any() else none.alias("discount")),
        (pl.col("offer_id") if said["offer_id"] else none.alias("offer_id")),
        (pl.col("coupon").alias("line_coupon") if said["coupon"] else none.alias("line_coupon")),
        *((pl.col(p).drop_nulls().first() if said[p] else none.alias(p)) for p in _PARAMS),
    )
    version = pl.coalesce("updated", "told_at")
    return orders.with_columns(version_at=pl.when(version != pl.col("occurred_at")).then(version))
