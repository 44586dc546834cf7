"""Run the benchmarks, all or some: ``python -m benchmarks [NAME ...] [--quick] [--json]``."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.timing import Figure

BENCHMARKS = ("synthesis", "assemblies", "filming", "tracking", "reading", "memory", "startup", "learning")
SLOW = (
    "judge",
    "solving",
    "gaming",
    "overfit",
    "poses",
    "verdicts",
    "scoring",
    "adjustments",
    "resampling",
    "foreign",
    "coverage",
    "faults",
)  # minutes or hours: only when named


def main() -> None:
    """Measure what was asked for and print it as it comes, or all of it as one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = (*BENCHMARKS, *SLOW)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: whether it runs, not how fast")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in known:
            parser.error(f"unknown benchmark {name!r}; expected some of: {', '.join(known)}")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"  # before NumPy and Numba are loaded: every figure is for one core

    about = machine()
    if not arguments.json:
        print(", ".join(f"{name} {value}" for name, value in about.items()))
    figures: list[Figure] = []
    for name in arguments.names or BENCHMARKS:
        if not arguments.json:
            print(f"\n{name}", flush=True)
        against = ""
        for figure in importlib.import_module(f"benchmarks.{name}").measure(arguments.quick):
            # The promises are for full sizes: a smoke run is held to none.
            figures.append(dataclasses.replace(figure, target=None) if arguments.quick else figure)
            if not arguments.json:
                if figure.against != against:
                    print(f" baseline: {figure.against}")
                    against = figure.against
                print(figures[-1], flush=True)
    if arguments.json:
        listed = [figure.to_json() for figure in figures]
        print(json.dumps({"quick": arguments.quick, "machine": about, "figures": listed}))


def machine() -> dict[str, str | int | float]:
    """What the figures depend on, without a name of the machine; load is the mean of the last minute."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count() or 1,
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        **{name: version(name) for name in ("worldlaw", "numpy", "numba", "pyarrow")},
    }


if __name__ == "__main__":
    main()
