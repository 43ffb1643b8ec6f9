"""Deciding on real parts: server, spool, registry of models."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from offers.artifact.registry import Registry
from offers.artifact.slot import ModelSlot
from offers.clock import SystemClock
from offers.deciding.decide import Decider
from offers.domain.event import Event
from offers.ledger.codec import load
from offers.ledger.spool import Spool
from offers.settings import Settings
from offers.state.catalogue import Catalogue
from offers.state.catalogue_store import CatalogueStore
from offers.state.configuration import Configuration
from offers.state.connection import connect
from offers.state.people import People
from offers.state.people_store import PeopleStore, PersonWrite
from offers.state.records import HISTORY, LINK, History, Link

PREFIX = "test"


@pytest.fixture(scope="session")
def shops() -> ModuleType:
    """The module that makes shops (`tests/unit/deciding/shop.py`)."""
    name = "deciding_shop"
    path = Path(__file__).resolve().parents[2] / "unit" / "deciding" / "shop.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@dataclass
class Worker:
    """What one API process has."""

    people: People
    catalogue: Catalogue
    configuration: Configuration
    models: ModelSlot
    spool: Spool
    decider: Decider

    def close(self) -> None:
        self.people.close()
        self.spool.close()


class Site:
    """A server, a catalogue and a model, and as many workers as a test wants."""

    def __init__(self, url: str, home: Path, shops: ModuleType) -> None:
        self.url, self.home, self.shops = url, home, shops
        self.client = connect(url, timeout_ms=2000)
        self.store = CatalogueStore(self.client, PREFIX)
        self.people = PeopleStore(self.client, PREFIX)
        self.registry = Registry(home / "models")
        self.position = 1
        self.store.put([(self.position, item) for item in shops.ITEMS])
        self.workers: list[Worker] = []

    def train(self, seed: int = 1) -> str:
        """Make and promote a model; its version."""
        model = self.shops.model_in(self.registry.artifacts, seed=seed)
        self.registry.promote(model.version, "test", "a test", forced=True)
        return str(model.version)

    def change(self, item_id: str, **fields: Any) -> None:
        self.position += 1
        before = next(item for item in self.shops.ITEMS if item.item_id == item_id)
        self.store.put([(self.position, replace(before, **fields))])

    def bought(self, person: str, *items: tuple[str, int, float]) -> None:
        """A history: (item_id, orders, days ago)."""
        self.position += 1
        now = SystemClock().now_us() // 1_000_000
        told = [(i, n, float(n), round(now - days * 86_400)) for i, n, days in items]
        blob = HISTORY.encode(History(tuple(sorted(told, key=lambda t: -t[3])), len(told)))
        self.people.write([[PersonWrite(person, self.position, {"h": blob})]], {}, 0)

    def joined(self, visitor_id: str, customer_id: str) -> None:
        """The visitor belongs to the customer from now on."""
        self.position += 1
        blob = LINK.encode(Link(self.position, f"c:{customer_id}"))
        self.people.write([[PersonWrite(f"v:{visitor_id}", self.position, {"l": blob})]], {}, 0)

    def worker(self, *, timeout: float = 1.0) -> Worker:
        clock = SystemClock()
        catalogue, configuration = Catalogue(), Configuration(self.client, PREFIX)
        people = People(connect(self.url, timeout_ms=500), PREFIX, timeout=timeout)
        models, spool = ModelSlot(self.registry), Spool(self.home / "spool")
        settings = Settings(deadline_ms=2000)
        decider = Decider(people, catalogue, models, spool, configuration, clock, settings)
        models.on_swap(decider.prepare)
        catalogue.load(self.store)
        configuration.refresh()
        models.refresh()
        worker = Worker(people, catalogue, configuration, models, spool, decider)
        self.workers.append(worker)
        return worker

    def recorded(self) -> list[Event]:
        """Every decision in every spool."""
        lines: list[bytes] = []
        for path in sorted((self.home / "spool").glob("*/*")):
            if path.is_file() and path.name != "lock":
                lines += [line for line in path.read_bytes().split(b"\n") if line.startswith(b"{")]
        return [load(line) for line in lines]

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
        self.client.close()


@pytest.fixture
def site(server: Any, tmp_path: Path, shops: ModuleType) -> Iterator[Site]:
    """A site with a model, on each of the servers."""
    found = Site(server.url, tmp_path, shops)
    found.train()
    yield found
    found.close()
