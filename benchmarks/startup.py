"""Startup: wall seconds until ``worldlaw --help`` is back."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.timing import Figure, Target, seconds_in_turns

TARGET = Target(0.3, at="most")  # s


def measure(quick: bool) -> list[Figure]:
    """The help of the installed command against an interpreter that does nothing."""
    beside = Path(sys.executable).with_name("worldlaw")
    command = str(beside) if beside.exists() else shutil.which("worldlaw")
    if command is None:
        raise SystemExit("benchmarks: no worldlaw command beside this Python; install the package first")

    def run(*words: str) -> None:
        subprocess.run(words, stdout=subprocess.DEVNULL, check=True)

    seconds = seconds_in_turns(
        [lambda: run(command, "--help"), lambda: run(sys.executable, "-c", "pass")], 1 if quick else 21
    )
    return [
        Figure(
            "startup",
            "worldlaw --help",
            "s",
            ours=float(np.median(seconds[:, 0])),
            baseline=float(np.median(seconds[:, 1])),
            ratio=float(np.median(seconds[:, 0] / seconds[:, 1])),
            against="python -c pass",
            target=TARGET,
            spread=(float(seconds[:, 0].min()), float(seconds[:, 0].max())),
        )
    ]
