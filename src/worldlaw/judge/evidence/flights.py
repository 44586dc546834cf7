"""A track cut into flights: stretches in which one constant acceleration explains every place.

Each has a covariance that its own residuals set, so that velocities and accelerations have intervals.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from worldlaw.judge.evidence.segmentation import (
    SHORTEST,
    design_of,
    fit,
    roughness,
    significant_cuts,
    without_spikes,
)
from worldlaw.judge.evidence.video_evidence import VideoEvidence

BELIEF = 2.0  # degrees of freedom by which a tracker's own deviations are believed
MOST_CORRELATED = 0.7  # residuals of neighbouring frames
SLOW = 0.03  # pixels: error of a tracker that changes slowly, from textured films (docs/judge.md)
SLOWNESS = 12  # times in a flight that such an error is another
SMOOTHER = 15.0  # squared deviations that a smooth curve may cost more than two parabolas
SETTLED = 3  # times that cuts are moved to where flights meet
STEPS = 120  # at which the meeting of two flights is looked for


@dataclass(frozen=True, eq=False)
class Flight:
    """x(t) = p + v (t - middle) + a (t - middle)² / 2 along both axes."""

    first: int  # frame
    last: int  # frame; both are measured
    num: int  # measured frames
    middle: float  # T
    terms: Float[np.ndarray, "3 2"]  # p in L, v in L/T, a in L/T²
    covariance: Float[np.ndarray, "3 3"]  # of the terms along either axis
    freedom: float  # degrees of freedom of the covariance's scale
    jerk: Float[np.ndarray, "2"]  # L/T³, of a cubic; NaN for fewer than six frames
    jerk_deviation: float  # L/T³

    @property
    def acceleration(self) -> Float[np.ndarray, "2"]:
        """L/T²."""
        return self.terms[2]

    @property
    def acceleration_deviation(self) -> float:
        """L/T², one standard deviation along either axis; infinite for three frames."""
        return float(np.sqrt(self.covariance[2, 2])) if self.num > SHORTEST else np.inf

    def position(self, time: float) -> tuple[np.ndarray, float]:
        """Where it is, (2,) in L, and the variance along either axis."""
        return self._at(np.array([1.0, time - self.middle, (time - self.middle) ** 2 / 2]))

    def velocity(self, time: float) -> tuple[np.ndarray, float]:
        """How fast it is, (2,) in L/T, and the variance along either axis."""
        return self._at(np.array([0.0, 1.0, time - self.middle]))

    def drawn(self, time: float, deviates: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """(D, 2) velocities at a time that the track allows.

        ``deviates`` (D, 3, 2) are standard normal, ``scale`` (D,) is what Student's t is wider by.
        """
        root = np.linalg.cholesky(self.covariance + 1e-12 * np.diag(np.diag(self.covariance)))
        terms = self.terms + np.einsum("ij,djk->dik", root, deviates) * scale[:, None, None]
        return terms[:, 1] + terms[:, 2] * (time - self.middle)

    def steadied(self, acceleration: Float[np.ndarray, "2"], variance: float) -> Flight:
        """The same flight, with what is known of its acceleration from elsewhere taken in."""
        information = np.linalg.inv(self.covariance)
        sharper = information.copy()
        sharper[2, 2] += 1 / max(variance, 1e-12 * float(self.covariance[2, 2]))
        covariance = np.linalg.inv(sharper)
        told = information @ self.terms
        told[2] += acceleration * (sharper[2, 2] - information[2, 2])
        return dataclasses.replace(self, terms=covariance @ told, covariance=covariance)

    def _at(self, row: np.ndarray) -> tuple[np.ndarray, float]:
        return row @ self.terms, float(row @ self.covariance @ row)


@dataclass(frozen=True)
class Course:
    """All flights of one thing."""

    thing: int
    frames: Int[np.ndarray, " F"]  # that were used
    spikes: Int[np.ndarray, " S"]  # measured, but apart from both sides
    flights: tuple[Flight, ...]
    noise: float  # residuals over what the tracker says of itself

    def flight_at(self, frame: float) -> Flight | None:
        """The flight that a frame lies in, or, between two, the nearer one; None beyond the ends."""
        near = [f for f in self.flights if f.first - 1 <= frame <= f.last + 1]
        return min(
            near, key=lambda f: abs(frame - (f.first + f.last) / 2) - (f.last - f.first) / 2, default=None
        )


@dataclass(frozen=True)
class Knot:
    """Where one flight ends and the next begins."""

    thing: int
    index: int  # of the flight before
    time: float  # T, at which the two come nearest to each other
    gap: Float[np.ndarray, "2"]  # L, by which they miss each other
    gap_deviation: float  # L
    step: Float[np.ndarray, "2"]  # L/T, of the velocity
    step_deviation: float  # L/T
    before: Flight
    after: Flight


def course_of(evidence: VideoEvidence, thing: int) -> Course:
    """Flights of one thing; none where fewer than three frames are measured."""
    frames = np.flatnonzero(evidence.measured[:, thing])
    if len(frames) < SHORTEST:
        return Course(thing, frames, frames[:0], (), np.nan)
    place, deviation = evidence.position[frames, thing], evidence.deviation[frames, thing]
    deviation = deviation * roughness(frames, place, deviation)
    kept, cuts = without_spikes(frames, place, deviation)
    cuts = significant_cuts(frames[kept], place[kept], deviation[kept], cuts)
    used, own = frames[kept], evidence.deviation[frames[kept], thing]
    flights, noise = _fitted(evidence, used, place[kept], own, cuts)
    for _ in range(SETTLED):
        settled = _settled(evidence, thing, used, cuts, flights)
        if settled == cuts:
            break
        cuts = settled
        flights, noise = _fitted(evidence, used, place[kept], own, cuts)
    return Course(thing, used, frames[~kept], flights, noise)


def knots_of(evidence: VideoEvidence, course: Course) -> list[Knot]:
    """What happened between the flights of a thing; those of three frames are passed over.

    They fit whatever three places there are, such as those of a tracker that has just found a thing again.
    """
    longer = [(index, flight) for index, flight in enumerate(course.flights) if flight.num > SHORTEST]
    return [
        knot_between(course.thing, index, before, after, evidence.dt)
        for (index, before), (_, after) in pairwise(longer)
    ]


def knot_between(thing: int, index: int, before: Flight, after: Flight, dt: float) -> Knot:
    """The knot of two flights: where they are nearest, between their frames and half a frame about."""
    times = np.linspace((before.last - 0.5) * dt, (after.first + 0.5) * dt, STEPS + 1)
    apart = np.array([_apart(before, after, time) for time in times])
    at = int(apart.argmin())
    time = times[at]
    if 0 < at < STEPS:  # the vertex of the parabola through three neighbours
        left, here, right = apart[at - 1 : at + 2]
        bend = left - 2 * here + right
        time += (times[1] - times[0]) * (0.5 * (left - right) / bend if bend > 0 else 0.0)
    (old, old_variance), (new, new_variance) = before.position(time), after.position(time)
    (slow, slow_variance), (fast, fast_variance) = before.velocity(time), after.velocity(time)
    return Knot(
        thing,
        index,
        float(time),
        new - old,
        float(np.sqrt(old_variance + new_variance)),
        fast - slow,
        float(np.sqrt(slow_variance + fast_variance)),
        before,
        after,
    )


def smoothly(evidence: VideoEvidence, course: Course, knot: Knot) -> bool:
    """Whether one smooth curve explains two flights as well as their two parabolas do.

    A quintic has as many coefficients as two parabolas; ``SMOOTHER`` is for their cut, which was chosen, too.
    It follows a pendulum or an orbit, and no kink.
    """
    first, last = knot.before.first, knot.after.last
    frames = course.frames[(course.frames >= first) & (course.frames <= last)]
    place, deviation = evidence.position[frames, course.thing], evidence.deviation[frames, course.thing]
    at = int((frames <= knot.before.last).sum())
    two = sum(
        fit(frames[part], place[part], deviation[part])[2] for part in (slice(None, at), slice(at, None))
    )
    span = np.linspace(-1, 1, last - first + 1)[frames - first]
    design = np.vander(span, 6) / deviation[:, None]
    known = place / deviation[:, None]
    terms, *_ = np.linalg.lstsq(design, known, rcond=None)
    return bool(((known - design @ terms) ** 2).sum() <= two + SMOOTHER * course.noise**2)


def split(evidence: VideoEvidence, course: Course, frame: float) -> tuple[Flight, Flight] | None:
    """The two halves of the flight that holds a moment, as if it were cut there; None if one is too short."""
    flight = course.flight_at(frame)
    if flight is None:
        return None
    inside = course.frames[(course.frames >= flight.first) & (course.frames <= flight.last)]
    at = int((inside <= frame).sum())
    if min(at, len(inside) - at) < SHORTEST:
        return None
    place, deviation = evidence.position[inside, course.thing], evidence.deviation[inside, course.thing]
    halves, _ = _fitted(evidence, inside, place, deviation, [(0, at), (at, len(inside))])
    return halves[0], halves[1]


def expected_place(
    evidence: VideoEvidence, course: Course, frame: int
) -> tuple[Float[np.ndarray, "2"], float]:
    """Where a thing should be in a frame, and its deviation: between its places, or on as it went."""
    before = course.frames[course.frames < frame]
    after = course.frames[course.frames > frame]
    position, dt = evidence.position[:, course.thing], evidence.dt
    if len(before) and len(after):
        share = (frame - before[-1]) / (after[0] - before[-1])
        return position[before[-1]] * (1 - share) + position[after[0]] * share, 0.0
    flight = course.flights[-1] if len(before) else course.flights[0]
    place, variance = flight.position(frame * dt)
    return place, float(np.sqrt(variance))


def chance(size: float, deviation: float, freedom: float, axes: int = 2) -> float:
    """Probability that noise alone makes a vector of ``axes`` components at least so long."""
    if not np.isfinite(size) or not np.isfinite(deviation) or deviation <= 0:
        return 1.0
    return float(stats.f.sf(size**2 / (axes * deviation**2), axes, freedom))


def _apart(before: Flight, after: Flight, time: float) -> float:
    return float(((before.position(time)[0] - after.position(time)[0]) ** 2).sum())


def _settled(
    evidence: VideoEvidence,
    thing: int,
    frames: np.ndarray,
    cuts: list[tuple[int, int]],
    flights: tuple[Flight, ...],
) -> list[tuple[int, int]]:
    """The cuts, each moved to where the flights about it meet: a frame or two may fit both sides."""
    edges = [0, *(stop for _, stop in cuts)]
    for index, (before, after) in enumerate(pairwise(flights)):
        knot = knot_between(thing, index, before, after, evidence.dt)
        at = int((frames * evidence.dt <= knot.time).sum())
        meets = chance(float(np.linalg.norm(knot.gap)), knot.gap_deviation, before.freedom, axes=1) > 0.01
        turns = chance(float(np.linalg.norm(knot.step)), knot.step_deviation, before.freedom) < 0.01
        if meets and turns and min(at - edges[index], edges[index + 2] - at) >= SHORTEST:
            edges[index + 1] = at
    return list(pairwise(edges))


def _fitted(
    evidence: VideoEvidence,
    frames: np.ndarray,
    place: np.ndarray,
    deviation: np.ndarray,
    cuts: list[tuple[int, int]],
) -> tuple[tuple[Flight, ...], float]:
    """Flights with covariances scaled by the residuals of all of them, and that scale.

    The scale is that of residuals and of the tracker's own deviations together, the latter counted as
    ``BELIEF`` degrees of freedom, wider where residuals of neighbouring frames go together (the variance of a
    mean of such residuals is (1 + r) / (1 - r) times as large).
    """
    fits, total, freedom = [], 0.0, 0.0
    products, squares, num = 0.0, 0.0, 0
    for start, stop in cuts:
        t, y, d = frames[start:stop] * evidence.dt, place[start:stop], deviation[start:stop]
        terms, covariance, misfit = fit(t, y, d)
        fits.append((t, y, d, terms, covariance))
        total += misfit
        freedom += 2 * (stop - start - SHORTEST)
        off = (y - design_of(t - t.mean()) @ terms) / d[:, None]
        beside = np.diff(frames[start:stop]) == 1
        products += float((off[1:] * off[:-1])[beside].sum())
        squares += float((off**2).sum())
        num += 2 * (stop - start)
    together = products / squares + 2 * SHORTEST * len(cuts) / num if squares > 0 and num else 0.0
    together = float(np.clip(together - 1.5 / np.sqrt(num), 0.0, MOST_CORRELATED))
    scale = (total + BELIEF) / (freedom + BELIEF) * (1 + together) / (1 - together)
    flights = tuple(
        Flight(
            first=int(frames[start]),
            last=int(frames[stop - 1]),
            num=stop - start,
            middle=float(t.mean()),
            terms=terms,
            covariance=scale * covariance + _slow(t, SLOW * evidence.pixel),
            freedom=freedom + BELIEF,
            jerk=jerk,
            jerk_deviation=jerk_deviation * float(np.sqrt(scale)),
        )
        for (start, stop), (t, y, d, terms, covariance) in zip(cuts, fits, strict=True)
        for jerk, jerk_deviation in [_jerk(t, y, d)]
    )
    return flights, float(np.sqrt(scale))


def _slow(t: np.ndarray, error: float) -> np.ndarray:
    """Covariance of the terms from an error that changes slowly, so that no residual shows it.

    As if places were off by so much independently, but only as often as ``SLOWNESS`` times in a flight.
    """
    design = design_of(t - t.mean())
    return error**2 * len(t) / SLOWNESS * np.linalg.inv(design.T @ design)


def _jerk(t: np.ndarray, y: np.ndarray, deviation: np.ndarray) -> tuple[np.ndarray, float]:
    """Third derivative along both axes and its unscaled deviation, of a cubic."""
    if len(t) < 6:
        return np.full(2, np.nan), np.nan
    span = t[-1] - t[0]
    u = (t - t.mean()) / span
    design = np.stack([np.ones_like(u), u, u**2, u**3], axis=1) / deviation[:, None]
    terms, *_ = np.linalg.lstsq(design, y / deviation[:, None], rcond=None)
    return 6 * terms[3] / span**3, float(6 / span**3 * np.sqrt(np.linalg.inv(design.T @ design)[3, 3]))
