"""The lease: one process at a time drains the stream.

It only avoids contention and guards the trim; what makes a commit exactly once is the table's own transaction.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import redis

from offers.ledger.accept import spoken
from offers.ledger.keys import LedgerKeys

__all__ = ["Lease"]

# Take or extend the lease.
# KEYS[1] lease   ARGV[1] our token  [2] time to live, ms  [3] token of a holder known to be dead, or ""
# returns {1} newly taken | {2} extended | {0, token of the holder}
_TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and holder ~= ARGV[3] then return {0, holder} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if holder == ARGV[1] then return {2} end
return {1}
"""

# Give the lease back if it is ours.
# KEYS[1] lease   ARGV[1] our token   returns 1 if it was ours
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


def _machine() -> str:
    """This boot of this machine and this namespace of process ids; empty where that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When a process started, in clock ticks since boot: tells it from a later one of the same number."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return None


def _dead(token: str) -> bool:
    """Whether the holder of a token is known to have died: it ran here, and its process is gone."""
    machine, _, rest = token.partition("|")
    if not machine or machine != _machine():
        return False
    pid, _, rest = rest.partition("|")
    started = rest.partition("|")[0]
    return pid.isdecimal() and _started(int(pid)) != started


class Lease:
    """A lease for one writer. ``ttl_ms``: how long it outlives a holder on a machine that vanished."""

    def __init__(self, client: redis.Redis, keys: LedgerKeys, *, ttl_ms: int = 10_000) -> None:
        pid = os.getpid()
        self.token = f"{_machine()}|{pid}|{_started(pid)}|{secrets.token_hex(6)}"
        self._client = client
        self._key = keys.lease
        self._ttl_ms = ttl_ms
        self._take = client.register_script(_TAKE)
        self._release = client.register_script(_RELEASE)

    def acquire(self) -> tuple[bool, bool]:
        """Take or extend it: (held, newly taken). A holder on this machine that died is replaced at once."""
        dead = ""
        for _ in range(3):
            with spoken():
                reply: list[Any] = self._take(keys=[self._key], args=[self.token, self._ttl_ms, dead])
            if reply[0]:
                return True, reply[0] == 1
            holder = bytes(reply[1]).decode(errors="replace")
            if not _dead(holder):
                break
            dead = holder
        return False, False

    def release(self) -> None:
        """Give it back, if it is ours."""
        with spoken():
            self._release(keys=[self._key], args=[self.token])
