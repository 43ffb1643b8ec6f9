"""A child that cannot outlive its parent: run as a script, it ties itself to the parent and becomes the command.

``python -I -S leash.py PARENT NICE LOCK COMMAND…`` asks the kernel to end it when the parent dies (Linux,
``PR_SET_PDEATHSIG``, which survives ``exec``), closes the race with a parent that died before the asking, takes a
lock that lives exactly as long as the command, and executes the command in its place.

The kernel's "parent" is the *thread* that started the child: start children from threads that live long enough.
This file imports nothing of the project, since it runs before the project could be found.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

__all__ = ["LOCK_TAKEN", "PARENT_GONE", "follow_parent", "leashed", "lock_holder"]

_PR_SET_PDEATHSIG = 1
# struct flock of 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid
_FLOCK = "hhqqi4x"

#: Exit codes of a command that was never reached (``EX_UNAVAILABLE`` and ``EX_TEMPFAIL`` of sysexits.h).
PARENT_GONE = 69
LOCK_TAKEN = 75


def follow_parent(parent: int) -> None:
    """Make this process get SIGKILL when its parent, process ``parent``, dies; end it now if that has happened.

    Call it in the child, as early as possible. Does nothing but the check where the system is not Linux.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        os._exit(PARENT_GONE)


def leashed(command: Sequence[str | Path], *, nice: int = 0, lock: Path | None = None) -> list[str]:
    """``command`` as a command that dies with the calling process.

    ``nice``: added to its niceness. ``lock``: a file that it holds locked while it lives; :data:`LOCK_TAKEN` is its
    exit code when another process holds it.
    """
    place = str(lock) if lock is not None else "-"
    here = [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(nice), place]
    return here + [str(part) for part in command]


def lock_holder(lock: Path) -> int | None:
    """The process that holds ``lock`` as :func:`leashed` took it, or None.

    A record lock (POSIX) is kept across ``exec``, is not inherited by forks, ends with the process, and its holder
    can be asked for: no process-id file that could be stale.
    """
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_GETLK, question))
    finally:
        os.close(fd)
    return None if kind == fcntl.F_UNLCK else int(pid)


def _main(parent: str, nice: str, lock: str, *command: str) -> NoReturn:
    follow_parent(int(parent))
    if int(nice):
        os.nice(int(nice))
    if lock != "-":
        fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os._exit(LOCK_TAKEN)
        os.set_inheritable(fd, True)
    # Python ignores these; the command shall find them as usual.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execv(command[0], command)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    _main(*sys.argv[1:])
