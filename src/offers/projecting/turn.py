"""Whose turn it is to write online state: one projector, or one rebuild, at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from offers.errors import Busy, Conflict, StateUnavailable
from offers.ledger.accept import EventStream
from offers.ledger.keys import LedgerKeys
from offers.ledger.lease import Lease

__all__ = ["REBUILDING", "Turn"]

_log = logging.getLogger(__name__)

REBUILDING = -1
"""What the stream's projected position says while online state is derived anew: projectors stand back, and the
writer trims nothing."""


class Turn:
    """A lease of its own beside the stream's writer's. Renewed when a third of it has passed."""

    def __init__(
        self, stream: EventStream, *, ttl_s: float = 10.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        keys = LedgerKeys(f"{stream.keys.prefix}:projecting")
        self._lease = Lease(stream.client, keys, ttl_ms=int(ttl_s * 1000))
        self._monotonic = monotonic
        self._renew_s = ttl_s / 3
        self._until = float("-inf")

    def mine(self) -> bool:
        """Take or keep the turn; False while it is another's. Raises StateUnavailable."""
        now = self._monotonic()
        if now < self._until:
            return True
        held, _ = self._lease.acquire()
        self._until = now + self._renew_s if held else float("-inf")
        return held

    def release(self) -> None:
        """Give it back; when the server is away it runs out by itself."""
        self._until = float("-inf")
        try:
            self._lease.release()
        except (StateUnavailable, Busy):
            _log.info("the turn could not be given back; it runs out by itself")

    def claim(self, patience_s: float = 30.0) -> None:
        """Make the projector stand back, and take the turn from it.

        Raises:
            Conflict: it is another rebuild's, or the projector has not let go in time.
        """
        end = self._monotonic() + patience_s
        while True:
            self._stream.reset_projected(REBUILDING)
            if self.mine():
                # Once more: the projector's last word may have come in between.
                self._stream.reset_projected(REBUILDING)
                return
            if self._monotonic() > end:
                raise Conflict("Another process is writing the online state and does not let go")
            time.sleep(0.05)
