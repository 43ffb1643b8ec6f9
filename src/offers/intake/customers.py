"""What a shop knows of a customer -> a ``customer_set`` event."""

from __future__ import annotations

from typing import Any

from offers.clock import Clock
from offers.domain.event import Event
from offers.errors import FieldError
from offers.intake.canonical import body_digest
from offers.intake.fields import Fields, kind_of_value, shape_fault
from offers.settings import Settings

__all__ = ["CUSTOMER_FIELDS", "MAX_ATTRIBUTES", "customer_event", "read_customer"]

#: Every field of a customer on the wire.
CUSTOMER_FIELDS: frozenset[str] = frozenset(
    {"customer_id", "first_seen", "birthday", "city", "consent_email", "consent_sms", "source", "attributes"}
)

MAX_ATTRIBUTES = 100
"""Most attributes of one customer."""


def customer_event(
    customer_id: str,
    customer: dict[str, Any],
    *,
    occurred_at: int,
    received_at: int,
    partial: bool = False,
    source: str = "api",
) -> Event:
    """The event that sets a customer's profile; ``customer`` holds the wire's fields, moments in µs."""
    params = {"customer": customer, "partial": partial}
    digest = body_digest(params).hex()
    return Event(
        event_id=f"customer:{customer_id}:{digest}:{occurred_at}",
        event_name="customer_set",
        occurred_at=occurred_at,
        received_at=received_at,
        customer_id=customer_id,
        source=source,
        params=params,
    )


def _consent(fields: Fields, name: str, now: int, into: dict[str, Any], partial: bool) -> None:
    """A flag, or an object ``{"granted", "date", "source"}``: kept as a flag, ``…_at`` (µs) and ``…_source``."""
    said = fields.values.get(name)
    if type(said) is dict:
        inner = Fields(said, fields.at(name), fields.faults)
        granted = inner.flag("granted")
        if granted is None and not any(f.pointer == inner.at("granted") for f in fields.faults):
            inner.fault("granted", "required", f"{name} needs granted: true or false")
        into[name] = granted
        at, source = inner.moment("date", now), inner.text("source", 200)
        if at is not None:
            into[f"{name}_at"] = at
        if source is not None:
            into[f"{name}_source"] = source
        return
    flag = fields.flag(name)
    if flag is not None or (partial and name in fields.values):
        into[name] = flag


def _attributes(fields: Fields) -> dict[str, Any] | None:
    said = fields.values.get("attributes")
    if said is None:
        return None
    if type(said) is not dict:
        fields.wrong_type("attributes", "an object")
        return None
    if len(said) > MAX_ATTRIBUTES:
        fields.fault("attributes", "too_many", f"a customer has at most {MAX_ATTRIBUTES} attributes")
        return None
    shape = shape_fault(said, 4)
    if shape is not None:
        fields.fault("attributes", shape[0], f"attributes {shape[1]}")
        return None
    return said


def read_customer(
    doc: object,
    customer_id: str | None = None,
    partial: bool = False,
    *,
    clock: Clock,
    settings: Settings,
    source: str = "api",
    base: str = "",
) -> Event | tuple[FieldError, ...]:
    """The ``customer_set`` event of a document, or every fault of it.

    ``customer_id``: from the address. ``partial`` as in :func:`offers.intake.items.read_item`. ``settings`` is not
    needed today; it is part of the signature that all readers share.
    """
    if type(doc) is not dict:
        return (FieldError(base, "wrong_type", f"a customer is an object, not {kind_of_value(doc)}"),)
    faults: list[FieldError] = []
    fields = Fields(doc, base, faults)
    now = clock.now_us()
    known = fields.identifier("customer_id")
    if customer_id is not None:
        if known is not None and known != customer_id:
            fields.fault(
                "customer_id", "contradiction", "customer_id differs from the one in the address; leave it out"
            )
        known = Fields({"customer_id": customer_id}, base, faults).identifier("customer_id")
    elif known is None and not faults:
        fields.fault("customer_id", "required", "a customer needs its customer_id")
    customer: dict[str, Any] = {}
    for name, value in (
        ("first_seen", fields.moment("first_seen", now)),
        ("birthday", fields.day("birthday")),
        ("city", fields.text("city", 200)),
        ("source", fields.text("source", 200)),
        ("attributes", _attributes(fields)),
    ):
        if value is not None or (partial and name in doc):
            customer[name] = value
    _consent(fields, "consent_email", now, customer, partial)
    _consent(fields, "consent_sms", now, customer, partial)
    if faults:
        return tuple(faults)
    assert known is not None
    return customer_event(known, customer, occurred_at=now, received_at=now, partial=partial, source=source)
