"""``kill -9`` of a real writer process at every step, and at random; nothing lost, nothing double."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from offers.domain.event import Event
from offers.ledger import codec

pytestmark = pytest.mark.kill

NOW = 1_772_452_800_000_000

WRITER = """
import os, signal, sys, threading
from pathlib import Path
import redis
from offers.clock import SystemClock
from offers.ledger.accept import EventStream
from offers.ledger.table import LedgerTable
from offers.ledger.writer import Writer

url, home, die_at, passes = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])

def step(name):
    if name == die_at:
        os.kill(os.getpid(), signal.SIGKILL)

stream = EventStream(redis.Redis.from_url(url), "shop")
writer = Writer(
    LedgerTable(home / "ledger"), stream, home / "spool", SystemClock(),
    projected=stream.last_position, flush_seconds=0.01, max_entries=40, crash_point=step,
)
if passes:
    for _ in range(passes):
        writer.drain()
else:
    writer.run(threading.Event())
"""


def start(ledger: Any, die_at: str = "never", passes: int = 1) -> subprocess.Popen[bytes]:
    args = [sys.executable, "-c", WRITER, ledger.server.url, str(ledger.home), die_at, str(passes)]
    environment = {**os.environ, "POLARS_MAX_THREADS": "1"}
    return subprocess.Popen(args, env=environment)


def decision(name: str) -> bytes:
    return codec.dump(Event(name, "decision", NOW, NOW))


@pytest.mark.parametrize("step", ["read", "committed", "synced", "trimmed"])
def test_a_writer_that_dies_at_a_step_is_followed_by_one_that_finishes(ledger: Any, step: str) -> None:
    ledger.send(*(Event(f"e{n}", "view_item", NOW, NOW + 1) for n in range(30)))
    spool = ledger.spool()
    for n in range(10):
        spool.append(decision(f"d{n}"))
    spool.close()
    process = start(ledger, step)
    assert process.wait(60) == -signal.SIGKILL
    if step in ("committed", "synced"):
        assert ledger.stream.length() == 30, "nothing is let go before it is durable"
        assert list((ledger.spool_dir / "00").glob("*.jsonl"))
    writer = ledger.writer()
    began = time.monotonic()
    writer.drain()
    assert time.monotonic() - began < 5, "the lease of a dead process is taken at once"
    assert ledger.ids() == sorted([f"e{n}" for n in range(30)] + [f"d{n}" for n in range(10)])
    assert ledger.stream.length() == 0
    assert not list((ledger.spool_dir / "00").glob("*.jsonl"))


@pytest.mark.slow
def test_random_deaths_under_traffic(ledger: Any) -> None:
    chance = random.Random(7)
    stop = threading.Event()
    sent: list[str] = []

    def traffic() -> None:
        spool = ledger.spool()
        n = 0
        while not stop.is_set():
            batch = [Event(f"e{n}-{i}", "view_item", NOW - (i % 3) * 86_400_000_000, NOW + 1) for i in range(20)]
            assert set(ledger.send(*batch)) == {"accepted"}
            spool.append(decision(f"d{n}"))
            sent.extend([*(e.event_id for e in batch), f"d{n}"])
            n += 1
            time.sleep(0.005)

    thread = threading.Thread(target=traffic)
    thread.start()
    deaths = 0
    try:
        for _ in range(8):
            process = start(ledger, passes=0)
            time.sleep(chance.uniform(0.6, 1.4))
            assert process.poll() is None
            process.kill()
            process.wait()
            deaths += 1
    finally:
        stop.set()
        thread.join()
    ledger.writer().drain_all()
    assert deaths == 8
    assert len(sent) > 1000
    assert ledger.ids() == sorted(sent)


def test_a_reader_of_the_table_never_sees_half_a_commit(ledger: Any) -> None:
    process = start(ledger, passes=0)
    try:
        until = time.monotonic() + 4
        n = 0
        while time.monotonic() < until:
            ledger.send(*(Event(f"{n:04d}-{i}", "view_item", NOW - i * 86_400_000_000, NOW + 1) for i in range(4)))
            n += 1
            ids = ledger.ids()
            assert len(ids) == len(set(ids))
    finally:
        process.kill()
        process.wait()
    assert Path(ledger.home / "ledger").is_dir()
