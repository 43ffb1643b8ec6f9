"""Earlier decisions, kept for a while: written in the background, in batches, and never waited for."""

from __future__ import annotations

import collections
import logging
import threading
import time
from typing import Any

import redis

from offers.errors import StateUnavailable
from offers.state.breaker import Breaker
from offers.state.connection import translated
from offers.state.keys import Keys

__all__ = ["Remembering"]

_log = logging.getLogger(__name__)

# KEYS: the decision, the index of its person. ARGV: value, life in ms, now in ms, field. Returns nothing.
# REPL_NONE: a cache is worth no fsync, and with appendfsync always each write to the append-only file makes
# every reader of the server wait for one. After a restart of the server the decision is simply made anew.
_REMEMBER = """
redis.set_repl(redis.REPL_NONE)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[3] + ARGV[2], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[2], 'NX')
redis.call('PEXPIRE', KEYS[2], ARGV[2], 'GT')
"""


class Remembering:
    """A bounded queue and the thread that empties it every ``pause`` seconds while there is something in it.

    When the server does not answer, or the queue is full, decisions are dropped and counted: the next request
    decides anew. The thread starts with the first decision, so a process may fork before.
    """

    def __init__(self, client: redis.Redis, keys: Keys, breaker: Breaker, limit: int = 20_000, pause: float = 0.01):
        self.dropped = 0
        self._client = client
        self._keys = keys
        self._breaker = breaker
        self._limit = limit
        self._pause = pause
        self._queue: collections.deque[tuple[str, str, bytes, int]] = collections.deque()
        self._waiting = threading.Event()
        self._stop = threading.Event()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

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
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), 500))]
            if not self._breaker.closed:
                self.dropped += len(batch)
                continue
            now = str(time.time_ns() // 1_000_000)
            # Without MULTI: the decisions of a batch have nothing to do with each other.
            pipe: Any = self._client.pipeline(transaction=False)
            for person, field, blob, life in batch:
                names = (self._keys.same(person, field), self._keys.same_index(person))
                pipe.execute_command("EVAL", _REMEMBER, 2, *names, blob, life, now, field)
            try:
                with translated():
                    pipe.execute()
            except (StateUnavailable, redis.RedisError):
                self.dropped += len(batch)

    def close(self) -> None:
        """Write the rest and end the thread."""
        self._stop.set()
        self._waiting.set()
        if self._thread is not None:
            self._thread.join(timeout=2)
        self.flush()

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
