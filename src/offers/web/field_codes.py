"""Codes of ``errors[]`` and ``warnings[]``: what is wrong with one field. A test finds every one that the code uses."""

from __future__ import annotations

__all__ = ["FIELD_CODES"]

#: code -> what it means
FIELD_CODES: dict[str, str] = {
    "contradiction": "Two fields, or a field and the address, say different things.",
    "email_as_id": "An e-mail address was sent as an id. Ids appear in addresses and logs.",
    "invalid": "The value cannot be read.",
    "invalid_date": "Not a calendar day such as 1990-04-23.",
    "invalid_format": "The text does not match its pattern.",
    "invalid_id": "The id holds control characters.",
    "invalid_link": "Not an absolute http or https address.",
    "invalid_name": "Not a name of an event: 1 to 100 printable characters.",
    "invalid_number": "Not a number.",
    "invalid_placement": "Not a placement: 1 to 50 of a-z, 0-9, dot, dash, underscore.",
    "invalid_text": "The text holds characters that cannot be kept.",
    "invalid_timestamp": "Not a moment of RFC 3339.",
    "malformed_json": "Not JSON in UTF-8; the detail names the place.",
    "naive_timestamp": "The moment has no offset from UTC.",
    "negative_amount": "Money below zero; what goes back is a refund event.",
    "negative_quantity": "Pieces below zero; what goes back is a refund event.",
    "not_allowed": "None of the allowed values, or not together with another field.",
    "not_finite": "Not a finite number.",
    "out_of_range": "Too small, too large, too short or too long.",
    "required": "The field must be sent.",
    "reserved_name": "The event is written by this service only.",
    "rounded": "Warning: the amount had more decimals than its currency and was rounded half-even.",
    "scope_needed": "Warning: part of what was asked for needs another scope and was left out.",
    "timestamp_in_future": "The moment lies more than 24 hours ahead.",
    "timestamp_too_old": "The moment lies before 1990.",
    "too_deep": "Arrays and objects are nested too deeply.",
    "too_large": "All parameters together are too large.",
    "too_long": "The text is too long.",
    "too_many": "Too many entries.",
    "too_many_decimals": "More decimals than the currency has.",
    "too_many_events": "More events than one request may hold.",
    "too_many_lines": "More lines than a cart or an order may hold.",
    "unknown_currency": "Not a code of ISO 4217.",
    "unknown_field": "Nothing reads this field; the detail names the one that was probably meant.",
    "unknown_item": "Warning: the item is not in the catalogue.",
    "unknown_status": "Not a status of an order.",
    "wrong_type": "The value has another JSON type.",
    "zero_quantity": "A line of no pieces; leave it out.",
}
