"""The catalogue in Valkey/Redis: items, and a stream of which of them changed, always written together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

import redis

from offers.domain.item import Item
from offers.state.connection import command, translated
from offers.state.item_record import dump_item, load_item
from offers.state.keys import Keys
from offers.state.records import split_position, with_position

__all__ = ["CatalogueMark", "CatalogueStore"]

_BATCH = 500
_KEPT_CHANGES = 4_096

# KEYS: items, changes, meta. ARGV: a fresh epoch, number of entries of the change stream to keep; then pairs
# (item_id, value), value = 8 bytes of position, item. Writes what is newer and different, and one change that
# names it. Returns the number of items written.
_PUT = """
local function newer(a, b)
  local h1, l1 = struct.unpack('>I4I4', a)
  local h2, l2 = struct.unpack('>I4I4', b)
  return h1 > h2 or (h1 == h2 and l1 > l2)
end
local changed = {}
for i = 3, #ARGV, 2 do
  local old = redis.call('HGET', KEYS[1], ARGV[i])
  local new = ARGV[i + 1]
  if not old or (newer(new, old) and string.sub(new, 9) ~= string.sub(old, 9)) then
    redis.call('HSET', KEYS[1], ARGV[i], new)
    changed[#changed + 1] = ARGV[i]
  end
end
if #changed > 0 then
  redis.call('HSETNX', KEYS[3], 'epoch', ARGV[1])
  local seq = redis.call('HINCRBY', KEYS[3], 'seq', 1)
  redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[2], seq .. '-1', 'ids', table.concat(changed, '\\n'))
end
return #changed
"""

# KEYS: items, changes, meta, other items. ARGV[1]: a fresh epoch. The other items become the items; followers
# load anew.
_ADOPT = """
redis.call('DEL', KEYS[1], KEYS[2])
if redis.call('EXISTS', KEYS[4]) == 1 then redis.call('RENAME', KEYS[4], KEYS[1]) end
redis.call('HSET', KEYS[3], 'epoch', ARGV[1])
return redis.call('HINCRBY', KEYS[3], 'seq', 1)
"""


@dataclass(frozen=True, slots=True)
class CatalogueMark:
    """How far a reader has followed: ``epoch`` names one life of the store, ``seq`` counts its changes."""

    epoch: bytes | None
    seq: int


class CatalogueStore:
    """Items by id. Writes are idempotent by position; every call may raise StateUnavailable."""

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        names = Keys(prefix)
        self._items = names.items
        self._keys = (names.items, names.changes, names.catalogue_meta)

    def put(self, items: Sequence[tuple[int, Item]]) -> int:
        """Write items, each at the position of its event; returns how many were new or different."""
        written = 0
        for start in range(0, len(items), _BATCH):
            args: list[Any] = []
            for position, item in items[start : start + _BATCH]:
                args += (item.item_id, with_position(position, dump_item(item)))
            written += int(command(self._client, "EVAL", _PUT, 3, *self._keys, uuid4().bytes, _KEPT_CHANGES, *args))
        return written

    def get(self, item_ids: Sequence[str]) -> dict[str, tuple[int, Item]]:
        """item_id -> (position, item) of those that exist."""
        found: dict[str, tuple[int, Item]] = {}
        for start in range(0, len(item_ids), _BATCH):
            names = list(item_ids[start : start + _BATCH])
            with translated():
                values = cast("list[bytes | None]", self._client.hmget(self._items, names))
            for name, value in zip(names, values, strict=True):
                if value is not None:
                    position, data = split_position(value)
                    found[name] = (position, load_item(data))
        return found

    def scan(self) -> Iterator[list[Item]]:
        """All items, in chunks; an item may come twice, and one that changes meanwhile in either state."""
        cursor = 0
        while True:
            with translated():
                told: Any = self._client.hscan(self._items, cursor, count=1000)
            cursor, chunk = int(told[0]), told[1]
            yield [load_item(value[8:]) for value in chunk.values()]
            if cursor == 0:
                return

    def count(self) -> int:
        """Items in the catalogue."""
        with translated():
            return self._client.hlen(self._items)

    def mark(self) -> CatalogueMark:
        """Where the store is now."""
        with translated():
            epoch, seq = cast("list[bytes | None]", self._client.hmget(self._keys[2], ["epoch", "seq"]))
        return CatalogueMark(epoch, int(seq or 0))

    def changes(self, since: CatalogueMark) -> tuple[list[str] | None, CatalogueMark]:
        """Ids that changed after ``since``, and the mark that holds them.

        None for the ids when the store cannot tell any more (a rebuild, or too far behind): load it all.
        """
        now = self.mark()
        if now == since:
            return [], now
        if now.epoch != since.epoch or now.seq < since.seq:
            return None, now
        with translated():
            entries = cast(
                "list[tuple[bytes, dict[bytes, bytes]]]",
                self._client.xrange(self._keys[1], min=f"{since.seq + 1}-0", max="+"),
            )
        if not entries or int(entries[0][0].split(b"-")[0]) != since.seq + 1:
            return None, now
        last = int(entries[-1][0].split(b"-")[0])
        ids = dict.fromkeys(name for _, entry in entries for name in entry[b"ids"].decode().split("\n"))
        return list(ids), CatalogueMark(now.epoch, last)

    def staging(self) -> CatalogueStore:
        """A second store beside this one, to be filled and then adopted."""
        other = CatalogueStore(self._client, self._prefix)
        other._items += ":new"
        other._keys = (other._items, other._keys[1] + ":new", other._keys[2] + ":new")
        return other

    def adopt(self, other: CatalogueStore) -> None:
        """Everything that ``other``, a :meth:`staging` of this store, holds replaces everything here, at once."""
        command(self._client, "EVAL", _ADOPT, 4, *self._keys, other._items, uuid4().bytes)
        other.clear()

    def clear(self) -> None:
        """Remove every item. Followers of this store would not notice: for a staging store."""
        command(self._client, "UNLINK", *self._keys)
