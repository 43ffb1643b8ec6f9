"""Every key in Valkey/Redis: its template, type, content, life time and owner.

All keys of one person share the hash tag ``{p:KEY}``, so that a cluster keeps them in one slot and a script may
touch them together; the same holds for the catalogue ``{cat}``, the configuration ``{conf}`` and the ledger's
stream ``{ledger}``. Scripts get every key as KEYS; none builds one.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

__all__ = ["TABLE", "KeyRow", "Keys", "same_part"]


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One row of the documented table of keys."""

    template: str
    type: str
    content: str
    ttl: str
    owner: str


TABLE: tuple[KeyRow, ...] = (
    KeyRow("{p:KEY}:h", "string", "History: what a request reads of a person's purchases", "none", "projecting"),
    KeyRow("{p:KEY}:o", "string", "position, OrderBook: the facts behind the history", "none", "projecting"),
    KeyRow("{p:KEY}:l", "string", "Link: where a visitor or an aliased customer belongs", "none", "projecting"),
    KeyRow("{p:KEY}:b", "string", "BackLinks: who belongs to this customer, for erasure", "none", "projecting"),
    KeyRow("{p:KEY}:p", "string", "Profile: consent and attributes", "none", "projecting"),
    KeyRow("{p:KEY}:s:N", "string", "earlier decision, outside the AOF; N = CRC-32 mod 256", "minutes", "deciding"),
    KeyRow("{p:KEY}:f", "hash", "PLACEMENT NUL MESSAGE -> expiry, frozen picks", "90 days", "deciding"),
    KeyRow("{o:N}:who", "hash", "order_id -> person key; N = CRC-32 of order_id mod 16384", "none", "projecting"),
    KeyRow("{cat}:items", "hash", "item_id -> 8 bytes of position, item", "none", "projecting"),
    KeyRow("{cat}:changes", "stream", "seq, ids (one a line): what changed, oldest trimmed", "none", "projecting"),
    KeyRow("{cat}:meta", "hash", "epoch (new after a rebuild), seq (count of changes)", "none", "projecting"),
    KeyRow("{cat}:*:new", "as above", "the catalogue of a rebuild under way", "none", "projecting"),
    KeyRow("{conf}:keys", "hash", "SHA-256 of an API key -> its name and scopes", "none", "projecting"),
    KeyRow("{conf}:off", "hash", "placement that is switched off -> 1", "none", "projecting"),
    KeyRow("{conf}:meta", "hash", "position last applied, version (count of changes)", "none", "projecting"),
    KeyRow("projecting:{ledger}:lease", "string", "who writes online state now", "10 s", "projecting"),
    KeyRow("{ledger}:*", "various", "the stream of events and what guards it", "see ledger", "ledger"),
)  # fmt: skip

_ORDER_BUCKETS = 16_384
_SAME = 256


def same_part(field: str) -> str:
    """How the key of the earlier decision under a field ends."""
    return f"s:{zlib.crc32(field.encode()) % _SAME}"


class Keys:
    """Builds keys under one prefix. ``person`` arguments are person keys such as ``c:17``."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._person = prefix + ":{p:"
        self.items = f"{prefix}:{{cat}}:items"
        self.changes = f"{prefix}:{{cat}}:changes"
        self.catalogue_meta = f"{prefix}:{{cat}}:meta"
        self.api_keys = f"{prefix}:{{conf}}:keys"
        self.switched_off = f"{prefix}:{{conf}}:off"
        self.configuration_meta = f"{prefix}:{{conf}}:meta"

    def of_person(self, person: str) -> str:
        """What all keys of a person begin with."""
        return f"{self._person}{person}}}:"

    def history(self, person: str) -> str:
        return f"{self._person}{person}}}:h"

    def orders(self, person: str) -> str:
        return f"{self._person}{person}}}:o"

    def link(self, person: str) -> str:
        return f"{self._person}{person}}}:l"

    def back_links(self, person: str) -> str:
        return f"{self._person}{person}}}:b"

    def profile(self, person: str) -> str:
        return f"{self._person}{person}}}:p"

    def same(self, person: str, field: str) -> str:
        """The key of the earlier decision under a field.

        Few keys a person, so that an erasure can name them all and no index is kept. Two fields rarely share one;
        then the later decision stands.
        """
        return f"{self._person}{person}}}:{same_part(field)}"

    def all_same(self, person: str) -> list[str]:
        """Every key that :meth:`same` may give for a person."""
        return [f"{self._person}{person}}}:s:{n}" for n in range(_SAME)]

    def frozen(self, person: str) -> str:
        return f"{self._person}{person}}}:f"

    def order_owner(self, order_id: str) -> str:
        """The bucket that knows whose an order is: buckets stay small enough to be packed by the server."""
        return f"{self.prefix}:{{o:{zlib.crc32(order_id.encode()) % _ORDER_BUCKETS}}}:who"

    def pattern_people(self) -> str:
        """SCAN pattern of what projecting can derive anew about people."""
        return self._glob(self._person) + "*"

    def pattern_order_owners(self) -> str:
        return self._glob(f"{self.prefix}:{{o:") + "*:who"

    @staticmethod
    def _glob(text: str) -> str:
        return "".join("\\" + c if c in "*?[]\\" else c for c in text)
