"""A circuit breaker: after a fault, fail at once for a moment, then let one probe through."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from offers.errors import StateUnavailable

__all__ = ["Breaker"]


class Breaker:
    """Keeps threads from waiting, each in turn, for a server that does not answer.

    Closed: everything passes. Open: nothing passes for ``pause`` seconds; then one caller, the probe, passes and
    the rest are still refused until it reports. Every admitted caller must report :meth:`success` or
    :meth:`failure`.
    """

    def __init__(self, pause: float = 0.25, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.closed = True
        """True: callers need not ask :meth:`admit` (one attribute read on the hot path)."""
        self._pause = pause
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._until = 0.0
        self._probing = False

    def admit(self) -> bool:
        """Whether the caller may try now."""
        if self.closed:
            return True
        with self._lock:
            if self.closed:
                return True
            if self._probing or self._monotonic() < self._until:
                return False
            self._probing = True
            return True

    def success(self) -> None:
        if not self.closed:
            with self._lock:
                self._probing = False
                self.closed = True

    def failure(self) -> None:
        with self._lock:
            self._until = self._monotonic() + self._pause
            self._probing = False
            self.closed = False

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Within: one admitted try. Raises StateUnavailable at once while open; reports what happened."""
        if not self.admit():
            raise StateUnavailable("Valkey/Redis did not answer a moment ago")
        try:
            yield
        except StateUnavailable:
            self.failure()
            raise
        except BaseException:
            # The server did answer: with something else than was hoped for.
            self.success()
            raise
        self.success()
