"""Two things are timed in turns, so that whatever else the machine does meets both alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

Work = Callable[[], object]


@dataclass(frozen=True)
class Target:
    """What the project promises of a figure."""

    limit: float
    of: Literal["ours", "ratio"] = "ours"
    at: Literal["least", "most"] = "least"

    def met(self, ours: float, ratio: float) -> bool:
        """Whether the promise is kept; what could not be measured keeps none."""
        value = ours if self.of == "ours" else ratio
        return bool(value >= self.limit if self.at == "least" else value <= self.limit)


@dataclass(frozen=True)
class Figure:
    """One measured number beside the baseline's."""

    benchmark: str
    what: str
    unit: str
    ours: float  # median over repetitions
    baseline: float  # median over repetitions
    ratio: float  # ours / baseline: the median of the ratios within each repetition
    against: str  # what the baseline is
    target: Target | None = None
    spread: tuple[float, float] | None = None  # smallest and largest of ours over repetitions
    notes: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data, with ``met`` true, false, or null where nothing was promised."""
        met = self.target.met(self.ours, self.ratio) if self.target else None
        return {**asdict(self), "met": met}

    def __str__(self) -> str:
        """Ours, the baseline's, the ratio and the target in one line, then a line for every note."""
        spread = f" ({number(self.spread[0])} to {number(self.spread[1])})" if self.spread else ""
        text = f"  {self.what}: {number(self.ours)} {self.unit}{spread}"
        text += f"; baseline {number(self.baseline)}; ratio {number(self.ratio)}"
        if self.target:
            of = "ratio " if self.target.of == "ratio" else ""
            met = "met" if self.target.met(self.ours, self.ratio) else "MISSED"
            text += f"; target {of}at {self.target.at} {number(self.target.limit)}: {met}"
        return "\n      ".join([text, *(f"{name}: {note}" for name, note in self.notes.items())])


def number(value: float) -> str:
    """Three significant digits, with thousands set apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def seconds_in_turns(tasks: list[Work], repetitions: int) -> np.ndarray:
    """(repetitions, tasks) wall seconds; a first turn is not timed, and every other one goes backwards."""
    for task in tasks:
        task()
    seconds = np.empty((repetitions, len(tasks)))
    for turn in range(repetitions):
        order = range(len(tasks)) if turn % 2 == 0 else reversed(range(len(tasks)))
        for place in order:
            started = time.perf_counter()
            tasks[place]()
            seconds[turn, place] = time.perf_counter() - started
    return seconds


def compare_rates(
    benchmark: str,
    what: str,
    unit: str,
    *,
    ours: tuple[Work, int],
    baseline: tuple[Work, int],
    against: str,
    repetitions: int,
    target: Target | None = None,
    notes: dict[str, str] | None = None,
) -> Figure:
    """A figure in ``unit`` (something per second) from two works, each with how much it gets done."""
    seconds = seconds_in_turns([ours[0], baseline[0]], repetitions)
    rates = np.array([ours[1], baseline[1]]) / seconds
    return Figure(
        benchmark,
        what,
        unit,
        ours=float(np.median(rates[:, 0])),
        baseline=float(np.median(rates[:, 1])),
        ratio=float(np.median(rates[:, 0] / rates[:, 1])),
        against=against,
        target=target,
        spread=(float(rates[:, 0].min()), float(rates[:, 0].max())),
        notes=notes or {},
    )
