"""For whoever operates it: alive, ready, metrics, models."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from offers.clock import from_us
from offers.errors import OffersError
from offers.web.answers import ModelsAnswer, ReadinessAnswer
from offers.web.checkout import flag
from offers.web.context import Web
from offers.web.metrics import CONTENT_TYPE
from offers.web.operation import JSON, Operation, Parameter, Reply, Route
from offers.web.reach import probe
from offers.web.responding import json_response

__all__ = ["ROUTES", "readiness"]

HEALTH = Operation(
    "GET",
    "/healthz",
    "healthz",
    "Operating",
    "Whether this process is alive",
    (
        Reply(
            200, "It is", {JSON: {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]}}
        ),
    ),
)


def _health(web: Web) -> Response:
    return json_response({"status": "ok"})


READY = Operation(
    "GET",
    "/readyz",
    "readyz",
    "Operating",
    "Whether offers can be answered",
    (
        Reply(
            200,
            "They can; `degraded` when a part is away and answers come from what is in memory",
            {JSON: ReadinessAnswer},
        ),
        Reply(503, "Still starting, or (with `strict`) a part is away", {JSON: ReadinessAnswer}),
    ),
    about=(
        "Names each part. With the online store away this stays 200, because checkouts are still answered and a "
        "balancer should not turn them away; `strict=1` asks for everything."
    ),
    parameters=(Parameter("strict", "query", "503 unless every part is there", {"type": "boolean"}),),
)


def readiness(web: Web) -> dict[str, Any]:
    """Status and parts: state, configuration, catalogue, model."""
    services = web.services
    parts: dict[str, dict[str, str]] = {}

    def part(name: str, status: str, detail: str) -> None:
        parts[name] = {"status": status, "detail": detail}

    try:
        probe(services)
        part("state", "ok", "it answers in time")
    except OffersError as error:
        part("state", "unavailable", error.detail)
    configuration = services.configuration
    if configuration.loaded:
        part("configuration", "ok", f"{len(configuration.keys)} keys")
    else:
        part("configuration", "unavailable", "keys were not read yet")
    catalogue = services.catalogue
    loaded = catalogue.loaded
    if not loaded:
        part("catalogue", "unavailable", "items were not read yet")
    elif catalogue.n == 0:
        part("catalogue", "absent", "there are no items: import some")
    else:
        part("catalogue", "ok", f"{catalogue.n} rows, {catalogue.memory_bytes()} bytes")
    model = services.models.current
    if model is None:
        part("model", "absent", "no model is promoted: popular items are offered")
    else:
        part("model", "ok", model.version)
    starting = not (configuration.loaded and loaded)
    away = any(p["status"] == "unavailable" for p in parts.values())
    return {"status": "starting" if starting else "degraded" if away else "ok", "parts": parts}


def _ready(web: Web) -> Response:
    found = readiness(web)
    strict = flag(request.args.get("strict"))
    ready = all(p["status"] == "ok" for p in found["parts"].values()) if strict else found["status"] != "starting"
    return json_response(found, 200 if ready else 503)


METRICS = Operation(
    "GET",
    "/metrics",
    "metrics",
    "Operating",
    "Prometheus metrics of all processes",
    (Reply(200, "Prometheus text format", {"text/plain": {"type": "string"}}),),
)


def _metrics(web: Web) -> Response:
    return Response(web.metrics.exposition(), content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


MODELS = Operation(
    "GET",
    "/v1/models",
    "list_models",
    "Operating",
    "Trained models",
    (Reply(200, "The models, newest first", {JSON: ModelsAnswer}),),
    about="Promotion and rollback are done with `offers models` on the machine.",
    scope="reports",
)


def _models(web: Web) -> Response:
    services = web.services
    serving = services.models.current
    rows = [
        {
            "id": info.id,
            "current": info.current,
            "created_at": from_us(info.manifest.created_at).isoformat() if info.manifest else None,
            "ledger_version": info.manifest.ledger_version if info.manifest else None,
            "gate_passed": info.manifest.gate.passed if info.manifest and info.manifest.gate else None,
            "metrics": info.manifest.metrics if info.manifest else {},
            "fault": info.fault,
        }
        for info in services.registry.list()
    ]
    return json_response(
        {
            "current": services.registry.current(),
            "serving": serving.version if serving is not None else None,
            "models": rows,
        }
    )


ROUTES: tuple[Route, ...] = (
    Route(HEALTH, _health),
    Route(READY, _ready),
    Route(METRICS, _metrics),
    Route(MODELS, _models),
)
