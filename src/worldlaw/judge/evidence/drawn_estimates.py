"""Numbers with intervals, from draws of the velocities that the tracks of two flights allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worldlaw.judge.evidence.flights import Flight

NUM_DRAWS = 2000


@dataclass(frozen=True)
class Estimate:
    """A number from draws of what the tracks allow."""

    value: float
    low: float  # 95 % interval
    high: float


NO_ESTIMATE = Estimate(np.nan, np.nan, np.nan)


def velocity_draws(rng: np.random.Generator, flight: Flight, time: float) -> np.ndarray:
    """(D + 1, 2) velocities: the best guess, then draws of Student's t distribution."""
    deviates = rng.standard_normal((NUM_DRAWS, 3, 2))
    scale = np.sqrt(flight.freedom / rng.chisquare(flight.freedom, NUM_DRAWS))
    return np.concatenate([flight.velocity(time)[0][None], flight.drawn(time, deviates, scale)])


def estimate_of(values: np.ndarray) -> Estimate:
    """The best guess, first of (D + 1,) values, with the middle 95 % of the draws after it."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    best = float(values[0])
    return Estimate(best, min(float(low), best), max(float(high), best))


def sign_known(values: np.ndarray) -> bool:
    """Whether the sign of a drawn number is known."""
    return bool((np.sign(values[1:]) == np.sign(values[0])).mean() > 0.99)
