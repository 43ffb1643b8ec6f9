"""How much is done at once: slots that are taken or refused, never waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from offers.errors import Busy, OffersError

__all__ = ["Limits", "Slots"]


class Slots:
    """At most ``n`` at once, per process; one more is told to come back."""

    def __init__(self, n: int, detail: str, *, code: str = "overloaded", retry_after: int = 1) -> None:
        self._free = BoundedSemaphore(n)
        self._detail = detail
        self._code = code
        self._retry_after = retry_after

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a slot.

        Raises:
            Busy: (or ``too_many_requests``) when none is free.
        """
        if not self._free.acquire(blocking=False):
            if self._code == "overloaded":
                raise Busy(self._detail, retry_after=self._retry_after)
            raise OffersError(self._detail, code=self._code, retry_after=self._retry_after)
        try:
            yield
        finally:
            self._free.release()


class Limits:
    """The slots of one process. Offers have none: the server's own threads bound them, and they always answer."""

    def __init__(self, inflight_events: int) -> None:
        self.events = Slots(inflight_events, "Too many event requests at once; nothing of this one was kept")
        self.batches = Slots(
            2, "Too many batches at once; send them one after the other", code="too_many_requests", retry_after=2
        )
