"""Memory: the peak of a process that works on 30,000 clips against one that works on 1,000."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from benchmarks.timing import Figure, Target

TARGET = Target(1.1, of="ratio", at="most")
STAGES = ("simulate", "evaluate")
RESOLUTION = 64
NUM_TEST = 16
SAMPLING = 0.005  # s between looks at private memory


def measure(quick: bool) -> list[Figure]:
    """Peak resident memory by number of training clips, up to a stage; every run is a fresh process."""
    few, many = (20, 60) if quick else (1_000, 30_000)
    return [_measure(stage, few, many) for stage in (STAGES[:1] if quick else STAGES)]


def _measure(stage: str, few: int, many: int) -> Figure:
    small, large = _peak(stage, few), _peak(stage, many)
    return Figure(
        "memory",
        f"uniform_motion, {RESOLUTION}², one worker, up to {stage}, {many:,} training clips",
        "MB",
        ours=large["peak"],
        baseline=small["peak"],
        ratio=large["peak"] / small["peak"],
        against=f"the same with {few:,} clips",
        target=TARGET,
        notes={
            "private memory at its peak, mapped files left out": (
                f"{large['private']:.0f} MB, baseline {small['private']:.0f} MB, "
                f"ratio {large['private'] / small['private']:.2f}"
            )
        },
    )


def _peak(stage: str, num_clips: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.memory", stage, str(num_clips)]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def _work(stage: str, num_clips: int) -> dict[str, float]:
    """Peak memory in MB of this process after it has run an experiment up to a stage."""
    from worldlaw.experiment.config import parse_experiment
    from worldlaw.experiment.run import run

    experiment = parse_experiment(
        {
            "name": "memory",
            "video": {"resolution": RESOLUTION},
            "worlds": {
                "uniform_motion": {"train": {"clips": num_clips}, "test": {"id": {"clips": NUM_TEST}}}
            },
            "models": {"nearest_clip": None},
            "references": ["nearest_case"],
        }
    )
    private = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLING):
            private[0] = max(private[0], _status("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            run(experiment, folder, until=stage, workers=1)
    finally:
        done.set()
        watcher.join()
    return {"peak": _peak_resident(), "private": private[0]}


def _peak_resident() -> float:
    """Peak resident memory of this process in MB.

    Linux counts the parent's peak into ``ru_maxrss`` of a child, so its own mark is read where there is one.
    """
    peak = _status("VmHWM")
    if peak == peak:
        return peak
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _status(name: str) -> float:
    """A size in MB from this process's status; NaN on a system without /proc."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(float(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(name + ":"))


if __name__ == "__main__":
    print(json.dumps(_work(sys.argv[1], int(sys.argv[2]))))
