"""One instance per data directory: a lock that dies with its holder and says who that is."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from offers.errors import OffersError

__all__ = ["Holder", "InstanceLock", "Role", "holder"]

Role = Literal["serve", "session"]
"""``serve``: a service that stays. ``session``: a command that works on the directory for as long as it runs."""

_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a data directory. ``pid`` is 0 while it has not said so yet."""

    pid: int
    role: str


def _path(data_dir: Path) -> Path:
    return data_dir / "run" / "lock"


def holder(data_dir: Path) -> Holder | None:
    """Who holds the data directory now, or None. Never blocks; the directory need not exist."""
    try:
        fd = os.open(_path(data_dir), os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(fd)
        return None
    finally:
        os.close(fd)


def _read(fd: int) -> Holder:
    try:
        told = json.loads(os.pread(fd, 4096, 0))
        return Holder(int(told["pid"]), str(told["role"]))
    except (ValueError, KeyError, TypeError):
        return Holder(0, "serve")


class InstanceLock:
    """The lock on a data directory. The kernel releases it when the process ends, however it ends."""

    def __init__(self, data_dir: Path, role: Role = "serve") -> None:
        self._path = _path(data_dir)
        self._data_dir = data_dir
        self._role = role
        self._fd: int | None = None

    def acquire(self, patience_s: float = 1.0) -> None:
        """Take the lock, waiting up to ``patience_s`` (another process may be looking at it, or dying).

        Raises:
            OffersError: ``already_running``, naming the holder.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        until = time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    other = _read(fd)
                    os.close(fd)
                    who = f"process {other.pid} (offers {other.role})" if other.pid else "another process"
                    raise OffersError(
                        f"The data directory {self._data_dir} is held by {who}", code="already_running"
                    ) from None
            time.sleep(_PAUSE_S)
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps({"pid": os.getpid(), "role": self._role}).encode(), 0)
        self._fd = fd

    def release(self) -> None:
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
