"""A service in the background for ``offers demo``: start detached, wait until it answers, find it again, stop it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from offers.errors import Conflict, OffersError
from offers.settings import Settings

__all__ = ["Background"]

_PAUSE_S = 0.1
_BEGIN_S = 2.0
_LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Background:
    """The one background service of a data directory."""

    settings: Settings

    @property
    def log(self) -> Path:
        return self.settings.data_dir / "serve.log"

    @property
    def pid_file(self) -> Path:
        return self.settings.run_dir / "serve.pid"

    @property
    def address(self) -> str:
        return f"http://{self.settings.host}:{self.settings.port}"

    def pid(self) -> int | None:
        """The pid of the service that :meth:`start` started, if it still lives."""
        try:
            pid = int(self.pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        # A number that the system has given to another process since is not ours.
        return pid if b"offers.cli.main\0serve" in command else None

    def start(self) -> int:
        """Start ``offers serve`` detached from this terminal; its output goes to the log.

        Raises:
            Conflict: something else listens on the port.
        """
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.settings.host, self.settings.port))
            except OSError:
                raise Conflict(
                    f"Something else listens on {self.settings.host}:{self.settings.port}; "
                    "name another port with OFFERS_PORT"
                ) from None
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "offers.cli.main", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid_file.write_text(f"{process.pid}\n")
        # Its command line, by which it is known, is readable a moment after it has begun.
        until = time.monotonic() + _BEGIN_S
        while self.pid() is None and process.poll() is None and time.monotonic() < until:
            time.sleep(_BEGIN_S / 1000)
        return process.pid

    def ready(self) -> bool:
        """Whether the service answers that it is ready."""
        connection = http.client.HTTPConnection(self.settings.host, self.settings.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def wait_ready(self, seconds: float) -> None:
        """Return when it is ready.

        Raises:
            OffersError: it ended, or is not ready in time; with the last lines of its log.
        """
        until = time.monotonic() + seconds
        while not self.ready():
            if self.pid() is None:
                raise OffersError(f"The service ended at once; {self.log} ends with: {self._tail()}")
            if time.monotonic() > until:
                raise OffersError(f"The service is not ready after {seconds:g} s; see {self.log}")
            time.sleep(_PAUSE_S)

    def stop(self, seconds: float = 60.0) -> bool:
        """End it in order; whether there was one.

        Raises:
            OffersError: it does not end in time.
        """
        pid = self.pid()
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + seconds
        while self.pid() is not None:
            if time.monotonic() > until:
                raise OffersError(f"The service (pid {pid}) does not end; see {self.log}")
            time.sleep(_PAUSE_S)
        self.pid_file.unlink(missing_ok=True)
        return True

    def _tail(self) -> str:
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return "(nothing)"
        return " | ".join(line.strip() for line in lines[-_LAST_LINES:]) or "(nothing)"
