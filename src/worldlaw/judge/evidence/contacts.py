"""What happened between flights: who was near, and what velocities say of masses, restitution and cause.

Where two bodies meet, the change of one's momentum is the other's: the ratio of their changes of velocity is
that of their masses, whatever those are. Restitution is the ratio of the speeds at which they part and meet
along the line of the impulse, or of the centres where both are round (Newton). All of it is free of units.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from jaxtyping import Float

from worldlaw.core.seeding import rng_for
from worldlaw.judge.evidence.common_pull import FEWEST, is_accelerated
from worldlaw.judge.evidence.drawn_estimates import (
    NO_ESTIMATE,
    Estimate,
    estimate_of,
    sign_known,
    velocity_draws,
)
from worldlaw.judge.evidence.flights import (
    Course,
    Flight,
    Knot,
    chance,
    knot_between,
    knots_of,
    smoothly,
    split,
)
from worldlaw.judge.evidence.nearness import UNSEEN, at_edge, meets_unfollowed, on_surface, things_near
from worldlaw.judge.evidence.segmentation import SHORTEST
from worldlaw.judge.evidence.video_evidence import VideoEvidence

CERTAIN = 1e-3  # chance below which something did happen
RESTING = 0.1  # of the speed before: what leaves a surface no faster may stay on it
ALONG = 15.0  # degrees into a surface that what came in aslant may seem to go on, for it rubs
FRICTION = 45.0  # degrees between the impulse of a surface and its normal, at most
ASIDE = 0.2  # of its greatest speed: what goes straight has no more of it across its acceleration
OUTLINE = 0.1  # pixels that the radius of a thing is off at least
FAR = 0.5  # of a thing's reach: a jump that nothing near excuses
BLURRED = 1.5  # frames that the moment of a change of acceleration may be off
PASSED = 6  # frames between two flights that may be passed over, in flights too short
KINDS = ("contact", "edge", "surface", "uncaused", "force", "jump", "unseen", "nothing")


@dataclass(frozen=True)
class Event:
    """What happened at a knot; for a contact, at the knots of both."""

    kind: str  # one of KINDS
    time: float  # T
    things: tuple[int, ...]
    flight: int  # of the first thing, before it
    step: Float[np.ndarray, "2"]  # L/T, change of velocity of the first
    step_chance: float  # that noise alone makes it
    gap: float  # L, by which the flights of the first miss each other by more than a frame's way
    gap_chance: float
    speed_before: float  # L/T, relative to what it met
    restitution: Estimate = NO_ESTIMATE  # parting over meeting, along the normal
    # Kinetic energy after over before, relative to what it met or their centre.
    energy_ratio: Estimate = NO_ESTIMATE
    mass_ratio: Estimate = NO_ESTIMATE  # of the second to the first, from the changes of velocity
    area_ratio: Estimate = NO_ESTIMATE  # the same, if masses go with areas
    imbalance: Estimate = NO_ESTIMATE  # of momentum, with masses as areas: share of both impulses
    unbalanced: float = np.nan  # chance of impulses so little opposed, whatever the masses
    about: str = ""


class _AtKnot(TypedDict):
    """What any event at a knot says of it."""

    time: float
    flight: int
    step: Float[np.ndarray, "2"]
    step_chance: float
    gap: float
    gap_chance: float
    speed_before: float


def events_of(evidence: VideoEvidence, courses: Sequence[Course]) -> list[Event]:
    """What happened to all things, in order of time; a contact of two is told once."""
    knots = [knot for course in courses for knot in knots_of(evidence, course)]
    knots.sort(key=lambda knot: (knot.time, knot.thing))
    used: set[tuple[int, int]] = set()
    found = []
    for knot in knots:
        if (knot.thing, knot.index) in used:
            continue
        used.add((knot.thing, knot.index))
        partner = _partner(evidence, courses, knot)
        other = None
        if partner is not None:
            beside = [
                k
                for k in knots
                if k.thing == partner
                and (k.thing, k.index) not in used
                and abs(k.time - knot.time) <= 1.6 * evidence.dt
            ]
            if beside:
                other = min(beside, key=lambda k: abs(k.time - knot.time))
                used.add((other.thing, other.index))
        found.append(_event(evidence, courses, knot, partner, other))
    return found


def _partner(evidence: VideoEvidence, courses: Sequence[Course], knot: Knot) -> int | None:
    point = (knot.before.position(knot.time)[0] + knot.after.position(knot.time)[0]) / 2
    touching = things_near(evidence, courses, knot.thing, point, knot.time)
    return min(touching, key=lambda other: touching[other]) if touching else None


def _event(
    evidence: VideoEvidence, courses: Sequence[Course], knot: Knot, partner: int | None, other: Knot | None
) -> Event:
    gap = float(np.linalg.norm(knot.gap))
    speeds = [np.linalg.norm(flight.velocity(knot.time)[0]) for flight in (knot.before, knot.after)]
    room = float(np.mean(speeds)) * evidence.dt  # what may be off if more than one thing happened there
    common: _AtKnot = {
        "time": knot.time,
        "flight": knot.index,
        "step": knot.step,
        "step_chance": _anywhere(knot, float(np.linalg.norm(knot.step)), knot.step_deviation),
        # The moment was chosen where the gap is least, which leaves one direction.
        "gap_chance": _anywhere(knot, gap, knot.gap_deviation, axes=1),
        "speed_before": float(np.linalg.norm(knot.before.velocity(knot.time)[0])),
        "gap": max(0.0, gap - room),
    }
    things = (knot.thing,)
    point = knot.before.position(knot.time)[0]
    edge = at_edge(evidence, knot.thing, point) or at_edge(evidence, knot.thing, point + knot.gap)
    between = knot.after.first - knot.before.last - 1
    far = common["gap"] > (2 * FAR if edge else FAR) * evidence.reach[knot.thing]
    passed = slice(knot.before.last + 1, knot.after.first)
    missed = between - int(evidence.measured[passed, knot.thing].sum())
    unknown = missed > UNSEEN or between > PASSED
    if common["gap_chance"] < CERTAIN and far and not unknown:
        return Event("jump", things=things, **common)
    if partner is not None:
        pair = _pair_knots(evidence, courses, knot, partner, other)
        if pair is None or between >= SHORTEST or min(pair.before.num, pair.after.num) <= SHORTEST:
            about = "seen too briefly before or after it"
            return Event("contact", things=(knot.thing, partner), about=about, **common)
        if edge or _crowded(evidence, courses, knot, pair):
            about = "a third, or the edge, is near"
            return Event("contact", things=(knot.thing, partner), about=about, **common)
        return _contact(evidence, knot, pair, common)
    if edge:
        return Event("edge", things=things, **common)
    if meets_unfollowed(evidence, knot.thing, point, knot.time):
        return Event("unseen", things=things, about="beside something that was not followed", **common)
    if unknown:
        return Event("unseen", things=things, about="while it was not seen", **common)
    if smoothly(evidence, next(c for c in courses if c.thing == knot.thing), knot):
        return Event("force", things=things, about="what pulls it changes smoothly", **common)
    if common["gap_chance"] < CERTAIN:
        return Event("jump", things=things, **common)
    # As the moment is known to a frame or so, a step that small may be a change of acceleration.
    bend = float(np.linalg.norm(knot.after.acceleration - knot.before.acceleration))
    long_enough = min(knot.before.num, knot.after.num) >= FEWEST
    smooth = long_enough and float(np.linalg.norm(knot.step)) <= BLURRED * evidence.dt * bend
    if common["step_chance"] < CERTAIN and not smooth:
        if not long_enough:  # four places about a bounce may lie on a parabola of their own
            return Event("nothing", things=things, about="too short to say more", **common)
        return _alone(evidence, knot, common)
    return _force(evidence, knot, common)


def _crowded(evidence: VideoEvidence, courses: Sequence[Course], knot: Knot, pair: Knot) -> bool:
    """Whether two that meet touch a third or the edge, which would take part."""
    for one, other in ((knot, pair), (pair, knot)):
        point = one.before.position(one.time)[0]
        if at_edge(evidence, one.thing, point):
            return True
        if things_near(evidence, courses, one.thing, point, one.time).keys() - {other.thing}:
            return True
    return False


def _pair_knots(
    evidence: VideoEvidence, courses: Sequence[Course], knot: Knot, partner: int, other: Knot | None
) -> Knot | None:
    """The partner's knot; where it has none, its flight cut there: it may be too heavy to show it."""
    if other is not None:
        return other
    course = next(c for c in courses if c.thing == partner)
    halves = split(evidence, course, knot.time / evidence.dt)
    if halves is None:
        return None
    return knot_between(partner, -1, *halves, evidence.dt)


def _contact(evidence: VideoEvidence, knot: Knot, other: Knot, common: _AtKnot) -> Event:
    first, second = knot.thing, other.thing
    time = (knot.time + other.time) / 2 if other.index >= 0 else knot.time
    rng = rng_for(0, "contact", first, second, knot.index)
    before = [velocity_draws(rng, k.before, time) for k in (knot, other)]
    after = [velocity_draws(rng, k.after, time) for k in (knot, other)]
    change1, change2 = after[0] - before[0], after[1] - before[1]  # (D + 1, 2); the first is the best guess
    centres = other.before.position(time)[0] - knot.before.position(time)[0]
    impulse = change1 - change2
    round_ = _round(evidence, first) and _round(evidence, second)
    normal = np.broadcast_to(-centres, impulse.shape) if round_ else impulse
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    meeting_speed = -((before[0] - before[1]) * normal).sum(axis=1)
    parting_speed = ((after[0] - after[1]) * normal).sum(axis=1)
    along1, along2 = (change1 * normal).sum(axis=1), (change2 * normal).sum(axis=1)
    area = float(evidence.radius[second] / evidence.radius[first]) ** 2
    total = change1 + area * change2
    share = np.linalg.norm(total, axis=1) / (
        np.linalg.norm(change1, axis=1) + area * np.linalg.norm(change2, axis=1)
    )
    # Opposed changes: any masses will do. Draws that are not tell how sure it is that none will.
    opposed = (change1 * change2).sum(axis=1) < 0
    closing = meeting_speed[0]
    known = closing > 0 and sign_known(meeting_speed)
    both_known = sign_known(along1) and sign_known(along2)
    energy = ((after[0] - after[1]) ** 2).sum(axis=1) / ((before[0] - before[1]) ** 2).sum(axis=1)
    both_changed = min(
        common["step_chance"],
        chance(float(np.linalg.norm(other.step)), other.step_deviation, other.before.freedom),
    )
    speed = float(np.linalg.norm((before[0] - before[1])[0]))
    common = {**common, "time": time, "speed_before": speed}
    return Event(
        "contact",
        things=(first, second),
        restitution=estimate_of(parting_speed / meeting_speed) if known else NO_ESTIMATE,
        energy_ratio=estimate_of(energy) if known else NO_ESTIMATE,
        mass_ratio=estimate_of(-along1 / along2) if both_known else NO_ESTIMATE,
        area_ratio=_area_ratio(evidence, first, second),
        imbalance=_imbalance(share, total) if both_changed < CERTAIN else NO_ESTIMATE,
        unbalanced=float(opposed[1:].mean()) if both_known else np.nan,
        about="" if known else "they do not meet measurably",
        **common,
    )


def _alone(evidence: VideoEvidence, knot: Knot, common: _AtKnot) -> Event:
    """A change of velocity with nothing near that was followed: a surface that stands still, or no cause.

    A surface takes away the velocity against its normal, gives back no more of it, and rubs by at most
    ``FRICTION`` off its normal. What leaves it is pulled as before; only what stays on it need not be.
    """
    things = (knot.thing,)
    rng = rng_for(0, "surface", knot.thing, knot.index)
    before, after = velocity_draws(rng, knot.before, knot.time), velocity_draws(rng, knot.after, knot.time)
    change = after - before
    normal = change / np.maximum(np.linalg.norm(change, axis=1, keepdims=True), 1e-300)
    inward, outward = (before * normal).sum(axis=1), (after * normal).sum(axis=1)
    size_after = np.linalg.norm(after, axis=1)
    energy = estimate_of((after**2).sum(axis=1) / (before**2).sum(axis=1))
    came = inward[0] < -np.sin(np.radians(FRICTION)) * common["speed_before"] and sign_known(inward)
    turned = outward >= -np.cos(np.radians(FRICTION)) * size_after
    if evidence.surfaces is not None and not on_surface(evidence, knot):
        about = "no surface of the hints is near"
        return Event("uncaused", things=things, energy_ratio=energy, about=about, **common)
    if not came:
        still = chance(
            common["speed_before"], float(np.sqrt(knot.before.velocity(knot.time)[1])), knot.before.freedom
        )
        about = "it set off by itself" if still > CERTAIN else "it sped up or turned with nothing to push it"
        kept = outward >= -np.sin(np.radians(ALONG)) * size_after
        if energy.low < 1 and kept.mean() > 0.025:
            return Event("surface", things=things, energy_ratio=energy, **common)
        return Event("uncaused", things=things, energy_ratio=energy, about=about, **common)
    leaves = float(outward[0]) > RESTING * common["speed_before"] and sign_known(outward)
    leaves = leaves and float(outward[0]) > np.sin(np.radians(ALONG)) * float(size_after[0])
    if leaves and _set_free(knot):
        about = "it came off a surface, and nothing pulls it since"
        return Event("uncaused", things=things, energy_ratio=energy, about=about, **common)
    if turned.mean() <= 0.025:
        return Event(
            "uncaused", things=things, energy_ratio=energy, about="it braked at once and went on", **common
        )
    return Event(
        "surface", things=things, restitution=estimate_of(-outward / inward), energy_ratio=energy, **common
    )


def _set_free(knot: Knot) -> bool:
    """Whether what pulled a thing before pulls it no more; a surface that it left does not hold it."""
    before, after = knot.before, knot.after
    if min(before.num, after.num) < FEWEST or not is_accelerated(before) or is_accelerated(after):
        return False
    off = float(np.linalg.norm(after.acceleration - before.acceleration))
    return (
        _anywhere(knot, off, float(np.hypot(before.acceleration_deviation, after.acceleration_deviation)))
        < CERTAIN
    )


def _force(evidence: VideoEvidence, knot: Knot, common: _AtKnot) -> Event:
    """A change of acceleration alone. What begins to roll off, brakes, or rolls onto level ground, may."""
    things, before, after = (knot.thing,), knot.before, knot.after
    if min(before.num, after.num) < FEWEST:
        return Event("nothing", things=things, about="too short to say more", **common)
    off = float(np.linalg.norm(after.acceleration - before.acceleration))
    deviation = float(np.hypot(before.acceleration_deviation, after.acceleration_deviation))
    differs = _anywhere(knot, off, deviation)
    # As a change of velocity: what the other acceleration adds up to over the shorter flight.
    lasts = min(2 * (knot.time - before.middle), 2 * (after.middle - knot.time))
    common = {**common, "step_chance": differs, "step": (after.acceleration - before.acceleration) * lasts}
    if differs >= CERTAIN:
        return Event("nothing", things=things, **common)
    if not is_accelerated(before):
        return Event("force", things=things, about="it began to accelerate", **common)
    if not is_accelerated(after):
        if _straight(before, evidence.dt):
            return Event("force", things=things, about="it ceased to accelerate", **common)
        return Event("uncaused", things=things, about="what bent its way ceased", **common)
    if _straight(after, evidence.dt):
        ends = [after.velocity(frame * evidence.dt)[0] for frame in (after.first, after.last)]
        if all(end @ after.acceleration < 0 for end in ends):
            return Event("force", things=things, about="it braked", **common)
        if _straight(before, evidence.dt) and before.acceleration @ after.acceleration > 0:
            return Event("force", things=things, about="the slope changed", **common)
    return Event("uncaused", things=things, about="what pulls it changed", **common)


def _anywhere(knot: Knot, size: float, deviation: float, axes: int = 2) -> float:
    """Probability that noise makes so much anywhere in the two flights: the cut is where it made most."""
    freedom = min(knot.before.freedom, knot.after.freedom)
    return min(1.0, (knot.before.num + knot.after.num) * chance(size, deviation, freedom, axes))


def _straight(flight: Flight, dt: float) -> bool:
    """Whether a flight goes along its acceleration, as what rolls down a slope does."""
    along = flight.acceleration / np.linalg.norm(flight.acceleration)
    ends = [flight.velocity(frame * dt)[0] for frame in (flight.first, flight.last)]
    aside = ends[0] - (ends[0] @ along) * along
    return float(np.linalg.norm(aside)) < ASIDE * max(float(np.linalg.norm(end)) for end in ends)


def _imbalance(share: np.ndarray, total: np.ndarray) -> Estimate:
    """The share of (D + 1,) draws; its low end is 0 where sums of impulses (D + 1, 2) allow for none."""
    estimate = estimate_of(share)
    drawn = total[1:] - total[0]
    weight = np.linalg.pinv(drawn.T @ drawn / len(drawn))
    distance = np.einsum("di,ij,dj->d", drawn, weight, drawn)
    allowed = float(total[0] @ weight @ total[0]) <= np.percentile(distance, 95)
    return dataclasses.replace(estimate, low=0.0) if allowed else estimate


def _area_ratio(evidence: VideoEvidence, first: int, second: int) -> Estimate:
    """Area of the second over that of the first; as unsure as both areas scatter, or by ``OUTLINE``."""
    value = float(evidence.radius[second] / evidence.radius[first]) ** 2
    unsure = []
    for thing in (first, second):
        sizes = evidence.size[evidence.measured[:, thing], thing]
        known = sizes[np.isfinite(sizes) & (sizes > 0)]
        if not len(known):
            return NO_ESTIMATE
        scatter = 1.48 * float(np.median(np.abs(np.log(known / np.median(known)))))
        unsure.append(2 * max(scatter, OUTLINE * evidence.pixel / float(evidence.radius[thing])))
    factor = math.exp(1.96 * math.hypot(*unsure))
    return Estimate(value, value / factor, value * factor)


def _round(evidence: VideoEvidence, thing: int) -> bool:
    """Whether its reach is that of a disc of its area."""
    return bool(evidence.reach[thing] <= 1.15 * evidence.radius[thing])
