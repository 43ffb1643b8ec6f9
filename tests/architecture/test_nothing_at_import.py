"""Importing any module of the package starts nothing: no thread, socket, process, written file or read setting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Runs in a fresh interpreter, so that what pytest loaded hides nothing. Third-party packages are imported first:
# what they do at import is theirs. The audit hook then sees whatever our own modules do.
_PROBE = r"""
import importlib, json, os, pkgutil, sys, threading
import offers

names = sorted(m.name for m in pkgutil.walk_packages(offers.__path__, "offers."))
names = [n for n in names if not n.endswith("__main__")]
for name in names:
    importlib.import_module(name)
outside = [n for n in sys.modules if n != "offers" and not n.startswith("offers.")]
for name in [n for n in sys.modules if n.startswith("offers.")]:
    del sys.modules[name]

seen = []
WATCHED = ("socket.", "subprocess.", "os.system", "os.fork", "os.mkdir", "os.remove", "os.rename", "os.putenv",
           "os.unsetenv", "signal.", "tempfile.", "sqlite3.", "urllib.")
def hook(event, args):
    if event.startswith(WATCHED):
        seen.append([event, repr(args)[:200]])
    elif event == "open":
        path, mode, flags = args
        flagged = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        writing = flagged or (isinstance(mode, str) and set(mode) & set("wax+"))
        if writing and "__pycache__" not in str(path):
            seen.append([event, repr(args)[:200]])

reads = []
class Watched(type(os.environ)):
    def __getitem__(self, key):
        caller = sys._getframe(1)
        while caller and caller.f_globals.get("__name__") in ("os", "_collections_abc", __name__):
            caller = caller.f_back
        name = caller.f_globals.get("__name__", "") if caller else ""
        if name.startswith("offers"):
            reads.append([name, str(key)])
        return super().__getitem__(key)
os.environ.__class__ = Watched

threads = threading.active_count()
descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
sys.addaudithook(hook)
for name in names:
    importlib.import_module(name)
print(json.dumps({
    "names": names,
    "seen": seen,
    "reads": reads,
    "threads": threading.active_count() - threads,
    "descriptors": (len(os.listdir("/proc/self/fd")) if descriptors else 0) - descriptors,
}))
"""


def test_importing_every_module_starts_nothing(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OFFERS_")}
    done = subprocess.run(
        [sys.executable, "-c", _PROBE],
        cwd=tmp_path,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert "offers.settings" in found["names"]
    assert "offers.cli.main" in found["names"]
    assert found["seen"] == []
    assert found["reads"] == []
    assert found["threads"] == 0
    assert found["descriptors"] == 0
    assert list(tmp_path.iterdir()) == []
