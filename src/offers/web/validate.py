"""Documents against structs: one fast pass for the good, then every fault of the bad with its pointer.

``msgspec`` stops at the first fault and says it in Python's words; the slow pass, taken only when there is one,
visits each field on its own, so that a developer mends all of them at once.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect as shapes

from offers.errors import FieldError, InvalidInput
from offers.web.problems import pointer, unknown_field

__all__ = ["ensure", "faults", "known_fields", "unknown_fields", "validate"]

T = TypeVar("T", bound=msgspec.Struct)

MAX_FAULTS = 50
_WHERE = re.compile(r"^(.*?)(?: - at `\$(.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_WORDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "null": "null"}
_WORDS |= {"array": "a list", "object": "an object"}
_TYPES = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")


def _plain(message: str) -> tuple[str, str]:
    """Code and sentence for msgspec's message."""
    typed = _TYPES.search(message)
    if typed:
        expected = " or ".join(dict.fromkeys(_WORDS.get(p.strip(), p.strip()) for p in typed[1].split("|")))
        expected = expected.replace("a whole number or a number", "a number")
        return "wrong_type", f"must be {expected}, not {_WORDS.get(typed[2], typed[2])}"
    if "missing required field" in message:
        name = message.rsplit("`", 2)[-2]
        return "required", f"the field {name!r} is required"
    if "matching regex" in message:
        return "invalid_format", f"must match {message.partition('matching regex ')[2].strip(chr(39))}"
    if message.startswith("Expected"):
        rule = message.replace("Expected ", "must be ", 1).replace("`", "")
        for python, word in _WORDS.items():
            rule = re.sub(rf"\b{python}\b", word, rule)
        return "out_of_range", rule
    if message.startswith("Invalid enum value"):
        return "not_allowed", message[0].lower() + message[1:].replace("`", "")
    return "invalid", message.replace("`", "")


def _fault(error: msgspec.ValidationError, base: str) -> FieldError:
    found = _WHERE.match(str(error))
    message, path = (found[1], found[2] or "") if found else (str(error), "")
    code, detail = _plain(message)
    parts = [m[1] or m[2] or "…" for m in _STEP.finditer(path)]
    if code == "required":
        parts.append(message.rsplit("`", 2)[-2])
    return FieldError(base + pointer(*parts), code, detail)


@cache
def known_fields(struct: type[msgspec.Struct]) -> frozenset[str]:
    """Names on the wire of a struct's fields."""
    return frozenset(f.encode_name for f in msgspec.structs.fields(struct))


@cache
def _nested(struct: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct]]:
    """Fields that hold a list of structs: name on the wire -> struct."""
    info = shapes.type_info(struct)
    assert isinstance(info, shapes.StructType)
    found: dict[str, type[msgspec.Struct]] = {}
    for field in info.fields:
        whole = _bare(field.type)
        for kind in map(_bare, whole.types if isinstance(whole, shapes.UnionType) else (whole,)):
            if isinstance(kind, shapes.ListType):
                item = _bare(kind.item_type)
                if isinstance(item, shapes.StructType):
                    found[field.encode_name] = item.cls
    return found


def _bare(kind: shapes.Type) -> shapes.Type:
    """A type without its documentation."""
    while isinstance(kind, shapes.Metadata):
        kind = kind.type
    return kind


def faults(document: Any, struct: type[msgspec.Struct], base: str = "", *, lax: bool = False) -> list[FieldError]:
    """Every fault of ``document`` as ``struct``, at most 50, each at its pointer. ``lax`` reads numbers in text."""
    if not isinstance(document, dict):
        try:
            msgspec.convert(document, struct, strict=not lax)
        except msgspec.ValidationError as error:
            return [_fault(error, base)]
        return []
    found: list[FieldError] = []
    nested = _nested(struct)
    for field in msgspec.structs.fields(struct):
        name = field.encode_name
        if name not in document:
            if field.required:
                found.append(FieldError(base + pointer(name), "required", f"the field {name!r} is required"))
            continue
        value, here = document[name], base + pointer(name)
        inner = nested.get(name)
        if inner is not None and isinstance(value, list):
            for n, part in enumerate(value):
                found += faults(part, inner, here + pointer(n))
                if len(found) >= MAX_FAULTS:
                    return found[:MAX_FAULTS]
            continue
        try:
            msgspec.convert(value, field.type, strict=not lax)
        except msgspec.ValidationError as error:
            found.append(_fault(error, here))
    return found[:MAX_FAULTS]


def ensure(errors: list[FieldError]) -> None:
    """Raise :class:`InvalidInput` when there are any errors."""
    if errors:
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InvalidInput(f"{first.pointer or 'The body'}: {first.detail}{more}", tuple(errors))


def validate(document: Any, struct: type[T], *, strict_names: bool = False, lax: bool = False) -> T:
    """``document`` as ``struct``; with ``strict_names`` an unknown field is a fault too; ``lax`` for query parameters.

    Raises:
        InvalidInput: with every fault.
    """
    try:
        value = msgspec.convert(document, struct, strict=not lax)
    except msgspec.ValidationError as error:
        ensure(faults(document, struct, lax=lax) or [_fault(error, "")])
        raise AssertionError("unreachable") from None
    if strict_names:
        ensure(unknown_fields(document, struct))
    return value


def unknown_fields(document: Any, struct: type[msgspec.Struct], base: str = "") -> list[FieldError]:
    """A warning for every field that nothing reads, at most 50."""
    if not isinstance(document, dict):
        return []
    known = known_fields(struct)
    found: list[FieldError] = []
    if not document.keys() <= known:
        for name in document:
            if name not in known:
                found.append(unknown_field(base, str(name), known))
    for name, inner in _nested(struct).items():
        inside = document.get(name)
        if isinstance(inside, list):
            names = known_fields(inner)
            for n, part in enumerate(inside):
                if isinstance(part, dict) and not part.keys() <= names:
                    found += unknown_fields(part, inner, base + pointer(name, n))
                    if len(found) >= MAX_FAULTS:
                        return found[:MAX_FAULTS]
    return found[:MAX_FAULTS]
