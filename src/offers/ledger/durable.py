"""Power-cut safety of local tables: ``deltalake`` never calls fsync, so what a commit wrote is synced here.

Only after that may a source (stream entries, spool files, replaced files) be let go.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

__all__ = ["sync_checkpoint", "sync_files", "sync_table"]

_THREADS = 8  # a journalling file system joins concurrent fsyncs into one journal commit


def _sync(path: Path) -> None:
    flags = os.O_RDONLY | os.O_CLOEXEC
    try:
        fd = os.open(path, flags)
    except FileNotFoundError:
        return  # replaced by a compaction in the meantime: its successor was synced before
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_files(files: Iterable[Path], root: Path) -> None:
    """fsync files, then the directories between each of them and ``root``, ``root`` included, deepest first.

    Raises:
        OSError: the disk failed; nothing may be let go.
    """
    found = set(files)
    folders = {root}
    for path in found:
        for parent in path.parents:
            folders.add(parent)
            if parent == root or parent in root.parents:
                break
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(_sync, found))
        list(pool.map(_sync, sorted(folders, key=lambda p: len(p.parts), reverse=True)))


def _added(entry: Path) -> list[str]:
    """Paths of the data files that one log entry adds."""
    paths: list[str] = []
    try:
        with entry.open("rb") as lines:
            for line in lines:
                action = json.loads(line)
                if "add" in action:
                    paths.append(unquote(action["add"]["path"]))
    except FileNotFoundError:
        pass  # already part of a checkpoint, which is synced before the log is cut
    return paths


def sync_table(root: Path, after: int, upto: int) -> int:
    """fsync all that the commits in ``(after, upto]`` of the local table at ``root`` wrote; the number of files.

    Data files first, then the log entries that name them, then the directories: what is named is there.
    """
    log = root / "_delta_log"
    if upto - after > 100:  # most entries of a long range were cut from the log, and synced before that
        versions = sorted(int(path.stem) for path in log.glob("*.json") if path.stem.isdecimal())
    else:
        versions = list(range(after + 1, upto + 1))
    entries = [log / f"{version:020d}.json" for version in versions if after < version <= upto]
    data = [root / path for entry in entries for path in _added(entry)]
    sync_files(data, root)
    sync_files(entries, root)
    _sync(root.parent)
    return len(data) + len(entries)


def sync_checkpoint(root: Path, version: int | None = None) -> None:
    """fsync the checkpoints of the local table at ``root``, or that of a version: before the log entries they stand
    for are cut."""
    log = root / "_delta_log"
    sync_files(log.glob("*.checkpoint*.parquet" if version is None else f"{version:020d}.checkpoint*.parquet"), root)
    sync_files([log / "_last_checkpoint"], root)
