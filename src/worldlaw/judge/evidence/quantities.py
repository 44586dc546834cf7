"""Numbers of a video: what its flights, its contacts and its things measure, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, Unpack

import numpy as np
from scipy import stats

from worldlaw.core.seeding import rng_for
from worldlaw.judge.evidence.common_pull import Pull, is_accelerated, pull_of
from worldlaw.judge.evidence.contacts import Event
from worldlaw.judge.evidence.drawn_estimates import NUM_DRAWS, Estimate
from worldlaw.judge.evidence.flights import Course, Flight
from worldlaw.judge.evidence.segmentation import SHORTEST
from worldlaw.judge.evidence.video_evidence import MeasuredQuantity, VideoEvidence
from worldlaw.judge.signs.sign import Sign

GRAVITY = 9.8  # m/s²
STEADY = 1e-3  # chance below which something is not constant
STILL = 0.02  # of the picture's height: who goes no farther than that does not move


class _About(TypedDict, total=False):
    """What a measured quantity is of, and how surely."""

    thing: str
    segment: int
    confidence: float


class _AboutWithStatus(_About, total=False):
    status: str


def quantities_of(
    evidence: VideoEvidence,
    courses: Sequence[Course],
    events: Sequence[Event],
    signs: Sequence[Sign],
    pull: Pull | None,
    gravity: tuple[float, float] | None,
) -> list[MeasuredQuantity]:
    """All that was measured, or not: of the video, its things, their flights, the events, the signs."""
    found = [*_of_video(evidence, courses, pull, gravity), *_ratios(evidence, courses)]
    for course in courses:
        found += _of_thing(evidence, course)
    for course in courses:
        for index, flight in enumerate(course.flights):
            found += _of_flight(evidence, course, index, flight, pull)
    for index, event in enumerate(events):
        found += _of_event(evidence, event, index)
    return found + [_of_sign(evidence, sign) for sign in signs]


def odd_masses(event: Event) -> bool:
    """Whether masses by motion and by area are surely not the same: their intervals are apart."""
    masses, areas = event.mass_ratio, event.area_ratio
    return masses.low > areas.high or masses.high < areas.low


def moves(evidence: VideoEvidence, course: Course) -> bool:
    """Whether a thing goes farther than a still one seems to."""
    places = evidence.position[course.frames, course.thing]
    return bool(len(places) and np.ptp(places, axis=0).max() > STILL * evidence.extent[1])


def _of_video(
    evidence: VideoEvidence, courses: Sequence[Course], pull: Pull | None, gravity: tuple[float, float] | None
) -> list[MeasuredQuantity]:
    found = [
        MeasuredQuantity("things", float(evidence.num_things)),
        MeasuredQuantity("frames", float(evidence.num_frames)),
    ]
    unit = evidence.acceleration_unit
    if pull is None:
        moving = any(moves(evidence, course) for course in courses)
        why = "no flight is accelerated" if moving else "not measurable: nothing moves"
        return [*found, MeasuredQuantity("acceleration", np.nan, unit=unit, status=why)]
    half, size = pull.half_width, float(np.linalg.norm(pull.acceleration))
    about: _About = {"confidence": _confidence(evidence, courses)}
    x, y = pull.acceleration
    direction, spread = np.degrees([np.arctan2(y, x), np.arctan2(half, size)])
    down = "downwards" if abs(direction + 90) < spread + 2 else "measured"
    found += [
        _size("acceleration", size, half, unit, **about),
        _around("acceleration_x", x, half, unit, **about),
        _around("acceleration_y", y, half, unit, **about),
        _around("direction", direction, spread, "degree", status=down, **about),
    ]
    if pull.num_accelerated > 1:
        one = "one for all" if pull.chance_one >= STEADY else "not one for all"
        found.append(
            MeasuredQuantity("one_acceleration", pull.chance_one, unit="chance", status=one, **about)
        )
    else:
        one = "only one flight is accelerated"
        found.append(MeasuredQuantity("one_acceleration", np.nan, unit="chance", status=one))
    if unit == "m/s²":
        inside = "within" if abs(size - GRAVITY) <= half else "outside"
        said = f"{GRAVITY} lies {inside} the interval"
        found.append(_size("gravity", size, half, unit, status=said, **about))
    if gravity is not None:
        off = float(np.linalg.norm(pull.acceleration - gravity))
        said = "as hinted" if off <= half * np.sqrt(2) else "not as hinted"
        found.append(_size("off_hinted_gravity", off, half, unit, status=said, **about))
    return found


def _confidence(evidence: VideoEvidence, courses: Sequence[Course]) -> float:
    values = [evidence.confidence[course.frames, course.thing] for course in courses]
    every = np.concatenate(values) if values else np.zeros(0)
    return float(every.mean()) if len(every) else np.nan


def _of_thing(evidence: VideoEvidence, course: Course) -> list[MeasuredQuantity]:
    thing = course.thing
    seen = np.flatnonzero(evidence.measured[:, thing])
    about: _About = {
        "thing": evidence.names[thing],
        "confidence": float(evidence.confidence[seen, thing].mean()) if len(seen) else np.nan,
    }
    found = [MeasuredQuantity("present", len(seen) / evidence.num_frames, unit="share of frames", **about)]
    size, color = evidence.size[seen, thing], evidence.color[seen, thing]
    size = size[np.isfinite(size)]
    if len(size) > 1:
        low, middle, high = map(float, np.percentile(size, [2.5, 50, 97.5]))
        spread = 2 * float(np.std(np.log(np.maximum(size, 1e-12))))
        found += [
            MeasuredQuantity("radius", middle, low, high, evidence.length_unit, **about),
            MeasuredQuantity("area_spread", spread, unit="share", **about),
        ]
    if len(seen) > 1 and np.isfinite(color).all():
        away = float(np.linalg.norm(color - np.median(color, axis=0), axis=1).mean())
        found.append(MeasuredQuantity("color_spread", away, unit="share", **about))
    if course.flights:
        said = "residuals over what the tracker says of itself"
        found.append(MeasuredQuantity("noise", course.noise, unit="ratio", status=said, **about))
    if moves(evidence, course):
        found.append(MeasuredQuantity("flights", float(len(course.flights)), **about))
    else:
        found.append(MeasuredQuantity("flights", 0.0, status="it does not move", **about))
    return found


def _of_flight(
    evidence: VideoEvidence, course: Course, index: int, flight: Flight, pull: Pull | None
) -> list[MeasuredQuantity]:
    inside = course.frames[(course.frames >= flight.first) & (course.frames <= flight.last)]
    about: _About = {
        "thing": evidence.names[course.thing],
        "segment": index,
        "confidence": float(evidence.confidence[inside, course.thing].mean()),
    }
    unit = evidence.acceleration_unit
    quantile = float(stats.t.ppf(0.975, flight.freedom))
    half = quantile * float(np.sqrt(flight.covariance[1, 1]))
    found = [
        MeasuredQuantity("first_frame", float(flight.first), **about),
        MeasuredQuantity("last_frame", float(flight.last), **about),
        _around("velocity_x", flight.terms[1, 0], half, evidence.speed_unit, **about),
        _around("velocity_y", flight.terms[1, 1], half, evidence.speed_unit, **about),
    ]
    if flight.num == SHORTEST:
        lacking = "not measurable: three frames"
        return [*found, MeasuredQuantity("acceleration", np.nan, unit=unit, status=lacking, **about)]
    half_a = quantile * flight.acceleration_deviation
    size = float(np.linalg.norm(flight.acceleration))
    at_rest = float(np.linalg.norm(flight.terms[1])) <= half
    found += [
        _around("acceleration_x", flight.terms[2, 0], half_a, unit, **about),
        _around("acceleration_y", flight.terms[2, 1], half_a, unit, **about),
    ]
    if is_accelerated(flight):
        found.append(_size("acceleration", size, half_a, unit, status="accelerated", **about))
    else:
        status = f"{'at rest' if at_rest else 'uniform motion'} within the noise"
        found.append(MeasuredQuantity("acceleration", size, 0.0, size + half_a, unit, status=status, **about))
    if np.isfinite(flight.jerk_deviation):
        jerk = float(np.linalg.norm(flight.jerk))
        constant = stats.f.sf(jerk**2 / (2 * flight.jerk_deviation**2), 2, flight.freedom) > STEADY
        status = "constant acceleration" if constant else "acceleration changes"
        half_j = quantile * flight.jerk_deviation
        found.append(_size("jerk", jerk, half_j, f"{evidence.speed_unit}³", status=status, **about))
    return found + _energy(evidence, flight, pull, about)


def _energy(
    evidence: VideoEvidence, flight: Flight, pull: Pull | None, about: _About
) -> list[MeasuredQuantity]:
    """Kinetic plus potential energy by mass, and what a flight gains of it: (a - g) times its way."""
    g = pull.acceleration if pull else np.zeros(2)
    quantile = float(stats.t.ppf(0.975, flight.freedom))
    velocity, variance = flight.velocity(flight.middle)
    energy = float(velocity @ velocity / 2 - g @ flight.terms[0])
    deviation = float(np.sqrt((velocity @ velocity) * variance + (g @ g) * flight.covariance[0, 0]))
    start, stop = flight.first * evidence.dt, flight.last * evidence.dt
    way = flight.position(stop)[0] - flight.position(start)[0]
    gain = float((flight.acceleration - g) @ way)
    unsure = float(np.hypot(flight.acceleration_deviation, pull.deviation if pull else 0.0))
    unit = f"{evidence.length_unit}²/{evidence.time_unit}²"
    return [
        _around("energy", energy, quantile * deviation, unit, **about),
        _around("energy_gained", gain, quantile * unsure * float(np.linalg.norm(way)), unit, **about),
    ]


def _around(
    name: str, value: float, half: float, unit: str, **about: Unpack[_AboutWithStatus]
) -> MeasuredQuantity:
    return MeasuredQuantity(name, float(value), float(value - half), float(value + half), unit, **about)


def _size(
    name: str, value: float, half: float, unit: str, **about: Unpack[_AboutWithStatus]
) -> MeasuredQuantity:
    """A length, whose interval stops at nothing."""
    return MeasuredQuantity(
        name, float(value), max(0.0, float(value - half)), float(value + half), unit, **about
    )


def _ratios(evidence: VideoEvidence, courses: Sequence[Course]) -> list[MeasuredQuantity]:
    """Accelerations of two things against each other: of bodies that fall, (h1 / t1²) / (h2 / t2²)."""
    means: dict[int, tuple[np.ndarray, float, float]] = {}
    for course in courses:
        pull = pull_of([course]) if moves(evidence, course) else None
        if pull is not None:
            means[course.thing] = pull.acceleration, pull.deviation, pull.freedom
    found = []
    things = sorted(means)
    for second in things[1:]:
        first = things[0]
        rng = rng_for(0, "ratio", first, second)
        sizes = [np.linalg.norm(_drawn(rng, *means[thing]), axis=1) for thing in (first, second)]
        ratio = sizes[0] / sizes[1]
        low, high = np.percentile(ratio[1:], [2.5, 97.5])
        found.append(
            MeasuredQuantity(
                "acceleration_ratio",
                float(ratio[0]),
                float(low),
                float(high),
                "ratio",
                thing=f"{evidence.names[first]} + {evidence.names[second]}",
                confidence=_confidence(evidence, [c for c in courses if c.thing in (first, second)]),
                status="1 lies within the interval" if low <= 1 <= high else "1 lies outside the interval",
            )
        )
    return found


def _drawn(rng: np.random.Generator, mean: np.ndarray, deviation: float, freedom: float) -> np.ndarray:
    return np.concatenate([mean[None], mean + deviation * rng.standard_t(freedom, (NUM_DRAWS, 2))])


def _of_event(evidence: VideoEvidence, event: Event, index: int) -> list[MeasuredQuantity]:
    about: _About = {
        "thing": " + ".join(evidence.names[thing] for thing in event.things),
        "segment": index,
        "confidence": 1 - event.step_chance,
    }
    status = event.kind if not event.about else f"{event.kind}: {event.about}"
    change = float(np.linalg.norm(event.step))
    found = [
        MeasuredQuantity("event_time", event.time, unit=evidence.time_unit, status=status, **about),
        MeasuredQuantity("velocity_change", change, unit=evidence.speed_unit, status=status, **about),
    ]
    if event.kind not in ("contact", "surface"):
        return found
    lacking = f"not measurable: {event.about or 'too little is known of the velocities'}"
    wanted: list[tuple[str, Estimate]] = [
        ("restitution", event.restitution),
        ("energy_ratio", event.energy_ratio),
    ]
    if event.kind == "contact":
        wanted += [
            ("area_ratio", event.area_ratio),
            ("mass_ratio", event.mass_ratio),
            ("momentum_imbalance", event.imbalance),
        ]
    for name, estimate in wanted:
        measured = np.isfinite(estimate.value)
        found.append(
            MeasuredQuantity(
                name,
                estimate.value,
                estimate.low,
                estimate.high,
                "ratio",
                status=_compared(name, estimate, event) if measured else lacking,
                **about,
            )
        )
    return found


def _compared(name: str, estimate: Estimate, event: Event) -> str:
    if name in ("restitution", "energy_ratio"):
        return "gains" if estimate.low > 1 else "measured"
    if name == "mass_ratio":
        return "masses do not go with areas" if odd_masses(event) else "masses go with areas"
    if name == "area_ratio":
        return "measured"
    return "masses as areas"


def _of_sign(evidence: VideoEvidence, sign: Sign) -> MeasuredQuantity:
    name = evidence.names[sign.thing] if sign.thing >= 0 else ""
    status = sign.about or "nothing of it"
    if not np.isfinite(sign.value):
        status = f"not measurable: {status}"
    return MeasuredQuantity(
        sign.kind,
        sign.value,
        unit=sign.unit,
        thing=name,
        confidence=sign.confidence,
        status=f"{status}; too much" if sign.counts else status,
    )
