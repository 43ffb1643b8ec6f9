"""The columns of the ledger table: one row per event, partitioned by ``kind`` and ``day``."""

from __future__ import annotations

import polars as pl

__all__ = ["LINE", "PARTITIONS", "SCHEMA", "STATISTICS"]

_US = pl.Datetime("us", "UTC")

LINE = pl.Struct(
    {
        "item_id": pl.String(),
        "quantity": pl.Float64(),
        "price": pl.Int64(),
        "discount": pl.Int64(),
        "offer_id": pl.String(),
        "coupon": pl.String(),
    }
)
"""One order or cart line; ``price`` and ``discount`` per piece in minor units of the row's currency."""

SCHEMA = pl.Schema(
    {
        "kind": pl.String(),
        "day": pl.Date(),
        "event_id": pl.String(),
        "event_name": pl.String(),
        "occurred_at": _US,
        "received_at": _US,
        "position": pl.Int64(),
        "customer_id": pl.String(),
        "visitor_id": pl.String(),
        "order_id": pl.String(),
        "status": pl.String(),
        "currency": pl.String(),
        "value": pl.Int64(),
        "version_at": _US,
        "lines": pl.List(LINE),
        "decision_id": pl.String(),
        "source": pl.String(),
        "params": pl.String(),
        "schema_version": pl.Int64(),
    }
)
"""``day`` is the UTC date of ``occurred_at``. ``position`` is null in rows that came by a spool. ``value``: minor
units. ``version_at`` null: ``occurred_at`` orders the versions. ``params``: a JSON object as text."""

PARTITIONS = ["kind", "day"]

STATISTICS = ["occurred_at", "received_at", "position"]
"""Columns with statistics per file. None of them names a person: an erased id must not survive in a log entry."""
