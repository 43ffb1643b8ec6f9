"""Training against the sum of the ``fit`` calls it makes, on the Complete Journey data; gate metrics excluded.

python benchmarks/training.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics

import instance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ratios = []
    service = instance.prepared()
    for _ in range(options.rounds):
        timings = service.cli_json("train", "--no-promote")["timings"]
        fits = timings["fit"] + timings.get("gate_fit", 0.0)
        everything = sum(seconds for step, seconds in timings.items() if step != "gate")
        ratios.append(everything / fits)
        steps = ", ".join(f"{step} {seconds:.1f}" for step, seconds in timings.items())
        print(f"training {everything:6.1f} s   its fit calls {fits:6.1f} s   ratio {everything / fits:.2f}   ({steps})")
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
