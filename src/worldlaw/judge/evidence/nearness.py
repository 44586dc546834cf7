"""Where things are between flights, and what is so near that they may touch it: things, edges, surfaces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from worldlaw.judge.evidence.flights import Course, Knot
from worldlaw.judge.evidence.video_evidence import VideoEvidence

TOUCHING = 0.25  # of the reach of both: what may lie between two that touch
SLACK = 2.0  # pixels on top of it
UNSEEN = 2  # frames without a place: whatever may have happened in more of them


def things_near(
    evidence: VideoEvidence, courses: Sequence[Course], thing: int, point: np.ndarray, time: float
) -> dict[int, float]:
    """Things that may touch one at a point and time -> the gap between them in L."""
    found = {}
    for course in courses:
        other = course.thing
        if other == thing:
            continue
        place = place_at(evidence, course, time)
        if place is None:
            continue
        both = evidence.reach[thing] + evidence.reach[other]
        gap = float(np.linalg.norm(point - place)) - both
        if gap <= TOUCHING * both + SLACK * evidence.pixel:
            found[other] = gap
    return found


def place_at(evidence: VideoEvidence, course: Course, time: float) -> np.ndarray | None:
    """Where a thing is at a time: by its flights, or by its last place if that is not longer than ago."""
    frame = time / evidence.dt
    flight = course.flight_at(frame)
    if flight is not None:
        return flight.position(time)[0]
    seen = np.flatnonzero(evidence.measured[:, course.thing])
    beside = seen[np.abs(seen - frame) <= UNSEEN]
    if not len(beside):
        return None
    return evidence.position[beside[np.abs(beside - frame).argmin()], course.thing]


def at_edge(evidence: VideoEvidence, thing: int, point: np.ndarray) -> bool:
    """Whether a thing touches, or nearly, the edge of the picture."""
    return bool(
        evidence.edge_distance(point) <= (1 + TOUCHING) * evidence.reach[thing] + SLACK * evidence.pixel
    )


def meets_unfollowed(evidence: VideoEvidence, thing: int, point: np.ndarray, time: float) -> bool:
    """Whether something that was not followed was there."""
    extra = evidence.extra
    close = np.abs(extra.frame * evidence.dt - time) <= 1.5 * evidence.dt
    both = evidence.reach[thing] + extra.size[close]
    gap = np.linalg.norm(extra.position[close] - point, axis=1) - both
    return bool((gap <= TOUCHING * both + SLACK * evidence.pixel).any())


def on_surface(evidence: VideoEvidence, knot: Knot) -> bool:
    """Whether a thing touches, or nearly, one of the surfaces that the hints name."""
    point = knot.before.position(knot.time)[0]
    limit = (1 + TOUCHING) * evidence.reach[knot.thing] + SLACK * evidence.pixel
    return any(_distance(point, np.array(line)) <= limit for line in evidence.surfaces or ())


def _distance(point: np.ndarray, line: np.ndarray) -> float:
    """From a point to a stretch (x, y, x, y)."""
    start, along = line[:2], line[2:] - line[:2]
    share = np.clip((point - start) @ along / max(float(along @ along), 1e-300), 0, 1)
    return float(np.linalg.norm(point - start - share * along))
