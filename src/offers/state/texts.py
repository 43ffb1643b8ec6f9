"""Many short byte strings in few large blocks: no object header each, and memory goes back when they go."""

from __future__ import annotations

import mmap

__all__ = ["Texts"]

_BLOCK = 1 << 20
_LENGTH_BITS = 24
_OFFSET_BITS = 24
_LENGTH = (1 << _LENGTH_BITS) - 1
_OFFSET = (1 << _OFFSET_BITS) - 1


class Texts:
    """Append-only. One writer; readers take no lock, because what was written never moves or changes.

    A text's place is one integer (block, offset, length), so that a reader never sees half of a new place.
    """

    def __init__(self) -> None:
        self.used = 0
        """Bytes handed in, those no longer referred to included."""
        self._blocks: list[mmap.mmap] = []
        self._offset = _BLOCK

    def add(self, text: bytes) -> int:
        """Keep ``text`` (1 to 2**24 - 1 bytes); returns its place, which is never 0."""
        size = len(text)
        if not 0 < size <= _LENGTH:
            raise ValueError("a text has 1 to 2**24 - 1 bytes")
        if self._offset + size > len(self._blocks[-1] if self._blocks else b""):
            self._blocks.append(mmap.mmap(-1, max(_BLOCK, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
            self._offset = 0
        place = (len(self._blocks) - 1) << (_LENGTH_BITS + _OFFSET_BITS) | self._offset << _LENGTH_BITS | size
        self._blocks[-1][self._offset : self._offset + size] = text
        self._offset += size
        self.used += size
        return place

    def get(self, place: int) -> bytes:
        """The text at ``place``, copied to its length."""
        offset = place >> _LENGTH_BITS & _OFFSET
        return self._blocks[place >> (_LENGTH_BITS + _OFFSET_BITS)][offset : offset + (place & _LENGTH)]

    def memory_bytes(self) -> int:
        """Address space taken; the unused end of the last block is not resident."""
        return sum(len(block) for block in self._blocks)
