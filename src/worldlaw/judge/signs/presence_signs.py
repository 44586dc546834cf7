"""Whether things are there when they should be, and nothing is that should not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from worldlaw.core.types import HIDDEN, LOST
from worldlaw.judge.evidence.flights import Course, expected_place
from worldlaw.judge.evidence.nearness import place_at
from worldlaw.judge.evidence.video_evidence import VideoEvidence
from worldlaw.judge.signs.appearance_signs import alike, look_of
from worldlaw.judge.signs.sign import MISSED, Sign

MOST_UNSURE = 0.5  # of a thing's reach: beyond it, where it should be is not known
INSIDE, WELL_INSIDE = 1.15, 2.0  # reaches from the edge of the picture
LEAST_SIZE = 0.5  # of the smallest thing's reach: what is smaller is no new thing
COVERED, APART = 1.1, 1.2  # of the reaches of two: nearer, one may cover the other; they are no two
SHADOW = 1.5  # of a thing's reach: how far from it what looks otherwise may be its shadow


def absence_signs(evidence: VideoEvidence, courses: Sequence[Course], course: Course) -> list[Sign]:
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
            kind, about = "absence", "it is missing for a while"
            if start > seen[-1]:
                about = "it vanishes in the middle of the picture"
            elif frame <= seen[0]:
                about, start = "it appears in the middle of the picture", int(seen[0])
                twins = [other for other in range(thing) if _twins(evidence, thing, other, int(seen[0]))]
                if twins:
                    kind, about = "intrusion", f"a second {evidence.names[twins[0]]} appears"
            sure = min(1 - MISSED**run, evidence.surely_followed(thing))
            found.append(Sign(kind, float(run), sure, thing, start, about))
        run = 0
    return found


def intrusion_signs(evidence: VideoEvidence) -> list[Sign]:
    """Things that belong to none that is known and come from nowhere: chains of detections.

    A chain that begins in the first frame, at the edge, or where something may have covered it, is no sign.
    """
    extra = evidence.extra
    found: list[Sign] = []
    if not len(extra.frame) or not evidence.num_things:
        return found
    smallest = LEAST_SIZE * float(evidence.reach.min())
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
        twin = _likeness(evidence, apart[len(apart) // 2])
        about = (
            "something appears from nowhere" if twin is None else f"a second {evidence.names[twin]} appears"
        )
        # What is not surely followed may leave a part of itself behind.
        followed = min(evidence.surely_followed(thing) for thing in range(evidence.num_things))
        sure = min(1 - MISSED ** len(apart), followed)
        found.append(Sign("intrusion", float(len(apart)), sure, -1, frame, about))
    return found


def _twins(evidence: VideoEvidence, thing: int, other: int, frame: int) -> bool:
    """Whether a thing looks like another that is there in the same frame."""
    return bool(evidence.measured[frame, other]) and _alike(evidence, thing, other)


def _alike(evidence: VideoEvidence, thing: int, other: int) -> bool:
    return alike(
        evidence.radius[thing], look_of(evidence, thing), evidence.radius[other], look_of(evidence, other)
    )


def _due(evidence: VideoEvidence, courses: Sequence[Course], course: Course, frame: int) -> bool:
    """Whether a thing that is not measured in a frame should be: well within the picture, behind nothing."""
    thing, time = course.thing, frame * evidence.dt
    if evidence.status[frame, thing] == HIDDEN:
        return False
    place, deviation = expected_place(evidence, course, frame)
    reach = float(evidence.reach[thing])
    if deviation > MOST_UNSURE * reach:
        return False
    # Before it is first seen it is called outside, wherever it is; later a tracker that says so may be right.
    before = frame < course.frames[0]
    margin = INSIDE if before or evidence.status[frame, thing] == LOST else WELL_INSIDE
    if evidence.edge_distance(place) < margin * reach + 2 * deviation + 2 * evidence.pixel:
        return False
    others = [course.thing for course in courses if course.thing != thing]
    # What begins beside something that looks otherwise may be its shadow, but no second one of a kind is.
    shadow = before and not any(_alike(evidence, thing, other) for other in others)
    for other in courses:
        beside = None if other.thing == thing else place_at(evidence, other, time)
        if beside is not None:
            its = float(evidence.reach[other.thing])
            least = SHADOW * its + reach if shadow else COVERED * (its + reach)
            if np.linalg.norm(beside - place) < least:
                return False
    return True


def _alone(evidence: VideoEvidence, at: int) -> bool:
    """Whether a detection lies apart from all that is followed."""
    extra = evidence.extra
    places = evidence.position[extra.frame[at]]
    distance = np.linalg.norm(places - extra.position[at], axis=1)
    if _likeness(evidence, at) is None:
        apart = distance - SHADOW * evidence.reach - extra.size[at]
    else:
        apart = distance - APART * (evidence.reach + extra.size[at])
    return bool((apart[np.isfinite(apart)] > 0).all())


def _likeness(evidence: VideoEvidence, at: int) -> int | None:
    """The thing that a detection looks like."""
    extra = evidence.extra
    for thing in range(evidence.num_things):
        size, color = float(extra.size[at]), extra.color[at]
        if alike(evidence.radius[thing], look_of(evidence, thing), size, color):
            return thing
    return None
