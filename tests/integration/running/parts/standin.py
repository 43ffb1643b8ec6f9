"""What the supervisor is given to run in these tests: a bare API, a bare worker, a bare service of both."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def create() -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """WSGI: ``/slow`` takes a second, ``/state`` speaks to the server, anything else answers with its process."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = str(os.getpid())
        if environ["PATH_INFO"] == "/slow":
            time.sleep(1.0)
        elif environ["PATH_INFO"] == "/state":
            import redis

            with redis.Redis.from_url(os.environ["OFFERS_REDIS_URL"]) as client:
                body = str(client.incr("count"))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body.encode()]

    return app


def failing() -> None:
    raise RuntimeError("this application cannot be made")


def service() -> int:
    """``offers serve`` with these parts."""
    from offers.running.supervisor import serve
    from offers.settings import read_settings

    return serve(read_settings(), first_start=lambda: "KEY-1", api_target=sys.argv[1], worker_module=sys.argv[2])


def worker() -> int:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    Path(os.environ["OFFERS_DATA_DIR"], "worker-ended").write_text(str(os.getpid()))
    return 0


if __name__ == "__main__":
    sys.exit(service())
