"""``POST /v1/picks/batch``: the picks of a whole mailing, one JSON line in, one line out, in order."""

from __future__ import annotations

import logging
from time import sleep
from typing import Any

import orjson
from flask import Response, request

from offers.errors import OffersError
from offers.web.answers import PicksLineAnswer
from offers.web.body import lines_of, parse_json
from offers.web.context import Web
from offers.web.logs import LOGGER
from offers.web.operation import NDJSON, Body, Operation, Reply, Route
from offers.web.picks import checked, decide
from offers.web.problems import as_dict, designed
from offers.web.responding import request_id
from offers.web.schemas import PicksLine
from offers.web.validate import unknown_fields, validate

__all__ = ["ROUTES"]

_KEYS = ("customer_id", "placement", "message_id")
_log = logging.getLogger(LOGGER)

BATCH = Operation(
    "POST",
    "/v1/picks/batch",
    "picks_batch",
    "Letters",
    "Picks for a whole mailing",
    (
        Reply(
            200,
            "A line for each line, in order: its keys and the picks, or its keys and a problem",
            {NDJSON: PicksLineAnswer},
        ),
    ),
    about="At most 10,000 lines. A bad line gets a `problem` in its place and never sinks its neighbours.",
    scope="picks",
    body=Body(PicksLine, {"customer_id": "c-17", "placement": "email", "message_id": "m-1", "limit": 6}, NDJSON),
    errors=("too_many_requests",),
)


def _batch(web: Web) -> Response:
    settings = web.services.settings
    with web.limits.batches.take():
        lines = lines_of(request.environ, settings.max_body_bytes, settings.max_batch_lines)
        answers = []
        for line in lines:
            answers.append(orjson.dumps(_line(web, line)))
            # Hand the interpreter over: a mailing must not make a checkout wait.
            sleep(0)
    return Response(b"\n".join(answers) + b"\n", content_type=NDJSON, headers={"Cache-Control": "no-store"})


def _line(web: Web, line: bytes) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    try:
        document = parse_json(line)
        if isinstance(document, dict):
            keys = {k: document[k] for k in _KEYS if isinstance(document.get(k), str)}
        query = validate(document, PicksLine)
        checked(query.customer_id, query)
        keys = {"customer_id": query.customer_id, "placement": query.placement, "message_id": query.message_id}
        body, _ = decide(web, query.customer_id, query, unknown_fields(document, PicksLine))
        return keys | body
    except OffersError as error:
        return keys | {"problem": as_dict(error, request_id())}
    except Exception as error:  # noqa: BLE001 - one line must not sink the batch
        _log.exception("a line of a batch failed", extra={"request_id": request_id()})
        return keys | {"problem": as_dict(designed(error), request_id())}


ROUTES: tuple[Route, ...] = (Route(BATCH, _batch),)
