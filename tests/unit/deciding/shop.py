"""A small outdoor shop with a trained-looking model: real catalogue, real artifact, people held in memory.

Tents are bought with pegs, ropes and lamps; two tastes, camping and reading, are two directions of the factors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from offers.artifact.assemble import Pairs, assemble
from offers.artifact.format import Parameters
from offers.artifact.model import Model
from offers.artifact.store import save
from offers.clock import HeldClock
from offers.deciding.decide import Decider
from offers.deciding.ports import HistoryItem
from offers.domain.event import Event
from offers.domain.ids import Person
from offers.domain.item import Item
from offers.domain.offer import CartLine
from offers.errors import Busy, StateUnavailable
from offers.ledger.codec import load
from offers.settings import Settings
from offers.state.catalogue import Catalogue

DAY = 86_400

ITEMS: tuple[Item, ...] = (
    Item("tent", "Tent", 10_000, categories=("Outdoor", "Tents"), replenishable=False, link="https://shop/tent"),
    Item("tent-plus", "Tent Plus", 13_000, categories=("Outdoor", "Tents")),
    Item("tent-pro", "Tent Pro", 15_500, categories=("Outdoor", "Tents")),
    Item("tent-lux", "Tent Lux", 40_000, categories=("Outdoor", "Tents")),
    Item("tent-twin", "Tent Twin", 9_500, categories=("Outdoor", "Tents")),
    Item("pegs", "Pegs", 900, categories=("Outdoor", "Pegs")),
    Item("rope", "Rope", 700, categories=("Outdoor", "Ropes")),
    Item("lamp", "Lamp", 3_000, categories=("Outdoor", "Lamps"), old_price=3_500),
    Item("lamp-pro", "Lamp Pro", 4_000, categories=("Outdoor", "Lamps")),
    Item("gas", "Gas", 500, categories=("Outdoor", "Fuel"), replenishable=True),
    Item("mug-red", "Red mug", 1_200, categories=("Kitchen", "Mugs"), group="mug"),
    Item("mug-blue", "Blue mug", 1_200, categories=("Kitchen", "Mugs"), group="mug"),
    Item("stove", "Stove", 5_000, categories=("Outdoor", "Stoves"), stock=0),
    Item("axe", "Axe", 2_500, currency="EUR", categories=("Outdoor", "Axes")),
    Item("novel", "Novel", 1_500, categories=("Books", "Novels"), replenishable=False),
    Item("novel-2", "Novel, part 2", 1_500, categories=("Books", "Novels"), replenishable=False),
    Item("atlas", "Atlas", 3_300, categories=("Books", "Atlases")),
    Item("bookmark", "Bookmark", 200, categories=("Books", "Small things")),
    Item("unpriced", "Unpriced", None, categories=("Outdoor", "Pegs")),
    Item("new", "New arrival", 2_000, categories=("Outdoor", "New")),
)

MODEL_ITEMS = [item.item_id for item in ITEMS if item.item_id != "new"] + ["delisted"]

#: bought with a tent: the strongest are not to be had, or are tents themselves
COMPLEMENTS: dict[str, dict[str, float]] = {
    "tent": {"stove": 0.95, "tent-twin": 0.9, "pegs": 0.8, "rope": 0.7, "axe": 0.6, "mug-red": 0.5, "mug-blue": 0.49},
    "lamp": {"gas": 0.6, "rope": 0.3, "mug-red": 0.1},
    "novel": {"bookmark": 0.7, "novel-2": 0.5},
}

READING = {"novel", "novel-2", "atlas", "bookmark"}


def model_in(directory: Path, *, seed: int = 1) -> Model:
    """An artifact of the shop, written and opened."""
    n = len(MODEL_ITEMS)
    place = {item_id: i for i, item_id in enumerate(MODEL_ITEMS)}
    # Norms fall and directions turn away with the place in the list, so that every order is known.
    factors = np.zeros((n, 4))
    factors[:, 3] = seed * 0.01
    for item_id, i in place.items():
        factors[i, 1 if item_id in READING else 0] = 1.0 - 0.02 * i
        factors[i, 2] = 0.01 * i
    indptr, indices, score, together = [0], [], [], []
    for item_id in MODEL_ITEMS:
        for other, value in sorted(COMPLEMENTS.get(item_id, {}).items(), key=lambda kv: -kv[1]):
            indices.append(place[other])
            score.append(value)
            together.append(round(100 * value))
        indptr.append(len(indices))
    complements = Pairs(np.array(indptr), np.array(indices), np.array(score), np.array(together))
    popularity = np.linspace(1.0, 0.2, n)
    arrays = assemble(MODEL_ITEMS, factors, popularity, np.full(n, 200), complements, Pairs.none(n))
    parameters = Parameters(
        n_items=n,
        n_factors=4,
        n_baskets=1000,
        regularization=0.1,
        confidence_weight=10.0,
        half_life_days=180.0,
        as_of=0,
    )
    model_id = save(directory, arrays, engine="implicit", recipe={}, parameters=parameters, created_at=0)
    return Model.open(directory / model_id)


@dataclass
class View:
    person: Person | None
    items: tuple[HistoryItem, ...] = ()
    same: bytes | None = None


@dataclass
class HeldPeople:
    """People in memory. ``away``: the server does not answer; ``slow``: seconds that reading takes."""

    clock: HeldClock
    histories: dict[str, tuple[HistoryItem, ...]] = field(default_factory=dict)
    same: dict[tuple[str, str], tuple[float, bytes]] = field(default_factory=dict)
    letters: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    away: bool = False
    slow: float = 0.0
    fetched: int = 0

    def fetch(
        self, customer_id: str | None, visitor_id: str | None, field: str, *, timeout: float | None = None
    ) -> View:
        self.fetched += 1
        self.clock.advance(self.slow)
        self._answer()
        person = Person.of(customer_id, visitor_id)
        if person is None:
            return View(None)
        until, blob = self.same.get((person.key, field), (0.0, None))
        return View(person, self.histories.get(person.key, ()), blob if until > self.clock.monotonic() else None)

    def remember(self, person_key: str, field: str, blob: bytes, ttl_s: float) -> None:
        self.same[(person_key, field)] = (self.clock.monotonic() + ttl_s, blob)

    def frozen(self, person_key: str, placement: str, message_id: str) -> bytes | None:
        self._answer()
        return self.letters.get((person_key, placement, message_id))

    def freeze(self, person_key: str, placement: str, message_id: str, blob: bytes, ttl_s: float) -> bytes:
        self._answer()
        return self.letters.setdefault((person_key, placement, message_id), blob)

    def _answer(self) -> None:
        if self.away:
            raise StateUnavailable("not now")


@dataclass
class HeldSpool:
    """What was recorded. ``full``: the disk takes no more."""

    records: list[bytes] = field(default_factory=list)
    full: bool = False

    def append(self, record: bytes) -> None:
        if self.full:
            raise Busy("the disk is full")
        self.records.append(record)

    @property
    def events(self) -> list[Event]:
        return [load(record) for record in self.records]


@dataclass
class Slot:
    current: Model | None


@dataclass
class Switches:
    off: set[str] = field(default_factory=set)

    def is_off(self, placement: str) -> bool:
        return placement in self.off


@dataclass
class Shop:
    clock: HeldClock
    catalogue: Catalogue
    slot: Slot
    people: HeldPeople
    spool: HeldSpool
    switches: Switches
    decider: Decider

    def bought(self, customer_id: str, *items: tuple[str, int, float]) -> None:
        """A history: (item_id, orders, days ago)."""
        now = self.clock.now_us() // 1_000_000
        told = [(i, orders, float(orders), round(now - days * DAY)) for i, orders, days in items]
        self.people.histories[f"c:{customer_id}"] = tuple(sorted(told, key=lambda t: -t[3]))

    def change(self, item_id: str, **fields: Any) -> None:
        """Change an item of the live catalogue."""
        before = next(item for item in ITEMS if item.item_id == item_id)
        self.catalogue.apply([replace(before, **fields)])

    @staticmethod
    def cart(*lines: str | tuple[str, int]) -> tuple[CartLine, ...]:
        """Lines by id, with a price where one is given."""
        return tuple(CartLine(n) if isinstance(n, str) else CartLine(n[0], 1.0, n[1]) for n in lines)


def make_shop(
    clock: HeldClock, model: Model | None, items: Iterable[Item] = ITEMS, settings: Settings | None = None
) -> Shop:
    """A shop of ``items`` that serves with ``model``."""
    catalogue = Catalogue()
    catalogue.apply(items)
    slot, people, spool, switches = Slot(model), HeldPeople(clock), HeldSpool(), Switches()
    numbers = iter(range(1, 1_000_000))
    decider = Decider(
        people,
        catalogue,
        slot,
        spool,
        switches,
        clock,
        settings or Settings(),
        ids=lambda now_us: f"{next(numbers):032x}",
    )
    return Shop(clock, catalogue, slot, people, spool, switches, decider)
