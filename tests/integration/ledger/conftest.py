"""What the ledger's integration tests share: a stream, a table, and a writer that can be made to die."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from offers.clock import HeldClock
from offers.domain.event import Event
from offers.ledger import codec
from offers.ledger.accept import EventStream
from offers.ledger.scan import events
from offers.ledger.spool import Spool
from offers.ledger.table import LedgerTable
from offers.ledger.writer import Writer


@dataclass
class Ledger:
    """Stream, spool and table of one instance."""

    server: Any
    home: Path
    clock: HeldClock
    stream: EventStream = field(init=False)
    table: LedgerTable = field(init=False)

    def __post_init__(self) -> None:
        self.stream = EventStream(self.server.client(), "shop", self.clock)
        self.table = LedgerTable(self.home / "ledger")

    @property
    def spool_dir(self) -> Path:
        return self.home / "spool"

    def spool(self) -> Spool:
        return Spool(self.spool_dir)

    def writer(self, **more: Any) -> Writer:
        options = {"projected": self.stream.last_position, **more}
        return Writer(self.table, self.stream, self.spool_dir, self.clock, **options)

    def send(self, *sent: Event) -> list[str]:
        """Accept events; their verdicts."""
        digests = [blake2b(codec.dump(e), digest_size=8).digest() for e in sent]
        return [str(v) for v, _ in self.stream.append(sent, digests)]

    def ids(self) -> list[str]:
        """Event ids in the table, sorted: doubles show."""
        return sorted(events(self.table, columns=["event_id"]).collect()["event_id"])

    def rows(self) -> pl.DataFrame:
        return events(self.table).collect().sort("event_id")

    def forget_ids(self) -> None:
        """As after thirty days, or the loss of the server's data."""
        client = self.server.client()
        for key in client.scan_iter("*:seen*"):
            client.delete(key)


@pytest.fixture
def ledger(server: Any, tmp_path: Path, clock: HeldClock) -> Ledger:
    return Ledger(server, tmp_path, clock)
