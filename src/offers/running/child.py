"""One child process that is kept running: started again after every unexpected end, after a pause that grows."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from offers.state.leash import leashed

__all__ = ["Backoff", "Child", "children_of"]

_log = logging.getLogger(__name__)

_NUDGE_S = 1.0
_PAUSE_S = 0.02


@dataclass
class Backoff:
    """The pause before the next start: ``first_s``, doubled after each end in quick succession, up to ``most_s``.

    A child that lived ``forgive_s`` begins anew.
    """

    first_s: float = 0.1
    most_s: float = 15.0
    forgive_s: float = 20.0
    _next_s: float = 0.0

    def after(self, lived_s: float) -> float:
        """Seconds to wait after an end, given how long the child had lived."""
        pause = self.first_s if lived_s >= self.forgive_s or not self._next_s else self._next_s
        self._next_s = min(2 * pause, self.most_s)
        return pause


class Child:
    """A command that is meant to run for as long as its parent.

    It runs in a session of its own, so that Ctrl-C in the terminal reaches the parent only, and dies with the thread
    that started it (:mod:`offers.state.leash`).
    """

    def __init__(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        self.name = name
        self.restarts = 0
        self._command = command
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._backoff = Backoff()
        self._born = 0.0
        self._due: float | None = None

    @property
    def pid(self) -> int | None:
        """Its process, None while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def age_s(self) -> float:
        """How long the present process has been running."""
        return time.monotonic() - self._born

    def start(self) -> None:
        self._process = subprocess.Popen(
            leashed(self._command), env=self._environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        self._born = time.monotonic()
        self._due = None

    def tend(self) -> None:
        """Notice an end; start it again when its pause is over. Never blocks."""
        now = time.monotonic()
        if self._process is not None and self._process.poll() is not None:
            code, self._process = self._process.returncode, None
            pause = self._backoff.after(now - self._born)
            self._due = now + pause
            self.restarts += 1
            _log.error("%s ended and is started again", self.name, extra={"exit": code, "pause_s": pause})
        if self._due is not None and now >= self._due:
            self.start()

    def terminate(self) -> None:
        """Ask the present process to end; :meth:`tend` starts another."""
        self._signal(signal.SIGTERM)

    def stop(self, patience_s: Callable[[], float]) -> bool:
        """Ask it to end, wait, and kill it when ``patience_s()`` seconds are over. Whether it ended by itself."""
        self._due = None
        process = self._process
        if process is None:
            return True
        begun = time.monotonic()
        asked = -_NUDGE_S
        while process.poll() is None:
            waited = time.monotonic() - begun
            if waited >= patience_s():
                _log.warning("%s does not end and is killed", self.name)
                self._signal(signal.SIGKILL)
                process.wait()
                return False
            if waited - asked >= _NUDGE_S:
                # Asked again each second: a request that arrives while a process is just starting can be lost.
                asked = waited
                self._signal(signal.SIGTERM)
            time.sleep(_PAUSE_S)
        self._process = None
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)


def children_of(pid: int) -> list[int]:
    """The living direct children of a process, by the kernel's account (Linux)."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            continue  # the thread ended while we looked
    return [child for child in found if _lives(child)]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, IndexError):
        return False
