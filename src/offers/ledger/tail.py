"""Reading the spool behind its writers: whole lines only, from the offset that the table says was committed.

The position within a slot is one int64, ``file number << 32 | offset``, which the table keeps as the version of the
application transaction ``offers-spool:DIRECTORY:SLOT``. Slots are reused, so those ids stay few.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from offers.ledger.spool import claim, file_number, file_path, spool_uuid

__all__ = ["SlotRead", "SpoolTail"]

_OFFSET_BITS = 32


@dataclass
class SlotRead:
    """What one slot had: ``lines`` up to ``version``; ``finished`` files hold nothing that comes after it."""

    app: str
    version: int
    before: int
    lines: list[bytes] = field(default_factory=list)
    finished: list[Path] = field(default_factory=list)
    bytes: int = 0
    torn: int = 0
    more: bool = False


class SpoolTail:
    """The reading end of a spool directory; for one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._uuid = ""

    def _slots(self) -> Iterator[Path]:
        if not self.directory.is_dir():
            return
        for path in sorted(self.directory.iterdir()):
            if path.name.isdecimal() and path.is_dir():
                yield path

    @staticmethod
    def _files(slot: Path) -> list[int]:
        return sorted(n for path in slot.iterdir() if (n := file_number(path)) is not None)

    def backlog(self) -> int:
        """Bytes in spool files, committed ones included: at rest, 0 or the size of the files still open."""
        total = 0
        for slot in self._slots():
            for n in self._files(slot):
                with suppress(FileNotFoundError):  # another process finished with it meanwhile
                    total += file_path(slot, n).stat().st_size
        return total

    def marks(self) -> dict[str, tuple[int, int, bool]]:
        """Newest file, its size and whether its writer lives, per slot: unchanged marks mean nothing is new."""
        result: dict[str, tuple[int, int, bool]] = {}
        for slot in self._slots():
            numbers = self._files(slot)
            if numbers:
                fd = claim(slot)
                if fd is not None:
                    os.close(fd)
                result[slot.name] = (numbers[-1], file_path(slot, numbers[-1]).stat().st_size, fd is None)
        return result

    def read(
        self, committed: Callable[[str], int | None], *, max_bytes: int = 32_000_000
    ) -> tuple[list[SlotRead], bool]:
        """Whole lines of every slot after what is committed, and whether ``max_bytes`` left some behind.

        ``committed``: application id -> version.

        A torn last line waits for its rest while its writer lives, and is dropped (it was never answered for) once
        the writer is gone.
        """
        if not self.directory.is_dir():
            return [], False
        self._uuid = self._uuid or spool_uuid(self.directory)
        result: list[SlotRead] = []
        budget = max_bytes
        for slot in self._slots():
            found = self._read_slot(slot, committed, max(budget, 1))
            if found is not None:
                budget -= found.bytes
                result.append(found)
        return result, any(slot.more for slot in result)

    def _read_slot(self, slot: Path, committed: Callable[[str], int | None], budget: int) -> SlotRead | None:
        lock = claim(slot)  # held while reading: a free slot has no writer, and gets none before we are done
        try:
            numbers = self._files(slot)
            if not numbers:
                return None
            app = f"offers-spool:{self._uuid}:{slot.name}"
            before = committed(app) or 0
            read = SlotRead(app, before, before)
            for number in numbers:
                path = file_path(slot, number)
                final = lock is not None or number < numbers[-1]
                if number < before >> _OFFSET_BITS:
                    read.finished.append(path)
                    continue
                start = before & ((1 << _OFFSET_BITS) - 1) if number == before >> _OFFSET_BITS else 0
                with path.open("rb") as file:
                    file.seek(start)
                    data = file.read(budget)
                    if b"\n" not in data and len(data) == budget:
                        data += file.readline()
                    at_end = not file.read(1)
                whole = data.rfind(b"\n") + 1
                read.lines += data[:whole].split(b"\n")[:-1]
                read.version = number << _OFFSET_BITS | (start + whole)
                read.bytes += len(data)
                budget -= len(data)
                if at_end and final:
                    read.torn += whole < len(data)
                    read.finished.append(path)
                if not at_end or (budget <= 0 and number != numbers[-1]):
                    read.more = final or budget <= 0
                    break
            return read
        finally:
            if lock is not None:
                os.close(lock)
