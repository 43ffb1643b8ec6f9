"""The same code on a cluster: every script and every multi-key command stays within a slot."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from offers.clock import HeldClock
from offers.domain.event import Event, Line
from offers.domain.item import Item
from offers.projecting.people import PeopleProjection
from offers.state.catalogue_store import CatalogueStore
from offers.state.configuration import ApiKey, Change, Configuration
from offers.state.connection import check_server, connect, is_cluster
from offers.state.people import People
from offers.state.people_store import PeopleStore


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def cluster_url() -> Iterator[str]:
    """One node that holds every slot and, being a cluster's, refuses commands over several."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server (Debian's Redis 7) is not installed: apt-get install redis-server")
    home = Path(tempfile.mkdtemp(prefix="offers-", dir="/tmp"))
    port = _free_port()
    args = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(home), "--save", ""]
    args += ["--cluster-enabled", "yes", "--cluster-port", str(_free_port())]
    args += ["--appendonly", "yes", "--appendfsync", "always"]
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(port=port) as client:
            for _ in range(200):
                with contextlib.suppress(redis.ConnectionError):
                    client.ping()
                    break
                time.sleep(0.02)
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)  # type: ignore[no-untyped-call]
            for _ in range(200):
                if client.cluster("INFO")["cluster_state"] == "ok":  # type: ignore[no-untyped-call]
                    break
                time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/?cluster=1"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def test_everything_works_on_a_cluster(cluster_url: str, clock: HeldClock) -> None:
    client = connect(cluster_url, timeout_ms=2000)
    assert is_cluster(client)
    check_server(client, elsewhere=False)
    store = PeopleStore(client, "shop")
    projection = PeopleProjection(store)
    at = clock.now_us()
    events = [
        Event(f"e{n}", "purchase", at + n, at, customer_id=str(n % 3), order_id=f"o{n}", lines=(Line(f"i{n}", 1.0),))
        for n in range(9)
    ]
    events += [
        Event("g", "purchase", at, at, order_id="og", lines=(Line("ig", 1.0),)),
        Event("l", "login", at, at, customer_id="0", visitor_id="v"),
        Event("a", "customer_aliased", at, at, customer_id="1", params={"to": "0"}),
        Event("s", "customer_set", at, at, customer_id="0", params={"customer": {"city": "Oslo"}}),
        Event("r", "refund", at, at, order_id="o0"),
        Event("c", "purchase", at + 1, at, customer_id="2", order_id="og", lines=(Line("ig", 1.0),)),
    ]
    people = People(client, "shop", timeout=1)
    people.freeze("c:1", "email", "m", b"picked", 60)
    people.remember("c:0", "f", b"same", 60)
    projection.apply(list(enumerate(events, 1)))
    people.close()
    view = people.fetch(None, "v", "f")
    assert view.person is not None
    assert view.person.key == "c:0"
    assert {item for item, *_ in view.items} == {"i1", "i3", "i4", "i6", "i7"}
    assert view.same == b"same"
    assert people.frozen("c:0", "email", "m") == b"picked"
    assert "ig" in {item for item, *_ in people.fetch("2", None, "f").items}
    portrait = people.profile(view.person)
    assert portrait is not None
    assert portrait["city"] == "Oslo"
    projection.apply([(99, Event("x", "customer_erased", at, at, customer_id="0"))])
    assert people.fetch("0", None, "f").items == ()
    store.clear()
    assert people.fetch("2", None, "f").items == ()

    items = CatalogueStore(client, "shop")
    items.put([(1, Item("tea", "Tea", price=5))])
    assert items.changes(items.mark()) == ([], items.mark())
    staging = items.staging()
    staging.put([(1, Item("cup", "Cup", price=5))])
    items.adopt(staging)
    assert [item.item_id for chunk in items.scan() for item in chunk] == ["cup"]

    configuration = Configuration(client, "shop")
    configuration.apply([Change("key", "abc", ApiKey("k", ("offers",)))], 1)
    configuration.refresh()
    assert configuration.api_key("abc") is not None
    client.close()
