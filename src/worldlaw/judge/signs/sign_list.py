"""All signs of a video, of each kind the largest; seven kinds ship."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from worldlaw.judge.evidence.contacts import Event
from worldlaw.judge.evidence.flights import Course, expected_place
from worldlaw.judge.evidence.video_evidence import VideoEvidence
from worldlaw.judge.signs.appearance_signs import exchange_signs, outline_signs
from worldlaw.judge.signs.presence_signs import absence_signs, intrusion_signs
from worldlaw.judge.signs.sign import CONFIDENT, MISSED, Sign, SignKind, sign_kinds


def signs_of(evidence: VideoEvidence, courses: Sequence[Course], events: Sequence[Event]) -> list[Sign]:
    """One sign of each kind, in the order of ``sign_kinds``; value 0 where there is nothing of it."""
    names = sign_kinds.names()
    finders = [find for name in names if (find := sign_kinds.get(name).find) is not None]
    every = [sign for find in finders for sign in find(evidence, courses, events)]
    found: dict[str, list[Sign]] = {kind: [] for kind in names}
    for sign in _without_twice_told(evidence, courses, every):
        found[sign.kind].append(sign)
    return [_largest(kind, found[kind]) for kind in names]


def find_signs(evidence: VideoEvidence, courses: Sequence[Course], events: Sequence[Event]) -> list[Sign]:
    """All signs of the seven kinds that ship; several kinds come out of one look at a track."""
    every = [*intrusion_signs(evidence), *exchange_signs(evidence, courses)]
    every += [sign for event in events if (sign := _of_event(evidence, courses, event)) is not None]
    for course in courses:
        every += absence_signs(evidence, courses, course)
        every += outline_signs(evidence, course.thing) + _spikes(evidence, course)
    return every


ABSENCE = sign_kinds.register("absence", SignKind("frames", 2.0, find_signs))
INTRUSION = sign_kinds.register("intrusion", SignKind("frames", 2.0))
JUMP = sign_kinds.register("jump", SignKind("reach", 0.5))
APPEARANCE_CHANGE = sign_kinds.register("appearance_change", SignKind("share", 0.25))
UNCAUSED_STEP = sign_kinds.register("uncaused_step", SignKind("pixel/frame", 0.5))
REBOUND_GAIN = sign_kinds.register("rebound_gain", SignKind("times", 1.15))
IMBALANCE = sign_kinds.register("imbalance", SignKind("pixel/frame", 0.5))


def _largest(kind: str, signs: list[Sign]) -> Sign:
    """Of those that count the largest, else the largest of all."""
    known = [sign for sign in signs if np.isfinite(sign.value)]
    if signs and not known:
        return signs[0]
    return max(known, key=lambda sign: (sign.counts, sign.value, -sign.frame), default=Sign(kind, 0.0, 0.0))


def _without_twice_told(
    evidence: VideoEvidence, courses: Sequence[Course], signs: Sequence[Sign]
) -> list[Sign]:
    """Signs without the pairs of one thing: it is lost where and when something begins that nobody knows."""
    lost = [sign for sign in signs if sign.kind == "absence"]
    gone: list[Sign] = []
    for extra in signs:
        if extra.kind != "intrusion" or extra.thing >= 0:
            continue
        for sign in lost:
            if abs(sign.frame - extra.frame) <= 1 and _begins_there(evidence, courses, sign, extra.frame):
                gone += [sign, extra]
    return [sign for sign in signs if sign not in gone]


def _begins_there(evidence: VideoEvidence, courses: Sequence[Course], sign: Sign, frame: int) -> bool:
    place, deviation = expected_place(evidence, courses[sign.thing], frame)
    at = evidence.extra.frame == frame
    away = np.linalg.norm(evidence.extra.position[at] - place, axis=1)
    return bool((away < float(evidence.reach[sign.thing]) + 2 * deviation).any())


def _of_event(evidence: VideoEvidence, courses: Sequence[Course], event: Event) -> Sign | None:
    frame = round(event.time / evidence.dt)
    thing = event.things[0]
    size = float(np.linalg.norm(event.step)) * evidence.dt / evidence.pixel
    if event.kind == "jump":
        far = event.gap / float(evidence.reach[thing])
        frame = courses[thing].flights[event.flight].last + 1
        return Sign("jump", far, 1 - event.gap_chance, thing, frame, "it went on elsewhere")
    if event.kind == "uncaused":
        return Sign("uncaused_step", size, 1 - event.step_chance, thing, frame, event.about)
    if event.kind in ("contact", "surface") and np.isfinite(event.energy_ratio.value):
        if np.isfinite(event.unbalanced) and event.unbalanced < 1 - CONFIDENT:
            return Sign(
                "imbalance", size, 1 - event.unbalanced, thing, frame, "both were pushed the same way"
            )
        if event.energy_ratio.low > 1:
            two = len(event.things) > 1
            about = "they parted faster than they met" if two else "it came off faster than it came"
            return Sign("rebound_gain", event.energy_ratio.low, 1 - event.step_chance, thing, frame, about)
    return None


def _spikes(evidence: VideoEvidence, course: Course) -> list[Sign]:
    """Single frames in which a thing was elsewhere."""
    found, reach = [], float(evidence.reach[course.thing])
    for frame in course.spikes:
        place, _ = expected_place(evidence, course, int(frame))
        far = float(np.linalg.norm(evidence.position[frame, course.thing] - place)) / reach
        found.append(Sign("jump", far, 1 - MISSED, course.thing, int(frame), "it is elsewhere in one frame"))
    return found
