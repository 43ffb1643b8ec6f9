"""The spool: our own decisions as lines of a file, one ``write(2)`` each, so that an answer never waits for a disk.

A process that writes claims a *slot*, a folder ``NN`` under the spool directory, by a lock that dies with it. In
its slot it writes files ``NUMBER.jsonl`` with rising numbers, a new one when a file is full. A written line is safe
from the death of the process; the writer (:mod:`tail`) moves it into the table, fsyncs that, and deletes files that
are finished.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path

from offers.errors import Busy

__all__ = ["Spool", "claim", "file_number", "spool_uuid"]

MAX_SLOTS = 4096
_SUFFIX = ".jsonl"


def file_number(path: Path) -> int | None:
    """The number of a spool file, None of any other file."""
    return int(path.stem) if path.suffix == _SUFFIX and path.stem.isdecimal() else None


def file_path(slot: Path, number: int) -> Path:
    """Where file ``number`` of a slot lies."""
    return slot / f"{number:020d}{_SUFFIX}"


def spool_uuid(directory: Path) -> str:
    """The name of a spool directory, made once: it tells one machine's slots from another's."""
    path = directory / "uuid"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    directory.mkdir(parents=True, exist_ok=True)
    draft = directory / f".uuid-{secrets.token_hex(4)}"
    with draft.open("w") as file:
        file.write(secrets.token_hex(8))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first: its name stands
    finally:
        draft.unlink()
    return path.read_text().strip()


def claim(slot: Path) -> int | None:
    """Lock a slot; the descriptor that holds the lock, or None while another process holds it."""
    fd = os.open(slot / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


class Spool:
    """One process's slot. Safe for its threads; open a new one after a fork.

    ``max_file_bytes``: size at which the next file is begun. ``max_backlog_bytes``: what the slot may hold before
    :meth:`append` refuses, so that a writer that stands still cannot fill the disk.
    """

    def __init__(
        self, directory: Path, *, max_file_bytes: int = 64_000_000, max_backlog_bytes: int = 2_000_000_000
    ) -> None:
        self._max_file = max_file_bytes
        self._max_backlog = max_backlog_bytes
        self._mutex = threading.Lock()
        self._fd = -1
        self._size = 0
        self._closed = False
        self._pid = os.getpid()
        spool_uuid(directory)
        self.slot, self._lock_fd = self._claim_any(directory)

    @staticmethod
    def _claim_any(directory: Path) -> tuple[Path, int]:
        for n in range(MAX_SLOTS):
            slot = directory / f"{n:02d}"
            slot.mkdir(exist_ok=True)
            fd = claim(slot)
            if fd is not None:
                return slot, fd
        raise Busy("every spool slot is taken")

    def append(self, record: bytes) -> None:
        """Keep one record: a stored event as JSON without newlines inside. Kept on return, whole or not at all.

        Raises:
            Busy: nothing was kept: the disk is full or the writer lags too far behind.
        """
        line = record if record.endswith(b"\n") else record + b"\n"
        if line.find(b"\n") != len(line) - 1:
            raise ValueError("a spool record is one line")
        with self._mutex:
            if self._closed or self._pid != os.getpid():
                raise ValueError("this spool belongs to another process or is closed")
            try:
                if self._fd < 0 or self._size >= self._max_file:
                    self._next_file()
                written = os.write(self._fd, line)
                if written != len(line):
                    self._undo()
                    raise Busy("the disk is full: the decision could not be kept")
            except OSError as error:
                raise Busy("the decision could not be kept on this disk") from error
            self._size += written

    def _undo(self) -> None:
        """Take back half a line; where even that fails, leave the file: a torn end is never read."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            os.close(self._fd)
            self._fd = -1

    def _next_file(self) -> None:
        sizes = self._sizes()
        if sum(sizes.values()) > self._max_backlog:
            raise Busy("the ledger writer lags behind: no more decisions are kept")
        # The number only rises, also when all files are gone and the clock was set back: the writer remembers the
        # last number it committed. The lock file holds the last number given out.
        last = os.pread(self._lock_fd, 20, 0).strip(b"\0 \n")
        number = max(int(time.time()), int(last) + 1 if last.isdigit() else 0, *(n + 1 for n in sizes), 1)
        os.pwrite(self._lock_fd, b"%-20d" % number, 0)
        os.fsync(self._lock_fd)
        fresh = os.open(
            file_path(self.slot, number), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640
        )
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._size = fresh, 0

    def _sizes(self) -> dict[int, int]:
        """Bytes by file number; a file that the writer has just finished with may go while we look."""
        sizes: dict[int, int] = {}
        for path in self.slot.iterdir():
            number = file_number(path)
            if number is not None:
                with suppress(FileNotFoundError):
                    sizes[number] = path.stat().st_size
        return sizes

    def close(self) -> None:
        """Give the slot back; what was written stays for the writer."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            if self._pid == os.getpid():
                if self._fd >= 0:
                    os.close(self._fd)
                os.close(self._lock_fd)
