"""Checkout offers and letters' picks over HTTP against a bare Flask application on the same server flags.

    python benchmarks/serving.py [--rounds 5] [--requests 2000]

Prints medians of interleaved rounds and their ratios to the baseline of the same round. Every request names another
person and another cart. At the end the decisions in the ledger are counted against the responses.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import instance
import load
import orjson
import polars as pl

CONNECTIONS = (1, 8, 32)


def _purchases() -> tuple[list[str], list[list[dict[str, Any]]]]:
    """Customers and real baskets of the shop, from its own ledger."""
    orders = (
        pl.scan_delta(str(instance.HOME / "var" / "ledger"))
        .filter((pl.col("kind") == "order") & (pl.col("lines").list.len() >= 5))
        .select("customer_id", "lines")
        .head(20_000)
        .collect()
    )
    carts = [
        [{"item_id": x["item_id"], "quantity": 1, "price": x["price"] / 100} for x in lines[:5] if x["price"]]
        for lines in orders["lines"].to_list()
    ]
    return orders["customer_id"].drop_nulls().unique(maintain_order=True).to_list(), carts


class Requests:
    """Endless distinct requests, the same bodies for the baseline and for us."""

    def __init__(self, key: str) -> None:
        self.customers, self.carts = _purchases()
        self.headers = {"Authorization": f"Bearer {key}"}
        self.n = 0

    def offers(self, count: int) -> list[bytes]:
        out = []
        for _ in range(count):
            self.n += 1
            cart = self.carts[self.n % len(self.carts)]
            body = {"customer_id": self.customers[self.n % len(self.customers)], "visitor_id": f"bench-{self.n}"}
            data = orjson.dumps(
                {**body, "placement": "checkout", "limit": 4, "cart": cart, "exclude": [f"no-{self.n}"]}
            )
            out.append(load.request_bytes("/v1/offers", data, headers=self.headers))
        return out

    def picks(self, count: int) -> list[bytes]:
        out = []
        for _ in range(count):
            self.n += 1
            customer = self.customers[self.n % len(self.customers)]
            path = f"/v1/customers/{customer}/picks?placement=email&limit=6"
            out.append(load.request_bytes(path, b"", method="GET", headers=self.headers))
        return out


def _row(label: str, ours: list[load.Load], base: list[load.Load]) -> None:
    def median(of: Any, runs: list[load.Load]) -> float:
        return statistics.median(of(r) for r in runs)

    def ratio(of: Any) -> float:
        return statistics.median(of(a) / of(b) for a, b in zip(ours, base, strict=True))

    print(
        f"{label:24s} {median(lambda r: r.throughput, ours):8.0f}/s  ratio {ratio(lambda r: r.throughput):5.2f}   "
        f"p50 {median(lambda r: r.quantile(0.5), ours):6.2f} ms ({ratio(lambda r: r.quantile(0.5)):4.1f}x)   "
        f"p99 {median(lambda r: r.quantile(0.99), ours):6.2f} ms ({ratio(lambda r: r.quantile(0.99)):4.1f}x)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=2000)
    options = parser.parse_args()
    with instance.shop() as service, instance.baseline() as port:
        requests = Requests(service.key)
        ours_at, base_at = ("127.0.0.1", service.port), ("127.0.0.1", port)
        load.run(ours_at, requests.offers(500), connections=8)
        load.run(base_at, requests.offers(500), connections=8)
        decided: list[str] = []
        steps: Counter[str] = Counter()
        print(
            f"baseline: bare Flask, granian, {instance.WORKERS} workers; medians of {options.rounds} interleaved rounds"
        )
        for connections in CONNECTIONS:
            count = options.requests if connections > 1 else max(200, options.requests // 4)
            runs: dict[str, list[load.Load]] = {"base": [], "offers": [], "picks": []}
            for _ in range(options.rounds):
                batch = requests.offers(count)
                runs["base"].append(load.run(base_at, batch, connections=connections))
                ours = load.run(ours_at, batch, connections=connections, keep_bodies=True)
                runs["offers"].append(ours)
                runs["picks"].append(load.run(ours_at, requests.picks(count), connections=connections))
                answers = [orjson.loads(b) for b in ours.bodies]
                if set(ours.statuses) != {200} or not all(a["recorded"] for a in answers):
                    sys.exit(f"not every answer was recorded: {ours.statuses}")
                steps.update(a["fallback"] or "whole" for a in answers)
                decided += [a["decision_id"] for a in answers]
            _row(f"/v1/offers  x{connections}", runs["offers"], runs["base"])
            _row(f"/picks      x{connections}", runs["picks"], runs["base"])
        print("answers by step of degradation:", dict(steps))
        _count(Path(instance.HOME / "var" / "ledger"), decided)


def _count(ledger: Path, decided: list[str]) -> None:
    """Wait until the writer has drained, then hold the ledger against the responses."""
    wanted = pl.DataFrame({"event_id": decided})
    for _ in range(60):
        found = pl.scan_delta(str(ledger)).filter(pl.col("kind") == "decision").select("event_id").collect()
        held = wanted.join(found, on="event_id", how="semi").height
        if held == len(decided):
            break
        time.sleep(1)
    twice = found.height - found["event_id"].n_unique()
    print(f"decisions answered {len(decided)}, of them in the ledger {held}, doubled {twice}")


if __name__ == "__main__":
    main()
