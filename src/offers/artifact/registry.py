"""Which artifact is current, and how it came to be: one directory shared by all processes of an instance.

``artifacts/<id>/`` the models, ``current`` the pointer, ``history.ndjson`` every promotion and rollback, ``lock``
held while any of them changes. An operation is written to the history first and then to the pointer; one that a crash
cut in two is completed by the next operation. Readers look at the pointer only.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from offers.artifact.durable import write_atomically
from offers.artifact.format import Manifest, damaged
from offers.artifact.history import Change, History, earlier
from offers.artifact.store import TEMPORARY, read_manifest, verify
from offers.clock import Clock, SystemClock
from offers.errors import Conflict, GateRefused, NotFound, OffersError

__all__ = ["ModelInfo", "Registry"]

_STALE_SECONDS = 24 * 3600


class _Pointer(msgspec.Struct, frozen=True):
    model: str
    seq: int


class ModelInfo(msgspec.Struct, frozen=True):
    """One artifact as ``offers models list`` shows it. ``fault``: why its manifest cannot be read."""

    id: str
    current: bool
    manifest: Manifest | None
    fault: str | None = None


class Registry:
    """The registry in ``directory``, which need not exist yet. Safe for many processes and threads."""

    def __init__(self, directory: Path, clock: Clock | None = None) -> None:
        self.directory = directory
        self._clock = clock or SystemClock()
        self._history = History(directory / "history.ndjson")

    @property
    def artifacts(self) -> Path:
        """Where :func:`offers.artifact.store.save` puts artifacts."""
        return self.directory / "artifacts"

    def path(self, model_id: str) -> Path:
        """The directory of an artifact.

        Raises:
            NotFound: there is none.
        """
        path = self.artifacts / model_id
        if not model_id or Path(model_id).name != model_id or model_id.startswith(".") or not path.is_dir():
            raise NotFound(f"there is no model {model_id!r}")
        return path

    def list(self) -> Sequence[ModelInfo]:
        """All artifacts, newest first; those with a damaged manifest last, with their fault."""
        current = self.current()
        found = []
        for path in self._directories():
            try:
                found.append(ModelInfo(path.name, path.name == current, read_manifest(path)))
            except OffersError as error:
                found.append(ModelInfo(path.name, path.name == current, None, error.detail))
        return sorted(found, key=lambda info: (-info.manifest.created_at if info.manifest else 1, info.id))

    def current(self) -> str | None:
        """The id of the promoted model, or None before the first promotion.

        Raises:
            OffersError: ``artifact_damaged``: the pointer cannot be read.
        """
        pointer = self._pointer()
        return pointer.model if pointer else None

    def history(self) -> Sequence[Change]:
        """Every promotion and rollback, oldest first."""
        return self._history.read()

    def verify(self, model_id: str) -> Sequence[str]:
        """Every fault of a model's files, as sentences; reads them all.

        Raises:
            NotFound: there is no such model.
        """
        return verify(self.path(model_id))

    def promote(self, model_id: str, author: str, reason: str, *, forced: bool = False) -> str | None:
        """Make a model current; returns the one that was, or None.

        Raises:
            NotFound: there is no such model.
            GateRefused: its gate did not pass and ``forced`` is false.
            OffersError: ``artifact_damaged``: a file does not have its checksum.
        """
        with self._locked():
            manifest = self._sound(model_id)
            if not forced and (manifest.gate is None or not manifest.gate.passed):
                reasons = manifest.gate.reasons if manifest.gate else ("it was never put to the gate",)
                raise GateRefused(f"model {model_id}: " + "; ".join(reasons))
            return self._change("promote", model_id, author, reason, forced)

    def rollback(self, author: str, reason: str) -> tuple[str, str]:
        """Return to the model that was promoted before the current one; (now current, was current).

        Each further rollback goes one promotion further back.

        Raises:
            Conflict: there is no earlier model that still exists.
            OffersError: ``artifact_damaged``: that model's files are.
        """
        with self._locked():
            now, target = self.current(), self._fallback()
            if now is None or target is None:
                raise Conflict("there is no earlier model to return to")
            self._sound(target)
            self._change("rollback", target, author, reason, False)
            return target, now

    def prune(self, keep: int) -> Sequence[str]:
        """Delete artifacts but the current one, the one to roll back to, and the newest ``keep`` others; their ids.

        Leftovers of crashed writers that are a day old go too. A process that still maps a deleted model reads on.
        """
        with self._locked():
            kept = {self.current(), self._fallback()}
            others = [info.id for info in self.list() if info.id not in kept]
            gone = others[max(keep, 0) :]
            for model_id in gone:
                # Renamed first, so that a crash leaves no half of a directory under an id.
                aside = self.artifacts / f"{TEMPORARY}{model_id}-{os.getpid()}"
                (self.artifacts / model_id).rename(aside)
                shutil.rmtree(aside, ignore_errors=True)
            horizon = self._clock.now_us() / 1e6 - _STALE_SECONDS
            for path in self.artifacts.glob(f"{TEMPORARY}*"):
                if path.stat().st_mtime < horizon:
                    shutil.rmtree(path, ignore_errors=True)
            return gone

    def _directories(self) -> Iterator[Path]:
        if self.artifacts.is_dir():
            yield from (p for p in self.artifacts.iterdir() if p.is_dir() and not p.name.startswith("."))

    def _sound(self, model_id: str) -> Manifest:
        path = self.path(model_id)
        if faults := verify(path):
            raise damaged("; ".join(faults))
        return read_manifest(path)

    def _fallback(self) -> str | None:
        return next((m for m in earlier(self.history()) if (self.artifacts / m).is_dir()), None)

    def _pointer(self) -> _Pointer | None:
        try:
            return msgspec.json.decode((self.directory / "current").read_bytes(), type=_Pointer)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError:
            raise damaged("the pointer to the current model cannot be read") from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among all processes, with an operation that a crash cut in two completed."""
        self.artifacts.mkdir(parents=True, exist_ok=True)
        with (self.directory / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            changes, pointer = self._history.read(), self._pointer()
            if changes and (pointer is None or pointer.seq < changes[-1].seq):
                self._point(changes[-1])
            yield

    def _change(
        self, action: Literal["promote", "rollback"], model_id: str, author: str, reason: str, forced: bool
    ) -> str | None:
        pointer = self._pointer()
        previous, seq = (pointer.model, pointer.seq + 1) if pointer else (None, 1)
        change = Change(seq, self._clock.now_us(), action, model_id, previous, author, reason, forced)
        self._history.append(change)
        self._point(change)
        return previous

    def _point(self, change: Change) -> None:
        write_atomically(self.directory / "current", msgspec.json.encode(_Pointer(change.model, change.seq)))
