"""What ties a log line to its request."""

from __future__ import annotations

import re
from secrets import token_hex
from typing import Any

__all__ = ["LOGGER", "request_id_of"]

LOGGER = "offers.web"
_GIVEN = re.compile(r"^[A-Za-z0-9._:/+=-]{1,128}$")


def request_id_of(environ: dict[str, Any]) -> str:
    """The caller's ``X-Request-Id`` when it is harmless to print, else a new one of 16 hex characters."""
    given: str | None = environ.get("HTTP_X_REQUEST_ID")
    if given is not None and _GIVEN.match(given):
        return given
    return token_hex(8)
