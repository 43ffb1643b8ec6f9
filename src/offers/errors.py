"""Typed errors: every fault a person can meet, with a stable code, a status and a remedy.

The set of codes is closed and documented in ``docs/errors.md``; a test holds the two together.
The web layer turns any :class:`OffersError` into an RFC 9457 problem document, the command line into
one line on standard error. This module imports nothing of the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = [
    "PROBLEMS",
    "Busy",
    "Conflict",
    "FieldError",
    "Forbidden",
    "GateRefused",
    "InvalidInput",
    "NotFound",
    "OffersError",
    "PreconditionFailed",
    "Problem",
    "StateUnavailable",
    "TooLarge",
    "Unauthorized",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One row of the closed table of problem codes."""

    status: int
    title: str
    remedy: str


#: code -> what it means. The only codes that appear on the wire.
PROBLEMS: dict[str, Problem] = {
    "malformed_json": Problem(400, "The body is not valid JSON", "Send one JSON document in UTF-8."),
    "invalid_request": Problem(400, "The request is not valid", "Mend the fields named in errors."),
    "unauthorized": Problem(401, "A valid key is needed", "Send Authorization: Bearer KEY or X-API-Key."),
    "signature_invalid": Problem(401, "The signed address is not valid", "Sign the address anew."),
    "forbidden": Problem(403, "The key lacks the scope", "Use a key with the scope named in detail."),
    "not_found": Problem(404, "There is no such thing", "Check the address and the id."),
    "method_not_allowed": Problem(405, "The method is not allowed here", "Use a method named in Allow."),
    "conflict": Problem(409, "The state does not allow this", "Read the current state and try again."),
    "precondition_failed": Problem(412, "The version has changed", "Read it again and send its ETag in If-Match."),
    "too_large": Problem(413, "The body is too large", "Send a smaller body or several requests."),
    "unsupported_media_type": Problem(415, "The content type is not supported", "Send application/json."),
    "too_many_requests": Problem(429, "Too many requests", "Wait for the seconds in Retry-After."),
    "internal": Problem(500, "The service failed", "Try again; quote the request id if it persists."),
    "overloaded": Problem(503, "The service cannot take this now", "Wait for the seconds in Retry-After."),
    "state_unavailable": Problem(503, "The online store cannot be reached", "Wait for the seconds in Retry-After."),
    "already_running": Problem(409, "The data directory is in use", "Stop the other instance first."),
    "invalid_settings": Problem(500, "A setting is not valid", "Mend the environment variable named in detail."),
    "gate_refused": Problem(409, "The model did not pass the gate", "Read the reasons; --force records an override."),
    "artifact_damaged": Problem(500, "The model's files are damaged", "Train again or roll back."),
    "ledger_damaged": Problem(
        500, "The ledger does not fit the stream", "Run offers doctor and read docs/operations.md."
    ),
    "missing_dependency": Problem(500, "A needed part is not installed", "Install what detail names."),
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """A fault in one field: ``pointer`` is an RFC 6901 JSON pointer into the body that was sent."""

    pointer: str
    code: str
    detail: str


@dataclass(eq=False)
class OffersError(Exception):
    """Base of all designed errors. ``detail`` is for people; it never holds an exception's text."""

    detail: str
    errors: Sequence[FieldError] = field(default=())
    code: str = "internal"
    retry_after: int | None = None

    def __str__(self) -> str:
        places = "; ".join(f"{e.pointer or '/'}: {e.detail}" for e in self.errors)
        return f"{self.detail} ({places})" if places else self.detail

    @property
    def problem(self) -> Problem:
        return PROBLEMS[self.code]


@dataclass(eq=False)
class InvalidInput(OffersError):
    code: str = "invalid_request"

    @classmethod
    def at(cls, pointer: str, code: str, detail: str) -> InvalidInput:
        """One field's fault."""
        return cls(detail, (FieldError(pointer, code, detail),))


@dataclass(eq=False)
class Unauthorized(OffersError):
    code: str = "unauthorized"


@dataclass(eq=False)
class Forbidden(OffersError):
    code: str = "forbidden"


@dataclass(eq=False)
class NotFound(OffersError):
    code: str = "not_found"


@dataclass(eq=False)
class Conflict(OffersError):
    code: str = "conflict"


@dataclass(eq=False)
class PreconditionFailed(OffersError):
    code: str = "precondition_failed"


@dataclass(eq=False)
class TooLarge(OffersError):
    code: str = "too_large"


@dataclass(eq=False)
class Busy(OffersError):
    """Cannot be taken now and nothing was kept: the caller must send it again."""

    code: str = "overloaded"
    retry_after: int | None = 2


@dataclass(eq=False)
class StateUnavailable(OffersError):
    """Valkey/Redis cannot be reached within its time limit."""

    code: str = "state_unavailable"
    retry_after: int | None = 2


@dataclass(eq=False)
class GateRefused(OffersError):
    code: str = "gate_refused"
