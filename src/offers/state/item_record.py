"""An item as the server keeps it: a MessagePack map of the fields that differ from their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import msgspec

from offers.domain.item import Item

__all__ = ["dump_item", "item_of", "load_item"]

_DEFAULTS = {f.name: f.default for f in fields(Item)}
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Item).decode


def dump_item(item: Item) -> bytes:
    """The stored form; equal items have equal bytes."""
    told = ((name, getattr(item, name)) for name in _DEFAULTS)
    return _encode({name: value for name, value in told if value != _DEFAULTS[name]})


def load_item(data: bytes) -> Item:
    """The item of a stored form. Fields of newer versions are passed over, missing ones take their default."""
    return _decode(data)


def item_of(told: Mapping[str, Any], before: Item | None = None) -> Item:
    """The item that ``told`` describes, laid over ``before`` when only some fields are told.

    Raises:
        ValueError: a field has the wrong type, or there is no ``item_id``.
    """
    base: dict[str, Any] = {} if before is None else {name: getattr(before, name) for name in _DEFAULTS}
    known = {name: value for name, value in told.items() if name in _DEFAULTS}
    merged = base | known
    merged.setdefault("item_name", merged.get("item_id", ""))
    try:
        return msgspec.convert(merged, Item)
    except msgspec.ValidationError as fault:
        raise ValueError(f"not an item: {fault}") from None
