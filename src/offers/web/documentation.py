"""``/``, ``/openapi.json`` and ``/docs``: a reference page rendered here, without scripts and other hosts."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Response, render_template
from markupsafe import Markup, escape

from offers import __version__
from offers.errors import PROBLEMS
from offers.web.context import Web
from offers.web.field_codes import FIELD_CODES
from offers.web.openapi import SCOPE_TEXTS, document
from offers.web.operation import JSON, NDJSON, Operation, Reply, Route
from offers.web.responding import json_response

__all__ = ["ROUTES", "curl"]

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_CODE = re.compile(r"`([^`]+)`")

INDEX = Operation(
    "GET",
    "/",
    "index",
    "Documentation",
    "Where to look next",
    (Reply(200, "Links", {JSON: {"type": "object"}}),),
)


def _index(web: Web) -> Response:
    links = {
        "docs": "/docs",
        "openapi": "/openapi.json",
        "health": "/healthz",
        "ready": "/readyz",
        "metrics": "/metrics",
    }
    return json_response({"name": "offers", "version": __version__, "links": links})


OPENAPI = Operation(
    "GET",
    "/openapi.json",
    "openapi",
    "Documentation",
    "The OpenAPI 3.1 document",
    (Reply(200, "The document", {JSON: {"type": "object"}}),),
)


def _openapi(web: Web) -> Response:
    return json_response(document(web.services.settings), cache="public, max-age=60")


DOCS = Operation(
    "GET",
    "/docs",
    "docs",
    "Documentation",
    "This reference as a page",
    (Reply(200, "HTML", {"text/html": {"type": "string"}}),),
)


def curl(base: str, method: str, path: str, operation: dict[str, Any]) -> str:
    """A command that works when pasted, with the key in ``$KEY``."""
    query = []
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", str(parameter.get("example", "1")))
        elif parameter["in"] == "query" and "example" in parameter:
            query.append(f"{parameter['name']}={parameter['example']}")
    url = base + path + ("?" + "&".join(query) if query else "")
    implied = method == "GET" or (method == "POST" and "requestBody" in operation)
    parts = [f"curl -sS{'' if implied else f' -X {method}'} '{url}'"]
    if operation["security"]:
        parts.append('-H "Authorization: Bearer $KEY"')
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"-H 'Content-Type: {media}'")
        body = json.dumps(content["example"], ensure_ascii=False).replace("'", "'\\''")
        parts.append(f"--data-binary '{body}{chr(10) if media == NDJSON else ''}'")
    return " \\\n  ".join(parts)


def _prose(text: str) -> Markup:
    """Escaped text; `code` in backquotes and blank lines are kept."""
    paragraphs = [_CODE.sub(r"<code>\1</code>", str(escape(p))) for p in text.split("\n\n")]
    return Markup("".join(f"<p>{p}</p>" for p in paragraphs))  # noqa: S704 - escaped above


def _fields(schema: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a table of fields: name, type, whether it must be sent, what it is."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    rows = []
    for name, field in schema.get("properties", {}).items():
        about = field.get("description") or next(
            (a["description"] for a in field.get("anyOf", ()) if "description" in a), ""
        )
        rows.append(
            {
                "name": name,
                "type": _type(field),
                "required": name in schema.get("required", ()),
                "about": _prose(about) if about else "",
            }
        )
    return rows


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"].rsplit("/", 1)[1])
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(a) for a in field["anyOf"]))
    if "enum" in field:
        return " | ".join("null" if v is None else str(v) for v in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    return str(field.get("type", "any"))


def _docs(web: Web) -> Response:
    made = document(web.services.settings)
    schemas = made["components"]["schemas"]
    groups: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in made["tags"]}
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            body = next(iter(operation.get("requestBody", {}).get("content", {}).values()), None)
            groups[operation["tags"][0]].append(
                {
                    "method": method.upper(),
                    "path": path,
                    "name": operation["operationId"],
                    "summary": operation["summary"],
                    "about": _prose(operation.get("description", "")),
                    "parameters": [
                        {
                            "name": p["name"],
                            "in": p["in"],
                            "required": p["required"],
                            "about": _prose(p["description"]),
                            "values": p["schema"].get("enum", ()),
                        }
                        for p in operation.get("parameters", ())
                    ],
                    "fields": _fields(body["schema"], schemas) if body else [],
                    "responses": {s: _prose(r["description"]) for s, r in operation["responses"].items()},
                    "curl": curl(made["servers"][0]["url"], method.upper(), path, operation),
                }
            )
    page = render_template(
        "docs.html",
        info=made["info"],
        about=_prose(made["info"]["description"].split("\n\nScopes")[0]),
        tags={tag["name"]: tag["description"] for tag in made["tags"]},
        groups=groups,
        scopes=SCOPE_TEXTS,
        problems=PROBLEMS,
        field_codes=FIELD_CODES,
        schemas={name: _fields(schema, schemas) for name, schema in schemas.items()},
        schema_texts={name: schema.get("description", "") for name, schema in schemas.items()},
    )
    return Response(
        page,
        content_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"},
    )


ROUTES: tuple[Route, ...] = (Route(INDEX, _index), Route(OPENAPI, _openapi), Route(DOCS, _docs))
