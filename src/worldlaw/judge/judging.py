"""Everything that can be said of one video: its quantities, what happened in it, and whether it can be true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from worldlaw.core.seeding import rng_for
from worldlaw.judge.contacts import NUM_DRAWS, Estimate, Event, events_of
from worldlaw.judge.evidence import Evidence, Quantity
from worldlaw.judge.flights import SHORTEST, Course, Flight, course_of
from worldlaw.judge.pull import Pull, accelerated, pull_of, steadied
from worldlaw.judge.signs import KINDS, UNITS, Sign, signs_of

VERSION = 1  # raise it whenever the same tracks would be judged otherwise
GRAVITY = 9.8  # m/s²
FEWEST_FRAMES = 8  # of a video
NORMAL, ABNORMAL, UNJUDGED = "normal", "abnormal", "not judged"
STILL = 0.02  # of the picture's height: who goes no farther than that does not move


@dataclass(frozen=True)
class Judgement:
    """What a video shows."""

    verdict: str  # NORMAL, ABNORMAL or UNJUDGED
    reason: str  # one line
    quantities: tuple[Quantity, ...]
    signs: tuple[Sign, ...]  # one of each kind; none if the video could not be judged
    events: tuple[Event, ...]
    courses: tuple[Course, ...]  # one of each thing
    pull: Pull | None


def judge(evidence: Evidence, *, gravity: tuple[float, float] | None = None) -> Judgement:
    """Judge one video by its tracks; ``gravity`` is what somebody says it is, in m/s² if the scale is known."""
    cannot = _cannot(evidence)
    if cannot:
        names = ("things", "acceleration", *KINDS)
        lacking = tuple(Quantity(name, np.nan, status=f"not measurable: {cannot}") for name in names)
        return Judgement(UNJUDGED, cannot, lacking, (), (), (), None)
    courses = [course_of(evidence, thing) for thing in range(evidence.num_things)]
    sharper = steadied(courses)
    events = events_of(evidence, sharper)
    signs = signs_of(evidence, sharper, events)
    pull = pull_of(courses)
    quantities = [
        *_of_video(evidence, courses, pull, gravity),
        *(q for course in courses for q in _of_thing(evidence, course)),
        *(
            q
            for course in courses
            for i, f in enumerate(course.flights)
            for q in _of_flight(evidence, course, i, f, pull)
        ),
        *_ratios(evidence, courses),
        *(q for index, event in enumerate(events) for q in _of_event(evidence, event, index)),
        *(_of_sign(evidence, sign) for sign in signs),
    ]
    against = [sign for sign in signs if sign.counts]
    reason = "; ".join(told(evidence, sign) for sign in against) or _nothing_wrong(evidence, courses, pull)
    return Judgement(
        ABNORMAL if against else NORMAL,
        reason,
        tuple(quantities),
        tuple(signs),
        tuple(events),
        tuple(courses),
        pull,
    )


def told(evidence: Evidence, sign: Sign) -> str:
    """A sign in words."""
    who = f"{evidence.names[sign.thing]}: " if sign.thing >= 0 else ""
    return f"{who}{sign.about} (frame {sign.frame}, {sign.kind.replace('_', ' ')} {sign.value:.3g} {UNITS[sign.kind]})"


def _cannot(evidence: Evidence) -> str:
    """Why a video cannot be judged, or nothing."""
    if evidence.num_frames < FEWEST_FRAMES:
        return f"{evidence.num_frames} frames; at least {FEWEST_FRAMES} are needed"
    if evidence.moving_camera:
        return "the camera moves"
    if evidence.num_things == 0:
        return "nothing was found that moves or stands out"
    if not (evidence.measured.sum(axis=0) >= SHORTEST).any():
        return "nothing could be followed for three frames"
    return ""


def _nothing_wrong(evidence: Evidence, courses: Sequence[Course], pull: Pull | None) -> str:
    if not any(_moves(evidence, course) for course in courses):
        return "nothing moves"
    if pull is None:
        return "nothing is accelerated but by contact"
    size = float(np.linalg.norm(pull.acceleration))
    return f"accelerated by {size:.3g} ± {pull.half_width:.2g} {evidence.acceleration_unit}"


def _moves(evidence: Evidence, course: Course) -> bool:
    places = evidence.position[course.frames, course.thing]
    return bool(len(places) and np.ptp(places, axis=0).max() > STILL * evidence.extent[1])


def _of_video(
    evidence: Evidence, courses: Sequence[Course], pull: Pull | None, gravity: tuple[float, float] | None
) -> list[Quantity]:
    found = [Quantity("things", float(evidence.num_things)), Quantity("frames", float(evidence.num_frames))]
    unit = evidence.acceleration_unit
    if pull is None:
        moves = any(_moves(evidence, course) for course in courses)
        why = "no flight is accelerated" if moves else "not measurable: nothing moves"
        return [*found, Quantity("acceleration", np.nan, unit=unit, status=why)]
    half, size = pull.half_width, float(np.linalg.norm(pull.acceleration))
    confidence = _confidence(evidence, courses)
    x, y = map(float, pull.acceleration)
    direction = float(np.degrees(np.arctan2(y, x)))
    spread = float(np.degrees(np.arctan2(half, size)))
    found += [
        Quantity("acceleration", size, max(0.0, size - half), size + half, unit, confidence=confidence),
        Quantity("acceleration_x", x, x - half, x + half, unit, confidence=confidence),
        Quantity("acceleration_y", y, y - half, y + half, unit, confidence=confidence),
        Quantity(
            "direction", direction, direction - spread, direction + spread, "degree", confidence=confidence,
            status="downwards" if abs(direction + 90) < spread + 2 else "measured",
        ),
    ]  # fmt: skip
    if pull.num_accelerated > 1:
        one = "one for all" if pull.chance_one >= 1e-3 else "not one for all"
        found.append(
            Quantity("one_acceleration", pull.chance_one, unit="chance", confidence=confidence, status=one)
        )
    else:
        found.append(
            Quantity("one_acceleration", np.nan, unit="chance", status="only one flight is accelerated")
        )
    if unit == "m/s²":
        inside = "within" if abs(size - GRAVITY) <= half else "outside"
        found.append(Quantity(
            "gravity", size, max(0.0, size - half), size + half, unit, confidence=confidence,
            status=f"{GRAVITY} lies {inside} the interval",
        ))  # fmt: skip
    if gravity is not None:
        off = float(np.linalg.norm(pull.acceleration - gravity))
        agrees = "as hinted" if off <= half * np.sqrt(2) else "not as hinted"
        found.append(
            Quantity(
                "off_hinted_gravity",
                off,
                max(0.0, off - half),
                off + half,
                unit,
                confidence=confidence,
                status=agrees,
            )
        )
    return found


def _confidence(evidence: Evidence, courses: Sequence[Course]) -> float:
    values = [evidence.confidence[course.frames, course.thing] for course in courses]
    every = np.concatenate(values) if values else np.zeros(0)
    return float(every.mean()) if len(every) else np.nan


def _of_thing(evidence: Evidence, course: Course) -> list[Quantity]:
    thing, name = course.thing, evidence.names[course.thing]
    seen = np.flatnonzero(evidence.measured[:, thing])
    confidence = float(evidence.confidence[seen, thing].mean()) if len(seen) else np.nan
    found = [
        Quantity(
            "present",
            len(seen) / evidence.num_frames,
            unit="share of frames",
            thing=name,
            confidence=confidence,
        )
    ]
    if not len(seen):
        return found
    size = evidence.size[seen, thing]
    size = size[np.isfinite(size)]
    color = evidence.color[seen, thing]
    about: dict[str, Any] = {"thing": name, "confidence": confidence}
    if len(size) > 1:
        low, middle, high = np.percentile(size, [2.5, 50, 97.5])
        found.append(
            Quantity("radius", float(middle), float(low), float(high), evidence.length_unit, **about)
        )
        found.append(
            Quantity("area_spread", float(np.std(np.log(np.maximum(size, 1e-12))) * 2), unit="share", **about)
        )
    if np.isfinite(color).all() and len(color) > 1:
        spread = float(np.linalg.norm(color - np.median(color, axis=0), axis=1).mean())
        found.append(Quantity("color_spread", spread, unit="share", **about))
    if course.flights:
        found.append(
            Quantity(
                "noise", course.noise, unit="ratio", status="residuals over what the tracker says", **about
            )
        )
    if not _moves(evidence, course):
        found.append(Quantity("flights", 0.0, status="it does not move", **about))
    else:
        found.append(Quantity("flights", float(len(course.flights)), **about))
    return found


def _of_flight(
    evidence: Evidence, course: Course, index: int, flight: Flight, pull: Pull | None
) -> list[Quantity]:
    inside = course.frames[(course.frames >= flight.first) & (course.frames <= flight.last)]
    about: dict[str, Any] = {
        "thing": evidence.names[course.thing],
        "segment": index,
        "confidence": float(evidence.confidence[inside, course.thing].mean()),
    }
    quantile = float(stats.t.ppf(0.975, flight.freedom))
    found = [
        Quantity("first_frame", float(flight.first), **about),
        Quantity("last_frame", float(flight.last), **about),
    ]
    half = quantile * float(np.sqrt(flight.covariance[1, 1]))
    speed = float(np.linalg.norm(flight.terms[1]))
    for name, value in (("velocity_x", flight.terms[1, 0]), ("velocity_y", flight.terms[1, 1])):
        found.append(
            Quantity(
                name, float(value), float(value - half), float(value + half), evidence.speed_unit, **about
            )
        )
    unit = evidence.acceleration_unit
    if flight.num == SHORTEST:
        found.append(
            Quantity("acceleration", np.nan, unit=unit, **{**about, "status": "not measurable: three frames"})
        )
        return found
    half_a = quantile * flight.acceleration_deviation
    size = float(np.linalg.norm(flight.acceleration))
    bent = accelerated(flight)
    for name, value in (("acceleration_x", flight.terms[2, 0]), ("acceleration_y", flight.terms[2, 1])):
        found.append(
            Quantity(name, float(value), float(value - half_a), float(value + half_a), unit, **about)
        )
    found.append(Quantity(
        "acceleration", size, max(0.0, size - half_a) if bent else 0.0, size + half_a, unit,
        status="accelerated" if bent else "uniform motion within the noise" if speed > half else "at rest within the noise",
        **about,
    ))  # fmt: skip
    if np.isfinite(flight.jerk_deviation):
        jerk = float(np.linalg.norm(flight.jerk))
        sure = float(stats.f.sf(jerk**2 / (2 * flight.jerk_deviation**2), 2, flight.freedom))
        found.append(Quantity(
            "jerk", jerk, max(0.0, jerk - quantile * flight.jerk_deviation), jerk + quantile * flight.jerk_deviation,
            f"{evidence.speed_unit}³", status="constant acceleration" if sure > 1e-3 else "acceleration changes",
            **about,
        ))  # fmt: skip
    return found + _energy(evidence, flight, pull, about)


def _energy(evidence: Evidence, flight: Flight, pull: Pull | None, about: dict) -> list[Quantity]:
    """Kinetic plus potential energy by mass, and what a flight gains of it: (a - g) times its displacement."""
    g = pull.acceleration if pull else np.zeros(2)
    quantile = float(stats.t.ppf(0.975, flight.freedom))
    velocity, variance = flight.velocity(flight.middle)
    energy = float(velocity @ velocity / 2 - g @ flight.terms[0])
    deviation = float(np.sqrt((velocity @ velocity) * variance + (g @ g) * flight.covariance[0, 0]))
    start, stop = flight.first * evidence.dt, flight.last * evidence.dt
    way = flight.position(stop)[0] - flight.position(start)[0]
    gain = float((flight.acceleration - g) @ way)
    unsure = float(
        np.hypot(flight.acceleration_deviation, pull.deviation if pull else 0.0) * np.linalg.norm(way)
    )
    unit = f"{evidence.length_unit}²/{evidence.time_unit}²"
    return [
        Quantity(
            "energy", energy, energy - quantile * deviation, energy + quantile * deviation, unit, **about
        ),
        Quantity("energy_gained", gain, gain - quantile * unsure, gain + quantile * unsure, unit, **about),
    ]


def _ratios(evidence: Evidence, courses: Sequence[Course]) -> list[Quantity]:
    """Accelerations of two things against each other: of bodies that fall, (h1 / t1²) / (h2 / t2²)."""
    means: dict[int, tuple[np.ndarray, float, float]] = {}
    for course in courses:
        pull = pull_of([course])
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
        found.append(Quantity(
            "acceleration_ratio", float(ratio[0]), float(low), float(high), "ratio",
            thing=f"{evidence.names[first]} + {evidence.names[second]}",
            confidence=_confidence(evidence, [c for c in courses if c.thing in (first, second)]),
            status="1 lies within the interval" if low <= 1 <= high else "1 lies outside the interval",
        ))  # fmt: skip
    return found


def _drawn(rng: np.random.Generator, mean: np.ndarray, deviation: float, freedom: float) -> np.ndarray:
    return np.concatenate([mean[None], mean + deviation * rng.standard_t(freedom, (NUM_DRAWS, 2))])


def _of_event(evidence: Evidence, event: Event, index: int) -> list[Quantity]:
    about: dict[str, Any] = {
        "thing": " + ".join(evidence.names[thing] for thing in event.things),
        "segment": index,
    }
    known = 1 - event.step_chance
    status = event.kind if not event.about else f"{event.kind}: {event.about}"
    found = [
        Quantity("event_time", event.time, unit=evidence.time_unit, confidence=known, status=status, **about),
        Quantity(
            "velocity_change", float(np.linalg.norm(event.step)), unit=evidence.speed_unit, confidence=known,
            status=status, **about,
        ),
    ]  # fmt: skip
    if event.kind not in ("contact", "surface"):
        return found
    lacking = f"not measurable: {event.about or 'too little is known of the velocities'}"
    wanted: list[tuple[str, Estimate]] = [
        ("restitution", event.restitution),
        ("energy_ratio", event.energy_ratio),
    ]
    if event.kind == "contact":
        wanted += [("mass_ratio", event.mass_ratio), ("momentum_imbalance", event.imbalance)]
        found.append(Quantity("area_ratio", event.area_ratio, unit="ratio", confidence=known, **about))
    for name, estimate in wanted:
        measured = np.isfinite(estimate.value)
        found.append(Quantity(
            name, estimate.value, estimate.low, estimate.high, "ratio", confidence=known,
            status=_compared(name, estimate, event) if measured else lacking, **about,
        ))  # fmt: skip
    return found


def _compared(name: str, estimate: Estimate, event: Event) -> str:
    if name in ("restitution", "energy_ratio"):
        return "gains" if estimate.low > 1 else "measured"
    if name == "mass_ratio":
        inside = estimate.low <= event.area_ratio <= estimate.high
        return "masses go with areas" if inside else "masses do not go with areas"
    return "masses as areas"


def _of_sign(evidence: Evidence, sign: Sign) -> Quantity:
    name = evidence.names[sign.thing] if sign.thing >= 0 else ""
    status = sign.about or "nothing of it"
    if not np.isfinite(sign.value):
        status = f"not measurable: {status}"
    return Quantity(
        sign.kind, sign.value, unit=UNITS[sign.kind], thing=name, confidence=sign.confidence,
        status=f"{status}; too much" if sign.counts else status,
    )  # fmt: skip
