"""A server that is stopped, restarted or killed: nobody waits in turn, and all goes on by itself."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import pytest

from offers.errors import StateUnavailable
from offers.state.connection import connect
from offers.state.people import People
from offers.state.records import HISTORY, History


@pytest.mark.kill
def test_a_stopped_server_costs_each_thread_one_time_limit_at_most(server: Any) -> None:
    people = People(connect(server.url, timeout_ms=1000), "shop", timeout=0.05)
    server.client().set(people.keys.history("c:17"), HISTORY.encode(History((("x", 1, 1.0, 1),))))
    ready, go = threading.Barrier(17), threading.Event()
    waits: list[list[float]] = [[] for _ in range(16)]

    def ask(mine: list[float]) -> None:
        people.fetch("17", None, "f")
        ready.wait()
        go.wait()
        for _ in range(20):
            start = time.monotonic()
            with pytest.raises(StateUnavailable):
                people.fetch("17", None, "f")
            mine.append(time.monotonic() - start)

    threads = [threading.Thread(target=ask, args=(mine,)) for mine in waits]
    for thread in threads:
        thread.start()
    ready.wait()
    server.process.send_signal(signal.SIGSTOP)
    try:
        start = time.monotonic()
        go.set()
        for thread in threads:
            thread.join()
        took = time.monotonic() - start
        everything = sorted(wait for mine in waits for wait in mine)
        assert took < 0.5, "20 calls of 16 threads, of which each may wait once"
        assert everything[-1] < 0.2
        assert everything[len(everything) // 2] < 0.005, "the others are refused at once"
        # A letter does not wait either.
        start = time.monotonic()
        with pytest.raises(StateUnavailable):
            people.frozen("c:17", "email", "m")
        assert time.monotonic() - start < 0.2
        people.remember("c:17", "f", b"x", 60)
        time.sleep(0.3)
    finally:
        server.process.send_signal(signal.SIGCONT)
    until = time.monotonic() + 2
    while time.monotonic() < until:
        try:
            assert people.fetch("17", None, "f").items == (("x", 1, 1.0, 1),)
            break
        except StateUnavailable:
            time.sleep(0.02)
    else:
        pytest.fail("did not recover by itself")
    for _ in range(50):
        assert people.fetch("17", None, "f").items == (("x", 1, 1.0, 1),), "no late reply to another question"
    people.close()


@pytest.mark.kill
def test_a_server_that_dropped_its_connections_is_asked_again_at_once(server: Any) -> None:
    people = People(connect(server.url, timeout_ms=1000), "shop", timeout=0.5)
    people.fetch("17", None, "f")
    server.client().client_kill_filter(_type="normal", skipme=True)
    assert people.fetch("17", None, "f").items == ()
    assert people.breaker.closed
    people.close()


@pytest.mark.kill
def test_a_killed_server_is_unavailable_and_what_is_remembered_is_dropped(server: Any) -> None:
    people = People(connect(server.url, timeout_ms=200), "shop", timeout=0.05)
    people.fetch("17", None, "f")
    server.process.kill()
    server.process.wait()
    with pytest.raises(StateUnavailable):
        people.fetch("17", None, "f")
    for n in range(10):
        people.remember("c:17", str(n), b"x", 60)
    people.close()
    assert people.forgotten == 10
