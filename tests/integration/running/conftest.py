"""A service of stand-in parts under the real supervisor."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
from deltalake.exceptions import TableNotFoundError

from offers.clock import SystemClock
from offers.domain.event import Event, Line
from offers.ledger import codec
from offers.ledger.accept import EventStream
from offers.ledger.spool import Spool
from offers.settings import Settings
from offers.state.connection import connect

PARTS = Path(__file__).parent / "parts"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def below(pid: int) -> list[int]:
    """All living descendants, parents first."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in (int(text) for text in task.read_text().split()):
            found += [child, *below(child)]
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def eventually(check: Callable[[], object], patience_s: float = 15.0) -> bool:
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.02)
    return False


@dataclass
class StandIn:
    """``serve`` with stand-in parts, as a process of its own."""

    home: Path
    target: str = "standin:create"
    worker_module: str = "standin_worker"
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OFFERS_")}
        environment = {
            **kept,
            "PYTHONPATH": str(PARTS),
            "OFFERS_DATA_DIR": str(self.home),
            "OFFERS_PORT": str(self.port),
            "OFFERS_WORKERS": "2",
            **self.settings,
        }
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(PARTS / "standin.py"), self.target, self.worker_module],
                env=environment,
                stdout=log,
                stderr=log,
            )
        if wait:
            assert eventually(lambda: self.get("/") is not None or self.ended()), self.log()
            assert not self.ended(), self.log()

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def get(self, path: str, timeout: float = 5.0) -> str | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def log(self) -> str:
        return (self.home / "log").read_text()

    def find(self, part: str) -> list[int]:
        assert self.process is not None
        return [pid for pid in below(self.process.pid) if lives(pid) and part in command_line(pid)]

    @property
    def server(self) -> int:
        [pid] = self.find("valkey-server")
        return pid

    @property
    def worker(self) -> int:
        [pid] = self.find(self.worker_module)
        return pid

    @property
    def api(self) -> int:
        """granian's main process."""
        return self.find("offers.running.api")[0]

    @property
    def api_workers(self) -> list[int]:
        return self.find("offers.running.api")[1:]

    def everything(self) -> list[int]:
        assert self.process is not None
        return below(self.process.pid)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            children = self.everything()
            self.process.kill()
            self.process.wait()
            assert eventually(lambda: not any(map(lives, children)))


@dataclass
class Shop:
    """An instance's settings, and facts to tell it."""

    settings: Settings

    def purchases(self, first: int, count: int, *, customer: str = "c-1", visitor: str | None = None) -> list[Event]:
        now = SystemClock().now_us()
        return [
            Event(
                event_id=f"e-{n}",
                event_name="purchase",
                occurred_at=now,
                received_at=now,
                customer_id=customer,
                visitor_id=visitor,
                order_id=f"o-{n}",
                currency="USD",
                lines=(Line("i-1", 1.0, 250),),
            )
            for n in range(first, first + count)
        ]

    def view(self, n: int, visitor: str) -> Event:
        now = SystemClock().now_us()
        return Event(f"view-{n}", "view_item", now, now, visitor_id=visitor, lines=(Line("i-1"),))

    def erasure(self, customer: str) -> Event:
        now = SystemClock().now_us()
        return Event(f"customer_erased:{customer}:{now}", "customer_erased", now, now, customer_id=customer)

    def tell(self, url: str, events: list[Event]) -> None:
        """Accepted by the stream of the server at ``url``."""
        client = connect(url, timeout_ms=5000)
        try:
            stream = EventStream(client)
            for start in range(0, len(events), 500):
                chunk = events[start : start + 500]
                digests = [hashlib.blake2b(codec.dump(event), digest_size=8).digest() for event in chunk]
                assert all(verdict == "accepted" for verdict, _ in stream.append(chunk, digests))
        finally:
            client.close()

    def decide(self, *numbers: int) -> None:
        """Decisions in the spool, as an API worker leaves them."""
        spool = Spool(self.settings.spool_dir)
        now = SystemClock().now_us()
        for n in numbers:
            spool.append(codec.dump(Event(f"d-{n}", "decision", now, now, customer_id="c-1", decision_id=f"d-{n}")))
        spool.close()

    def ledger(self) -> Counter[str]:
        """How often each event is in the ledger."""
        try:
            found = pl.scan_delta(self.settings.ledger_location).select("event_id").collect()
        except TableNotFoundError:
            return Counter()
        return Counter(found["event_id"].to_list())


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(Settings(data_dir=tmp_path, flush_seconds=0.1, train_every_hours=0))


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[StandIn]:
    service = StandIn(tmp_path)
    try:
        yield service
    finally:
        service.close()
