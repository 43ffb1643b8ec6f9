"""The first API key: made when a service starts for the first time, printed, and never again."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from offers.settings import Settings
from offers.state.leash import leashed

__all__ = ["FirstKey"]

_log = logging.getLogger(__name__)

_PAUSE_S = 5.0


class FirstKey:
    """Sees to it that somebody can use a new service.

    Without ``ask``, the command line is used in processes of its own (``offers keys``), so that the supervisor
    stays small and never waits. A marker under the run directory spares later starts the question.
    """

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], ask: Callable[[], str | None] | None = None
    ) -> None:
        self._marker = settings.run_dir / "first-key"
        self._environment = dict(environment)
        self._ask = ask
        self._process: subprocess.Popen[bytes] | None = None
        self._creating = False
        self._not_before = 0.0
        self._done = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def tend(self) -> None:
        """Go on with it; call now and then. Never blocks, unless ``ask`` does."""
        if self._done:
            return
        if self._process is None:
            self._begin()
            return
        if self._process.poll() is None:
            return
        process, self._process = self._process, None
        told = process.stdout.read() if process.stdout is not None else b""
        if process.stdout is not None:
            process.stdout.close()
        if process.returncode != 0:
            _log.warning("the first key could not be made yet", extra={"exit": process.returncode})
            self._creating = False
            self._not_before = time.monotonic() + _PAUSE_S
        elif self._creating:
            self._finish(str(json.loads(told)["key"]))
        elif json.loads(told):
            self._finish(None)
        else:
            self._creating = True
            self._run(["create", "--name", "first", "--scopes", "all", "--json"])

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None

    def _begin(self) -> None:
        if self._marker.exists():
            self._done = True
        elif self._ask is not None:
            self._finish(self._ask())
        elif time.monotonic() >= self._not_before:
            self._run(["list", "--json"])

    def _run(self, arguments: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            leashed([sys.executable, "-P", "-m", "offers.cli.main", "keys", *arguments]),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def _finish(self, key: str | None) -> None:
        if key is not None:
            print(f"The first API key, with all scopes, shown this once:\n  {key}", flush=True)
        self._marker.parent.mkdir(parents=True, exist_ok=True)
        self._marker.touch()
        self._done = True
