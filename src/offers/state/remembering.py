"""Earlier decisions, kept for a while: written in the background, in batches, and never waited for."""

from __future__ import annotations

import collections
import hashlib
import logging
import threading
from typing import Any

import hiredis
import redis

from offers.errors import StateUnavailable
from offers.state.breaker import Breaker
from offers.state.connection import is_cluster, translated
from offers.state.keys import Keys
from offers.state.wire import Wire, WireFault, pack

__all__ = ["Remembering", "recalled"]

_log = logging.getLogger(__name__)

# KEYS: decisions. ARGV: for each its value and its life in ms. Returns nothing.
# REPL_NONE: a cache is worth no fsync, and with appendfsync always each write to the append-only file makes
# every reader of the server wait for one. After a restart of the server the decision is simply made anew.
_REMEMBER = """
redis.set_repl(redis.REPL_NONE)
for i = 1, #KEYS do redis.call('SET', KEYS[i], ARGV[2 * i - 1], 'PX', ARGV[2 * i]) end
"""
_SHA = hashlib.sha1(_REMEMBER.encode(), usedforsecurity=False).hexdigest()
_MOST = 64
"""Decisions that one script writes: it holds up everybody else for less than 0.2 ms."""

_Queued = tuple[str, str, bytes, int]


def _head(field: str) -> bytes:
    name = field.encode()
    return b"%d:%b" % (len(name), name)


def recalled(value: bytes, field: str) -> bytes | None:
    """The decision in the value of a key, if it is the one kept under ``field``."""
    head = _head(field)
    return value[len(head) :] if value.startswith(head) else None


class Remembering:
    """A bounded queue and the thread that empties it every ``pause`` seconds while there is something in it.

    When the server does not answer, or the queue is full, decisions are dropped and counted: the next request
    decides anew. The thread starts with the first decision, so a process may fork before.
    """

    def __init__(self, client: redis.Redis, keys: Keys, breaker: Breaker, limit: int = 20_000, pause: float = 0.03):
        self.dropped = 0
        self._client = client
        self._keys = keys
        self._breaker = breaker
        self._limit = limit
        self._pause = pause
        self._queue: collections.deque[_Queued] = collections.deque()
        self._waiting = threading.Event()
        self._stop = threading.Event()
        self._start = threading.Lock()
        self._flushing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wire: Wire | None = None

    def put(self, person: str, field: str, blob: bytes, ttl_s: float) -> None:
        """Queue one decision. Never blocks, never raises."""
        if len(self._queue) >= self._limit:
            self.dropped += 1
            return
        self._queue.append((person, field, blob, int(ttl_s * 1000)))
        if not self._waiting.is_set():
            self._waiting.set()
        if self._thread is None:
            self._begin()

    def flush(self) -> None:
        """Write what is queued now; what cannot be written is dropped and counted."""
        with self._flushing:
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), _MOST))]
                written = self._breaker.closed
                if written:
                    written = self._write_by_slot(batch) if is_cluster(self._client) else self._write(batch)
                if not written:
                    self.dropped += len(batch)

    def _arguments(self, batch: list[_Queued]) -> list[Any]:
        names: list[Any] = [self._keys.same(person, field) for person, field, _, _ in batch]
        for _, field, blob, life in batch:
            names += (_head(field) + blob, life)
        return names

    def _write(self, batch: list[_Queued]) -> bool:
        """All of a batch by one short script, in one round trip; whether they were written."""
        arguments = self._arguments(batch)
        packed = pack(("EVALSHA", _SHA, len(batch), *arguments))
        for _ in range(2):
            kept = self._wire is not None
            try:
                if self._wire is None:
                    self._wire = Wire(self._client, self._patience())
                found = self._wire.ask(packed)
                if isinstance(found, hiredis.ReplyError) and str(found).startswith("NOSCRIPT"):
                    found = self._wire.ask(pack(("EVAL", _REMEMBER, len(batch), *arguments)))
                return not isinstance(found, hiredis.ReplyError)
            except WireFault:
                self._wire = None
                if not kept:
                    break  # else the server was restarted since the last use: a fresh connection tells
        return False

    def _patience(self) -> float:
        return float(self._client.connection_pool.connection_kwargs.get("socket_timeout") or 1.0)

    def _write_by_slot(self, batch: list[_Queued]) -> bool:
        """The same in a cluster, where a script keeps to one person's slot."""
        # Without MULTI: the decisions of a batch have nothing to do with each other.
        pipe: Any = self._client.pipeline(transaction=False)
        for one in batch:
            pipe.execute_command("EVAL", _REMEMBER, 1, *self._arguments([one]))
        try:
            with translated():
                pipe.execute()
        except (StateUnavailable, redis.RedisError):
            return False
        return True

    def close(self) -> None:
        """Write the rest and end the thread."""
        self._stop.set()
        self._waiting.set()
        if self._thread is not None:
            self._thread.join(timeout=2)
        self.flush()
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _begin(self) -> None:
        with self._start:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="remembering", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._waiting.wait()
            self._stop.wait(self._pause)
            self._waiting.clear()
            try:
                self.flush()
            except Exception:  # noqa: BLE001 - a cache must not end with one odd reply
                _log.exception("remembering earlier decisions failed; going on")
