"""Prometheus metrics of all processes: counted where it happens, cheaply; looked up at the scrape where it stands.

With ``PROMETHEUS_MULTIPROC_DIR`` set (the supervisor does) every process writes memory-mapped files there and any of
them answers for all. Without it a process answers for itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from offers.web.reach import probe

if TYPE_CHECKING:
    from offers.wiring import Services

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"

_BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)


class _Standing(Collector):
    """What is looked up at the scrape. A part that cannot be reached is left out, and counted as down."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> list[Any]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        services = self._services
        reachable = GaugeMetricFamily("offers_part_up", "Whether a part could be read at the scrape", labels=["part"])
        parts: dict[str, Callable[[], list[GaugeMetricFamily]]] = {
            "stream": self._stream,
            "ledger": self._ledger,
        }
        for part, read in parts.items():
            try:
                yield from read()
                reachable.add_metric([part], 1)
            except Exception:  # noqa: BLE001 - the scrape says that a part is away, whatever ails it
                reachable.add_metric([part], 0)
        yield reachable
        model = services.models.current
        info = GaugeMetricFamily("offers_model_info", "The model served; the value is always 1", labels=["version"])
        info.add_metric([model.version if model is not None else "none"], 1)
        yield info
        catalogue = services.catalogue
        yield GaugeMetricFamily("offers_catalogue_items", "Rows of the live catalogue", value=catalogue.n)
        yield GaugeMetricFamily(
            "offers_catalogue_bytes",
            "Private memory of the live catalogue, per process",
            value=catalogue.memory_bytes(),
        )

    def _stream(self) -> list[GaugeMetricFamily]:
        probe(self._services)
        stream = self._services.stream
        last, projected = stream.last_position(), stream.projected()
        waiting = stream.read_stored(projected, 1) if projected < last else []
        behind_ms = max(0, self._services.clock.now_us() // 1000 - (waiting[0][0] >> 20)) if waiting else 0
        return [
            GaugeMetricFamily("offers_stream_entries", "Accepted events not yet trimmed", value=stream.length()),
            GaugeMetricFamily(
                "offers_projection_lag_seconds",
                "Age of the oldest accepted event that is not yet applied to the online state",
                value=behind_ms / 1000,
            ),
        ]

    def _ledger(self) -> list[GaugeMetricFamily]:
        table = self._services.table
        return [GaugeMetricFamily("offers_ledger_version", "Version of the ledger's table", value=table.version())]


class Metrics:
    """The metrics of one application. Label children are kept, so that counting is a dictionary look-up and an add."""

    def __init__(self, services: Services) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        registry = CollectorRegistry()
        self._duration = Histogram(
            "offers_request_duration_seconds",
            "Time from the first byte of a request read to its answer, by route and step of degradation",
            ["route", "fallback"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._requests = Counter("offers_requests", "Responses", ["route", "method", "status"], registry=registry)
        self._events = Counter("offers_events", "Events received over HTTP", ["verdict"], registry=registry)
        self._failures = Counter(
            "offers_decision_failures", "Calls for offers that failed inside and got an empty 200", registry=registry
        )
        self._children: dict[tuple[str, str, str], Any] = {}
        self._timers: dict[tuple[str, str], Any] = {}
        if self._shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        registry.register(_Standing(services))
        self._registry = registry

    def answered(self, route: str, method: str, status: str, seconds: float, fallback: str | None = None) -> None:
        """Count one response. ``status``: three digits. ``fallback``: the step of degradation, or None."""
        timer = self._timers.get((route, fallback or "none"))
        if timer is None:
            timer = self._timers[route, fallback or "none"] = self._duration.labels(route, fallback or "none")
        timer.observe(seconds)
        counter = self._children.get((route, method, status))
        if counter is None:
            counter = self._children[route, method, status] = self._requests.labels(route, method, status)
        counter.inc()

    def event(self, verdict: str, n: int = 1) -> None:
        """Count events by verdict."""
        self._events.labels(verdict).inc(n)

    def failure(self) -> None:
        """Count a call for offers that failed inside."""
        self._failures.inc()

    def exposition(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self._registry)
