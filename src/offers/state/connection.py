"""One way to reach Valkey/Redis: no hidden retries, one time limit, faults told as :class:`StateUnavailable`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import ClusterDownError, TryAgainError
from redis.retry import Retry

from offers.errors import OffersError, StateUnavailable

__all__ = ["check_server", "command", "connect", "is_cluster", "translated"]

#: First words of replies that mean "not now", whatever was asked.
_NOT_NOW = ("BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM", "READONLY", "TRYAGAIN")
#: Those of them to which the driver gives a class instead.
_NOT_NOW_ERRORS = (redis.OutOfMemoryError, redis.ReadOnlyError, ClusterDownError, TryAgainError)
_OLDEST = (7, 0)


def connect(url: str, *, timeout_ms: int) -> redis.Redis:
    """A client of ``url``: ``unix://``, ``redis://`` or ``rediss://``; ``?cluster=1`` speaks to a cluster.

    Nothing is sent yet. ``timeout_ms`` bounds each connect and each reply; nothing is tried twice, because the
    driver's own retries turn 50 ms of patience into seconds.

    Raises:
        OffersError: ``invalid_settings`` when the address cannot be read.
    """
    where, _, rest = url.partition("?")
    query = dict(parse_qsl(rest))
    clustered = query.pop("cluster", "0").lower() in {"1", "true", "yes"}
    address = f"{where}?{urlencode(query)}" if query else where
    limits: dict[str, Any] = {
        "socket_timeout": timeout_ms / 1000,
        "socket_connect_timeout": timeout_ms / 1000,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    try:
        if clustered:
            # The cluster's client asks for the slots at once: an unreachable cluster shows here.
            with translated():
                return cast("redis.Redis", RedisCluster.from_url(address, **limits))
        return redis.Redis.from_url(address, **limits)
    except ValueError:
        raise OffersError(
            "OFFERS_REDIS_URL: not an address such as redis://host:6379/0 or unix:///path/to/socket",
            code="invalid_settings",
        ) from None


def is_cluster(client: redis.Redis) -> bool:
    """Whether ``client`` speaks to a cluster, where commands over several slots need care."""
    return isinstance(client, RedisCluster)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Within: the driver's faults of reach and readiness come out as :class:`StateUnavailable`."""
    try:
        yield
    except redis.TimeoutError:
        raise StateUnavailable("Valkey/Redis did not answer in time") from None
    except redis.ConnectionError:
        raise StateUnavailable("Valkey/Redis cannot be reached") from None
    except redis.ResponseError as fault:
        if str(fault).startswith(_NOT_NOW) or isinstance(fault, _NOT_NOW_ERRORS):
            raise StateUnavailable("Valkey/Redis cannot take commands now") from None
        raise
    except redis.RedisError as fault:
        if "Cluster" in type(fault).__name__:
            raise StateUnavailable("The Valkey/Redis cluster cannot be reached") from None
        raise


def command(client: redis.Redis, *args: Any) -> Any:
    """One raw command, with the driver's faults translated."""
    speaker: Any = client
    with translated():
        return speaker.execute_command(*args)


def check_server(client: redis.Redis, elsewhere: bool) -> None:
    """Refuse a server that would lose what was acknowledged.

    With ``elsewhere`` the operator answers for durability (a managed service that hides CONFIG, replicas that
    persist) and only the version is checked.

    Raises:
        OffersError: ``invalid_settings`` with the remedy.
        StateUnavailable: the server cannot be reached.
    """
    with translated():
        told = _one(command(client, "INFO", "server"))
        version = str(told.get("redis_version", "0"))
        if tuple(int(n) for n in version.split(".")[:2]) < _OLDEST:
            raise _refused(f"the server speaks Redis {version}; 7.0 or newer is needed")
        if elsewhere:
            return
        try:
            settings = {
                name: str(_one(client.config_get(name)).get(name, ""))
                for name in ("appendonly", "appendfsync", "maxmemory-policy")
            }
        except redis.ResponseError as fault:
            if str(fault).startswith(_NOT_NOW):
                raise
            raise _refused("the server does not show its CONFIG") from None
    if settings["appendonly"] != "yes" or settings["appendfsync"] != "always":
        raise _refused("the server must run with appendonly yes and appendfsync always")
    if settings["maxmemory-policy"].startswith("allkeys"):
        raise _refused("the server evicts keys (maxmemory-policy allkeys-*); use noeviction")


def _one(reply: Any) -> dict[str, Any]:
    """A cluster answers by node; one node speaks for all."""
    if reply and all(isinstance(value, dict) for value in reply.values()):
        return cast("dict[str, Any]", next(iter(reply.values())))
    return cast("dict[str, Any]", reply)


def _refused(fault: str) -> OffersError:
    return OffersError(
        f"OFFERS_REDIS_URL: {fault}; set OFFERS_REDIS_DURABILITY_ELSEWHERE=yes if its operator answers for durability",
        code="invalid_settings",
    )
