"""Who calls: a key by its hash, and what it may do."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from secrets import token_urlsafe
from threading import Lock
from typing import Any, Protocol

from offers.clock import Clock
from offers.errors import Forbidden, OffersError, StateUnavailable, Unauthorized

__all__ = ["Access", "Principal", "hash_of", "new_key"]

_REFRESH_EVERY_S = 1.0


class Principal(Protocol):
    """A key as configuration has it: whose it is and its scopes."""

    @property
    def name(self) -> str: ...

    @property
    def scopes(self) -> Any: ...


class Keys(Protocol):
    """What is needed of configuration."""

    @property
    def keys(self) -> Any:
        """sha256 (hex) -> Principal."""

    def refresh(self) -> Any: ...


def new_key() -> str:
    """``offers_`` and 32 URL-safe characters: 192 bits of chance."""
    return "offers_" + token_urlsafe(24)


def hash_of(key: str) -> str:
    """How a key is kept: SHA-256, hex. A plain hash is enough for 192 random bits."""
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


class Access:
    """Looks keys up. Look-up is by hash, so its timing says nothing about a key."""

    def __init__(self, configuration: Keys, clock: Clock) -> None:
        self._configuration = configuration
        self._now: Callable[[], float] = clock.monotonic
        self._refreshed = float("-inf")
        self._refreshing = Lock()

    def principal(self, environ: dict[str, Any], scope: str) -> Principal:
        """The key of a request, which has ``scope``.

        Raises:
            Unauthorized: no key, or one that is not known (a new key is known everywhere within a second).
            Forbidden: the key lacks the scope.
            StateUnavailable: no configuration was ever read.
        """
        header: str | None = environ.get("HTTP_AUTHORIZATION")
        if header is not None and header[:7].lower() == "bearer ":
            presented = header[7:].strip()
        else:
            presented = environ.get("HTTP_X_API_KEY", "").strip()
            if not presented:
                raise Unauthorized("There is no key in Authorization: Bearer KEY or X-API-Key")
        digest = hash_of(presented)
        found: Principal | None = self._configuration.keys.get(digest)
        if found is None:
            found = self._look_again(digest)
        if scope not in found.scopes:
            raise Forbidden(f"The key {found.name!r} lacks the scope {scope!r}")
        return found

    def _look_again(self, digest: str) -> Principal:
        """A key made a moment ago is not in this process's copy yet; one thread refreshes, at most once a second."""
        if self._now() - self._refreshed >= _REFRESH_EVERY_S and self._refreshing.acquire(blocking=False):
            try:
                self._configuration.refresh()
            except OffersError:
                if not self._configuration.keys:
                    raise StateUnavailable("No keys could be read yet") from None
            finally:
                self._refreshed = self._now()
                self._refreshing.release()
        found: Principal | None = self._configuration.keys.get(digest)
        if found is None:
            raise Unauthorized("The key is not known, or was revoked")
        return found
