"""The layers of pyproject.toml hold, and modules stay small enough to be read."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "offers").rglob("*.py"))


def test_imports_point_down_only() -> None:
    tool = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert tool, "import-linter is part of the dev extra"
    done = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_median_module_is_under_150_lines() -> None:
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    real = {path: size for path, size in sizes.items() if path.name != "__init__.py"}
    assert statistics.median(real.values()) < 150
    assert not {str(p.relative_to(ROOT)): n for p, n in real.items() if n > 400}


def test_every_module_says_what_it_is_and_what_is_public() -> None:
    silent = []
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        if not text.startswith(('"""', 'r"""')):
            silent.append(f"{path.relative_to(ROOT)}: no docstring")
        if path.name not in ("__init__.py", "__main__.py") and "__all__" not in text:
            silent.append(f"{path.relative_to(ROOT)}: no __all__")
    assert not silent


def test_one_module_speaks_implicit_and_none_reads_the_environment_but_settings() -> None:
    def using(*needles: str) -> set[str]:
        return {
            str(path.relative_to(ROOT / "src"))
            for path in SOURCES
            for line in path.read_text(encoding="utf-8").splitlines()
            if any(line.strip().startswith(needle) for needle in needles)
        }

    assert using("import implicit", "from implicit") <= {"offers/learning/als.py"}
    assert using("import pyspark", "from pyspark") <= {"offers/learning/spark.py"}
