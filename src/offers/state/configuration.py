"""Configuration as every process sees it: API keys by hash, placements that are switched off."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import msgspec
import redis

from offers.errors import StateUnavailable
from offers.state.connection import command, translated
from offers.state.keys import Keys

__all__ = ["ApiKey", "Change", "Configuration"]

_log = logging.getLogger(__name__)

# KEYS: API keys, placements that are off, meta. ARGV[1]: position as 8 bytes; then triples (verb, field, value).
# Applies the changes if the position is newer than the last applied. Returns 1 if it did.
_APPLY = """
local seen = redis.call('HGET', KEYS[3], 'position')
if seen then
  local h1, l1 = struct.unpack('>I4I4', seen)
  local h2, l2 = struct.unpack('>I4I4', ARGV[1])
  if h1 > h2 or (h1 == h2 and l1 >= l2) then return 0 end
end
for i = 2, #ARGV, 3 do
  if ARGV[i] == 'key' then redis.call('HSET', KEYS[1], ARGV[i + 1], ARGV[i + 2])
  elseif ARGV[i] == 'revoke' then redis.call('HDEL', KEYS[1], ARGV[i + 1])
  elseif ARGV[i] == 'off' then redis.call('HSET', KEYS[2], ARGV[i + 1], '1')
  elseif ARGV[i] == 'on' then redis.call('HDEL', KEYS[2], ARGV[i + 1])
  elseif ARGV[i] == 'clear' then redis.call('DEL', KEYS[1], KEYS[2]) end
end
redis.call('HSET', KEYS[3], 'position', ARGV[1])
redis.call('HINCRBY', KEYS[3], 'version', 1)
return 1
"""


class ApiKey(msgspec.Struct, frozen=True):
    """An API key as far as it is kept: whose it is and what it may do. The key itself is nowhere."""

    name: str
    scopes: tuple[str, ...] = ()
    created_at: int = 0
    """µs since the epoch."""


class Change(msgspec.Struct, frozen=True):
    """One change: ``key`` and ``revoke`` name a hash, ``on`` and ``off`` a placement, ``clear`` forgets all."""

    verb: Literal["key", "revoke", "on", "off", "clear"]
    field: str = ""
    key: ApiKey | None = None


class Configuration:
    """A view that :meth:`refresh` replaces as a whole: readers take no lock and see no half of a change.

    ``keys``: SHA-256 in hex -> :class:`ApiKey`. ``version`` counts the changes seen; ``loaded`` tells whether
    the view was ever read (until then every key is unknown and every placement on).
    """

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client = client
        self._names = Keys(prefix)
        self.keys: Mapping[str, ApiKey] = {}
        self.switched_off: frozenset[str] = frozenset()
        self.version = 0
        self.loaded = False
        self._seen: list[bytes | None] | None = None

    def api_key(self, key_hash: str) -> ApiKey | None:
        """The key with this hash, or None when there is none or it was revoked."""
        return self.keys.get(key_hash)

    def is_off(self, placement: str) -> bool:
        """Whether an operator has switched the placement off."""
        return placement in self.switched_off

    def refresh(self) -> bool:
        """Read the configuration if it has changed; whether it had. Raises StateUnavailable."""
        names = self._names
        with translated():
            seen = cast("list[bytes | None]", self._client.hmget(names.configuration_meta, ["version", "position"]))
            if self.loaded and seen == self._seen:
                return False
            # After the version: a change in between is read twice rather than never.
            keys = cast("dict[bytes, bytes]", self._client.hgetall(names.api_keys))
            off = cast("set[bytes]", set(cast("list[bytes]", self._client.hkeys(names.switched_off))))
        self.keys = {name.decode(): msgspec.json.decode(value, type=ApiKey) for name, value in keys.items()}
        self.switched_off = frozenset(name.decode() for name in off)
        self._seen = seen
        self.loaded = True
        self.version += 1
        return True

    def follow(self, stop: threading.Event, interval: float = 0.2) -> None:
        """Refresh every ``interval`` seconds until ``stop``; the last view stands while the server is away."""
        away = False
        while not stop.is_set():
            try:
                self.refresh()
                away = False
            except StateUnavailable as fault:
                if not away:
                    _log.warning("configuration: %s; going on with what is known", fault.detail)
                away = True
            stop.wait(interval)

    def apply(self, changes: Sequence[Change], position: int) -> bool:
        """Projecting's side: apply changes of the event at ``position``, once. Returns whether they were new."""
        names = self._names
        args: list[Any] = [position.to_bytes(8, "big")]
        for change in changes:
            args += (change.verb, change.field, msgspec.json.encode(change.key) if change.key is not None else b"")
        keys = (names.api_keys, names.switched_off, names.configuration_meta)
        return bool(command(self._client, "EVAL", _APPLY, 3, *keys, *args))

    def replace(self, changes: Sequence[Change], position: int) -> None:
        """After a rebuild: these changes are all there is, up to ``position``. Readers see old or new, no between."""
        with translated():
            self._client.hdel(self._names.configuration_meta, "position")
        self.apply([Change("clear"), *changes], position)
