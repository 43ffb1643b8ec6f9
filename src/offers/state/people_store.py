"""Projecting's side of people: reads and writes of many at once, in steps whose order survives a crash."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, TypeVar, cast

import redis

from offers.state.connection import is_cluster, translated
from offers.state.keys import Keys

__all__ = ["Part", "PeopleStore", "PersonWrite"]

#: o = order book, h = history, l = link, b = back links, p = profile
Part = Literal["o", "h", "l", "b", "p"]

_CHUNK = 1_000

# KEYS[1]: order book; then the keys to write. ARGV[1]: position as 8 bytes, ARGV[2]: life of what is written in
# s, 0 = for ever; then the value of each key, '' = none. Refuses (0) when the book is further than the writer:
# another process has taken over, and this one was asleep.
_WRITE = """
local now = redis.call('GETRANGE', KEYS[1], 0, 7)
if #now == 8 then
  local h1, l1 = struct.unpack('>I4I4', now)
  local h2, l2 = struct.unpack('>I4I4', ARGV[1])
  if h1 > h2 or (h1 == h2 and l1 > l2) then return 0 end
end
for i = 2, #KEYS do
  local value = ARGV[i + 1]
  if value == '' then redis.call('DEL', KEYS[i])
  elseif ARGV[2] ~= '0' then redis.call('SET', KEYS[i], value, 'EX', ARGV[2])
  else redis.call('SET', KEYS[i], value) end
end
return 1
"""

T = TypeVar("T")


@dataclass(slots=True)
class PersonWrite:
    """New values of some of a person's parts; None removes one. All of them change together.

    ``position``: of the last event behind them; ``ttl_s``: life, None = for ever.
    """

    person: str
    position: int
    parts: dict[Part, bytes | None] = field(default_factory=dict)
    ttl_s: int | None = None


class PeopleStore:
    """Batched reads and ordered writes. Every call may raise StateUnavailable, and may then be repeated."""

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self.keys = Keys(prefix)
        self._client = client
        self._cluster = is_cluster(client)

    def read(self, wanted: Sequence[tuple[str, Part]]) -> list[bytes | None]:
        """The values of (person key, part) pairs, in their order."""
        names = [self.keys.of_person(person) + part for person, part in wanted]
        return self._run([("GET", name) for name in names])

    def owners(self, order_ids: Sequence[str]) -> dict[str, str]:
        """order_id -> person key whose book has the order; unknown ones are left out."""
        buckets = self._by_bucket(order_ids)
        replies = self._run([("HMGET", bucket, *ids) for bucket, ids in buckets.items()])
        return {
            order_id: found.decode()
            for ids, values in zip(buckets.values(), replies, strict=True)
            for order_id, found in zip(ids, values, strict=True)
            if found is not None
        }

    def write(
        self, steps: Sequence[Sequence[PersonWrite]], owners: Mapping[str, str | None], owners_after: int
    ) -> None:
        """Write the steps one after another, and whose orders are (None: nobody's) after ``owners_after`` of them.

        A later step is never durable without the earlier ones.
        """
        batches = [[self._write(write) for write in step] for step in steps]
        batches.insert(owners_after, self._owner_commands(owners))
        if self._cluster:
            for batch in batches:
                self._run(batch)
        else:
            # One connection and one append-only file keep the order by themselves.
            self._run([command for batch in batches for command in batch])

    def forget(self, persons: Sequence[str]) -> None:
        """Remove what deciding kept of these persons: frozen picks and earlier decisions."""
        self._run([("DEL", self.keys.frozen(person), *self.keys.all_same(person)) for person in persons])

    def hand_over_frozen(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Letters frozen for the first of each pair of person keys stay as they are for the second."""
        names = [(self.keys.frozen(old), self.keys.frozen(new)) for old, new in pairs]
        found = self._run([command for old, _ in names for command in (("HGETALL", old), ("PTTL", old))])
        for (old, new), picks, ttl in zip(names, found[::2], found[1::2], strict=True):
            if picks and int(ttl) > 0:
                self._run([("HSETNX", new, name, value) for name, value in picks.items()])
                self._run([("PEXPIRE", new, str(ttl), "NX"), ("PEXPIRE", new, str(ttl), "GT"), ("DEL", old)])

    def clear(self) -> None:
        """Remove all that projecting derives about people; what deciding froze or remembers stays."""
        derived = (b"}:h", b"}:o", b"}:l", b"}:b", b"}:p")
        for pattern, endings in ((self.keys.pattern_people(), derived), (self.keys.pattern_order_owners(), b"}:who")):
            with translated():
                found = self._client.scan_iter(match=pattern, count=2000)
                for chunk in _chunks(iter(cast("Iterator[bytes]", found)), _CHUNK):
                    self._run([("UNLINK", name) for name in chunk if name.endswith(endings)])

    def _write(self, write: PersonWrite) -> tuple[Any, ...]:
        base = self.keys.of_person(write.person)
        names = [base + part for part in write.parts]
        values = [b"" if value is None else value for value in write.parts.values()]
        life = str(write.ttl_s or 0)
        return ("EVAL", _WRITE, 1 + len(names), base + "o", *names, write.position.to_bytes(8, "big"), life, *values)

    def _owner_commands(self, owners: Mapping[str, str | None]) -> list[tuple[Any, ...]]:
        commands: list[tuple[Any, ...]] = []
        for bucket, ids in self._by_bucket(list(owners)).items():
            kept = [part for order_id in ids if (owner := owners[order_id]) for part in (order_id, owner)]
            gone = [order_id for order_id in ids if owners[order_id] is None]
            if kept:
                commands.append(("HSET", bucket, *kept))
            if gone:
                commands.append(("HDEL", bucket, *gone))
        return commands

    def _by_bucket(self, order_ids: Sequence[str]) -> dict[str, list[str]]:
        buckets: dict[str, list[str]] = defaultdict(list)
        for order_id in order_ids:
            buckets[self.keys.order_owner(order_id)].append(order_id)
        return buckets

    def _run(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Replies of commands sent in chunks, each chunk in one round trip, in order."""
        replies: list[Any] = []
        for chunk in _chunks(iter(commands), _CHUNK):
            with translated():
                pipe: Any = self._client.pipeline(transaction=False)
                for command in chunk:
                    pipe.execute_command(*command)
                replies += pipe.execute()
        return replies


def _chunks(source: Iterator[T], size: int) -> Iterator[list[T]]:
    while chunk := list(islice(source, size)):
        yield chunk
