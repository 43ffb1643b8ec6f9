"""How a route is described once, for Flask, for the OpenAPI document and for the tests of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Response
from msgspec import Struct

if TYPE_CHECKING:
    pass

__all__ = ["JSON", "NDJSON", "Body", "Operation", "Parameter", "Reply", "Route", "View"]

JSON = "application/json"
NDJSON = "application/x-ndjson"

View = Callable[..., Response]
"""``view(web, **path_parameters)``."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of path, query or header. ``schema``: JSON Schema."""

    name: str
    where: str
    about: str
    schema: dict[str, Any]
    required: bool = False
    example: Any = None


@dataclass(frozen=True)
class Body:
    """A request body: a struct that validates it, or a schema where any of several shapes is read."""

    schema: type[Struct] | dict[str, Any]
    example: Any
    media: str = JSON


@dataclass(frozen=True)
class Reply:
    """A response of success. ``schemas``: media type -> struct, schema or None."""

    status: int
    about: str
    schemas: dict[str, type[Struct] | dict[str, Any] | None] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """One method of one path. ``errors``: codes of problems besides those that any request can meet."""

    method: str
    path: str
    name: str
    tag: str
    summary: str
    replies: tuple[Reply, ...]
    about: str = ""
    scope: str | None = None
    signed: bool = False
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    errors: tuple[str, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        """Every problem code this operation can answer, in order."""
        codes = list(self.errors)
        if self.body is not None:
            codes += ["malformed_json", "invalid_request", "too_large", "unsupported_media_type"]
        if self.scope is not None:
            codes += ["unauthorized", "forbidden", "state_unavailable"]
        if self.signed:
            codes.append("signature_invalid")
        return tuple(dict.fromkeys([*codes, "internal"]))


@dataclass(frozen=True)
class Route:
    """An operation and the view that does it."""

    operation: Operation
    view: View
