"""Reading a request's body: size, media type, encoding, depth, JSON; in that order, each with its own problem."""

from __future__ import annotations

from typing import Any

import orjson

from offers.errors import FieldError, InvalidInput, OffersError, TooLarge

__all__ = [
    "JSON_TYPES",
    "MAX_DEPTH",
    "NDJSON_TYPES",
    "depth_exceeds",
    "lines_of",
    "parse_json",
    "read_bytes",
    "read_json",
]

MAX_DEPTH = 32
"""Deepest nesting of arrays and objects that is read."""

JSON_TYPES = frozenset({"application/json", "text/json"})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})

_NOT_BRACKETS = bytes(b for b in range(256) if b not in b'[]{}"\\')


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit} bytes")


def read_bytes(environ: dict[str, Any], limit: int) -> bytes:
    """The whole body, at most ``limit`` bytes.

    Raises:
        TooLarge: by the declared length without reading, or while reading a body of undeclared length.
    """
    declared = environ.get("CONTENT_LENGTH")
    if declared:
        try:
            size = int(declared)
        except ValueError:
            raise InvalidInput("Content-Length is not a number") from None
        if size > limit:
            raise _too_large(limit)
        if size <= 0:
            return b""
        data = _read(environ["wsgi.input"], size)
        if len(data) < size:
            raise InvalidInput("The body is shorter than its Content-Length")
        return data
    if not environ.get("HTTP_TRANSFER_ENCODING"):
        return b""
    data = _read(environ["wsgi.input"], limit + 1)
    if len(data) > limit:
        raise _too_large(limit)
    return data


def _read(stream: Any, most: int) -> bytes:
    """Up to ``most`` bytes. One ``read`` may bring only what has arrived so far."""
    first: bytes = stream.read(most)
    if len(first) == most or not first:
        return first
    parts, missing = [first], most - len(first)
    while missing > 0 and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def depth_exceeds(data: bytes, limit: int = MAX_DEPTH) -> bool:
    """Whether brackets outside strings nest deeper than ``limit``; found without parsing, in linear time."""
    if data.count(b"[") + data.count(b"{") <= limit:
        return False
    rest = data.translate(None, _NOT_BRACKETS).replace(b"\\\\", b"").replace(b'\\"', b"")
    depth = 0
    for part in rest.split(b'"')[::2]:
        for byte in part:
            if byte in b"[{":
                depth += 1
                if depth > limit:
                    return True
            elif byte in b"]}":
                depth -= 1
    return False


def parse_json(data: bytes) -> Any:
    """The document in ``data``.

    Raises:
        OffersError: ``malformed_json`` with line and column; ``invalid_request`` for one nested too deeply.
    """
    if depth_exceeds(data):
        raise InvalidInput.at("", "too_deep", f"Arrays and objects may nest {MAX_DEPTH} deep")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as fault:
        if not data.strip():
            raise OffersError("The body is empty; send one JSON document", code="malformed_json") from None
        try:
            data.decode()
        except UnicodeDecodeError as wrong:
            detail = f"The body is not UTF-8: byte {wrong.start} is 0x{data[wrong.start]:02x}"
        else:
            detail = f"{fault.msg} at line {fault.lineno}, column {fault.colno} (character {fault.pos})"
        raise OffersError(detail, (FieldError("", "malformed_json", detail),), code="malformed_json") from None


def _check_type(environ: dict[str, Any], allowed: frozenset[str]) -> None:
    sent = environ.get("CONTENT_TYPE", "")
    media, _, rest = sent.partition(";")
    media = media.strip().lower()
    if media not in allowed and not (
        allowed is JSON_TYPES and media.startswith("application/") and media.endswith("+json")
    ):
        named = f"{media!r} is not read here" if media else "There is no Content-Type"
        raise OffersError(f"{named}; send {sorted(allowed)[0]}", code="unsupported_media_type")
    if "charset" in rest.lower() and "utf-8" not in rest.lower().replace("utf8", "utf-8"):
        raise OffersError("Bodies are read as UTF-8 only; leave charset out", code="unsupported_media_type")


def read_json(environ: dict[str, Any], limit: int) -> Any:
    """The JSON document of a request."""
    if environ.get("CONTENT_TYPE") != "application/json":
        _check_type(environ, JSON_TYPES)
    return parse_json(read_bytes(environ, limit))


def lines_of(environ: dict[str, Any], limit: int, most: int) -> list[bytes]:
    """The non-empty lines of an NDJSON body, checked for their number before the first is handed out."""
    _check_type(environ, NDJSON_TYPES)
    lines = [line for line in read_bytes(environ, limit).split(b"\n") if line.strip()]
    if len(lines) > most:
        raise TooLarge(f"A batch has at most {most} lines; this one has {len(lines)}")
    if not lines:
        raise InvalidInput("The batch is empty; send one JSON document per line")
    return lines
