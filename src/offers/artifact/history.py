"""The history of promotions: one line per change, written before the change takes effect."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from offers.artifact.durable import sync_directory
from offers.artifact.format import damaged

__all__ = ["Change", "History", "earlier"]


class Change(msgspec.Struct, frozen=True):
    """One line of the history. ``at`` in µs; ``seq`` counts from 1; ``previous``: what was current before."""

    seq: int
    at: int
    action: Literal["promote", "rollback"]
    model: str
    previous: str | None
    author: str
    reason: str
    forced: bool


class History:
    """``history.ndjson``, appended to by one process at a time (the registry's lock)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Change]:
        """All changes, oldest first. A last line that a crash cut short is not one yet.

        Raises:
            OffersError: ``artifact_damaged``: a whole line cannot be read.
        """
        try:
            return [msgspec.json.decode(line, type=Change) for line in self._whole().splitlines()]
        except msgspec.MsgspecError:
            raise damaged("the history of models cannot be read") from None

    def append(self, change: Change) -> None:
        """Add a change durably; what a crash left of an unfinished line is dropped first."""
        whole = len(self._whole())
        with self._path.open("ab") as file:
            if file.tell() > whole:
                file.truncate(whole)
            file.write(msgspec.json.encode(change) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_directory(self._path.parent)

    def _whole(self) -> bytes:
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return b""
        return raw[: raw.rfind(b"\n") + 1]


def earlier(changes: Sequence[Change]) -> list[str]:
    """Models to roll back to, nearest first: promoted before the one that the last change made current."""
    stack: list[str] = []
    for change in changes:
        if change.action == "rollback":
            while stack and stack[-1] != change.model:
                stack.pop()
        if not stack or stack[-1] != change.model:
            stack.append(change.model)
    return [model for model in reversed(stack[:-1]) if model != stack[-1]]
