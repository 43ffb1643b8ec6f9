"""Artifacts among real processes: shared pages, swaps, and writers that are killed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from offers.artifact.assemble import Pairs, assemble
from offers.artifact.format import Parameters, Verdict
from offers.artifact.registry import Registry
from offers.artifact.store import TEMPORARY, save, verify

_READER = """
import sys, threading
from pathlib import Path
import numpy as np
from offers.artifact.registry import Registry
from offers.artifact.slot import ModelSlot

def touched(model):
    for name in ("factors", "popularity", "co_score"):
        float(np.asarray(getattr(model, name)).sum())
    print(model.version, flush=True)

slot = ModelSlot(Registry(Path(sys.argv[1])), touched)
stop = threading.Event()
threading.Thread(target=slot.follow, args=(stop,), daemon=True).start()
sys.stdin.read()
stop.set()
"""

_WRITER = """
import sys
from pathlib import Path
import numpy as np
from offers.artifact.assemble import Pairs, assemble
from offers.artifact.format import Parameters, Verdict
from offers.artifact.registry import Registry
from offers.artifact.store import save

registry = Registry(Path(sys.argv[1]))
print("ready", flush=True)
seed = int(sys.argv[2])
while True:
    seed += 1
    n = 200
    factors = np.random.default_rng(seed).normal(size=(n, 8))
    arrays = assemble([f"i{i}" for i in range(n)], factors, np.ones(n), np.ones(n, int), Pairs.none(n), Pairs.none(n))
    model = save(registry.artifacts, arrays, engine="local", recipe={}, created_at=seed, gate=Verdict(True),
                 parameters=Parameters(n, 8, 1, 1.0, 1.0, 1.0, 0))
    print("saved", model, flush=True)
    registry.promote(model, "writer", str(seed))
    print("promoted", model, flush=True)
    if seed % 5 == 0:
        registry.rollback("writer", "for a change")
        registry.prune(3)
"""


def _artifact(registry: Registry, items: int, seed: int) -> str:
    generator = np.random.default_rng(seed)
    factors = generator.normal(size=(items, 64)).astype(np.float32)
    ids = [f"item-{i}" for i in range(items)]
    arrays = assemble(ids, factors, np.ones(items), np.ones(items, np.int32), Pairs.none(items), Pairs.none(items))
    parameters = Parameters(items, 64, 1, 1.0, 1.0, 1.0, 0)
    fields = {"engine": "local", "recipe": {}, "created_at": seed, "gate": Verdict(True)}
    return save(registry.artifacts, arrays, parameters=parameters, **fields)


@contextmanager
def _readers(registry: Registry, n: int) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, "-c", _READER, str(registry.directory)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(n)]
    try:
        yield processes
    finally:
        for process in processes:
            process.communicate("")
            assert process.returncode == 0


def _pss(processes: list[subprocess.Popen[str]], under: Path) -> int:
    """Proportional set size, in bytes, of the mappings of files under a directory."""
    total, inside = 0, False
    for process in processes:
        for line in Path(f"/proc/{process.pid}/smaps").read_text().splitlines():
            if "-" in line.split(" ", 1)[0]:
                inside = str(under) in line
            elif inside and line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="no /proc/self/smaps: PSS cannot be measured")
def test_four_processes_share_the_pages_of_one_model(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models")
    model = _artifact(registry, 60_000, 1)
    registry.promote(model, "test", "first")
    measured = {}
    for n in (1, 4):
        with _readers(registry, n) as processes:
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline().strip() == model
            measured[n] = _pss(processes, registry.artifacts)
    print(f"PSS of a model: one process {measured[1] / 1e6:.1f} MB, four {measured[4] / 1e6:.1f} MB")
    assert measured[1] > 60_000 * 64 * 4
    assert measured[4] < 1.2 * measured[1]


def test_every_process_is_on_a_promoted_model_within_a_second(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models")
    models = [_artifact(registry, 2_000, seed) for seed in (1, 2, 3)]
    registry.promote(models[0], "test", "first")
    with _readers(registry, 3) as processes:
        for turn, model in enumerate((*models, models[0])):
            if turn:
                registry.promote(model, "test", f"turn {turn}")
            start = time.monotonic()
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline().strip() == model
            if turn:
                assert time.monotonic() - start < 1.0


@pytest.mark.kill
def test_a_writer_killed_anywhere_leaves_a_registry_that_works(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models")
    chance = random.Random(7)
    acknowledged = None
    for turn in range(8):
        command = [sys.executable, "-c", _WRITER, str(registry.directory), str(turn * 1000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.0, 0.4))
            process.kill()
            told = [line.split() for line in process.stdout.read().splitlines() if line.count(" ") == 1]
        promoted = [model for word, model in told if word == "promoted"]
        acknowledged = promoted[-1] if promoted else acknowledged
        # Whatever has an id is whole, and what is current is among it.
        infos = registry.list()
        assert all(verify(registry.path(info.id)) == [] for info in infos)
        current = registry.current()
        if acknowledged is not None:
            assert current in {info.id for info in infos}
        history = registry.history()
        assert [change.seq for change in history] == list(range(1, len(history) + 1))
        assert not promoted or any(change.model == promoted[-1] for change in history)
    last = _artifact(registry, 100, 99)
    registry.promote(last, "test", "after all that")
    assert registry.current() == last
    assert registry.history()[-1].previous == registry.rollback("test", "and back")[0]
    registry.prune(0)
    assert not [p for p in registry.artifacts.glob(f"{TEMPORARY}*") if last in p.name]
