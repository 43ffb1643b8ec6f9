"""Artifact directories: written so that a crash leaves none in part, and checked file by file."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from offers.artifact.durable import sync_directory, sync_file, write_atomically
from offers.artifact.format import (
    ARRAYS,
    FORMAT,
    MANIFEST,
    Arrays,
    File,
    Manifest,
    Parameters,
    Verdict,
    check,
    content_id,
    damaged,
    seal_of,
)
from offers.errors import OffersError

__all__ = ["TEMPORARY", "read_array", "read_manifest", "save", "verify"]

TEMPORARY = ".unfinished-"
"""How the name of a directory that is being written begins."""


def save(
    directory: Path,
    arrays: Arrays,
    *,
    engine: str,
    recipe: dict[str, Any],
    parameters: Parameters,
    created_at: int,
    ledger_version: int | None = None,
    ledger_uri: str | None = None,
    counts: dict[str, int] | None = None,
    metrics: dict[str, Any] | None = None,
    timings: dict[str, float] | None = None,
    gate: Verdict | None = None,
) -> str:
    """Write an artifact under ``directory`` and return its id.

    Everything is written and synced under a temporary name and then renamed, so a directory named by an id is
    complete. What is there already under the same id has the same arrays: they stay if they are sound, and the
    manifest becomes that of this training if it was put to the gate; what is damaged is replaced.

    Raises:
        ValueError: the arrays do not fit the format.
    """
    check(arrays)
    directory.mkdir(parents=True, exist_ok=True)
    with _unfinished(directory) as work:
        files = {name: _write(work / f"{name}.npy", arrays[name]) for name in ARRAYS}
        manifest = Manifest(
            id="",
            format=FORMAT,
            engine=engine,
            recipe=recipe,
            parameters=parameters,
            files=files,
            created_at=created_at,
            ledger_version=ledger_version,
            ledger_uri=ledger_uri,
            counts=counts or {},
            metrics=metrics or {},
            timings=timings or {},
            gate=gate,
        )
        # Through the stored form first, so that what is hashed is what a reader will hash.
        manifest = _decode(msgspec.json.encode(manifest))
        manifest = msgspec.structs.replace(manifest, id=content_id(manifest))
        manifest = msgspec.structs.replace(manifest, seal=seal_of(manifest))
        text = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1)
        (work / MANIFEST).write_bytes(text)
        sync_file(work / MANIFEST)
        sync_directory(work)
        _publish(work, directory / manifest.id, manifest)
        sync_directory(directory)
    return manifest.id


@contextmanager
def _unfinished(directory: Path) -> Iterator[Path]:
    work = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=directory))
    try:
        work.chmod(0o755)
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _publish(work: Path, target: Path, manifest: Manifest) -> None:
    if not target.exists():
        work.rename(target)
    elif not verify(target):
        if manifest.gate is not None:
            write_atomically(target / MANIFEST, (work / MANIFEST).read_bytes())
    else:
        aside = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=target.parent))
        target.rename(aside / target.name)
        work.rename(target)
        shutil.rmtree(aside, ignore_errors=True)


def _write(path: Path, array: npt.NDArray[Any]) -> File:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    return File(_sha256(path), array.shape, array.dtype.str, path.stat().st_size)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _decode(raw: bytes) -> Manifest:
    return msgspec.json.decode(raw, type=Manifest)


def read_manifest(path: Path) -> Manifest:
    """The manifest of the artifact directory ``path``, its id and seal checked.

    Raises:
        OffersError: ``artifact_damaged``.
    """
    try:
        manifest = _decode((path / MANIFEST).read_bytes())
    except (OSError, msgspec.MsgspecError):
        raise damaged(f"{path.name}: the manifest cannot be read") from None
    if manifest.format > FORMAT:
        raise damaged(f"{path.name}: format {manifest.format} is newer than this version reads")
    if manifest.seal != seal_of(manifest) or manifest.id != content_id(manifest):
        raise damaged(f"{path.name}: the manifest is not as it was written")
    return manifest


def read_array(path: Path, manifest: Manifest, name: str) -> npt.NDArray[Any]:
    """One array, mapped read-only: the pages are shared by all processes that read it.

    Raises:
        OffersError: ``artifact_damaged``: absent, cut short, or not of the shape and type that the manifest says.
    """
    file, stored = manifest.files.get(name), path / f"{name}.npy"
    try:
        if file is None or stored.stat().st_size != file.bytes:
            raise damaged(f"{path.name}: {name} is absent or cut short")
        empty = 0 in file.shape
        array: npt.NDArray[Any] = np.load(stored, mmap_mode=None if empty else "r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise damaged(f"{path.name}: {name} cannot be read") from None
    if array.shape != file.shape or array.dtype.str != file.dtype:
        raise damaged(f"{path.name}: {name} is not what the manifest says")
    return array


def verify(path: Path) -> list[str]:
    """Every fault of an artifact directory, as sentences; reads all files."""
    try:
        manifest = read_manifest(path)
    except OffersError as error:
        return [error.detail]
    faults = []
    for name in ARRAYS:
        file = manifest.files.get(name)
        try:
            if file is None or _sha256(path / f"{name}.npy") != file.sha256:
                faults.append(f"{path.name}: {name} does not have the checksum of the manifest")
        except OSError:
            faults.append(f"{path.name}: {name} cannot be read")
    return faults
