"""Signed addresses: picks for mail systems that can fetch a URL and send no header.

The signature is HMAC-SHA256 (RFC 2104) over the path and every query parameter but ``sig``, sorted, so that
neither the customer nor the letter nor the expiry can be changed; it covers ``GET`` only.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256
from urllib.parse import quote, urlencode

from offers.clock import Clock
from offers.errors import OffersError

__all__ = ["Signer"]


def _refused(detail: str) -> OffersError:
    return OffersError(detail, code="signature_invalid")


class Signer:
    """Makes and checks signed addresses. ``secret``: at least 16 bytes, the same in all processes."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def _signature(self, path: str, query: Iterable[tuple[str, str]]) -> str:
        message = "\n".join(("v1", "GET", path, urlencode(sorted(query))))
        return urlsafe_b64encode(hmac.digest(self._secret, message.encode(), sha256)).rstrip(b"=").decode()

    def sign(self, path: str, query: dict[str, str], expires_at: int) -> str:
        """``path`` (not escaped) with ``query``, ``exp`` (seconds since the epoch) and ``sig``."""
        full = [*query.items(), ("exp", str(expires_at))]
        signature = self._signature(path, full)
        return f"{quote(path)}?{urlencode([*full, ('sig', signature)])}"

    def check(self, path: str, query: Iterable[tuple[str, str]]) -> None:
        """Pass an address that this service signed and that has not expired.

        Raises:
            OffersError: ``signature_invalid``.
        """
        pairs = list(query)
        given = [v for k, v in pairs if k == "sig"]
        expiry = [v for k, v in pairs if k == "exp"]
        if len(given) != 1 or len(expiry) != 1:
            raise _refused("A signed address has one sig and one exp")
        expected = self._signature(path, [(k, v) for k, v in pairs if k != "sig"])
        if not hmac.compare_digest(expected.encode(), given[0].encode()):
            raise _refused("The signature does not fit the address")
        if not expiry[0].isdecimal() or int(expiry[0]) * 1_000_000 < self._clock.now_us():
            raise _refused("The address has expired")
