"""Which event ids were accepted, with the digest of their body: exact for 30 days, about 25 bytes an id.

Ids are kept as 10 bytes of BLAKE2b (80 bits: one wrong verdict in 10**8 ids has probability 4e-9) in hashes small
enough for Valkey's compact encoding (listpack). A *generation* is a set of such hashes: it takes new ids for 15
days or until it is full, is then only read, and is dropped once its last id is 30 days old. A full generation is
followed by one four times as large, so few are alive at any time and every check reads each of them once.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec
import redis

from offers.ledger.keys import LedgerKeys

__all__ = ["ID_BYTES", "KEEP_DAYS", "Generation", "Generations", "SeenIds", "id_hash"]

ID_BYTES = 10
KEEP_DAYS = 30
_DAY_US = 86_400_000_000
_PERIOD_US = 15 * _DAY_US
_PER_BUCKET = 96  # listpacks hold 128 fields by default on Redis 7; a Poisson mean of 96 seldom passes that
_SMALLEST = 1024
_LARGEST = 1 << 22


class Generation(msgspec.Struct, frozen=True):
    """One set of buckets; ``buckets`` is a power of two, ``closed_at`` 0 while it takes new ids (µs)."""

    number: int
    buckets: int
    opened_at: int
    closed_at: int = 0

    @property
    def capacity(self) -> int:
        return self.buckets * _PER_BUCKET


@dataclass(frozen=True)
class Generations:
    """A view of the ``seen`` hash: ``live`` newest first; ``stamp`` changes whenever they do."""

    stamp: bytes
    live: tuple[Generation, ...]
    dead: tuple[Generation, ...]


def id_hash(event_id: str) -> bytes:
    """The 10 bytes under which an id is kept."""
    return blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=ID_BYTES).digest()


# Replaces the generations if nobody did so in the meantime.
# KEYS[1] seen hash
# ARGV[1] expected stamp ("" = absent)  [2] new stamp  [3] live, JSON  [4] dead, JSON  [5] "1": start counting anew
# returns 1 if replaced, else 0
_REPLACE = """
local stamp = redis.call('HGET', KEYS[1], 'stamp') or ''
if stamp ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'stamp', ARGV[2], 'live', ARGV[3], 'dead', ARGV[4])
if ARGV[5] == '1' then redis.call('HSET', KEYS[1], 'count', 0) end
return 1
"""

_LIST = msgspec.json.Decoder(tuple[Generation, ...])


class SeenIds:
    """The generations as this process knows them. Safe to use from several threads: views are replaced whole."""

    def __init__(self, client: redis.Redis, keys: LedgerKeys) -> None:
        self._client = client
        self._keys = keys
        self._replace = client.register_script(_REPLACE)
        self._view: Generations | None = None

    def view(self, now_us: int) -> Generations:
        """The generations as last read; the first is made if there is none."""
        return self._view or self.reload(now_us)

    def reload(self, now_us: int) -> Generations:
        """Read the generations anew."""
        for _ in range(100):
            found: dict[bytes, bytes] = self._client.hgetall(self._keys.seen)  # type: ignore[assignment]
            if b"stamp" in found:
                view = Generations(found[b"stamp"], _LIST.decode(found[b"live"]), _LIST.decode(found[b"dead"]))
                if view.live and not view.live[0].closed_at:
                    self._view = view
                    return view
            first = Generation(now_us, _SMALLEST, now_us)
            self._put(found.get(b"stamp", b""), (first,), (), fresh=True)
        raise RuntimeError("the generations of seen ids keep changing")

    def _put(self, stamp: bytes, live: Sequence[Generation], dead: Sequence[Generation], *, fresh: bool) -> bool:
        encode = msgspec.json.encode
        new = secrets.token_bytes(9).hex()
        args: list[Any] = [stamp, new, encode(live), encode(dead), "1" if fresh else "0"]
        done = bool(self._replace(keys=[self._keys.seen], args=args))
        self._view = None
        return done

    def bucket_keys(self, view: Generations, hashes: Sequence[bytes]) -> list[bytes | str | memoryview[int]]:
        """Key of the bucket of every hash in every live generation: all of the newest first, then the next."""
        head = [int.from_bytes(h[:4], "big") for h in hashes]
        keys: list[bytes | str | memoryview[int]] = []
        base = self._keys.seen.encode()
        for generation in view.live:
            stem = b"%b:%x:" % (base, generation.number)
            mask = generation.buckets - 1
            keys += [b"%b%x" % (stem, h & mask) for h in head]
        return keys

    def grow(self, view: Generations, count: int, now_us: int) -> None:
        """Open the next generation if the newest is full or has served its time; ``count``: ids it holds."""
        current = view.live[0]
        full = count >= current.capacity
        if not full and now_us < current.opened_at + _PERIOD_US:
            return
        buckets = current.buckets * 4
        if not full:  # by time: room for twice what this period brought
            buckets = _SMALLEST
            while buckets * _PER_BUCKET < 2 * count:
                buckets *= 2
        number = max(now_us, current.number + 1)
        fresh = Generation(number, min(buckets, _LARGEST), now_us)
        closed = Generation(current.number, current.buckets, current.opened_at, now_us)
        self._put(view.stamp, (fresh, closed, *view.live[1:]), view.dead, fresh=True)

    def sweep(self, now_us: int, *, chunk: int = 500) -> int:
        """Drop generations whose last id is older than 30 days; the number of buckets removed."""
        view = self.reload(now_us)
        expired = tuple(g for g in view.live if g.closed_at and g.closed_at + KEEP_DAYS * _DAY_US < now_us)
        if expired:
            live = tuple(g for g in view.live if g not in expired)
            if not self._put(view.stamp, live, (*view.dead, *expired), fresh=False):
                return 0
            view = self.reload(now_us)
        removed = 0
        for generation in view.dead:
            for start in range(0, generation.buckets, chunk):
                end = min(start + chunk, generation.buckets)
                names = [self._keys.bucket(generation.number, b) for b in range(start, end)]
                removed += int(self._client.unlink(*names))
        if view.dead:
            self._put(view.stamp, view.live, (), fresh=False)
        return removed
