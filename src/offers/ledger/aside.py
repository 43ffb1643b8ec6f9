"""What is no event: set aside in a file beside the spool, so that it neither stops the writer nor vanishes."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from offers.ledger import codec

__all__ = ["keep_aside", "rows_of"]

FILE = "set-aside.jsonl"


def rows_of(
    payloads: Sequence[bytes], positions: Sequence[int | None]
) -> tuple[pl.DataFrame, list[tuple[int | None, bytes]]]:
    """The rows of stored events, and the (position, bytes) of those that are none."""
    try:
        return codec.frame_stored(payloads, positions), []
    except ValueError:
        pass
    good: list[bytes] = []
    at_good: list[int | None] = []
    bad: list[tuple[int | None, bytes]] = []
    for data, at in zip(payloads, positions, strict=True):
        try:
            stored = codec.dump(codec.load(data))
            codec.frame_stored([stored], [at])
        except (ValueError, TypeError):
            bad.append((at, data))
        else:
            good.append(stored)
            at_good.append(at)
    return codec.frame_stored(good, at_good), bad


def keep_aside(directory: Path, entries: Sequence[tuple[int | None, bytes]], now_us: int) -> None:
    """Append entries to the file in ``directory`` and fsync it: JSON lines, the bytes in base64."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / FILE).open("a") as file:
        for position, data in entries:
            doc = {"position": position, "at": now_us, "data": base64.b64encode(data).decode()}
            file.write(json.dumps(doc) + "\n")
        file.flush()
        os.fsync(file.fileno())
