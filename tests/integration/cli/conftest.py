"""A command line on a data directory of its own; nothing runs unless a command starts it."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

GROUPS = 6
PER_GROUP = 8


@dataclass
class Shop:
    """A data directory and the command line on it."""

    home: Path
    command: tuple[str, ...] = (sys.executable, "-m", "offers.cli.main")

    @property
    def data(self) -> Path:
        return self.home / "var"

    def environment(self, **settings: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OFFERS_")}
        return {**kept, "OFFERS_DATA_DIR": str(self.data), "OFFERS_TRAIN_EVERY_HOURS": "0", **settings}

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *arguments],
            env=self.environment(**settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def ok(self, *arguments: str, **settings: str) -> str:
        done = self.run(*arguments, **settings)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def json(self, *arguments: str, **settings: str) -> Any:
        return json.loads(self.ok(*arguments, "--json", **settings))

    def refused(self, *arguments: str, **settings: str) -> str:
        """What a command that ends with 2 says: one line, after the steps it had begun."""
        done = self.run(*arguments, **settings)
        assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
        assert done.stdout == ""
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("offers: ")]
        assert done.stderr.endswith(line + "\n")
        return line


def write_shop(folder: Path) -> tuple[Path, Path]:
    """Items and orders of people who each buy within one group of things."""
    chance = random.Random(7)
    items, orders = folder / "items.csv", folder / "orders.csv"
    with items.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sku", "item_name", "price", "item_category"])
        writer.writerows(
            (f"g{g}-{i}", f"Thing {i} of taste {g}", f"{4 + i}.50", f"taste {g}")
            for g in range(GROUPS)
            for i in range(PER_GROUP)
        )
        writer.writerow(["broken", "", "1.00", "taste 0"])
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    with orders.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order_id", "customer_id", "timestamp", "item_id", "quantity", "price"])
        for n in range(1200):
            customer = n % 150
            stamp = (start + timedelta(minutes=60 * n)).isoformat()
            for i in chance.sample(range(PER_GROUP), 3):
                writer.writerow([f"o{n}", f"c{customer}", stamp, f"g{customer % GROUPS}-{i}", 1, f"{4 + i}.50"])
    return items, orders


def _fresh() -> Iterator[Shop]:
    home = Path(tempfile.mkdtemp(prefix="offers-cli-", dir="/tmp"))
    try:
        yield Shop(home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def empty() -> Iterator[Shop]:
    """A data directory that does not exist yet."""
    yield from _fresh()


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """A shop with items, orders and a promoted model."""
    for shop in _fresh():
        items, orders = write_shop(shop.home)
        shop.ok("import", "items", str(items), "--map", "sku=item_id")
        shop.ok("import", "orders", str(orders))
        shop.ok("train", "--force")
        yield shop
