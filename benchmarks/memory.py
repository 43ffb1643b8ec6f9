"""What workers take: the model's pages as PSS with one worker and with four, and each worker's private catalogue.

python benchmarks/memory.py
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import instance
import load
from serving import Requests


def _pss(pid: int, part: str) -> int:
    """Kilobytes of PSS of the mappings whose path holds ``part``."""
    total, inside = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"^[0-9a-f]+-[0-9a-f]+ ", line):
            inside = part in line
        elif inside and line.startswith("Pss:"):
            total += int(line.split()[1])
    return total


def _touch(service: Any, workers: int) -> None:
    requests = Requests(service.key)
    batch = requests.offers(600) + requests.picks(600 * workers)
    load.run(("127.0.0.1", service.port), batch, connections=8 * workers)
    time.sleep(1)


def main() -> None:
    models: dict[int, int] = {}
    for workers in (1, 4):
        with instance.shop(OFFERS_WORKERS=str(workers)) as service:
            _touch(service, workers)
            pids = service.api_workers()
            models[workers] = sum(_pss(pid, "/artifacts/") for pid in pids)
            rollup = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
            private = [int(re.search(r"Private_Dirty:\s+(\d+)", text).group(1)) / 1024 for text in rollup]  # type: ignore[union-attr]
            _, ready = service.json("GET", "/readyz")
            catalogue = ready["parts"]["catalogue"]["detail"]
            print(
                f"{workers} worker(s): model {models[workers] / 1024:.1f} MB PSS together, "
                f"private {', '.join(f'{mb:.0f}' for mb in private)} MB; catalogue: {catalogue}"
            )
    print(f"model, four workers against one: ratio {models[4] / models[1]:.2f}")


if __name__ == "__main__":
    main()
