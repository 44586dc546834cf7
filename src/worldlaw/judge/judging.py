"""All that can be said of one video: its quantities, what happened in it, whether it can be true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worldlaw.judge.contacts import Event, events_of
from worldlaw.judge.cutting import SHORTEST
from worldlaw.judge.evidence import Evidence, Quantity
from worldlaw.judge.flights import Course, course_of
from worldlaw.judge.pull import Pull, pull_of, steadied
from worldlaw.judge.quantities import STEADY, moves, quantities_of
from worldlaw.judge.sign import KINDS, UNITS, Sign
from worldlaw.judge.signs import signs_of

VERSION = 1  # raise it whenever the same tracks would be judged otherwise
FEWEST_FRAMES = 8  # of a video
NORMAL, ABNORMAL, UNJUDGED = "normal", "abnormal", "not judged"


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
    """Judge one video by its tracks; ``gravity`` is what somebody says it is, in the evidence's units."""
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
    quantities = quantities_of(evidence, courses, events, signs, pull, gravity)
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
    size = f"{sign.kind.replace('_', ' ')} {sign.value:.3g} {UNITS[sign.kind]}"
    return f"{who}{sign.about} (frame {sign.frame}; {size})"


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
    if not any(moves(evidence, course) for course in courses):
        return "nothing moves"
    if pull is None:
        return "nothing is accelerated but by contact"
    if pull.num_accelerated > 1 and pull.chance_one < STEADY:
        return "accelerated, not all alike"
    size = float(np.linalg.norm(pull.acceleration))
    return f"accelerated by {size:.3g} ± {pull.half_width:.2g} {evidence.acceleration_unit}"
