"""A connection of our own: packed requests out, hiredis replies in, and nothing of the driver in between.

The driver opens it, so that addresses, TLS, passwords and the choice of a database are its business.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from typing import Any

import hiredis
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

__all__ = ["Wire", "WireFault", "WireTimeout", "pack"]

pack: Any = hiredis.pack_command  # its stub knows tuples of one only
"""A command of ``str``, ``bytes``, ``int`` and ``float`` as the bytes that are sent."""

_CHUNK = 65_536


class WireFault(Exception):
    """The connection is of no use any more: lost, or its next reply would answer something else."""


class WireTimeout(WireFault):
    """No reply in time."""


class Wire:
    """One connection, for one thread at a time. After any fault it is closed, and a new one is made.

    ``timeout`` in seconds bounds each :meth:`ask` that says nothing else; ``connecting``, if given, the way there.

    Raises:
        WireFault: the server cannot be reached or does not let us in.
    """

    def __init__(self, client: redis.Redis, timeout: float, connecting: float | None = None) -> None:
        pool = client.connection_pool
        arguments: dict[str, Any] = pool.connection_kwargs | {
            "socket_timeout": connecting or timeout,
            "socket_connect_timeout": connecting or timeout,
            "retry": Retry(NoBackoff(), 0),
        }
        # Kept for its life: it closes its socket when it goes.
        self._driver: Any = pool.connection_class(**arguments)
        try:
            self._driver.connect()
        except redis.TimeoutError:
            raise WireTimeout("no answer") from None
        except (redis.RedisError, OSError):
            raise WireFault("no connection") from None
        self._socket: socket.socket = self._driver._sock
        self._reader = hiredis.Reader()
        self._timeout = timeout
        # Time limits kept by the kernel: a socket of Python's with a limit polls before each call.
        self._plain = not isinstance(self._socket, ssl.SSLSocket)
        if self._plain:
            self._socket.settimeout(None)
        self._set = -1.0
        self._limit(timeout)

    def _limit(self, timeout: float) -> None:
        if self._plain:
            whole = int(timeout)
            value = struct.pack("ll", whole, max(int((timeout - whole) * 1e6), 0 if whole else 1))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, value)
        else:
            self._socket.settimeout(max(timeout, 1e-6))
        self._set = timeout

    def ask(self, packed: bytes, timeout: float | None = None) -> Any:
        """The reply to one packed command; an error reply is returned as the exception it is."""
        limit = self._timeout if timeout is None else timeout
        try:
            if limit != self._set:
                self._limit(limit)
            until = time.monotonic() + limit
            self._socket.sendall(packed)
            reader = self._reader
            while True:
                data = self._socket.recv(_CHUNK)
                if not data:
                    raise WireFault("the server ended the connection")
                reader.feed(data)
                found = reader.gets()
                if found is not False:
                    return found
                # A long reply comes in pieces: the limit is for all of them.
                left = until - time.monotonic()
                if left <= 0:
                    raise WireTimeout("no whole answer in time")
                self._limit(left)
        except (BlockingIOError, TimeoutError):
            self.close()
            raise WireTimeout("no answer in time") from None
        except (OSError, hiredis.HiredisError):
            self.close()
            raise WireFault("the connection broke") from None
        except WireFault:
            self.close()
            raise

    def close(self) -> None:
        """A late reply must never be taken for the answer to another question."""
        self._driver.disconnect()
