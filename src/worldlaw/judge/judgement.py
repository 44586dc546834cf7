"""All that can be said of one video: its quantities, what happened in it, whether it can be true."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worldlaw.judge.evidence.common_pull import Pull, pull_of, with_common_pull
from worldlaw.judge.evidence.contacts import Event, events_of
from worldlaw.judge.evidence.flights import Course, course_of
from worldlaw.judge.evidence.quantities import STEADY, moves, odd_masses, quantities_of
from worldlaw.judge.evidence.segmentation import SHORTEST
from worldlaw.judge.evidence.video_evidence import MeasuredQuantity, VideoEvidence
from worldlaw.judge.signs.sign import Sign, sign_kinds
from worldlaw.judge.signs.sign_list import signs_of

VERSION = 2  # raise it whenever the same tracks would be judged otherwise
FEWEST_FRAMES = 8  # of a video
MOST_ASSUMED = 2  # told in a line
STOPPED = 0.05  # of the speed before: what goes no faster afterwards was stopped
NORMAL, ABNORMAL, UNJUDGED = "normal", "abnormal", "not judged"


@dataclass(frozen=True)
class Judgement:
    """What a video shows."""

    verdict: str  # NORMAL, ABNORMAL or UNJUDGED
    reason: str  # one line
    quantities: tuple[MeasuredQuantity, ...]
    signs: tuple[Sign, ...]  # one of each kind; none if the video could not be judged
    events: tuple[Event, ...]
    courses: tuple[Course, ...]  # one of each thing
    pull: Pull | None


def judge(evidence: VideoEvidence, *, gravity: tuple[float, float] | None = None) -> Judgement:
    """Judge one video by its tracks; ``gravity`` is what somebody says it is, in the evidence's units."""
    cannot = _cannot(evidence)
    if cannot:
        names = ("things", "acceleration", *sign_kinds.names())
        lacking = tuple(MeasuredQuantity(name, np.nan, status=f"not measurable: {cannot}") for name in names)
        return Judgement(UNJUDGED, cannot, lacking, (), (), (), None)
    courses = [course_of(evidence, thing) for thing in range(evidence.num_things)]
    sharper = with_common_pull(courses)
    events = events_of(evidence, sharper)
    signs = signs_of(evidence, sharper, events)
    pull = pull_of([course for course in courses if moves(evidence, course)])
    quantities = quantities_of(evidence, courses, events, signs, pull, gravity)
    against = [sign for sign in signs if sign.counts]
    reason = "; ".join(sign_in_words(evidence, sign) for sign in against) or "; ".join(
        [_nothing_wrong(evidence, courses, pull), *_assumed(evidence, sharper, events)]
    )
    return Judgement(
        ABNORMAL if against else NORMAL,
        reason,
        tuple(quantities),
        tuple(signs),
        tuple(events),
        tuple(courses),
        pull,
    )


def sign_in_words(evidence: VideoEvidence, sign: Sign) -> str:
    """A sign in words."""
    who = f"{evidence.names[sign.thing]}: " if sign.thing >= 0 else ""
    size = f"{sign.kind.replace('_', ' ')} {sign.value:.3g} {sign.unit}"
    return f"{who}{sign.about} (frame {sign.frame}; {size})"


def _cannot(evidence: VideoEvidence) -> str:
    """Why a video cannot be judged, or nothing."""
    if evidence.unfit:
        return evidence.unfit
    if evidence.num_frames < FEWEST_FRAMES:
        return f"{evidence.num_frames} frames; at least {FEWEST_FRAMES} are needed"
    if evidence.moving_camera:
        return "the camera moves"
    if evidence.num_things == 0:
        return "nothing was found that moves or stands out"
    if not (evidence.measured.sum(axis=0) >= SHORTEST).any():
        return "nothing could be followed for three frames"
    return ""


def _nothing_wrong(evidence: VideoEvidence, courses: Sequence[Course], pull: Pull | None) -> str:
    if not any(moves(evidence, course) for course in courses):
        return "nothing moves"
    if pull is None:
        return "nothing is accelerated but by contact"
    if pull.num_accelerated > 1 and pull.chance_one < STEADY:
        return "accelerated, not all alike"
    size = float(np.linalg.norm(pull.acceleration))
    return f"accelerated by {_with_doubt(size, pull.half_width)} {evidence.acceleration_unit}"


def _assumed(evidence: VideoEvidence, courses: Sequence[Course], events: Sequence[Event]) -> list[str]:
    """What has to be so for nothing to be wrong, and what is strange though possible; few are told."""
    found = []
    for event in events:
        frame, thing = round(event.time / evidence.dt), event.things[0]
        if event.kind == "surface" and evidence.surfaces is None:
            after = courses[thing].flights[event.flight + 1 :]
            stopped = bool(after) and np.linalg.norm(after[0].terms[1]) < STOPPED * event.speed_before
            did = "stopped" if stopped else "turned"
            found.append(f"if something unseen {did} {evidence.names[thing]} at frame {frame}")
        elif event.kind == "contact" and odd_masses(event):
            masses, areas = _against(event.mass_ratio.value), _against(event.area_ratio.value)
            two = " and ".join(evidence.names[each] for each in event.things)
            found.append(f"{two} weigh {masses} by motion, {areas} by area (frame {frame})")
    rest = len(found) - MOST_ASSUMED
    return found if rest <= 0 else [*found[:MOST_ASSUMED], f"and {rest} more"]


def _against(second_to_first: float) -> str:
    """80 : 1."""
    if second_to_first > 1:
        return f"1 : {second_to_first:.2g}"
    return f"{1 / second_to_first:.2g} : 1"


def _with_doubt(value: float, doubt: float) -> str:
    """0.7200 ± 0.0010: both to the second digit of the doubt."""
    decimals = max(0, 1 - math.floor(math.log10(doubt))) if doubt > 0 else 3
    return f"{value:.{decimals}f} ± {doubt:.{decimals}f}"
