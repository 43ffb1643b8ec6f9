"""Small things every Flask view does: answer JSON, read the body, know its request id."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, g, request

from offers.web.auth import Principal
from offers.web.body import read_json
from offers.web.context import Web

__all__ = ["document_of", "json_response", "principal", "query_dict", "request_id"]


def request_id() -> str:
    """The id of the request being answered."""
    found: str = request.environ["offers.request_id"]
    return found


def principal() -> Principal | None:
    """The key of the request; None for a signed address or an open route."""
    found: Principal | None = g.get("principal")
    return found


def json_response(document: Any, status: int = 200, *, cache: str = "no-store") -> Response:
    """``document`` as JSON; fragments are passed through."""
    return Response(orjson.dumps(document), status, headers={"Cache-Control": cache}, content_type="application/json")


def document_of(web: Web) -> Any:
    """The JSON document of the request."""
    return read_json(request.environ, web.services.settings.max_body_bytes)


def query_dict() -> dict[str, str]:
    """Query parameters by name; the first of several of one name counts."""
    return request.args.to_dict(flat=True)
