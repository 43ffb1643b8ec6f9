"""Reaching a server: what is refused, what is translated, and how long a server that is gone may cost."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis

from offers.errors import OffersError, StateUnavailable
from offers.state.connection import check_server, command, connect, is_cluster, translated


def test_a_durable_server_is_accepted(server: Any) -> None:
    client = connect(server.url, timeout_ms=500)
    check_server(client, elsewhere=False)
    assert not is_cluster(client)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("appendfsync", "everysec"), ("appendonly", "no"), ("maxmemory-policy", "allkeys-lru")],
)
def test_a_server_that_may_lose_what_it_took_is_refused(server: Any, setting: str, value: str) -> None:
    client = connect(server.url, timeout_ms=2000)
    client.config_set(setting, value)
    with pytest.raises(OffersError) as refused:
        check_server(client, elsewhere=False)
    assert refused.value.code == "invalid_settings"
    assert "OFFERS_REDIS_DURABILITY_ELSEWHERE" in str(refused.value)
    check_server(client, elsewhere=True)


@pytest.mark.parametrize("url", ["nonsense", "http://localhost", "redis://host:port"])
def test_an_address_that_cannot_be_read_is_told(url: str) -> None:
    with pytest.raises(OffersError) as told:
        connect(url, timeout_ms=50)
    assert told.value.code == "invalid_settings"


def test_nobody_there_is_told_at_once() -> None:
    client = connect("unix:///tmp/offers-no-such-socket", timeout_ms=50)
    start = time.monotonic()
    with pytest.raises(StateUnavailable):
        check_server(client, elsewhere=True)
    assert time.monotonic() - start < 0.2


def test_not_now_is_not_never(server: Any) -> None:
    client = connect(server.url, timeout_ms=500)
    client.config_set("maxmemory", "1")
    with pytest.raises(StateUnavailable):
        command(client, "SET", "a", "b")
    with pytest.raises(redis.ResponseError), translated():
        client.execute_command("NOSUCHCOMMAND")  # type: ignore[no-untyped-call]
