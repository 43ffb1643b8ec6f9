"""Files that are there in full or not at all, also after a power cut."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["sync_directory", "sync_file", "write_atomically"]


def sync_file(path: Path) -> None:
    """Force a file's content to the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_directory(path: Path) -> None:
    """Force a directory's entries to the disk: a rename or a new file is not durable before."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a small file: readers see the old or the new content, and the new one stays once this returns."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)
