"""What pulls: the acceleration of every flight, and whether it is one for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from worldlaw.judge.evidence.flights import Course, Flight, chance

ACCELERATED = 1e-4  # chance below which a flight is held to be accelerated
ALIKE = 0.01  # chance down to which two accelerations are held to be one
FEWEST = 5  # frames of a flight that says something of its acceleration


@dataclass(frozen=True)
class Pull:
    """The acceleration that most flights share."""

    acceleration: Float[np.ndarray, "2"]  # L/T²
    deviation: float  # L/T², one standard deviation along either axis
    freedom: float
    num: int  # flights that share it
    num_accelerated: int  # flights that are accelerated at all
    chance_one: float  # probability of flights so different if all accelerated ones had one acceleration

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval along either axis."""
        return float(stats.t.ppf(0.975, self.freedom)) * self.deviation


def is_accelerated(flight: Flight) -> bool:
    """Whether it is more than noise that bends it."""
    if flight.num < FEWEST:
        return False
    size = float(np.linalg.norm(flight.acceleration))
    return chance(size, flight.acceleration_deviation, flight.freedom) < ACCELERATED


def alike(flight: Flight, acceleration: np.ndarray, deviation: float) -> float:
    """Probability that a flight with this acceleration looks so different from it."""
    both = float(np.hypot(flight.acceleration_deviation, deviation))
    return chance(float(np.linalg.norm(flight.acceleration - acceleration)), both, flight.freedom)


def pull_of(courses: Sequence[Course]) -> Pull | None:
    """The acceleration shared by most measured frames; None if no flight is accelerated.

    The mean is weighted by precision, and its deviation widened where flights differ by more than their
    own (Birge 1932).
    """
    found = [flight for course in courses for flight in course.flights if is_accelerated(flight)]
    if not found:
        return None
    groups = [
        [f for f in found if alike(f, seed.acceleration, seed.acceleration_deviation) > ALIKE]
        for seed in found
    ]
    group = max(groups, key=lambda flights: sum(f.num for f in flights))
    mean, deviation, _ = _pooled(group)
    _, _, chance_one = _pooled(found)
    return Pull(mean, deviation, sum(f.freedom for f in group), len(group), len(found), chance_one)


def with_common_pull(courses: Sequence[Course]) -> list[Course]:
    """Courses whose flights know of each other's acceleration, so that their velocities are surer.

    A flight that moves as freely as the others is told their mean, never its own part in it.
    """
    pull = pull_of(courses)
    every = [flight for course in courses for flight in course.flights]
    pulled = [
        f for f in every if is_accelerated(f) and pull and alike(f, pull.acceleration, pull.deviation) > ALIKE
    ]
    level = [f for f in every if not is_accelerated(f) and f.num >= FEWEST]
    return [
        Course(
            course.thing,
            course.frames,
            course.spikes,
            tuple(_steadied(f, pull, pulled, level) for f in course.flights),
            course.noise,
        )
        for course in courses
    ]


def _steadied(flight: Flight, pull: Pull | None, pulled: list[Flight], level: list[Flight]) -> Flight:
    falls = [f for f in pulled if f is not flight]
    rests = [f for f in level if f is not flight]
    if is_accelerated(flight):
        return _told(flight, falls, mean=True) if flight in pulled else flight
    as_pulled = alike(flight, pull.acceleration, pull.deviation) if pull else 0.0
    as_level = alike(flight, np.zeros(2), 0.0)
    if pull and as_pulled > ALIKE and (as_pulled > 5 * as_level or flight.num == 3):
        return _told(flight, falls, mean=True)
    if as_level > ALIKE and (not pull or as_level > 5 * as_pulled):
        return _told(flight, rests, mean=False)
    return flight


def _told(flight: Flight, others: list[Flight], *, mean: bool) -> Flight:
    if not others:
        return flight
    shared, deviation, _ = _pooled(others)
    return flight.steadied(shared if mean else np.zeros(2), deviation**2)


def _pooled(flights: list[Flight]) -> tuple[np.ndarray, float, float]:
    """Mean acceleration, its deviation along either axis, and the chance of a scatter so wide."""
    weight = np.array([f.acceleration_deviation**-2.0 for f in flights])
    each = np.array([f.acceleration for f in flights])
    mean = (weight[:, None] * each).sum(axis=0) / weight.sum()
    scatter = float((weight[:, None] * (each - mean) ** 2).sum())
    freedom = 2 * (len(flights) - 1)
    if not freedom:
        return mean, float(weight.sum() ** -0.5), np.nan
    wider = max(1.0, scatter / freedom)
    inside = sum(f.freedom for f in flights)
    return mean, float(np.sqrt(wider / weight.sum())), float(stats.f.sf(scatter / freedom, freedom, inside))
