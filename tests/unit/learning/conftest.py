"""Order lines of small shops whose right answers are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

_START = datetime(2025, 1, 1, tzinfo=UTC)

Order = tuple[str, str | None, float, Sequence[str]]
"""Order id, person, day, items."""


@pytest.fixture
def make_lines() -> Callable[[Sequence[Order]], pl.LazyFrame]:
    """A frame of order lines from orders."""

    def made(orders: Sequence[Order]) -> pl.LazyFrame:
        rows = [
            {
                "order_id": order,
                "person": person,
                "occurred_at": _START + timedelta(days=day),
                "item_id": item,
                "quantity": 1.0,
            }
            for order, person, day, items in orders
            for item in items
        ]
        return pl.LazyFrame(rows, schema_overrides={"person": pl.String})

    return made


@pytest.fixture
def taste_shop(make_lines: Callable[[Sequence[Order]], pl.LazyFrame]) -> Callable[..., pl.LazyFrame]:
    """A shop of people who each keep to one of three kinds of item (``loyal``), or buy anything at random.

    Thirty items of each kind, those of a kind with neighbouring numbers are bought in pairs; eight orders each of six
    items, over 120 days.
    """

    def made(people: int, *, loyal: bool, seed: int = 1) -> pl.LazyFrame:
        generator = np.random.default_rng(seed)
        orders: list[Order] = []
        for person in range(people):
            kind = person % 3
            for turn in range(8):
                first = generator.choice(15, 3, replace=False) * 2
                pairs = np.concatenate((first, first + 1)) + kind * 30
                items = pairs if loyal else generator.choice(90, 6, replace=False)
                names = [f"i{item:02}" for item in items]
                orders.append((f"o{person}-{turn}", f"c:{person}", turn * 15 + float(generator.random()) * 15, names))
        return make_lines(orders)

    return made
