"""A running shop on the Complete Journey data to measure, and a bare baseline beside it on the same flags."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["HOME", "ROOT", "WORKERS", "baseline", "driver", "prepared", "shop"]

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("BENCH_HOME", ROOT / "var" / "bench"))
WORKERS = 2
THREADS = 16


def driver() -> ModuleType:
    """The module of the end-to-end tests that starts and ends whole services."""
    spec = importlib.util.spec_from_file_location("service", ROOT / "tests" / "endtoend" / "service.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["service"] = module
    spec.loader.exec_module(module)
    return module


def prepared(**settings: str) -> Any:
    """The shop with orders, items and a model under ``var/bench``, made on first use; not started."""
    HOME.mkdir(parents=True, exist_ok=True)
    # The end-to-end tests flush more often than the default does; here the default is what is measured.
    chosen = {"OFFERS_WORKERS": str(WORKERS), "OFFERS_THREADS": str(THREADS), "OFFERS_FLUSH_SECONDS": "2.0", **settings}
    service = driver().Service(home=HOME, settings=chosen)
    if not (HOME / "prepared").exists():
        print("preparing the shop: import and training, once ...", file=sys.stderr, flush=True)
        service.cli("demo", "--no-serve")
        (HOME / "prepared").touch()
    return service


@contextmanager
def shop(**settings: str) -> Iterator[Any]:
    """The shop, started for the duration."""
    service = prepared(**settings)
    service.start()
    try:
        yield service
    finally:
        service.stop()


@contextmanager
def baseline() -> Iterator[int]:
    """The bare application of ``noop.py`` on granian with the same flags; yields its port."""
    port = driver().free_port()
    command = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--factory", "--no-log"]
    command += ["--http", "1", "--no-ws", "--runtime-threads", "1"]
    command += ["--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--port", str(port), "noop:create"]
    process = subprocess.Popen(command, cwd=ROOT / "benchmarks", env={**os.environ})
    try:
        time.sleep(3)
        yield port
    finally:
        process.terminate()
        process.wait(30)
