"""What a shop tells about its customers: attributes and consent."""

from __future__ import annotations

from typing import Any

from offers.domain.event import Event
from offers.projecting.workspace import Workspace
from offers.state.records import Profile

__all__ = ["apply_profile", "withdraw_consent"]

_CONSENTS = ("consent_email", "consent_sms")


def apply_profile(work: Workspace, position: int, event: Event) -> None:
    """``customer_set``: ``params.customer`` replaces the profile, or with ``params.partial`` is laid over it.

    A consent that is told carries its date (``consent_email_at``, µs) and source; one that is not told stays, even
    in a full replacement: silence is no change of mind.
    """
    told = event.params.get("customer")
    if not event.customer_id or not isinstance(told, dict):
        raise ValueError("a profile needs a customer_id and what is told")
    person = work.end_of(f"c:{event.customer_id}")
    before = work.profile(person)
    if before is not None and before.position >= position:
        return
    known: dict[str, Any] = before.fields if before is not None else {}
    fields = {name: value for name, value in told.items() if value is not None and name != "customer_id"}
    for name in _CONSENTS:
        if name in fields:
            fields.setdefault(f"{name}_at", event.occurred_at)
            fields.setdefault(f"{name}_source", fields.get("source") or event.source)
    if event.params.get("partial"):
        base = known
        if isinstance(fields.get("attributes"), dict) and isinstance(known.get("attributes"), dict):
            fields["attributes"] = known["attributes"] | fields["attributes"]
    else:
        base = {name: value for name, value in known.items() if name.startswith(_CONSENTS)}
    work.set_profile(person, Profile(position, base | fields))


def withdraw_consent(work: Workspace, position: int, event: Event) -> None:
    """``unsubscribe`` or ``complaint``: no more letters."""
    if event.person is None:
        return
    person = work.end_of(event.person.key)
    before = work.profile(person)
    if before is not None and before.position >= position:
        return
    told = {
        "consent_email": False,
        "consent_email_at": event.occurred_at,
        "consent_email_source": event.event_name,
    }
    work.set_profile(person, Profile(position, (before.fields if before is not None else {}) | told))
