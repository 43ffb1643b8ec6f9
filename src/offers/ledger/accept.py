"""Acceptance: a batch of events becomes durable stream entries in one call, each with an exact verdict."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import redis
import redis.exceptions

from offers.clock import Clock, SystemClock
from offers.domain.event import NAMES, Event
from offers.errors import Busy, Conflict, StateUnavailable
from offers.ledger import codec, position
from offers.ledger.keys import LedgerKeys
from offers.ledger.seen import SeenIds, id_hash

__all__ = ["DIGEST_BYTES", "EventStream", "Verdict", "spoken"]

DIGEST_BYTES = 8
_FIELD = b"e"


class Verdict(StrEnum):
    """What became of one event."""

    accepted = "accepted"
    duplicate = "duplicate"
    conflict = "conflict"
    stored_unused = "stored_unused"
    refused = "refused"


# Accept events that were not seen before: all of them or, on any error, none.
# KEYS[1] stream  [2] seen hash  [3 ..] buckets: n of the newest generation, n of the next, ...
# ARGV[1] stamp of the generations  [2] most entries  [3] n  [4] id hashes, 10 bytes each, joined
#     [5] digests, 8 bytes each, joined  [6 ..] stored events
# returns {'S'} the generations have changed | {'B', length} the stream is full
#     | {verdicts, ids in the newest generation, stream id of each accepted event ...};
#     verdicts: one letter an event, a(ccepted) d(uplicate) c(onflict)
# Sequence numbers stay below 2^20 even when the server's clock is set back: past 1,000,000 the next id is one ms on.
_APPEND = """
if redis.call('HGET', KEYS[2], 'stamp') ~= ARGV[1] then return {'S'} end
local length = redis.call('XLEN', KEYS[1])
local n = tonumber(ARGV[3])
if length + n > tonumber(ARGV[2]) then return {'B', length} end
local generations = (#KEYS - 2) / n
local verdicts, result, new, next_id = {}, {'', 0}, 0, '*'
for i = 1, n do
  local id = string.sub(ARGV[4], 10 * i - 9, 10 * i)
  local digest = string.sub(ARGV[5], 8 * i - 7, 8 * i)
  local before = false
  for g = 0, generations - 1 do
    before = redis.call('HGET', KEYS[2 + g * n + i], id)
    if before then break end
  end
  if not before then
    redis.call('HSET', KEYS[2 + i], id, digest)
    local entry = redis.call('XADD', KEYS[1], next_id, 'e', ARGV[5 + i])
    local ms, sequence = string.match(entry, '^(%d+)-(%d+)$')
    next_id = '*'
    if tonumber(sequence) >= 1000000 then next_id = string.format('%.0f-0', tonumber(ms) + 1) end
    new = new + 1
    verdicts[i] = 'a'
    result[2 + new] = entry
  elseif before == digest then
    verdicts[i] = 'd'
  else
    verdicts[i] = 'c'
  end
end
if new > 0 then result[2] = redis.call('HINCRBY', KEYS[2], 'count', new) end
result[1] = table.concat(verdicts)
return result
"""

# Raise a position; never lower it. Compared as text of equal length: Lua's numbers are too coarse for 61 bits.
# KEYS[1] position key   ARGV[1] position, not negative   returns the position that stands, as text
_RAISE = """
local now = redis.call('GET', KEYS[1])
if now and string.sub(now, 1, 1) ~= '-' and (#now > #ARGV[1] or (#now == #ARGV[1] and now >= ARGV[1])) then
  return now
end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
"""

# Trim the stream up to and including a position, if this process still holds the lease.
# KEYS[1] stream  [2] trimmed  [3] lease
# ARGV[1] first stream id to keep  [2] position trimmed up to  [3] lease token, or "" for whoever holds none
# returns entries removed, or -1 without the lease
_TRIM = """
if (redis.call('GET', KEYS[3]) or '') ~= ARGV[3] then return -1 end
local now = redis.call('GET', KEYS[2])
if not now or #now < #ARGV[2] or (#now == #ARGV[2] and now < ARGV[2]) then redis.call('SET', KEYS[2], ARGV[2]) end
return redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
"""

_BUSY = ("MISCONF", "OOM", "READONLY", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "UNBLOCKED")


@contextmanager
def spoken() -> Iterator[None]:
    """Turns the errors of Valkey/Redis into ours.

    Raises:
        Busy: it refuses writes for now: disk or memory full, read only.
        StateUnavailable: it does not answer in time.
    """
    try:
        yield
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError) as error:
        raise StateUnavailable("the event stream cannot be reached") from error
    except redis.exceptions.ResponseError as error:
        if isinstance(error, redis.exceptions.OutOfMemoryError | redis.exceptions.ReadOnlyError) or any(
            word in str(error) for word in _BUSY
        ):
            raise Busy("the event stream takes no writes now: disk or memory is full", retry_after=5) from error
        raise


def _number(value: Any) -> int:
    return 0 if value is None else int(value)


class EventStream:
    """The stream of accepted events. ``client`` must not decode responses; one instance may serve many threads.

    ``max_entries``: length beyond which :meth:`append` refuses. Every method raises what :func:`spoken` names.
    """

    def __init__(
        self, client: redis.Redis, prefix: str = "offers", clock: Clock | None = None, *, max_entries: int = 2_000_000
    ) -> None:
        self.keys = LedgerKeys(prefix)
        self.client = client
        self.max_entries = max_entries
        self._clock: Clock = clock or SystemClock()
        self._seen = SeenIds(client, self.keys)
        self._append = client.register_script(_APPEND)
        self._raise = client.register_script(_RAISE)
        self._trim = client.register_script(_TRIM)

    def append(self, events: Sequence[Event], digests: Sequence[bytes]) -> list[tuple[Verdict, int | None]]:
        """Accept a batch: verdict and position (None unless newly accepted) of every event, in order.

        Durable on return where the server is append-only with ``appendfsync always``. ``digests``: 8 bytes of the
        canonical body each; the same id with another digest is a conflict, and the first stays. All or nothing:
        after an error nothing of the batch was kept, except after a lost connection, when a repeat tells.

        Raises:
            Busy: the stream is full or the server takes no writes.
            StateUnavailable: the server does not answer.
        """
        if not events:
            return []
        if len(events) != len(digests) or any(len(d) != DIGEST_BYTES for d in digests):
            raise ValueError("every event needs a digest of 8 bytes")
        hashes = [id_hash(event.event_id) for event in events]
        tail = [b"".join(hashes), b"".join(digests), *map(codec.dump, events)]
        with spoken():
            reply = self._accept(hashes, tail)
        verdicts, entries = reply[0], iter(reply[2:])
        result: list[tuple[Verdict, int | None]] = []
        for event, letter in zip(events, verdicts, strict=True):
            if letter == 97:  # "a"
                known = event.event_name in NAMES
                result.append((Verdict.accepted if known else Verdict.stored_unused, position.encode(next(entries))))
            else:
                result.append((Verdict.duplicate if letter == 100 else Verdict.conflict, None))
        return result

    def _accept(self, hashes: Sequence[bytes], tail: list[bytes]) -> list[Any]:
        now = self._clock.now_us()
        view = self._seen.view(now)
        for _ in range(20):
            keys = [self.keys.stream, self.keys.seen, *self._seen.bucket_keys(view, hashes)]
            reply: list[Any] = self._append(keys=keys, args=[view.stamp, self.max_entries, len(hashes), *tail])
            if reply[0] == b"S":
                view = self._seen.reload(now)
                continue
            if reply[0] == b"B":
                raise Busy(f"{reply[1]} events wait to be written to the ledger; more are not taken now")
            if reply[1]:
                self._seen.grow(view, reply[1], now)
            return reply
        raise Busy("the generations of seen ids keep changing")

    def read_stored(self, after: int, count: int, block_ms: int | None = None) -> list[tuple[int, bytes]]:
        """Up to ``count`` entries after a position as stored; waits ``block_ms`` for the first (None: not at all).

        Reading takes nothing away: the projector and the writer each read at their own position. An entry
        without the field of an event (not ours) comes as ``b""``.
        """
        entries: Any
        after = max(after, 0)
        with spoken():
            if block_ms:
                found: Any = self.client.xread(
                    {self.keys.stream: position.decode(after)}, count=count, block=self._patience(block_ms)
                )
                entries = _entries(found)
            else:
                start = position.decode(after + 1)
                entries = self.client.xrange(self.keys.stream, min=start, count=count)
        return [(position.encode(name), fields.get(_FIELD, b"")) for name, fields in entries]

    def read(self, after: int, count: int, block_ms: int | None = None) -> list[tuple[int, Event]]:
        """As :meth:`read_stored`, as events. Entries that are no events are left out (the writer sets them aside)."""
        result: list[tuple[int, Event]] = []
        while True:
            stored = self.read_stored(after, count, block_ms)
            for at, data in stored:
                try:
                    result.append((at, codec.load(data)))
                except ValueError:
                    continue
            if result or not stored:
                return result
            after = stored[-1][0]

    def _patience(self, block_ms: int) -> int:
        """A wait that ends before the connection's own time limit does."""
        pool = getattr(self.client, "connection_pool", None)
        limit = pool.connection_kwargs.get("socket_timeout") if pool is not None else None
        return block_ms if limit is None else max(1, min(block_ms, int(float(limit) * 500)))

    def length(self) -> int:
        """Entries in the stream."""
        with spoken():
            return int(self.client.xlen(self.keys.stream))

    def last_position(self) -> int:
        """The last position ever given out; 0 of a stream that never was."""
        with spoken():
            if not self.client.exists(self.keys.stream):
                return 0
            info: Any = self.client.xinfo_stream(self.keys.stream)
        return position.encode(info.get("last-generated-id", b"0-0"))

    def uuid(self) -> str:
        """The name of this stream, made once and lost with its server's data."""
        with spoken():
            found: Any = self.client.get(self.keys.uuid)
            if found is None:
                self.client.set(self.keys.uuid, secrets.token_hex(16), nx=True)
                found = self.client.get(self.keys.uuid)
        if found is None:
            raise StateUnavailable("the event stream cannot be reached")
        return bytes(found).decode()

    def renew_uuid(self) -> str:
        """Name the stream anew: what it holds is written again (repeats are dropped). For repairs only."""
        with spoken():
            self.client.delete(self.keys.uuid, self.keys.trimmed, self.keys.committed)
        return self.uuid()

    def projected(self) -> int:
        """The position up to which the online state holds the stream; 0 if nothing was projected."""
        with spoken():
            return _number(self.client.get(self.keys.projected))

    def set_projected(self, upto: int) -> int:
        """Raise it; it is never lowered. The position that stands."""
        with spoken():
            return int(self._raise(keys=[self.keys.projected], args=[upto]))

    def reset_projected(self, upto: int) -> None:
        """Set it outright: after online state was derived anew up to this position."""
        with spoken():
            self.client.set(self.keys.projected, upto)

    def committed(self) -> int:
        """The writer's last word on what the table holds: a hint for gauges. The table itself is the truth."""
        with spoken():
            return _number(self.client.get(self.keys.committed))

    def set_committed(self, upto: int) -> None:
        with spoken():
            self._raise(keys=[self.keys.committed], args=[upto])

    def leased(self) -> bool:
        """Whether some process drains the stream now."""
        with spoken():
            return bool(self.client.exists(self.keys.lease))

    def trimmed(self) -> int:
        """The position up to which entries were trimmed away."""
        with spoken():
            return _number(self.client.get(self.keys.trimmed))

    def trim(self, upto: int, *, token: str = "") -> int:
        """Remove entries up to and including a position; the number removed.

        ``token``: the lease under which this happens; without one, nobody may hold it.

        Raises:
            Conflict: the lease is another's.
        """
        with spoken():
            removed = int(
                self._trim(
                    keys=[self.keys.stream, self.keys.trimmed, self.keys.lease],
                    args=[position.decode(upto + 1), upto, token],
                )
            )
        if removed < 0:
            raise Conflict("another process drains the stream")
        return removed

    def sweep(self) -> int:
        """Forget ids that no verdict needs any more; the number of keys removed. Once an hour is often enough."""
        with spoken():
            return self._seen.sweep(self._clock.now_us())


def _entries(found: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Entries of an XREAD of one stream, as RESP2 or RESP3 clients give them."""
    if not found:
        return []
    if isinstance(found, dict):
        value = next(iter(found.values()))
        return list(value[0]) if value and isinstance(value[0], list) else list(value)
    return list(found[0][1])
