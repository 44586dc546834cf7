"""What a metric is, and the registry of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from worldlaw.core.registry import Registry
from worldlaw.core.types import Case


@dataclass(frozen=True)
class Metric:
    """A function from a case to one number, with what a reader needs to know about the number."""

    name: str
    function: Callable[[Case], float]
    unit: str  # "" for a pure number
    best: float  # the value of a perfect rollout; NaN where none is better than another
    version: int  # raise it whenever the same case would give another number
    absence_is_best: bool = False  # whether a rollout that shows no body at all may score the best value

    def __call__(self, case: Case) -> float:
        """The number; NaN where it cannot be measured."""
        return float(self.function(case))

    @property
    def about(self) -> str:
        """First line of the function's docstring."""
        return (self.function.__doc__ or "").strip().split("\n")[0]


metrics: Registry[Metric] = Registry(
    "metric",
    [
        "worldlaw.measure.metrics.trajectory",
        "worldlaw.measure.metrics.solved",
        "worldlaw.measure.metrics.presence",
        "worldlaw.measure.metrics.conservation",
        "worldlaw.measure.metrics.pixels",
        "worldlaw.measure.metrics.study",
        "worldlaw.measure.metrics.verdicts",
    ],
)


def metric(
    *, unit: str, best: float, version: int = 1, absence_is_best: bool = False
) -> Callable[[Callable[[Case], float]], Metric]:
    """Register a function of a case as a metric under its own name."""

    def decorate(function: Callable[[Case], float]) -> Metric:
        name = function.__name__
        return metrics.register(name, Metric(name, function, unit, best, version, absence_is_best))

    return decorate
