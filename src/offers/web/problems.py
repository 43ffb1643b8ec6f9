"""RFC 9457 problem documents: the one shape of everything that went wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import orjson
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from offers.errors import PROBLEMS, FieldError, InvalidInput, NotFound, OffersError

__all__ = ["PROBLEM_TYPE", "as_dict", "designed", "field_dict", "nearest", "pointer", "render", "unknown_field"]

PROBLEM_TYPE = "application/problem+json"


@dataclass(eq=False)
class _NotAllowed(OffersError):
    code: str = "method_not_allowed"
    allow: tuple[str, ...] = field(default=())


def field_dict(fault: FieldError) -> dict[str, str]:
    """A fault or a warning of one field as it stands in a body."""
    return {"pointer": fault.pointer, "code": fault.code, "detail": fault.detail}


def pointer(*parts: str | int) -> str:
    """RFC 6901 pointer of a path of names and indexes: ``("cart", 0, "a/b")`` -> ``/cart/0/a~1b``."""
    return "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in parts)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, or None."""
    found = get_close_matches(name.lower()[:100], list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def unknown_field(where: str, name: str, known: Iterable[str]) -> FieldError:
    """The fault of a field that nothing reads, with the name that was probably meant."""
    meant = nearest(name, known)
    hint = f"; did you mean {meant!r}?" if meant else ""
    return FieldError(where + pointer(name), "unknown_field", f"There is no field {name[:100]!r}{hint}")


def designed(error: BaseException) -> OffersError:
    """The typed error behind any exception; what was not designed becomes ``internal`` without its text."""
    if isinstance(error, OffersError):
        return error
    if isinstance(error, MethodNotAllowed):
        allow = tuple(sorted(error.valid_methods or ()))
        return _NotAllowed(f"Allowed here: {', '.join(allow)}", allow=allow)
    if isinstance(error, HTTPException):
        if error.code == 404:
            return NotFound("No route has this address; /openapi.json lists them")
        if error.code == 413:
            return OffersError("The body is larger than this service reads", code="too_large")
        if error.code == 415:
            return OffersError("Send application/json", code="unsupported_media_type")
        if error.code is not None and 400 <= error.code < 500:
            return InvalidInput("The request could not be read")
    return OffersError("The service failed; the request id finds it in the log", code="internal")


def as_dict(error: OffersError, request_id: str | None = None) -> dict[str, Any]:
    """The problem document of an error, as in a response or in a line of a batch."""
    problem = error.problem
    document: dict[str, Any] = {
        "type": f"/docs#error-{error.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": error.detail,
        "code": error.code,
        "remedy": problem.remedy,
        "errors": [field_dict(e) for e in error.errors],
    }
    if request_id:
        document["request_id"] = request_id
    return document


def render(error: OffersError, request_id: str | None) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of a problem response."""
    headers = [("Content-Type", PROBLEM_TYPE), ("Cache-Control", "no-store")]
    status = PROBLEMS[error.code].status
    if status == 401:
        headers.append(("WWW-Authenticate", 'Bearer realm="offers"'))
    retry_after = error.retry_after
    if retry_after is None and status in (429, 503):
        retry_after = 2
    if retry_after is not None:
        headers.append(("Retry-After", str(retry_after)))
    if isinstance(error, _NotAllowed):
        headers.append(("Allow", ", ".join(error.allow)))
    return status, headers, orjson.dumps(as_dict(error, request_id))
