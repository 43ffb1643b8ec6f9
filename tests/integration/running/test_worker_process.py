"""The worker as a process: it moves everything, whenever it dies, and ends with nothing left over."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from offers.errors import OffersError, StateUnavailable
from offers.running.session import open_server
from offers.running.worker import read_heartbeat
from offers.state.connection import command, connect
from offers.state.instance import InstanceLock
from offers.state.server import socket_url

if TYPE_CHECKING:
    from conftest import Shop, StandIn


def eventually(check: Any, patience_s: float = 20.0) -> bool:
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.05)
    return False


def answers(url: str) -> bool:
    client = connect(url, timeout_ms=500)
    try:
        return bool(command(client, "PING"))
    except StateUnavailable:
        return False
    finally:
        client.close()


@pytest.mark.kill
def test_events_and_decisions_reach_the_ledger_once_whatever_is_killed(standin: StandIn, shop: Shop) -> None:
    standin.worker_module = "offers.running.worker"
    standin.settings = {"OFFERS_FLUSH_SECONDS": "0.1", "OFFERS_TRAIN_EVERY_HOURS": "0"}
    standin.start()
    url = socket_url(shop.settings.data_dir)
    expected: set[str] = set()
    for n, victim in enumerate(("worker", "server", None)):
        events = shop.purchases(n * 1000, 1000)
        assert eventually(lambda: answers(url))
        shop.tell(url, events)
        shop.decide(n)
        expected |= {event.event_id for event in events} | {f"d-{n}"}
        if victim is not None:
            pid = getattr(standin, victim)
            os.kill(pid, signal.SIGKILL)
            # Its successor is another process.
            part = {"server": "valkey-server", "worker": "running.worker"}[victim]
            assert eventually(lambda pid=pid, part=part: [p for p in standin.find(part) if p != pid])
    # A last one, in the second before the end: the shutdown moves it.
    assert eventually(lambda: answers(url))
    assert eventually((shop.settings.run_dir / "jobs.json").exists)
    late = shop.purchases(9000, 10)
    shop.tell(url, late)
    shop.decide(99)
    expected |= {event.event_id for event in late} | {"d-99"}
    # Not even a server that dies just before the end keeps anything from the ledger.
    os.kill(standin.server, signal.SIGKILL)
    assert standin.stop() == 0
    found = shop.ledger()
    assert {event for event, times in found.items() if times > 1} == set()
    assert set(found) == expected
    assert read_heartbeat(shop.settings) is None
    records = json.loads((shop.settings.run_dir / "jobs.json").read_text())
    assert records["retention"]["outcome"] == "ok"


def test_a_session_of_its_own_ends_with_everything_in_the_ledger(shop: Shop) -> None:
    with open_server(shop.settings) as url:
        shop.tell(url, shop.purchases(0, 3))
        shop.decide(1)
        # Within the same process it is the same server; it does not end before the outer one.
        with open_server(shop.settings) as inner:
            assert inner == url
            shop.tell(inner, shop.purchases(3, 1))
    assert shop.ledger() == {"e-0": 1, "e-1": 1, "e-2": 1, "e-3": 1, "d-1": 1}
    with open_server(shop.settings, drain=False) as url:
        shop.tell(url, shop.purchases(10, 1))
    assert "e-10" not in shop.ledger()


def test_a_session_waits_for_another_and_says_whom_it_waited_for(shop: Shop) -> None:
    with (
        InstanceLock(shop.settings.data_dir / "x", role="session"),
        open_server(shop.settings, drain=False),
    ):
        pass
    lock = InstanceLock(shop.settings.data_dir, role="serve")
    with lock, pytest.raises(OffersError) as caught, open_server(shop.settings, patience_s=0.2):
        pass
    assert caught.value.code == "state_unavailable"
    assert str(os.getpid()) in str(caught.value)


def test_beside_a_service_its_server_is_used(standin: StandIn, shop: Shop) -> None:
    standin.start()
    with open_server(shop.settings) as url:
        assert url == socket_url(shop.settings.data_dir)
    assert standin.get("/state") == "1"
    assert standin.stop() == 0
