"""Every key of the ledger in Valkey/Redis. All carry the tag ``{ledger}``: one slot, so that one script may touch them.

======================  =======  ===================================================================  =====
key                     type     what                                                                 TTL
======================  =======  ===================================================================  =====
``stream``              stream   accepted events, one entry each, field ``e`` = the stored form       none
``uuid``                string   names this stream in the table's application transactions            none
``seen``                hash     generations of seen ids: ``stamp``, ``count``, ``live``, ``dead``    none
``seen:GEN:BUCKET``     hash     10 bytes of the hash of an event id -> 8 bytes of its body's digest  none
``projected``           string   position up to which the online state holds the stream               none
``committed``           string   position up to which the table holds the stream (a hint)             none
``trimmed``             string   position up to which the stream was trimmed                          none
``lease``               string   token of the one process that drains the stream                      short
======================  =======  ===================================================================  =====

Owner of all of them: this package. Buckets are removed by :meth:`~offers.ledger.accept.EventStream.sweep`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LedgerKeys"]


@dataclass(frozen=True)
class LedgerKeys:
    """The keys under one prefix."""

    prefix: str = "offers"

    def _key(self, name: str) -> str:
        return f"{self.prefix}:{{ledger}}:{name}"

    @property
    def stream(self) -> str:
        return self._key("stream")

    @property
    def uuid(self) -> str:
        return self._key("uuid")

    @property
    def seen(self) -> str:
        return self._key("seen")

    @property
    def projected(self) -> str:
        return self._key("projected")

    @property
    def committed(self) -> str:
        return self._key("committed")

    @property
    def trimmed(self) -> str:
        return self._key("trimmed")

    @property
    def lease(self) -> str:
        return self._key("lease")

    def bucket(self, generation: int, bucket: int) -> bytes:
        """The hash that holds one bucket of a generation of seen ids."""
        return b"%b:%x:%x" % (self.seen.encode(), generation, bucket)
