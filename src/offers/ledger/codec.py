"""The stored form of an event: one JSON object per stream entry and per spool line, and the rows it becomes.

Fields with their default value are left out. ``params`` is a JSON object inside a JSON string, so that it reaches
the table unchanged to the last digit. Readers ignore fields they do not know and fill in those that are missing.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson
import polars as pl

from offers.domain.event import NAMES, Event, Line
from offers.ledger.schema import LINE, SCHEMA

__all__ = ["dump", "frame", "frame_stored", "load"]

_OPTIONAL = (
    "customer_id",
    "visitor_id",
    "order_id",
    "status",
    "currency",
    "value",
    "version_at",
    "decision_id",
)


def _line(line: Line) -> dict[str, Any]:
    doc: dict[str, Any] = {"item_id": line.item_id, "quantity": line.quantity}
    if line.price is not None:
        doc["price"] = line.price
    if line.discount:
        doc["discount"] = line.discount
    if line.offer_id is not None:
        doc["offer_id"] = line.offer_id
    if line.coupon is not None:
        doc["coupon"] = line.coupon
    return doc


def _params(params: dict[str, Any]) -> str:
    try:
        return orjson.dumps(params).decode()
    except TypeError:  # integers beyond 64 bits: JSON allows them, orjson does not
        return msgspec.json.encode(params).decode()


def dump(event: Event) -> bytes:
    """The stored form, one line without its newline.

    Raises:
        TypeError: ``params`` holds something that is not JSON.
    """
    doc: dict[str, Any] = {
        "event_id": event.event_id,
        "event_name": event.event_name,
        "occurred_at": event.occurred_at,
        "received_at": event.received_at,
    }
    for name in _OPTIONAL:
        value = getattr(event, name)
        if value is not None:
            doc[name] = value
    if event.lines:
        doc["lines"] = [_line(line) for line in event.lines]
    if event.params:
        doc["params"] = _params(event.params)
    doc["source"] = event.source
    doc["schema"] = event.schema
    return orjson.dumps(doc)


class _Stored(msgspec.Struct, gc=False):
    """The stored form as it is read; the defaults are those of :class:`Event`."""

    event_id: str
    event_name: str
    occurred_at: int
    received_at: int
    customer_id: str | None = None
    visitor_id: str | None = None
    order_id: str | None = None
    status: str | None = None
    currency: str | None = None
    value: int | None = None
    lines: tuple[Line, ...] = ()
    version_at: int | None = None
    decision_id: str | None = None
    source: str = "api"
    params: str = ""
    schema: int = 1


_DECODER = msgspec.json.Decoder(_Stored)


def load(data: bytes) -> Event:
    """The event of a stored form.

    Raises:
        ValueError: not a stored event.
    """
    try:
        stored = _DECODER.decode(data)
        params = msgspec.json.decode(stored.params) if stored.params else {}
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError("not a stored event") from error
    return Event(
        stored.event_id,
        stored.event_name,
        stored.occurred_at,
        stored.received_at,
        stored.customer_id,
        stored.visitor_id,
        stored.order_id,
        stored.status,
        stored.currency,
        stored.value,
        stored.lines,
        stored.version_at,
        stored.decision_id,
        stored.source,
        params,
        stored.schema,
    )


_TIMES = ("occurred_at", "received_at", "version_at")
_WIRE = {
    **{name: dtype for name, dtype in SCHEMA.items() if name not in ("kind", "day", "position", "schema_version")},
    **dict.fromkeys(_TIMES, pl.Int64()),
    "lines": pl.List(LINE),
    "schema": pl.Int64(),
}


def frame_stored(payloads: Sequence[bytes], positions: Sequence[int | None]) -> pl.DataFrame:
    """Rows of the ledger, in :data:`~offers.ledger.schema.SCHEMA`, of stored events, parsed natively.

    Raises:
        ValueError: one of the payloads is not a stored event; :func:`load` tells which.
    """
    if not payloads:
        return SCHEMA.to_frame()
    try:
        raw = pl.read_ndjson(io.BytesIO(b"\n".join(payloads)), schema=_WIRE)
    except pl.exceptions.PolarsError as error:
        raise ValueError("not all of these are stored events") from error
    needed = ("event_id", "event_name", "occurred_at", "received_at")
    if raw.height != len(payloads) or any(raw[name].null_count() for name in needed):
        raise ValueError("not all of these are stored events")
    line = pl.element().struct
    rows = raw.with_columns(
        pl.Series("position", positions, dtype=pl.Int64),
        pl.col("event_name").replace_strict(NAMES, default="behaviour", return_dtype=pl.String).alias("kind"),
        *(pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC") for name in _TIMES),
        pl.col("source").fill_null("api"),
        pl.col("params").fill_null("{}"),
        pl.col("schema").fill_null(1).alias("schema_version"),
        pl.col("lines")
        .fill_null([])
        .list.eval(
            pl.struct(
                line.field("item_id"),
                line.field("quantity").fill_null(1.0),
                line.field("price"),
                line.field("discount").fill_null(0),
                line.field("offer_id"),
                line.field("coupon"),
            )
        ),
    )
    return rows.with_columns(pl.col("occurred_at").dt.date().alias("day")).select(SCHEMA.names())


def frame(rows: Sequence[tuple[int | None, Event]]) -> pl.DataFrame:
    """Rows of the ledger of ``(position, event)`` pairs; position None for what came by a spool."""
    return frame_stored([dump(event) for _, event in rows], [position for position, _ in rows])
