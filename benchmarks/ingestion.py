"""Events over HTTP in batches of 100 against raw XADD, pipelined by the same client at the same fsync policy.

python benchmarks/ingestion.py [--rounds 5] [--events 20000]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import instance
import load
import orjson
import redis

from offers.state.server import find_binary

BATCH = 100


def _events(start: int, count: int) -> list[list[dict[str, Any]]]:
    stamp = datetime.now(UTC).isoformat()
    return [
        [
            {
                "event_id": f"b-{n}",
                "event_name": "view_item",
                "timestamp": stamp,
                "customer_id": f"c-{n % 5000}",
                "currency": "USD",
                "items": [{"item_id": f"sku-{n % 900}", "item_name": "A thing", "price": 12.5, "quantity": 1}],
            }
            for n in range(first, first + BATCH)
        ]
        for first in range(start, start + count, BATCH)
    ]


def _raw(client: redis.Redis, batches: list[list[dict[str, Any]]]) -> float:
    """Events a second of XADD: one entry an event, one pipeline a batch, acknowledged before the next."""
    bodies = [[orjson.dumps(event) for event in batch] for batch in batches]
    began = time.perf_counter()
    for batch in bodies:
        pipe = client.pipeline(transaction=False)
        for body in batch:
            pipe.xadd("raw", {"e": body})
        pipe.execute()
    return len(batches) * BATCH / (time.perf_counter() - began)


def _round(
    service: Any, client: redis.Redis, batches: list[list[dict[str, Any]]], connections: int
) -> tuple[float, float]:
    """Events a second over HTTP and by raw XADD."""
    raw = _raw(client, batches)
    headers = {"Authorization": f"Bearer {service.key}"}
    requests = [load.request_bytes("/v1/events", orjson.dumps(b), headers=headers) for b in batches]
    ours = load.run(("127.0.0.1", service.port), requests, connections=connections, keep_bodies=True)
    verdicts = [e["verdict"] for b in ours.bodies for e in orjson.loads(b)["events"]]
    if set(ours.statuses) != {202} or set(verdicts) != {"accepted"}:
        sys.exit(f"not everything was accepted: {ours.statuses}")
    return ours.throughput * BATCH, raw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="offers-raw-", dir="/tmp") as folder, instance.shop() as service:
        socket = Path(folder) / "s"
        command = [str(find_binary()), "--port", "0", "--unixsocket", str(socket), "--dir", folder, "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--loglevel", "warning"]
        raw_server = subprocess.Popen(command)
        try:
            time.sleep(1)
            client = redis.Redis(unix_socket_path=str(socket))
            seed = time.time_ns()
            for connections in (1, 8):
                rates: list[tuple[float, float]] = []
                for turn in range(options.rounds + 1):
                    seed += options.events
                    found = _round(service, client, _events(seed, options.events), connections)
                    if turn:  # the first turn warms both
                        rates.append(found)
                http, base = (statistics.median(r[i] for r in rates) for i in (0, 1))
                ratio = statistics.median(a / b for a, b in rates)
                print(f"events over HTTP x{connections} {http:8.0f}/s   raw XADD {base:8.0f}/s   ratio {ratio:.2f}")
        finally:
            raw_server.terminate()
            raw_server.wait(30)


if __name__ == "__main__":
    main()
