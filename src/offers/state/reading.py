"""One MGET over a connection of the calling thread: the shortest way from Python to the server and back."""

from __future__ import annotations

import threading
from typing import Any, Protocol

import hiredis
import redis

from offers.errors import StateUnavailable
from offers.state.breaker import Breaker
from offers.state.connection import command, is_cluster
from offers.state.wire import Wire, WireFault, WireTimeout, pack

__all__ = ["Reading", "reading_from"]

_MISSES = 3


class Reading(Protocol):
    """Raises StateUnavailable within the time limit, and at once while the server is known not to answer."""

    def mget(self, keys: tuple[str, ...], timeout: float | None = None) -> list[bytes | None]:
        """Values of keys that share a slot, in their order; None for an absent key.

        ``timeout`` in seconds: a limit below the usual one, for this call. One that is missed tells little of the
        server, so only a few in a row are taken for an outage.
        """

    def hget(self, key: str, field: str) -> bytes | None:
        """One field of a hash; None if there is none."""


def reading_from(client: redis.Redis, timeout: float, breaker: Breaker) -> Reading:
    """The reading that fits the client; ``timeout`` in seconds replaces the client's own."""
    if is_cluster(client):
        return _ClusterReading(client, breaker)
    return _DirectReading(client, timeout, breaker)


class _DirectReading:
    """One :class:`Wire` per thread: a fraction of a pooled MGET's time."""

    def __init__(self, client: redis.Redis, timeout: float, breaker: Breaker) -> None:
        self._client = client
        self._timeout = timeout
        self._breaker = breaker
        self._local = threading.local()
        self._misses = 0

    def mget(self, keys: tuple[str, ...], timeout: float | None = None) -> list[bytes | None]:
        found: list[bytes | None] = self._ask(("MGET", *keys), timeout)
        return found

    def hget(self, key: str, field: str) -> bytes | None:
        found: bytes | None = self._ask(("HGET", key, field))
        return found

    def _ask(self, command: tuple[str, ...], timeout: float | None = None) -> Any:
        packed = pack(command)
        breaker = self._breaker
        probe = not breaker.closed
        if probe and not breaker.admit():
            raise StateUnavailable("Valkey/Redis did not answer a moment ago")
        limit = self._timeout if timeout is None or timeout > self._timeout else max(timeout, 0.0)
        local = self._local
        try:
            wire: Wire | None = getattr(local, "wire", None)
            found: Any = None
            if wire is not None:
                try:
                    found = wire.ask(packed, limit)
                except WireTimeout:
                    raise
                except WireFault:
                    # The server was restarted since the last use: one fresh connection tells.
                    wire = None
            if wire is None:
                local.wire = None
                wire = Wire(self._client, self._timeout, limit)
                local.wire = wire
                found = wire.ask(packed, limit)
            if isinstance(found, hiredis.ReplyError):
                wire.close()
                raise WireFault(str(found))
        except WireFault as fault:
            local.wire = None
            timed_out = isinstance(fault, WireTimeout)
            if probe or not timed_out or limit >= self._timeout / 2 or self._misses >= _MISSES - 1:
                self._misses = 0
                breaker.failure()
            else:
                self._misses += 1
            if timed_out:
                raise StateUnavailable("Valkey/Redis did not answer in time") from None
            raise StateUnavailable("Valkey/Redis cannot be reached") from None
        if self._misses:
            self._misses = 0
        if not breaker.closed:
            breaker.success()
        return found


class _ClusterReading:
    """The same through the cluster's client, which knows the slots and follows their moves, and has one limit."""

    def __init__(self, client: redis.Redis, breaker: Breaker) -> None:
        self._client = client
        self._breaker = breaker

    def mget(self, keys: tuple[str, ...], timeout: float | None = None) -> list[bytes | None]:
        found: list[bytes | None] = self._ask(("MGET", *keys))
        return found

    def hget(self, key: str, field: str) -> bytes | None:
        found: bytes | None = self._ask(("HGET", key, field))
        return found

    def _ask(self, command_: tuple[str, ...]) -> Any:
        if not self._breaker.admit():
            raise StateUnavailable("Valkey/Redis did not answer a moment ago")
        try:
            found = command(self._client, *command_)
        except (StateUnavailable, redis.RedisError, OSError):
            self._breaker.failure()
            raise StateUnavailable("Valkey/Redis cannot be reached") from None
        self._breaker.success()
        return found
