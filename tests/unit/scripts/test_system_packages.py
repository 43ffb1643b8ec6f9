"""``scripts/system-packages`` is quick where all is there, and says what is missing where it may not install."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WANTED = ("chromium", "redis-server", "java", "strace", "curl")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A PATH on which a plain user finds the shell's own tools and nothing else."""
    for name in ("bash", "dirname", "env", "mktemp", "tail", "rm", "cat"):
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    _fake(tmp_path, "id", "echo 1000")
    _fake(tmp_path, "apt-get", "exit 1")
    return tmp_path


def _fake(folder: Path, name: str, body: str = "exit 0") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def _run(machine: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "scripts" / "system-packages")],
        env={"PATH": str(machine)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_where_all_is_there_nothing_is_said(machine: Path) -> None:
    for name in WANTED:
        _fake(machine, name)
    began = time.monotonic()
    done = _run(machine)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - began < 2


def test_what_may_not_be_installed_is_named_and_nothing_fails(machine: Path) -> None:
    for name in ("chromium", "curl"):
        _fake(machine, name)
    done = _run(machine)
    assert done.returncode == 0
    last = done.stderr.splitlines()[-1]
    assert last.startswith("MISSING")
    assert "redis-server openjdk-17-jre-headless strace" in last
    assert "chromium" not in last


@pytest.mark.parametrize("name", ["apt-install", "environment", "lint-dockerfile", "system-packages", "../.ci/run"])
def test_scripts_are_sound_and_may_be_run(name: str) -> None:
    path = ROOT / "scripts" / name
    assert path.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", str(path)], check=True)
    assert path.stat().st_mode & 0o111
