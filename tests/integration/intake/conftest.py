"""A sink that answers as the stream does, and files as shops export them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from offers.domain.event import Event


@dataclass
class Taken:
    """Events taken, with the verdicts that the stream would give."""

    events: list[Event] = field(default_factory=list)
    digests: dict[str, bytes] = field(default_factory=dict)
    batches: int = 0

    def __call__(self, events: Sequence[Event], digests: Sequence[bytes]) -> list[tuple[str, int | None]]:
        self.batches += 1
        verdicts: list[tuple[str, int | None]] = []
        for event, digest in zip(events, digests, strict=True):
            assert len(digest) == 8
            before = self.digests.setdefault(event.event_id, digest)
            if before is digest:
                self.events.append(event)
                verdicts.append(("accepted", len(self.events)))
            else:
                verdicts.append(("duplicate" if before == digest else "conflict", None))
        return verdicts

    def orders(self) -> dict[str, Event]:
        """The only event of each order."""
        found = {e.order_id: e for e in self.events if e.order_id}
        assert len(found) == len(self.events)
        return found  # type: ignore[return-value]

    def items(self) -> dict[str, dict[str, object]]:
        """The last told item of each id."""
        return {e.params["item"]["item_id"]: e.params["item"] for e in self.events}


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file: text in an encoding, or bytes."""

    def file(content: str | bytes, name: str = "orders.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return file
