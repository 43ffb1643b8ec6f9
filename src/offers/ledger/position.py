"""Positions: the id of a stream entry as one int64 that sorts the same way."""

from __future__ import annotations

__all__ = ["SEQUENCE_LIMIT", "decode", "encode"]

_BITS = 20

SEQUENCE_LIMIT = 1 << _BITS
"""Sequence numbers stay below this; the accepting script moves on to the next millisecond before it."""


def encode(stream_id: str | bytes) -> int:
    """``ms << 20 | seq`` of a stream id ``ms-seq``; 0 of ``0-0``.

    Raises:
        ValueError: not a stream id, or one whose sequence number does not fit.
    """
    ms, sequence = map(int, stream_id.split("-" if isinstance(stream_id, str) else b"-"))  # type: ignore[arg-type]
    if sequence >= SEQUENCE_LIMIT:
        raise ValueError(f"sequence {sequence} does not fit into a position")
    return ms << _BITS | sequence


def decode(position: int) -> str:
    """The stream id ``ms-seq`` of a position."""
    return f"{position >> _BITS}-{position & (SEQUENCE_LIMIT - 1)}"
