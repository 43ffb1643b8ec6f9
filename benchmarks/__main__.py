"""``python -m benchmarks [NAME ...]``: run the benchmarks one after another and print their ratios.

Each measures against a named baseline in interleaved rounds of the same run. Absolute figures are informative only.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ALL = ("foldin", "serving", "ingestion", "imports", "training", "memory")


def main() -> int:
    """Run what was named, or everything; the number of benchmarks that failed."""
    names = sys.argv[1:] or list(ALL)
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"there is no benchmark {unknown[0]!r}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    failed = 0
    for name in names:
        print(f"\n== {name}", flush=True)
        failed += subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
