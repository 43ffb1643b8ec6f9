"""What the supervisor looks after besides processes: the port, the metrics of the dead, a disk that fills up."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

from offers.errors import OffersError, StateUnavailable
from offers.settings import Settings

__all__ = ["DiskGuard", "check_port", "clear_metrics", "forget_dead_gauges", "reserve_bytes"]

_log = logging.getLogger(__name__)

_PAUSE_S = 0.05
_MOST_RESERVE = 128 * 1024 * 1024


def check_port(settings: Settings, patience_s: float = 3.0) -> None:
    """Make sure that nobody listens where the API will, waiting for a former service to be gone.

    The API's workers share the port among themselves (``SO_REUSEPORT``), and would share it as silently with a
    stranger of the same account; this bind does not.

    Raises:
        OffersError: ``invalid_settings``: the address is taken, or is none of this machine's.
    """
    until = time.monotonic() + patience_s
    where = f"{settings.host}:{settings.port}"
    while True:
        try:
            [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
                settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
            return
        except socket.gaierror:
            raise OffersError(f"OFFERS_HOST: {settings.host!r} is not an address", code="invalid_settings") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < until:
                time.sleep(_PAUSE_S)
                continue
            why = "is in use by another program" if error.errno == errno.EADDRINUSE else "cannot be listened on"
            raise OffersError(f"OFFERS_PORT: {where} {why}", code="invalid_settings") from None


def clear_metrics(folder: Path) -> None:
    """Begin with no metrics: those of an earlier run are another process's counters."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def forget_dead_gauges(folder: Path) -> None:
    """Remove the files of gauges that only count while their process lives. Counters of the dead stay: they count."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = path.stem.rsplit("_", 1)[1]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            path.unlink(missing_ok=True)


def reserve_bytes(total: int) -> int:
    """How much of a disk of ``total`` bytes must stay free: 2 %, at most 128 MiB."""
    return min(_MOST_RESERVE, total // 50)


class DiskGuard:
    """Refuses writes to the online store while its disk is nearly full.

    The server ends itself when it cannot write its append-only file, and then cannot even read; before that, events
    are refused with 503 and offers go on being answered. ``refuse`` tells the server; ``free`` measures (free, total
    bytes).
    """

    def __init__(self, refuse: Callable[[bool], None], free: Callable[[], tuple[int, int]]) -> None:
        self._refuse = refuse
        self._free = free
        self._full = False

    @classmethod
    def of_directory(cls, refuse: Callable[[bool], None], directory: Path) -> DiskGuard:
        def free() -> tuple[int, int]:
            found = os.statvfs(directory)
            return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize

        return cls(refuse, free)

    def renewed(self) -> None:
        """The server started anew and takes writes."""
        self._full = False

    def look(self) -> None:
        """Measure, and tell the server when that changes something. Twice the reserve must be free to go back."""
        free, total = self._free()
        reserve = reserve_bytes(total)
        full = free < (2 * reserve if self._full else reserve)
        if full == self._full:
            return
        try:
            self._refuse(full)
        except StateUnavailable:
            return  # next time
        self._full = full
        if full:
            _log.error("the disk is nearly full: events are refused until there is room", extra={"free": free})
        else:
            _log.warning("there is room on the disk again: events are taken", extra={"free": free})
