"""``offers serve``: the Valkey server, the worker and the API as one service that starts, mends and ends itself.

Start: lock, port, server, worker, API. End (SIGTERM, SIGINT): the API finishes its requests, the worker moves what
is left into the ledger, the server is shut down; a second signal hurries. Whatever child dies is started again; when
the supervisor itself is killed, the kernel ends all children, and the next start finds nothing in its way.
"""

from __future__ import annotations

import http.client
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from offers.errors import OffersError, StateUnavailable
from offers.logs import configure
from offers.running.api import DEFAULT_TARGET, GRACE_S
from offers.running.child import Backoff, Child, children_of
from offers.running.environment import api_environment, child_environment, metrics_dir
from offers.running.firstkey import FirstKey
from offers.running.housekeeping import DiskGuard, check_port, clear_metrics, forget_dead_gauges
from offers.settings import Settings
from offers.state.connection import check_server, connect
from offers.state.instance import InstanceLock
from offers.state.server import EmbeddedServer

__all__ = ["Supervisor", "serve"]

_log = logging.getLogger(__name__)

_TICK_S = 0.25
_LOCK_PATIENCE_S = 3.0
_EXTERNAL_PATIENCE_S = 30.0
_WORKER_GRACE_S = 20.0
_REVIVAL_S = 10.0
_REVIVAL_PAUSE_S = 0.02
_HOUSEKEEPING_S = 2.0
_THIN_S = 15.0
_PROBE_S = 0.5


def serve(
    settings: Settings,
    first_start: Callable[[], str | None] | None = None,
    *,
    worker: bool = True,
    api_target: str = DEFAULT_TARGET,
    worker_module: str = "offers.running.worker",
) -> int:
    """Run the service until it is told to end; the exit code.

    ``first_start`` is asked once for a first API key, which is printed; default: one with all scopes is created
    unless any key exists. ``worker=False``: the worker runs elsewhere.

    Raises:
        OffersError: ``already_running``, ``invalid_settings``, ``state_unavailable``, ``missing_dependency``: the
            service cannot start.
    """
    configure(settings.log_level)
    return Supervisor(settings, first_start, worker=worker, api_target=api_target, worker_module=worker_module).run()


class Supervisor:
    """The processes of one service; see :func:`serve`. Lives in the main thread."""

    def __init__(
        self,
        settings: Settings,
        first_start: Callable[[], str | None] | None = None,
        *,
        worker: bool = True,
        api_target: str = DEFAULT_TARGET,
        worker_module: str = "offers.running.worker",
    ) -> None:
        self._settings = settings
        self._wake = threading.Event()
        self._asked = 0
        self._server = None if settings.redis_url else EmbeddedServer(settings.data_dir)
        self._server_backoff = Backoff()
        self._server_due: float | None = None
        self._server_born = 0.0
        self._loading = False
        url = settings.redis_url or (self._server.url if self._server is not None else "")
        environment = child_environment(settings, redis_url=url)
        python = [sys.executable, "-P", "-m"]
        self._api = Child("api", [*python, "offers.running.api", api_target], api_environment(environment))
        self._worker = Child("worker", [*python, worker_module], environment) if worker else None
        self._first_key = FirstKey(settings, environment, first_start)
        self._guard: DiskGuard | None = None
        self._announced = False
        self._thin_since: float | None = None
        self._kept_house = 0.0

    def run(self) -> int:
        """Start everything, tend it until a signal, end everything in order."""
        with self._signals():
            lock = InstanceLock(self._settings.data_dir)
            lock.acquire(_LOCK_PATIENCE_S)
            try:
                self._start()
                while not self._asked:
                    self._tend()
                    self._wake.wait(_TICK_S)
                    self._wake.clear()
            finally:
                self._end()
                lock.release()
        return 0

    # start

    def _start(self) -> None:
        check_port(self._settings)
        clear_metrics(metrics_dir(self._settings))
        if self._server is not None:
            self._server.start(cancelled=lambda: self._asked > 0)
            self._server_born = time.monotonic()
            self._guard = DiskGuard.of_directory(self._server.refuse_writes, self._settings.data_dir)
            self._guard.look()
        else:
            self._check_external()
        if self._asked:
            return
        if self._worker is not None:
            self._worker.start()
        self._api.start()

    def _check_external(self) -> None:
        client = connect(self._settings.redis_url, timeout_ms=2000)
        until = time.monotonic() + _EXTERNAL_PATIENCE_S
        try:
            while not self._asked:
                try:
                    check_server(client, self._settings.redis_durability_elsewhere)
                    return
                except StateUnavailable:
                    if time.monotonic() > until:
                        raise
                    self._wake.wait(_TICK_S)
        finally:
            client.close()

    # in between

    def _tend(self) -> None:
        self._tend_server()
        if self._worker is not None:
            self._worker.tend()
        self._api.tend()
        self._reap_strangers()
        if not self._announced and self._answers():
            self._announced = True
            where = f"http://{self._settings.host}:{self._settings.port}"
            _log.info("ready", extra={"address": where})
            print(f"offers is listening on {where}", flush=True)
        if self._announced and self._worker is not None:
            self._first_key.tend()
        now = time.monotonic()
        if now - self._kept_house >= _HOUSEKEEPING_S:
            self._kept_house = now
            forget_dead_gauges(metrics_dir(self._settings))
            self._mend_thin_api(now)
            if self._guard is not None and not self._loading and self._server is not None and self._server.alive():
                self._guard.look()

    def _tend_server(self) -> None:
        if self._server is None:
            return
        now = time.monotonic()
        if self._server_due is not None:
            if now >= self._server_due:
                self._server_due = None
                self._server.launch()
                self._server_born, self._loading = now, True
            return
        try:
            if not self._server.alive() or self._loading:
                self._loading = not self._server.ready()
                if not self._loading and self._guard is not None:
                    self._guard.renewed()
                    _log.info("the server is back")
        except OffersError as error:
            pause = self._server_backoff.after(now - self._server_born)
            self._server_due = now + pause
            _log.error("%s It is started again", error.detail, extra={"pause_s": pause})

    def _mend_thin_api(self, now: float) -> None:
        """granian can miss the end of a worker when two end at once: an API short of workers is started anew."""
        pid = self._api.pid
        if pid is None or self._api.age_s < _THIN_S or len(children_of(pid)) >= self._settings.workers:
            self._thin_since = None
        elif self._thin_since is None:
            self._thin_since = now
        elif now - self._thin_since > _THIN_S:
            self._thin_since = None
            _log.error("the API is short of workers and is started anew")
            self._api.terminate()

    def _reap_strangers(self) -> None:
        """As process 1 of a container we inherit orphans: let none of them stay a zombie."""
        if os.getpid() != 1:
            return
        own = {self._api.pid, self._worker.pid if self._worker is not None else None, self._first_key.pid}
        own.add(self._server.pid if self._server is not None else None)
        while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if found.si_pid in own:
                return
            os.waitpid(found.si_pid, os.WNOHANG)

    def _answers(self) -> bool:
        """Whether anything answers HTTP where the API should."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._settings.host, self._settings.host)  # noqa: S104
        connection = http.client.HTTPConnection(host, self._settings.port, timeout=_PROBE_S)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        else:
            return True
        finally:
            connection.close()

    # end

    def _end(self) -> None:
        _log.info("ending")
        self._first_key.stop()
        self._api.stop(lambda: self._patience(GRACE_S))
        if self._worker is not None:
            self._revive_server()
            self._worker.stop(lambda: self._patience(_WORKER_GRACE_S))
        if self._server is not None:
            self._server.stop()
        _log.info("ended")

    def _revive_server(self) -> None:
        """The worker's last duty needs a server, also when that died just before the end."""
        if self._server is None or self._worker is None or self._worker.pid is None:
            return
        until = time.monotonic() + _REVIVAL_S
        try:
            if not self._server.alive():
                self._server.launch()
            while not self._server.ready() and self._asked < 2 and time.monotonic() < until:
                time.sleep(_REVIVAL_PAUSE_S)
        except OffersError as error:
            _log.warning("what was accepted last stays in the append-only file: %s", error.detail)

    def _patience(self, seconds: float) -> float:
        """A second signal hurries: nothing acknowledged is lost by it."""
        return seconds if self._asked < 2 else 0.0

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def asked(number: int, frame: FrameType | None) -> None:
            self._asked += 1
            self._wake.set()

        def woken(number: int, frame: FrameType | None) -> None:
            self._wake.set()

        wanted = {signal.SIGTERM: asked, signal.SIGINT: asked, signal.SIGCHLD: woken}
        before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
