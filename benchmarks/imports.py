"""Orders from a CSV file into the ledger, in rows a second, against reading the same file with Polars.

python benchmarks/imports.py [--rounds 3] [--orders 40000]
"""

from __future__ import annotations

import argparse
import csv
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import instance
import polars as pl

LINES = 5


def _write(path: Path, orders: int) -> None:
    chance = random.Random(1)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order_id", "customer_id", "timestamp", "item_id", "quantity", "price"])
        for n in range(orders):
            stamp = (start + timedelta(minutes=5 * n)).isoformat()
            for item in chance.sample(range(5000), LINES):
                writer.writerow([f"o{n}", f"c{n % 3000}", stamp, f"i{item}", 1, "12.50"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--orders", type=int, default=40_000)
    options = parser.parse_args()
    module = instance.driver()
    with tempfile.TemporaryDirectory(prefix="offers-import-") as folder:
        path = Path(folder) / "orders.csv"
        _write(path, options.orders)
        rows = options.orders * LINES
        rates, ratios = [], []
        for _ in range(options.rounds):
            began = time.perf_counter()
            pl.read_csv(path, try_parse_dates=True)
            read = time.perf_counter() - began
            service = module.Service()
            try:
                began = time.perf_counter()
                service.cli("import", "orders", str(path))
                took = time.perf_counter() - began
            finally:
                service.close()
            rates.append(rows / took)
            ratios.append(took / read)
        print(
            f"import {statistics.median(rates):8.0f} rows/s: file to stream, online state and ledger, all durable; "
            f"{statistics.median(ratios):.0f}x the time of reading the CSV alone"
        )


if __name__ == "__main__":
    main()
