"""Reading the ledger: lazy Polars frames that prune by partition. Nothing is read before ``collect``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
import polars as pl

from offers.clock import from_us
from offers.domain.event import KINDS
from offers.ledger import netting
from offers.ledger.schema import SCHEMA
from offers.ledger.table import LedgerTable

__all__ = ["aliases", "events", "order_lines", "orders"]

_ORDER_COLUMNS = [
    "event_id",
    "event_name",
    "occurred_at",
    "version_at",
    "position",
    "customer_id",
    "visitor_id",
    "order_id",
    "status",
    "currency",
    "value",
    "lines",
    "source",
]


def _moment(value: int | datetime) -> datetime:
    return from_us(value) if isinstance(value, int) else value.astimezone(UTC)


def events(
    table: LedgerTable,
    *,
    kinds: Iterable[str] | None = None,
    since: int | datetime | None = None,
    until: int | datetime | None = None,
    version: int | None = None,
    columns: Sequence[str] | None = None,
) -> pl.LazyFrame:
    """Rows of the ledger in :data:`~offers.ledger.schema.SCHEMA`, in no particular order.

    ``since`` (inclusive) and ``until`` (exclusive) bound ``occurred_at``: microseconds or aware datetimes.
    ``version``: a version of the table that is still retained; None: now.
    """
    frame = pl.scan_delta(table.delta(version)).select(pl.col(n).cast(t) for n, t in SCHEMA.items())
    if kinds is not None:
        wanted = list(kinds)
        unknown = set(wanted) - set(KINDS)
        if unknown:
            raise ValueError(f"there is no kind {', '.join(sorted(unknown))}")
        frame = frame.filter(pl.col("kind").is_in(wanted))
    if since is not None:
        start = _moment(since)
        frame = frame.filter(pl.col("day") >= start.date(), pl.col("occurred_at") >= start)
    if until is not None:
        end = _moment(until)
        frame = frame.filter(pl.col("day") <= end.date(), pl.col("occurred_at") < end)
    return frame if columns is None else frame.select(columns)


def aliases(table: LedgerTable, *, version: int | None = None) -> dict[str, str]:
    """Person key -> the person key it was merged into, chains resolved, in the order in which they were told."""
    told = (
        events(table, kinds=["customer"], version=version)
        .filter(pl.col("event_name") == "customer_aliased")
        .select("position", "customer_id", "visitor_id", "params")
        .collect()
        .sort("position")
    )
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while key in parent:
            key = parent[key]
        return key

    for _, customer_id, visitor_id, params in told.iter_rows():
        target = msgspec.json.decode(params).get("to")
        old = f"c:{customer_id}" if customer_id else f"v:{visitor_id}"
        if not target or old == f"c:{target}":
            continue
        new = f"c:{target}"
        if root(new) == root(old) and old not in parent:
            parent.pop(new, None)  # merged the other way round before: the latest word stands
        if root(new) != old:
            parent[old] = new
    return {key: root(key) for key in parent}


def _alias_frame(table: LedgerTable, version: int | None) -> pl.LazyFrame:
    found = aliases(table, version=version)
    return pl.LazyFrame(
        {"alias": list(found), "aliased_to": list(found.values())},
        schema={"alias": pl.String, "aliased_to": pl.String},
    )


def _order_events(table: LedgerTable, version: int | None) -> pl.LazyFrame:
    return events(table, kinds=["order"], version=version, columns=_ORDER_COLUMNS)


def order_lines(table: LedgerTable, *, version: int | None = None, counts_from: str = "placed") -> pl.LazyFrame:
    """What is left of every order that counts, one row per line.

    Columns: ``order_id``; ``person`` (key, aliases applied; null for guests); ``customer_id``, ``visitor_id`` as
    told; ``occurred_at`` of the first version; ``line_no``, ``item_id``; ``quantity`` net of refunds, above 0;
    ``price`` per piece; ``revenue`` of the line (the order's value shared out over its lines), minor units of
    ``currency``; ``status``; ``offer_id``.
    """
    return netting.lines_left(_order_events(table, version), _alias_frame(table, version), counts_from)


def orders(table: LedgerTable, *, version: int | None = None, counts_from: str = "placed") -> pl.LazyFrame:
    """What is left of every order that counts, one row per order.

    Columns: ``order_id, person, customer_id, visitor_id, occurred_at, revenue, currency, status, lines`` (number of
    lines; 0 of an order told without them), ``quantity``.
    """
    told, alias = _order_events(table, version), _alias_frame(table, version)
    same = ["person", "customer_id", "visitor_id", "occurred_at", "currency", "status"]
    with_lines = (
        netting.lines_left(told, alias, counts_from)
        .group_by("order_id")
        .agg(
            *(pl.col(name).first() for name in same),
            pl.col("revenue").sum(),
            pl.len().cast(pl.Int64).alias("lines"),
            pl.col("quantity").sum(),
        )
    )
    without = netting.lineless(told, alias, counts_from).with_columns(
        lines=pl.lit(0, pl.Int64), quantity=pl.lit(0.0, pl.Float64)
    )
    columns = ["order_id", *same, "revenue", "lines", "quantity"]
    return pl.concat([with_lines.select(columns), without.select(columns)])
