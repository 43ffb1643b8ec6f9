"""What deciding reads of a person: history and earlier decision in one round trip; frozen picks; the portrait."""

from __future__ import annotations

import time
from typing import Any, cast

import msgspec
import redis

from offers.domain.ids import Person
from offers.errors import StateUnavailable
from offers.state.breaker import Breaker
from offers.state.connection import command, translated
from offers.state.keys import Keys, same_part
from offers.state.reading import reading_from
from offers.state.records import HISTORY, LINK, PROFILE, HistoryItem, Link, split_position
from offers.state.remembering import Remembering, recalled

__all__ = ["People", "PersonView"]

_NOTHING: tuple[HistoryItem, ...] = ()
_LONGEST_CHAIN = 32

# KEYS[1]: frozen picks of a person. ARGV: field, value behind 8 bytes of expiry in ms, life in ms, now as 8 bytes.
# Returns the value that stands. Expired picks of the person go at the same time once there are many.
_FREEZE = """
local function alive(value, now)
  local h1, l1 = struct.unpack('>I4I4', value)
  local h2, l2 = struct.unpack('>I4I4', now)
  return h1 > h2 or (h1 == h2 and l1 > l2)
end
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old and alive(old, ARGV[4]) then return old end
if redis.call('HLEN', KEYS[1]) >= 64 then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    if not alive(all[i + 1], ARGV[4]) then redis.call('HDEL', KEYS[1], all[i]) end
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return ARGV[2]
"""


class PersonView(msgspec.Struct, frozen=True, gc=False):
    """What one request knows of its person.

    ``person``: after alias and join; None for a guest. ``items``: (item_id, orders, quantity, last bought in
    seconds since the epoch), newest first, at most 200. ``same``: the earlier decision kept under the field.
    """

    person: Person | None
    items: tuple[HistoryItem, ...]
    same: bytes | None


_NOBODY = PersonView(None, _NOTHING, None)


class People:
    """Reads of people for deciding, safe for threads; ``timeout`` in seconds bounds :meth:`fetch` and :meth:`frozen`.

    The others follow the client's own time limit. Every call raises StateUnavailable when the server
    cannot be reached in time.
    """

    def __init__(
        self, client: redis.Redis, prefix: str, *, timeout: float = 0.05, breaker: Breaker | None = None
    ) -> None:
        self.keys = Keys(prefix)
        self.breaker = breaker or Breaker()
        self._client = client
        self._reading = reading_from(client, timeout, self.breaker)
        self._remembering = Remembering(client, self.keys, self.breaker)
        self._base = prefix + ":{p:"

    def fetch(
        self, customer_id: str | None, visitor_id: str | None, field: str, *, timeout: float | None = None
    ) -> PersonView:
        """Person, history and the earlier decision under ``field``: one round trip unless ids are joined.

        A joined visitor or an aliased customer takes one round trip more for each step of the chain; a customer
        without history whose visitor is nobody else's borrows the visitor's. ``timeout`` in seconds bounds each
        round trip below the usual limit; a cluster's client has one limit only.
        """
        same_key = same_part(field)
        if customer_id:
            person = Person("c", customer_id)
            base = f"{self._base}c:{customer_id}}}:"
        elif visitor_id:
            person = Person("v", visitor_id)
            base = f"{self._base}v:{visitor_id}}}:"
        else:
            return _NOBODY
        history, link, same = self._reading.mget((base + "h", base + "l", base + same_key), timeout)
        if link is not None:
            to = LINK.decode(link).to
            if to is not None:
                person, history, same = self._follow(person, to, same_key, timeout)
        if same is not None:
            same = recalled(same, field)
        if history is not None:
            return PersonView(person, HISTORY.decode(history).items, same)
        if customer_id and visitor_id:
            return PersonView(person, self._unclaimed(visitor_id, timeout), same)
        return PersonView(person, _NOTHING, same)

    def _follow(
        self, person: Person, to: str, same_key: str, timeout: float | None
    ) -> tuple[Person, bytes | None, bytes | None]:
        """The end of a chain of joins: its person, history and earlier decision."""
        history: bytes | None = None
        same: bytes | None = None
        next_: str | None = to
        for _ in range(_LONGEST_CHAIN):
            if next_ is None:
                break
            person = _person(next_)
            base = self.keys.of_person(next_)
            history, link, same = self._reading.mget((base + "h", base + "l", base + same_key), timeout)
            next_ = LINK.decode(link).to if link is not None else None
        return person, history, same

    def _unclaimed(self, visitor_id: str, timeout: float | None) -> tuple[HistoryItem, ...]:
        """A visitor's own history, if the visitor belongs to nobody yet."""
        base = self.keys.of_person("v:" + visitor_id)
        history, link = self._reading.mget((base + "h", base + "l"), timeout)
        if history is None:
            return _NOTHING
        if link is not None:
            told = LINK.decode(link)
            if told.shared or told.to is not None:
                return _NOTHING
        return HISTORY.decode(history).items

    def remember(self, person_key: str, field: str, blob: bytes, ttl_s: float) -> None:
        """Keep a decision for :meth:`fetch` under ``field``. Queued: never blocks, never raises, may be lost."""
        self._remembering.put(person_key, field, blob, ttl_s)

    @property
    def forgotten(self) -> int:
        """Decisions that could not be remembered since the start."""
        return self._remembering.dropped

    def freeze(self, person_key: str, placement: str, message_id: str, blob: bytes, ttl_s: float) -> bytes:
        """Freeze picks of one letter; the first wins. Returns what stands, which may be another's."""
        now = time.time_ns() // 1_000_000
        life = int(ttl_s * 1000)
        value = (now + life).to_bytes(8, "big") + blob
        field = f"{placement}\0{message_id}"
        key = self.keys.frozen(person_key)
        if not self.breaker.closed:
            # Patient with the disk, so never the one who probes whether the server is back.
            raise StateUnavailable("Valkey/Redis did not answer a moment ago")
        with self.breaker.guarded():
            stands: bytes = command(self._client, "EVAL", _FREEZE, 1, key, field, value, life, now.to_bytes(8, "big"))
        return stands[8:]

    def frozen(self, person_key: str, placement: str, message_id: str) -> bytes | None:
        """The frozen picks of one letter, or None."""
        value = self._reading.hget(self.keys.frozen(person_key), f"{placement}\0{message_id}")
        if value is None or int.from_bytes(value[:8], "big") <= time.time_ns() // 1_000_000:
            return None
        return value[8:]

    def resolve(self, person: Person) -> Person:
        """The person at the end of the chain of joins, which is ``person`` itself when there is none."""
        key = person.key
        for _ in range(_LONGEST_CHAIN):
            with translated():
                link = cast("bytes | None", self._client.get(self.keys.link(key)))
            told = LINK.decode(link) if link is not None else Link()
            if told.to is None:
                return _person(key)
            key = told.to
        return _person(key)

    def profile(self, person: Person) -> dict[str, Any] | None:
        """The portrait: what the shop told (names as in customer imports), and counts from the history.

        Adds ``customer_id`` (after joins), ``orders`` (count), ``first_order_at``, ``last_order_at`` (µs, None
        without orders) and ``items`` as in :class:`PersonView`. None when nothing is known of the person.
        """
        person = self.resolve(person)
        with translated():
            blob, history = cast(
                "list[bytes | None]", self._client.mget(self.keys.profile(person.key), self.keys.history(person.key))
            )
        if blob is None and history is None:
            return None
        told = PROFILE.decode(split_position(blob)[1]).fields if blob is not None else {}
        counts = HISTORY.decode(history) if history is not None else None
        return {
            **told,
            ("customer_id" if person.kind == "c" else "visitor_id"): person.id,
            "orders": counts.orders if counts else 0,
            "first_order_at": counts.first_at if counts and counts.orders else None,
            "last_order_at": counts.last_at if counts and counts.orders else None,
            "items": counts.items if counts else (),
        }

    def close(self) -> None:
        """Write what is still queued and end the background thread."""
        self._remembering.close()


def _person(key: str) -> Person:
    return Person("c" if key[0] == "c" else "v", key[2:])
