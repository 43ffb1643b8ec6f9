"""A power cut cannot be staged here; the order of system calls can be shown: fsync first, then trim and delete."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from offers.domain.event import Event
from offers.ledger import codec

NOW = 1_772_452_800_000_000

PROGRAM = """
import sys
from pathlib import Path
import redis
from offers.clock import SystemClock
from offers.ledger import maintenance
from offers.ledger.accept import EventStream
from offers.ledger.table import LedgerTable
from offers.ledger.writer import Writer

url, home = sys.argv[1], Path(sys.argv[2])
stream = EventStream(redis.Redis.from_url(url), "shop")
table = LedgerTable(home / "ledger")
writer = Writer(table, stream, home / "spool", SystemClock(), projected=stream.last_position)
print(writer.drain())
if sys.argv[3] == "maintain":
    maintenance.compact(table)
    maintenance.checkpoint(table)
    maintenance.vacuum(table, retention_hours=0)
"""

_SYNC = re.compile(r"f(?:data)?sync\(\d+<([^>]+)>\) += 0")
_UNLINK = re.compile(r'unlink(?:at)?\((?:AT_FDCWD[^,]*, )?"([^"]+)"')


def traced(ledger: Any, tmp_path: Path, what: str) -> list[tuple[str, str]]:
    """What a process did, in order: ("sync", path), ("unlink", path), ("trim", "")."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: apt-get install strace")
    log = tmp_path / "trace"
    calls = "fsync,fdatasync,unlink,unlinkat,sendto,write"
    args = ["strace", "-f", "-y", "-s", "300", "-o", str(log), "-e", f"trace={calls}"]
    done = subprocess.run(
        [*args, sys.executable, "-c", PROGRAM, ledger.server.url, str(ledger.home), what],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
    )
    if "ptrace" in done.stderr and done.returncode:
        pytest.skip("this machine does not let strace trace")
    assert done.returncode == 0, done.stderr
    pending: dict[str, str] = {}
    result: list[tuple[str, str]] = []
    for raw in log.read_text(errors="replace").splitlines():
        pid, _, line = raw.partition(" ")
        line = line.strip()
        if line.endswith("<unfinished ...>"):
            pending[pid] = line.removesuffix("<unfinished ...>").strip()
            if "EVALSHA" not in line:
                continue  # told when it resumes; a command sent takes effect at once
        elif resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", line):
            line = pending.pop(pid, "") + resumed.group(1)
            if "EVALSHA" in line:
                continue
        if found := _SYNC.search(line):
            result.append(("sync", found.group(1)))
        elif found := _UNLINK.search(line):
            result.append(("unlink", found.group(1)))
        elif "EVALSHA" in line and ":trimmed" in line:
            result.append(("trim", ""))
    return result


def test_all_that_a_commit_wrote_is_synced_before_the_stream_is_trimmed(ledger: Any, tmp_path: Path) -> None:
    ledger.send(*(Event(f"e{n}", "view_item", NOW - n * 86_400_000_000, NOW + 1) for n in range(3)))
    spool = ledger.spool()
    spool.append(codec.dump(Event("d", "decision", NOW, NOW)))
    spool.close()
    steps = traced(ledger, tmp_path, "drain")
    trims = [i for i, (what, _) in enumerate(steps) if what == "trim"]
    assert trims, "the trim itself must be in the trace"
    before = {path for what, path in steps[: trims[0]] if what == "sync"}
    root = ledger.home / "ledger"
    log = root / "_delta_log"
    data = list(root.rglob("*.parquet"))
    assert len(data) == 4
    needed = {*data, log / f"{0:020d}.json", log / f"{1:020d}.json", log, root, root.parent}
    needed |= {path.parent for path in data} | {path.parent.parent for path in data}
    assert {str(path) for path in needed} <= before
    spool_gone = [i for i, (what, path) in enumerate(steps) if what == "unlink" and path.endswith(".jsonl")]
    assert spool_gone
    first_sync_of_log = steps.index(("sync", str(log / f"{1:020d}.json")))
    assert min(spool_gone) > first_sync_of_log
    named = [steps.index(("sync", str(path))) for path in data]
    assert max(named) < first_sync_of_log, "what is named is on disk before the name"


def test_what_replaces_is_synced_before_what_it_replaces_goes(ledger: Any, tmp_path: Path) -> None:
    writer = ledger.writer()
    for n in range(3):
        ledger.send(Event(f"e{n}", "view_item", NOW, NOW + 1))
        writer.drain()
    writer.lease.release()
    ledger.send(Event("last", "view_item", NOW, NOW + 1))
    steps = traced(ledger, tmp_path, "maintain")
    root = ledger.home / "ledger"
    unlinked = [i for i, (what, path) in enumerate(steps) if what == "unlink" and path.endswith(".parquet")]
    assert len(unlinked) == 4
    synced = {path for what, path in steps[: min(unlinked)] if what == "sync"}
    (kept,) = root.rglob("kind=*/**/*.parquet")
    assert str(kept) in synced
    names = {
        json.loads(line).get("add", {}).get("path")
        for p in (root / "_delta_log").glob("*.json")
        for line in p.read_text().splitlines()
    }
    assert str(kept.relative_to(root)) in names
    assert any(path.endswith("_last_checkpoint") for path in synced)
    assert any(path.endswith(".checkpoint.parquet") for path in synced)
    assert len(ledger.ids()) == 4
