"""Signs that a video is no true one: seven of them, each with how sure and how large, and what is too much.

A sign is the largest instance of its kind in a video. It counts against the video if it is as good as certain
given how well things could be tracked, and larger than true videos show (``LIMITS``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worldlaw.core.types import HIDDEN, LOST
from worldlaw.judge.contacts import Event, place_at
from worldlaw.judge.evidence import Evidence
from worldlaw.judge.flights import Course

KINDS = (
    "vanish",
    "duplicate",
    "jump",
    "deformation",
    "uncaused_motion",
    "energy_gain",
    "imbalance",
)
UNITS = {
    "vanish": "frames",
    "duplicate": "frames",
    "jump": "reach",
    "deformation": "share",
    "uncaused_motion": "pixel/frame",
    "energy_gain": "ratio",
    "imbalance": "pixel/frame",
}
# Beyond these a sign counts, if its confidence is at least CONFIDENT. How they were set: docs/judge.md.
LIMITS = {
    "vanish": 2.0,
    "duplicate": 2.0,
    "jump": 0.5,
    "deformation": 0.25,
    "uncaused_motion": 0.5,
    "energy_gain": 1.15,
    "imbalance": 0.5,
}
CONFIDENT = 0.999
MISSED = 0.05  # chance that a tracker misses a visible thing in a frame, of runs of frames
SMOOTH = 5  # frames over which a size or a colour must hold
MOST_UNSURE = 0.5  # of a thing's reach: beyond it, where it should be is not known
BLACK = 0.3  # added to the sum of a colour's channels, so that dark things have no wild colours


@dataclass(frozen=True)
class Sign:
    """The largest instance of a kind in a video."""

    kind: str
    value: float  # in UNITS; NaN if it could not be looked for
    confidence: float  # 1 - probability that a true video, tracked as surely, shows as much
    thing: int = -1
    frame: int = -1
    about: str = ""

    @property
    def counts(self) -> bool:
        """Whether it makes a video abnormal."""
        return bool(self.value > LIMITS[self.kind] and self.confidence >= CONFIDENT)


def signs_of(evidence: Evidence, courses: Sequence[Course], events: Sequence[Event]) -> list[Sign]:
    """One sign of each kind, in the order of ``KINDS``; value 0 where there is nothing of it."""
    every = [*_extras(evidence), *_turned(evidence, courses)]
    every += [sign for event in events if (sign := _of_event(evidence, event)) is not None]
    for course in courses:
        every += _missing(evidence, courses, course)
        every += _deformed(evidence, course.thing) + _spikes(evidence, course)
    found: dict[str, list[Sign]] = {kind: [] for kind in KINDS}
    for sign in every:
        found[sign.kind].append(sign)
    return [_largest(kind, found[kind]) for kind in KINDS]


def _largest(kind: str, signs: list[Sign]) -> Sign:
    """Of those that count the largest, else the largest of all."""
    known = [sign for sign in signs if np.isfinite(sign.value)]
    if signs and not known:
        return signs[0]
    return max(known, key=lambda sign: (sign.counts, sign.value, -sign.frame), default=Sign(kind, 0.0, 0.0))


def _of_event(evidence: Evidence, event: Event) -> Sign | None:
    frame = round(event.time / evidence.dt)
    thing = event.things[0]
    size = float(np.linalg.norm(event.step)) * evidence.dt / evidence.pixel
    if event.kind == "jump":
        far = event.gap / float(evidence.reach[thing])
        return Sign("jump", far, 1 - event.gap_chance, thing, frame, "it went on elsewhere")
    if event.kind == "uncaused":
        return Sign("uncaused_motion", size, 1 - event.step_chance, thing, frame, event.about)
    if event.kind in ("contact", "surface") and np.isfinite(event.energy_ratio.value):
        if np.isfinite(event.unbalanced) and event.unbalanced < 1 - CONFIDENT:
            return Sign(
                "imbalance", size, 1 - event.unbalanced, thing, frame, "both were pushed the same way"
            )
        if event.energy_ratio.low > 1:
            gain = event.energy_ratio.low
            return Sign(
                "energy_gain", gain, 1 - event.step_chance, thing, frame, "they parted faster than they met"
            )
    return None


def _missing(evidence: Evidence, courses: Sequence[Course], course: Course) -> list[Sign]:
    """Runs of frames in which a thing should be seen in the middle of the picture, and is not."""
    thing = course.thing
    found: list[Sign] = []
    measured = evidence.measured[:, thing]
    if not measured.any() or not course.flights:
        return found
    run, start = 0, 0
    for frame in range(evidence.num_frames + 1):
        lost = frame < evidence.num_frames and not measured[frame] and _due(evidence, courses, course, frame)
        if lost:
            start = frame if run == 0 else start
            run += 1
            continue
        if run:
            seen = np.flatnonzero(measured)
            kind, about = "vanish", "it is missing for a while"
            if start > seen[-1]:
                about = "it vanishes in the middle of the picture"
            elif frame <= seen[0]:
                about = "it appears in the middle of the picture"
                twins = [other for other in range(thing) if _twins(evidence, thing, other, int(seen[0]))]
                if twins:
                    kind, about = "duplicate", f"a second {evidence.names[twins[0]]} appears"
            found.append(Sign(kind, float(run), 1 - MISSED**run, thing, start, about))
        run = 0
    return found


def _twins(evidence: Evidence, thing: int, other: int, frame: int) -> bool:
    """Whether a thing looks like another that is there in the same frame."""
    alike = _like(
        evidence.radius[thing], look_of(evidence, thing), evidence.radius[other], look_of(evidence, other)
    )
    return alike and bool(evidence.measured[frame, other])


def _due(evidence: Evidence, courses: Sequence[Course], course: Course, frame: int) -> bool:
    """Whether a thing that is not measured in a frame should be: well within the picture, behind nothing."""
    thing, time = course.thing, frame * evidence.dt
    if evidence.status[frame, thing] == HIDDEN:
        return False
    place, deviation = _expected(evidence, course, frame)
    reach = float(evidence.reach[thing])
    if deviation > MOST_UNSURE * reach:
        return False
    # Before it is first seen it is called outside, wherever it is; later a tracker that says so may be right.
    sure = evidence.status[frame, thing] == LOST or frame < course.frames[0]
    margin = 1.3 if sure else 2.0
    if evidence.edge_distance(place) < margin * reach + 2 * deviation + 2 * evidence.pixel:
        return False
    for other in courses:
        beside = None if other.thing == thing else place_at(evidence, other, time)
        if beside is not None:
            both = reach + evidence.reach[other.thing]
            if np.linalg.norm(beside - place) < 1.1 * both:
                return False
    return True


def _expected(evidence: Evidence, course: Course, frame: int) -> tuple[np.ndarray, float]:
    """Where a thing should be in a frame: between its places, or on as it went, no more than it did before."""
    before = course.frames[course.frames < frame]
    after = course.frames[course.frames > frame]
    position, dt = evidence.position[:, course.thing], evidence.dt
    if len(before) and len(after):
        share = (frame - before[-1]) / (after[0] - before[-1])
        return position[before[-1]] * (1 - share) + position[after[0]] * share, 0.0
    flight = course.flights[-1] if len(before) else course.flights[0]
    place, variance = flight.position(frame * dt)
    return place, float(np.sqrt(variance))


def _deformed(evidence: Evidence, thing: int) -> list[Sign]:
    """How far size or colour stray from what they mostly are, over ``SMOOTH`` frames on end."""
    seen = np.flatnonzero(evidence.measured[:, thing] & np.isfinite(evidence.size[:, thing]))
    if len(seen) < 2 * SMOOTH:
        return [Sign("deformation", np.nan, 0.0, thing, about="seen in too few frames")]
    size = np.log(np.maximum(evidence.size[seen, thing], 1e-12))
    color = evidence.color[seen, thing]
    color = color / (color.sum(axis=1, keepdims=True) + BLACK)
    found: list[Sign] = []
    for values, weight, about in (
        (size[:, None], 2.0, "its area changes"),
        (color, 2.0, "its colour changes"),
    ):
        if not np.isfinite(values).all():
            continue
        smooth = np.median(np.lib.stride_tricks.sliding_window_view(values, SMOOTH, axis=0), axis=-1)
        strays = weight * np.linalg.norm(smooth - np.median(values, axis=0), axis=1)
        # How much a median of so many strays by itself, from neighbours' differences.
        rough = (
            weight * np.median(np.abs(np.diff(values, axis=0)).max(axis=1)) / 0.95 * 1.25 / np.sqrt(SMOOTH)
        )
        at = int(strays.argmax())
        sure = 1.0 if strays[at] > 5 * rough else 0.0
        found.append(Sign("deformation", float(strays[at]), sure, thing, int(seen[at]), about))
    return found


def _turned(evidence: Evidence, courses: Sequence[Course]) -> list[Sign]:
    """Things that end where and when others of another look begin."""
    found = []
    for old in courses:
        for new in courses:
            if old is new or not old.flights or not new.flights:
                continue
            first, last = int(new.frames[0]), int(old.frames[-1])
            if not last < first <= last + SMOOTH or min(len(old.frames), len(new.frames)) < SMOOTH:
                continue
            looks = [look_of(evidence, course.thing) for course in (old, new)]
            if not np.isfinite(looks).all():
                continue
            alike = _like(evidence.radius[old.thing], looks[0], evidence.radius[new.thing], looks[1])
            place, deviation = _expected(evidence, old, first)
            reach = float(evidence.reach[old.thing])
            away = float(np.linalg.norm(evidence.position[first, new.thing] - place))
            inside = evidence.edge_distance(place) > reach
            if not alike and inside and away < 0.5 * reach + 2 * deviation:
                about = f"it turns into {evidence.names[new.thing]}"
                found.append(Sign("deformation", 1.0, 1 - MISSED**SMOOTH, old.thing, first, about))
    return found


def _spikes(evidence: Evidence, course: Course) -> list[Sign]:
    """Single frames in which a thing was elsewhere."""
    found, reach = [], float(evidence.reach[course.thing])
    for frame in course.spikes:
        place, _ = _expected(evidence, course, int(frame))
        far = float(np.linalg.norm(evidence.position[frame, course.thing] - place)) / reach
        found.append(Sign("jump", far, 1 - MISSED, course.thing, int(frame), "it is elsewhere in one frame"))
    return found


def _extras(evidence: Evidence) -> list[Sign]:
    """Things that belong to none that is known and come from nowhere: chains of detections.

    A chain that begins in the first frame, at the edge, or where something may have covered it, is no sign.
    """
    extra = evidence.extra
    found: list[Sign] = []
    if not len(extra.frame) or not evidence.num_things:
        return found
    smallest = 0.4 * float(evidence.reach.min())
    chains: list[list[int]] = []
    for at in np.argsort(extra.frame, kind="stable"):
        if extra.size[at] < smallest:
            continue
        for chain in chains:
            last = chain[-1]
            later = extra.frame[at] - extra.frame[last]
            step = float(np.linalg.norm(extra.position[at] - extra.position[last]))
            if 0 < later <= 2 and step < later * 2.0 * max(extra.size[at], extra.size[last]):
                chain.append(int(at))
                break
        else:
            chains.append([int(at)])
    for chain in chains:
        apart = [at for at in chain if _alone(evidence, at)]
        first = chain[0]
        size = float(extra.size[first])
        from_edge = evidence.edge_distance(extra.position[first]) < 1.2 * size + 2 * evidence.pixel
        if extra.frame[first] == 0 or from_edge or not apart:
            continue
        frame = int(extra.frame[apart[0]])
        about = _likeness(evidence, apart[len(apart) // 2])
        found.append(Sign("duplicate", float(len(apart)), 1 - MISSED ** len(apart), -1, frame, about))
    return found


def _alone(evidence: Evidence, at: int) -> bool:
    """Whether a detection lies apart from all that is followed."""
    extra = evidence.extra
    places = evidence.position[extra.frame[at]]
    distance = np.linalg.norm(places - extra.position[at], axis=1)
    apart = distance - 1.2 * (evidence.reach + extra.size[at])
    return bool((apart[np.isfinite(apart)] > 0).all())


def _likeness(evidence: Evidence, at: int) -> str:
    extra = evidence.extra
    for thing, name in enumerate(evidence.names):
        color = look_of(evidence, thing)
        if _like(evidence.radius[thing], color, float(extra.size[at]), extra.color[at]):
            return f"a second {name} appears"
    return "something appears from nowhere"


def look_of(evidence: Evidence, thing: int) -> np.ndarray:
    """The colour of a thing over the frames in which it is measured, (3,); NaN if it never is."""
    seen = evidence.color[evidence.measured[:, thing], thing]
    return np.median(seen, axis=0) if len(seen) else np.full(3, np.nan)


def _like(radius1: float, color1: np.ndarray, radius2: float, color2: np.ndarray) -> bool:
    """Whether two things may be taken for one another; no, where their size or colour is not known."""
    return bool(abs(np.log(radius1 / radius2)) < 0.3 and np.abs(color1 - color2).max() < 0.2)
