"""Copying files so that a copy is known to be whole: checksums while writing, fsync after."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Copied", "checksum", "copy_file", "files_below", "sync_folder", "sync_tree", "write_whole"]

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Copied:
    """One file of a backup: its path within it, its size, the SHA-256 of its content."""

    path: str
    size: int
    sha256: str


def copy_file(source: Path, target: Path, *, size: int | None = None) -> tuple[int, str]:
    """Copy a file, or its first ``size`` bytes if it is still growing; bytes and SHA-256 of the copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    written = 0
    with source.open("rb") as reading, target.open("xb") as writing:
        os.fchmod(writing.fileno(), os.fstat(reading.fileno()).st_mode & 0o777)
        while chunk := reading.read(_CHUNK if size is None else min(_CHUNK, size - written)):
            digest.update(chunk)
            writing.write(chunk)
            written += len(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    return written, digest.hexdigest()


def checksum(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return path.stat().st_size, digest.hexdigest()


def files_below(folder: Path) -> Iterator[Path]:
    """Regular files below a folder, in order; none of a folder that is not there. Links are not followed."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_symlink():
            continue
        if path.is_dir():
            yield from files_below(path)
        elif path.is_file():
            yield path


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_tree(folder: Path) -> None:
    """Make the names in a folder and in all below it last."""
    for here, _, _ in os.walk(folder):
        sync_folder(Path(here))


def write_whole(path: Path, data: bytes, *, mode: int = 0o640) -> None:
    """Replace a file at once or not at all."""
    draft = path.with_name(f".{path.name}.part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)
