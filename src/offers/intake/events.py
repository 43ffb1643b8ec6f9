"""The body of ``POST /v1/events`` into events: one, a list, or a GA4 ``dataLayer`` push.

Each event is read on its own, so a bad one never sinks its neighbours. Pointers lead into the body as it was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from offers.clock import Clock
from offers.domain.event import NAMES, OWN_NAMES, STATUSES, Event, Line
from offers.errors import FieldError, InvalidInput, TooLarge
from offers.intake.canonical import (
    body_digest,
    lines_text,
    order_event_id,
    order_head,
    sum_of_lines,
    text_digest,
)
from offers.intake.fields import MAX_FAULTS, Fields, kind_of_value, shape_fault
from offers.intake.statuses import normal_status
from offers.settings import Settings

__all__ = ["EVENT_FIELDS", "ITEM_FIELDS", "MAX_EVENTS", "MAX_LINES", "MAX_PARAMS", "Parsed", "read_events"]

MAX_EVENTS = 1_000
"""Most events in one body."""

MAX_LINES = 5_000
"""Most lines of one event."""

MAX_PARAMS = 1_000_000
"""Most bytes of one event's further parameters, as JSON."""

#: What an event's fields are called; everything else that is sent is kept in ``params``.
EVENT_FIELDS: frozenset[str] = frozenset(
    {
        "event",
        "event_name",
        "event_id",
        "timestamp",
        "updated_at",
        "customer_id",
        "visitor_id",
        "transaction_id",
        "order_id",
        "status",
        "currency",
        "value",
        "items",
        "decision_id",
        "ecommerce",
        "params",
    }
)

#: What an item of an event is read for; the rest of it is kept in ``params["items"]``.
ITEM_FIELDS: frozenset[str] = frozenset({"item_id", "quantity", "price", "discount", "coupon", "offer_id"})

_ORDERS = frozenset({"purchase", "refund"})


@dataclass(frozen=True, slots=True)
class Parsed:
    """One event of a body: ``event`` and its 8-byte ``digest``, or ``faults``.

    ``rounded``: some amount had more decimals than its currency. ``unknown_name``: kept and not acted on.
    """

    event: Event | None
    digest: bytes
    rounded: bool
    unknown_name: bool
    faults: tuple[FieldError, ...] = ()


def read_events(body: object, *, clock: Clock, settings: Settings) -> list[Parsed]:
    """The events of a parsed JSON body, in the order in which they were sent.

    Raises:
        InvalidInput: the body is neither an object nor a list of them, or an empty list.
        TooLarge: more than 1,000 events.
    """
    now = clock.now_us()
    if type(body) is dict:
        return [_read(body, "", 0, now, settings.currency)]
    if not isinstance(body, list):
        raise InvalidInput.at("", "wrong_type", f"send an event or a list of events, not {kind_of_value(body)}")
    if not body:
        raise InvalidInput.at("", "required", "the list is empty; send at least one event")
    if len(body) > MAX_EVENTS:
        detail = f"a list has at most {MAX_EVENTS} events, this one has {len(body)}; send several requests"
        raise TooLarge(detail, (FieldError("", "too_many_events", detail),))
    currency = settings.currency
    return [_read(document, f"/{n}", n, now, currency) for n, document in enumerate(body)]


def _refused(faults: list[FieldError], unknown_name: bool = False) -> Parsed:
    return Parsed(None, b"", False, unknown_name, tuple(faults))


def _name(fields: Fields) -> str:
    key = "event_name" if fields.values.get("event_name") is not None else "event"
    name = fields.values.get(key)
    if type(name) is not str:
        if name is None:
            fields.fault("event_name", "required", "event_name is required, such as purchase or view_item")
        else:
            fields.wrong_type(key, "a text")
        return ""
    if name in NAMES:
        if name in OWN_NAMES:
            fields.fault(key, "reserved_name", f"{name} is written by this service only; use its own address")
    elif not 0 < len(name) <= 100 or not name.isprintable() or name.isspace():
        fields.fault(key, "invalid_name", "an event name is 1 to 100 printable characters")
    return name


def _read(document: object, base: str, index: int, now: int, default_currency: str) -> Parsed:
    faults: list[FieldError] = []
    if type(document) is not dict:
        return _refused([FieldError(base, "wrong_type", f"an event is an object, not {kind_of_value(document)}")])
    ecommerce = document.get("ecommerce")
    if ecommerce is None:
        fields = Fields(document, base, faults)
    elif type(ecommerce) is dict:
        fields = Fields({**document, **ecommerce}, base, faults, ecommerce)
    else:
        fields = Fields(document, base, faults)
        fields.wrong_type("ecommerce", "an object")
    name = _name(fields)
    values = fields.values

    customer_id = fields.identifier("customer_id")
    visitor_id = fields.identifier("visitor_id")
    order_id = fields.identifier("transaction_id")
    if order_id is None:
        order_id = fields.identifier("order_id")
    elif values.get("order_id") not in (None, "") and fields.identifier("order_id") != order_id:
        fields.fault("order_id", "contradiction", "transaction_id and order_id differ; send one of them")
    is_order = name in _ORDERS
    if is_order and order_id is None and not any(f.pointer.endswith(("/transaction_id", "/order_id")) for f in faults):
        fields.fault("transaction_id", "required", f"a {name} needs its transaction_id (or order_id)")

    occurred_at = fields.moment("timestamp", now)
    version_at = fields.moment("updated_at", now)
    currency = fields.currency(default_currency)
    value = fields.money("value", currency, sign=name == "refund")
    lines, extras = _lines(fields, currency)
    status = _status(fields, name)
    decision_id = fields.identifier("decision_id")
    event_id = fields.identifier("event_id")
    params = _params(fields, extras, keep_status=name != "purchase")
    if name == "experiment_viewed":
        for needed in ("experiment", "variant"):
            if type(values.get(needed)) is not str or not values[needed]:
                fields.fault(needed, "required", f"an experiment_viewed names its {needed}")
    if faults:
        return _refused(faults, name not in NAMES)

    when = now if occurred_at is None else occurred_at
    if version_at == when:
        version_at = None
    try:
        digest = b"" if is_order and event_id is None else body_digest(document)
    except TypeError:
        return _refused([FieldError(base, "invalid", "the event holds what JSON cannot say; check its fields")])
    if event_id is not None:
        pass
    elif is_order:
        assert order_id is not None
        told = value if value != sum_of_lines(lines) else None
        head = order_head(name, order_id, status, currency, customer_id, when, version_at, told)
        digest = text_digest(head + "\x1d" + lines_text(lines))
        event_id = order_event_id(name, order_id, digest)
    else:
        # without a timestamp two equal events are two facts, so the moment and place of arrival tell them apart
        event_id = (
            f"{name[:50]}:{digest.hex()}" if occurred_at is not None else f"{name[:50]}:{digest.hex()}:{now}.{index}"
        )
    event = Event(
        event_id=event_id,
        event_name=name,
        occurred_at=when,
        received_at=now,
        customer_id=customer_id,
        visitor_id=visitor_id,
        order_id=order_id,
        status=status,
        currency=currency,
        value=value,
        lines=lines,
        version_at=version_at,
        decision_id=decision_id,
        params=params,
    )
    return Parsed(event, digest, fields.rounded, name not in NAMES)


def _status(fields: Fields, name: str) -> str | None:
    """Status of a purchase, ``placed`` if it does not say; other events have none."""
    if name != "purchase":
        return None
    said = fields.values.get("status")
    if said is None or said == "":
        return "placed"
    if type(said) is not str:
        fields.wrong_type("status", "a text")
        return None
    status = said if said in STATUSES else normal_status(said[:50])
    if status is None:
        fields.fault("status", "unknown_status", f"status must be one of {', '.join(STATUSES)}")
    return status


def _params(fields: Fields, extras: list[dict[str, Any]] | None, keep_status: bool) -> dict[str, Any]:
    """Whatever was sent beside the known fields, unchanged; entries of an object ``params`` stand beside them."""
    values = fields.values
    params: dict[str, Any] = {k: v for k, v in values.items() if k not in EVENT_FIELDS}
    if "status" in values and keep_status:
        params["status"] = values["status"]
    inside = values.get("params")
    if type(inside) is dict:
        params = {**inside, **params}
    elif inside is not None:
        params["params"] = inside
    if extras:
        params["items"] = extras
    if params:
        shape = shape_fault(params)
        if shape is not None:
            code, detail = shape
            for name, value in params.items():
                found = shape_fault(value, 7)
                if found is not None and name in values:
                    fields.fault(name, found[0], f"{name} {found[1]}")
                    return params
            fields.fault("params", code, f"params {detail}")
        elif len(orjson.dumps(params)) > MAX_PARAMS:
            fields.fault("params", "too_large", f"all parameters together have at most {MAX_PARAMS} bytes")
    return params


def _lines(fields: Fields, currency: str | None) -> tuple[tuple[Line, ...], list[dict[str, Any]] | None]:
    """Lines of an event, and what else its items said (one dict per line; None when none said more)."""
    items = fields.values.get("items")
    if items is None:
        return (), None
    if type(items) is not list:
        fields.wrong_type("items", "a list")
        return (), None
    if len(items) > MAX_LINES:
        fields.fault("items", "too_many_lines", f"an event has at most {MAX_LINES} lines, this one has {len(items)}")
        return (), None
    base, faults = fields.at("items"), fields.faults
    lines: list[Line] = []
    extras: list[dict[str, Any]] = []
    more = False
    for n, item in enumerate(items):
        if len(faults) >= MAX_FAULTS:
            break
        if type(item) is not dict:
            faults.append(FieldError(f"{base}/{n}", "wrong_type", f"an item is an object, not {kind_of_value(item)}"))
            continue
        inner = Fields(item, f"{base}/{n}", faults)
        before = len(faults)
        item_id = inner.identifier("item_id")
        if item_id is None and len(faults) == before:
            inner.fault("item_id", "required", "an item needs its item_id")
        line = Line(
            item_id or "",
            inner.quantity(),
            inner.money("price", currency),
            (inner.money("discount", currency) or 0) if "discount" in item else 0,
            inner.identifier("offer_id") if "offer_id" in item else None,
            inner.text("coupon", 200) if "coupon" in item else None,
        )
        fields.rounded |= inner.rounded
        lines.append(line)
        rest = {k: v for k, v in item.items() if k not in ITEM_FIELDS} if not item.keys() <= ITEM_FIELDS else {}
        more |= bool(rest)
        extras.append(rest)
    return tuple(lines), extras if more else None
