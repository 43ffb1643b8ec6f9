"""The API's main process: granian over a WSGI factory. Run as ``python -m offers.running.api MODULE:FACTORY``.

granian's main process forks the workers, which each bind the port for themselves (``SO_REUSEPORT``), and replaces a
worker that ends; when one ends twice within seconds it ends itself, and the supervisor starts it again.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
from functools import partial
from typing import Any

from offers.logs import configure
from offers.running.logs import granian_logging
from offers.settings import Settings, read_settings
from offers.state.leash import follow_parent

__all__ = ["DEFAULT_TARGET", "GRACE_S", "granian_options", "main"]

DEFAULT_TARGET = "offers.web.app:from_environment"
GRACE_S = 12.0
"""How long workers may take to finish the requests in flight when they are asked to end. The supervisor sees to it:
granian's own limit takes a worker that another of its threads has just reaped for one that refuses to end."""


def granian_options(settings: Settings) -> dict[str, Any]:
    """The arguments of granian's server that shape its performance and its end."""
    from granian.constants import HTTPModes, Interfaces

    return {
        "address": settings.host,
        "port": settings.port,
        "interface": Interfaces.WSGI,
        "http": HTTPModes.http1,
        "workers": settings.workers,
        "blocking_threads": settings.threads,
        "runtime_threads": 1,
        "websockets": False,
        "respawn_failed_workers": True,
    }


def main(target: str = DEFAULT_TARGET) -> None:
    """Serve until SIGTERM; then workers finish what they are doing."""
    from granian import Granian
    from granian.log import LogLevels

    settings = read_settings()
    configure(settings.log_level)
    # Workers are forked by the main thread, which lives as long as this process: they can be tied to it. Where
    # Python's default is not to fork, granian would start them anew, at the cost of the time that takes.
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork", force=True)
    server = Granian(
        target, log_dictconfig=granian_logging(), log_level=LogLevels(settings.log_level), **granian_options(settings)
    )
    server.serve(target_loader=partial(_load, target, os.getpid()), wrap_loader=False)


def _load(target: str, parent: int) -> Any:
    """In a worker, before it serves: tie it to the main process, then make the application."""
    follow_parent(parent)
    # Until granian sets its own, the handlers of the main process are inherited, and would swallow the signal.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    module, _, factory = target.partition(":")
    return getattr(importlib.import_module(module), factory)()


if __name__ == "__main__":
    main(*sys.argv[1:])
