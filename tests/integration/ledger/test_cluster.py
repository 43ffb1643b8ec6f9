"""On a cluster everything of the ledger lives in one slot: the same calls work through a cluster client."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from offers.clock import SystemClock
from offers.domain.event import Event
from offers.ledger.accept import EventStream, Verdict
from offers.ledger.table import LedgerTable
from offers.ledger.writer import Writer


def free_port() -> int:
    """A loopback port whose cluster port (10,000 above) is free as well."""
    while True:
        with socket.socket() as probe, socket.socket() as bus:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if port + 10_000 > 65_000:
                continue
            try:
                bus.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port


@pytest.fixture
def cluster() -> Iterator[redis.RedisCluster]:
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server (Debian's Redis 7) is not installed: apt-get install redis-server")
    home = Path(tempfile.mkdtemp(prefix="offers-", dir="/tmp"))
    port = free_port()
    args = [binary, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(home), "--save", ""]
    process = subprocess.Popen([*args, "--cluster-enabled", "yes"], stdout=subprocess.DEVNULL)
    try:
        node = redis.Redis(port=port)
        for _ in range(200):
            try:
                node.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.02)
        node.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        for _ in range(200):
            if b"cluster_state:ok" in node.execute_command("CLUSTER INFO", NEVER_DECODE=True):
                break
            time.sleep(0.05)
        node.close()
        client = redis.RedisCluster(host="127.0.0.1", port=port)
        yield client
        client.close()
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def test_the_whole_road_on_a_cluster(cluster: redis.RedisCluster, tmp_path: Path) -> None:
    stream = EventStream(cluster, "shop")  # type: ignore[arg-type]
    sent = [Event(f"e{n}", "view_item", 1, 2) for n in range(50)]
    assert {v for v, _ in stream.append(sent, [b"12345678"] * 50)} == {Verdict.accepted}
    assert {v for v, _ in stream.append(sent, [b"12345678"] * 50)} == {Verdict.duplicate}
    assert len(stream.read(0, 100, block_ms=10)) == 50
    assert stream.read(stream.last_position(), 100, block_ms=10) == []
    table = LedgerTable(tmp_path / "ledger")
    writer = Writer(table, stream, tmp_path / "spool", SystemClock(), projected=stream.last_position)
    assert writer.drain().trimmed == 50
    assert table.rows() == 50
    assert stream.sweep() == 0
