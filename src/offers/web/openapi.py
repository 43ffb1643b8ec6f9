"""The OpenAPI 3.1 document, made from the operations and from the structs that validate requests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from offers import __version__
from offers.errors import PROBLEMS
from offers.settings import Settings
from offers.web.answers import ProblemDocument
from offers.web.field_codes import FIELD_CODES
from offers.web.operation import Operation, Parameter, Reply
from offers.web.problems import PROBLEM_TYPE
from offers.web.schemas import SCOPES

__all__ = ["SCOPE_TEXTS", "document"]

_REF = "#/components/schemas/{name}"

#: scope -> what it allows
SCOPE_TEXTS: dict[str, str] = {
    "offers": "Ask for offers",
    "picks": "Ask for picks of letters and sign their addresses",
    "assign": "Ask for variants of experiments",
    "events": "Send events",
    "catalogue": "Read and write items",
    "customers": "Read, write, join and erase customers",
    "reports": "Read models and reports; see scores under explain",
    "console": "Sign in to the console",
    "admin": "Make and revoke keys, switch placements",
}

_ABOUT = """\
Ask for offers at checkout, fetch picks for letters, send events and the catalogue.

Money is decimal major units of a currency, times are RFC 3339 with an offset, ids are opaque text of at most
128 characters and never e-mail addresses. Every error is a problem document (RFC 9457) with a `code` of a closed
set. A caller may send `X-Request-Id`; it is returned with every answer.\
"""

_TAGS = {
    "Offers": "At checkout and on pages, called by the shop's servers.",
    "Letters": "Picks for e-mail: pulled, in batches, or as a ready block.",
    "Events": "What happened: orders, views, carts, letters.",
    "Catalogue": "Items with live price and stock.",
    "Customers": "Profiles, joins, erasure.",
    "Configuration": "Keys and kill switches.",
    "Operating": "Health, metrics, models.",
    "Documentation": "This document.",
}


def _structs(operations: Iterable[Operation]) -> list[type[Struct]]:
    found: dict[type[Struct], None] = {ProblemDocument: None}

    def visit(schema: Any) -> None:
        if isinstance(schema, type) and issubclass(schema, Struct):
            found[schema] = None
        elif isinstance(schema, dict):
            for value in schema.values():
                visit(value)
        elif isinstance(schema, list | tuple):
            for value in schema:
                visit(value)

    for operation in operations:
        if operation.body is not None:
            visit(operation.body.schema)
        for reply in operation.replies:
            visit(reply.schemas)
    return list(found)


def _schema(schema: Any) -> Any:
    """A schema in which structs are references."""
    if isinstance(schema, type) and issubclass(schema, Struct):
        return {"$ref": _REF.format(name=schema.__name__)}
    if isinstance(schema, dict):
        return {k: _schema(v) for k, v in schema.items()}
    if isinstance(schema, list | tuple):
        return [_schema(v) for v in schema]
    return schema


def _parameter(parameter: Parameter) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.about,
        "required": parameter.required,
        "schema": parameter.schema,
    }
    if parameter.example is not None:
        made["example"] = parameter.example
    return made


def _reply(reply: Reply) -> dict[str, Any]:
    made: dict[str, Any] = {
        "description": reply.about,
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
    }
    for name, about in reply.headers.items():
        made["headers"][name] = {"description": about, "schema": {"type": "string"}}
    if reply.schemas:
        made["content"] = {
            media: {} if schema is None else {"schema": _schema(schema)} for media, schema in reply.schemas.items()
        }
    return made


def _problems(codes: Iterable[str]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    made = {}
    for status, names in sorted(by_status.items()):
        headers: dict[str, Any] = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
        if status in (429, 503):
            headers["Retry-After"] = {"description": "Seconds to wait", "schema": {"type": "integer"}}
        schema = {"allOf": [{"$ref": _REF.format(name="ProblemDocument")}, {"properties": {"code": {"enum": names}}}]}
        made[str(status)] = {
            "description": "; ".join(f"`{name}`: {PROBLEMS[name].title}" for name in names),
            "headers": headers,
            "content": {PROBLEM_TYPE: {"schema": schema}},
        }
    return made


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": {str(r.status): _reply(r) for r in operation.replies},
    }
    # Statuses of success win: a readiness of 503 is not a problem document.
    made["responses"] = _problems(operation.codes) | made["responses"]
    made["responses"] = dict(sorted(made["responses"].items()))
    about = [operation.about] if operation.about else []
    if operation.scope is not None:
        about.append(f"Scope: `{operation.scope}`.")
        made["security"] = [{"bearer": []}, {"header": []}]
        made["x-scope"] = operation.scope
        if operation.signed:
            made["security"].append({"signature": []})
    else:
        made["security"] = []
    if about:
        made["description"] = "\n\n".join(about)
    if operation.parameters:
        made["parameters"] = [_parameter(p) for p in operation.parameters]
    if operation.body is not None:
        content = {"schema": _schema(operation.body.schema), "example": operation.body.example}
        made["requestBody"] = {"required": True, "content": {operation.body.media: content}}
    return made


def document(settings: Settings) -> dict[str, Any]:
    """The OpenAPI document of this version. Every call makes it anew; nothing is connected."""
    from offers.web.routes import OPERATIONS

    _, schemas = msgspec.json.schema_components(_structs(OPERATIONS), ref_template=_REF)
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    scopes = "\n".join(f"- `{scope}`: {SCOPE_TEXTS[scope]}" for scope in SCOPES)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "offers",
            "version": __version__,
            "summary": "Next-best-offer, upsell and cross-sell for a shop",
            "description": f"{_ABOUT}\n\nScopes of keys:\n\n{scopes}",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": settings.public_url or f"http://{settings.host}:{settings.port}"}],
        "tags": [{"name": name, "description": about} for name, about in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "headers": {
                "X-Request-Id": {
                    "description": "Id of the request: the caller's, or a new one",
                    "schema": {"type": "string"},
                }
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer KEY"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key itself"},
                "signature": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "sig",
                    "description": "A signed address from POST /v1/picks/sign, with `exp`",
                },
            },
        },
        "x-problem-codes": {
            code: {"status": p.status, "title": p.title, "remedy": p.remedy} for code, p in PROBLEMS.items()
        },
        "x-field-codes": FIELD_CODES,
    }
