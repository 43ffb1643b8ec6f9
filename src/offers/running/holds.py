"""Holds: one process at a time lets go of stream and spool, or removes files of the ledger; backups take their turn.

Both are locks on files under the run directory, which the kernel frees when their holder dies.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from offers.settings import Settings

__all__ = ["What", "hold"]

What = Literal["draining", "files"]
"""``draining``: nothing moves from stream and spool into the ledger. ``files``: no file of the ledger is removed."""


@contextmanager
def hold(settings: Settings, what: What) -> Iterator[None]:
    """Wait for a turn and keep it for the duration. Not reentrant."""
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    fd = os.open(settings.run_dir / f"{what}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
