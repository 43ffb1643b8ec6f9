"""API keys and switches as every process sees them."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from offers.state.configuration import ApiKey, Change, Configuration


@pytest.fixture
def configuration(server: Any) -> Configuration:
    return Configuration(server.client(), "shop")


def test_keys_come_and_go_in_the_order_of_positions(configuration: Configuration) -> None:
    key = ApiKey("checkout", ("offers", "events"), 7)
    assert configuration.apply([Change("key", "abc", key)], 10)
    assert configuration.apply([Change("revoke", "abc")], 11)
    assert not configuration.apply([Change("key", "abc", key)], 10), "a repeat gives no revoked key back"
    configuration.refresh()
    assert configuration.api_key("abc") is None
    assert configuration.apply([Change("key", "abc", key)], 12)
    assert configuration.refresh()
    assert configuration.api_key("abc") == key
    assert not configuration.refresh()


def test_switches(configuration: Configuration) -> None:
    assert not configuration.is_off("checkout")
    configuration.apply([Change("off", "checkout")], 1)
    configuration.refresh()
    assert configuration.is_off("checkout")
    configuration.apply([Change("on", "checkout")], 2)
    configuration.refresh()
    assert configuration.switched_off == frozenset()


def test_a_rebuild_replaces_everything_at_once(configuration: Configuration) -> None:
    configuration.apply([Change("key", "old", ApiKey("old")), Change("off", "email")], 50)
    configuration.replace([Change("key", "new", ApiKey("new"))], 40)
    configuration.refresh()
    assert set(configuration.keys) == {"new"}
    assert configuration.switched_off == frozenset()
    assert configuration.apply([Change("off", "email")], 41)


def test_other_processes_follow_and_keep_the_last_view_when_the_server_goes(server: Any) -> None:
    here, there = Configuration(server.client(), "shop"), Configuration(server.client(), "shop")
    stop = threading.Event()
    thread = threading.Thread(target=there.follow, args=(stop, 0.05))
    thread.start()
    try:
        here.apply([Change("off", "checkout")], 1)
        end = time.monotonic() + 1
        while not there.is_off("checkout"):
            assert time.monotonic() < end, "did not follow"
            time.sleep(0.01)
        server.process.kill()
        server.process.wait()
        time.sleep(0.2)
        assert there.is_off("checkout")
        assert thread.is_alive()
    finally:
        stop.set()
        thread.join()
