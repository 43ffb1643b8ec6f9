"""What the projecting tests share: events of a small world, state as one comparable value, writes that fail."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest
from hypothesis import strategies as st

from offers.domain.event import Event, Line
from offers.errors import StateUnavailable
from offers.state.people_store import PeopleStore, PersonWrite
from offers.state.records import BACK_LINKS, HISTORY, LINK, ORDERS, PROFILE, split_position

T0 = 1_772_000_000_000_000
DAY = 86_400_000_000
DECODERS: dict[str, Callable[[bytes], Any]] = {
    "h": HISTORY.decode,
    "l": LINK.decode,
    "b": BACK_LINKS.decode,
    "o": lambda value: (split_position(value)[0], ORDERS.decode(split_position(value)[1])),
    "p": lambda value: (split_position(value)[0], PROFILE.decode(split_position(value)[1])),
}


def state_of(client: Any, prefix: str) -> dict[str, Any]:
    """Everything projecting keeps about people under ``prefix``, decoded; orders of a book in a fixed order."""
    found: dict[str, Any] = {}
    for name in sorted(client.scan_iter(match=f"{prefix}:*")):
        text = name.decode()
        if "{p:" in text and text[-2:-1] == ":":
            value = DECODERS[text[-1]](client.get(name))
            if text[-1] == "b":
                value.members.sort()
            if text[-1] == "o":
                # What was left or dropped is only there for the next reader, to finish what a crash cut short.
                value[1].orders = sorted((e for e in value[1].orders if not e.left_at), key=lambda e: e.order_id)
                value[1].left.clear()
                value[1].out.clear()
                if "{p:o:" in text and not value[1].orders:
                    continue
            found[text[len(prefix) :]] = value
        elif text.endswith(":who"):
            found[text[len(prefix) :]] = client.hgetall(name)
    return found


class FailingStore(PeopleStore):
    """Dies in the middle of its next write: whole steps before the one it dies in, any part of that one."""

    chance: random.Random | None = None

    def write(
        self, steps: Sequence[Sequence[PersonWrite]], owners: Mapping[str, str | None], owners_after: int
    ) -> None:
        if self.chance is None:
            super().write(steps, owners, owners_after)
            return
        batches = [[self._write(write) for write in step] for step in steps]
        batches.insert(owners_after, self._owner_commands(owners))
        last = self.chance.randrange(len(batches) + 1)
        for batch in batches[:last]:
            self._run(batch)
        if last < len(batches):
            self._run([command for command in batches[last] if self.chance.random() < 0.5])
        self.chance = None
        raise StateUnavailable("died while writing")


CUSTOMERS = [*"abcdef"]
VISITORS = [*"vwx"]
ORDERS_ = [f"o{n}" for n in range(6)]
ITEMS = [f"i{n}" for n in range(4)]

_lines = st.lists(
    st.builds(Line, st.sampled_from(ITEMS), st.sampled_from([1.0, 2.0, 3.0, 0.5]), st.sampled_from([None, 100])),
    max_size=3,
).map(tuple)
_customer = st.sampled_from([None, *CUSTOMERS])
_visitor = st.sampled_from([None, None, *VISITORS])
_when = st.integers(0, 60 * 24).map(lambda hours: T0 + hours * 3_600_000_000)


def _event(name: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"event_name": st.just(name), "occurred_at": _when, **fields})


purchases = _event(
    "purchase",
    customer_id=_customer,
    visitor_id=_visitor,
    order_id=st.sampled_from(ORDERS_),
    status=st.sampled_from([None, "placed", "paid", "delivered", "cancelled", "refunded"]),
    value=st.sampled_from([None, 500]),
    lines=_lines,
    source=st.sampled_from(["api", "import"]),
)
refunds = _event(
    "refund",
    customer_id=_customer,
    visitor_id=_visitor,
    order_id=st.sampled_from([*ORDERS_, "C1", "C2"]),
    lines=_lines,
    source=st.sampled_from(["api", "import"]),
)
sightings = _event("login", customer_id=st.sampled_from(CUSTOMERS), visitor_id=st.sampled_from(VISITORS))
aliases = _event(
    "customer_aliased",
    customer_id=st.sampled_from(CUSTOMERS),
    params=st.sampled_from(CUSTOMERS).map(lambda to: {"to": to}),
)
visitor_aliases = _event(
    "customer_aliased",
    visitor_id=st.sampled_from(VISITORS),
    params=st.sampled_from(CUSTOMERS).map(lambda to: {"to": to}),
)
erasures = _event("customer_erased", customer_id=st.sampled_from(CUSTOMERS))
profiles = _event(
    "customer_set",
    customer_id=st.sampled_from(CUSTOMERS),
    params=st.fixed_dictionaries(
        {
            "customer": st.fixed_dictionaries(
                {},
                optional={
                    "city": st.sampled_from(["Пермь", "Oslo"]),
                    "consent_email": st.booleans(),
                    "attributes": st.dictionaries(st.sampled_from("xy"), st.integers(0, 3), max_size=2),
                },
            ),
            "partial": st.booleans(),
        }
    ),
)
withdrawals = _event("unsubscribe", customer_id=st.sampled_from(CUSTOMERS))
item_sets = _event(
    "item_set",
    params=st.fixed_dictionaries(
        {
            "item": st.fixed_dictionaries(
                {"item_id": st.sampled_from(ITEMS), "currency": st.just("RUB")},
                optional={
                    "item_name": st.sampled_from(["чай", "tea"]),
                    "price": st.integers(1, 900),
                    "stock": st.sampled_from([None, 0.0, 2.0]),
                    "available": st.booleans(),
                    "categories": st.just(["food", "tea"]),
                },
            ),
            "partial": st.booleans(),
        }
    ),
)
keys = _event(
    "key_created",
    params=st.sampled_from("kl").map(lambda k: {"key_hash": k * 64, "name": k, "scopes": ["offers", "picks"]}),
)
revocations = _event("key_revoked", params=st.sampled_from("kl").map(lambda k: {"key_hash": k * 64}))
switches = _event(
    "placement_switched",
    params=st.fixed_dictionaries({"placement": st.sampled_from(["checkout", "email"]), "on": st.booleans()}),
)


def numbered(told: list[dict[str, Any]]) -> list[tuple[int, Event]]:
    """Events at positions as a stream gives them, each with its own id."""
    return [
        ((T0 // 1000 + n) << 20, Event(event_id=f"e{n}", received_at=T0, **fields)) for n, fields in enumerate(told, 1)
    ]


people_events = st.lists(
    st.one_of(
        purchases, purchases, purchases, refunds, sightings, aliases, visitor_aliases, erasures, profiles, withdrawals
    ),
    min_size=1,
    max_size=14,
).map(numbered)


@pytest.fixture
def world() -> ModuleType:
    """This module: strategies and helpers, without an import between test files."""
    return sys.modules[__name__]
