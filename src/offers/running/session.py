"""A server to work with, for the length of a command: an external one, the running service's, or one of its own."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from offers.errors import OffersError, StateUnavailable
from offers.settings import Settings
from offers.state.connection import command, connect
from offers.state.instance import InstanceLock, holder
from offers.state.server import EmbeddedServer, socket_url

__all__ = ["beside_or_alone", "open_server"]

_log = logging.getLogger(__name__)

_PAUSE_S = 0.05


@contextmanager
def open_server(settings: Settings, *, drain: bool = True, patience_s: float = 60.0) -> Iterator[str]:
    """The URL of a server that answers.

    With ``redis_url`` set: that one. Beside a running service: its embedded server. Otherwise the embedded server is
    started for the duration, and with ``drain`` what was appended meanwhile goes into the online state and the ledger
    before it is shut down. While another command holds the data directory this one waits.

    Raises:
        OffersError: ``already_running`` when another command holds the directory for longer than ``patience_s``.
        StateUnavailable: the running service's server does not answer for that long.
    """
    if settings.redis_url:
        yield settings.redis_url
        return
    lock = beside_or_alone(settings, patience_s)
    if lock is None:
        yield socket_url(settings.data_dir)
        return
    try:
        with EmbeddedServer(settings.data_dir) as server:
            yield server.url
            if drain:
                from offers.running.draining import drain_session

                drain_session(settings, server.url)
    finally:
        lock.release()


def beside_or_alone(settings: Settings, patience_s: float = 60.0) -> InstanceLock | None:
    """None beside a service whose server answers; else the directory's lock, taken: the caller releases it.

    Raises as :func:`open_server`.
    """
    until = time.monotonic() + patience_s
    while True:
        other = holder(settings.data_dir)
        if other is not None and (other.role == "serve" or other.pid == os.getpid()):
            if _answers(socket_url(settings.data_dir)):
                return None
            if time.monotonic() > until:
                raise StateUnavailable(f"The server of process {other.pid} does not answer")
        else:
            lock = InstanceLock(settings.data_dir, role="session")
            try:
                lock.acquire(patience_s=0.0)
            except OffersError:
                if time.monotonic() > until:
                    raise
            else:
                return lock
        time.sleep(_PAUSE_S)


def _answers(url: str) -> bool:
    client = connect(url, timeout_ms=500)
    try:
        return bool(command(client, "PING"))
    except StateUnavailable:
        return False
    finally:
        client.close()
