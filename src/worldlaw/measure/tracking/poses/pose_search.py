"""Which poses explain a frame: guesses first, all that is painted next, and what fits badly once more."""

from __future__ import annotations

import itertools
import math

import numpy as np

from worldlaw.measure.tracking.poses.picture_fit import Picture, Pose

AT_REST = 0.9998  # share explained at the last pose: nothing to refine
SETTLED = 0.97  # share explained by a pose that needs no other
SETTLING = 0.03  # by how much this may be less than in the last frame, where pictures are unclear
UNCLEAR = 0.3  # pixels of error with which a frame counts as explained
MAX_GROUPS, FEW_GROUPS = 40, 6  # tries to explain a frame better; and one that is no worse than the last


def explain(picture: Picture, guesses: list[list[Pose]], before: float) -> float:
    """Find the poses of all bodies in one frame; ``before`` is what stayed unexplained in the last one.

    Returns what stays unexplained in this one, in pixels.
    """
    count = len(picture.bodies)
    moved = []
    shares = [0.0] * count
    for b in range(count):
        if picture.placed[b]:
            pose = picture.pose[b]
            picture.remove(b)
            shares[b] = picture.share(b)
            picture.place(b, pose)
        if shares[b] < 0.8:
            moved.append(b)
    for b in moved:
        picture.remove(b)
    for b in range(count):
        if b in moved or shares[b] > AT_REST:
            continue
        picture.remove(b)
        pose = picture.fitted(b, picture.pose[b], 8)
        shares[b] = picture.share(b, pose)
        if shares[b] > min(SETTLED, picture.level[b] - SETTLING):
            picture.place(b, pose)
        else:
            moved.append(b)

    missed = _together(picture, moved, guesses)

    proposals = []
    for b in missed:
        tried = [picture.fitted(b, guess, 12) for guess in guesses[b]]
        rated = [(picture.share(b, pose), pose) for pose in tried]
        proposals.append((*max(rated, key=lambda one: one[0]), b))
    missing = []
    for share, pose, b in sorted(proposals, key=lambda one: -one[0]):
        enough = min(0.9, picture.level[b] - SETTLING)
        if share > enough and picture.share(b, pose) > enough:
            picture.place(b, pose)
        else:
            missing.append(b)
    for b in sorted(missing, key=lambda b: -picture.bodies[b].area):
        for _, pose in picture.options(b, guesses[b], 1):
            picture.place(b, pose)
    _refine(picture, [b for b in range(count) if shares[b] <= AT_REST])
    left = picture.error()
    if left > 1.2 * before + UNCLEAR:
        left = _repair(picture, guesses, moved, MAX_GROUPS)
    elif left > UNCLEAR and picture.excess() > 1.0:  # no worse than the last frame, but not by noise alone
        left = _repair(picture, guesses, moved, FEW_GROUPS)
    return left


def _together(picture: Picture, bodies: list[int], guesses: list[list[Pose]]) -> list[int]:
    """Fit bodies that are not in the picture together, from where each is expected and from where it was.

    What fits stays in the picture; returns what does not.
    """
    best, best_error = None, math.inf
    for place in (-1, 0):
        if place == 0 and all(len(guesses[b]) == 1 for b in bodies):
            continue
        for b in bodies:
            picture.remove(b)
            picture.place(b, guesses[b][place])
        _refine(picture, bodies, num_sweeps=3)
        error = picture.error()
        if error < best_error:
            best, best_error = [picture.pose[b] for b in bodies], error
        if error < UNCLEAR:
            return []
    if best is None:
        return []
    for b, pose in zip(bodies, best, strict=True):
        picture.remove(b)
        picture.place(b, pose)
    picture.excess()
    bad = [b for b in bodies if _badness(picture, b) > 1 - min(SETTLED, picture.level[b] - SETTLING)]
    for b in bad:
        picture.remove(b)
    return bad


def _refine(picture: Picture, bodies: list[int], num_sweeps: int = 2) -> None:
    """Fit bodies together, each in turn to what the others leave."""
    for _ in range(num_sweeps):
        for b in bodies:
            if picture.placed[b]:
                picture.remove(b)
                picture.place(b, picture.fitted(b, picture.pose[b], 4))


def _repair(picture: Picture, guesses: list[list[Pose]], moved: list[int], num_tries: int) -> float:
    """Seek bodies anew, one by one and two by two, where that explains more; returns what is left."""
    best = picture.error()
    picture.excess()
    # The worst first: bodies that were not found, fit badly or have unexplained paint along their outline.
    badness = {b: _badness(picture, b) if picture.placed[b] else 1.0 for b in range(len(picture.bodies))}
    suspects = sorted(
        (
            b
            for b, bad in badness.items()
            if b in moved or bad > 1 - min(SETTLED, picture.level[b] - SETTLING)
        ),
        key=lambda b: (-badness[b], b),
    )
    groups: list[tuple[int, ...]] = [(b,) for b in suspects]
    groups += sorted(
        (
            pair
            for pair in itertools.permutations(suspects, 2)
            if (picture.bodies[pair[0]].paint == picture.bodies[pair[1]].paint).all()
        ),
        key=lambda pair: -badness[pair[0]] - badness[pair[1]],
    )
    for group in groups[:num_tries]:
        first, *second = group
        kept = [(b, picture.placed[b], picture.pose[b]) for b in group]
        for b in group:
            picture.remove(b)
        for _, pose in picture.options(first, guesses[first], 4 if second else 2):
            for b in group:
                picture.remove(b)
            picture.place(first, pose)
            for b in second:
                for _, other in picture.options(b, guesses[b], 1):
                    picture.place(b, other)
            _refine(picture, list(group))
            now = picture.error()
            if now < best - max(0.1, 0.02 * best):
                best = now
                kept = [(b, picture.placed[b], picture.pose[b]) for b in group]
        for b in group:
            picture.remove(b)
        for b, was, pose in kept:
            if was:
                picture.place(b, pose)
            else:
                picture.pose[b] = pose
        if best < UNCLEAR:
            break
    return best


def _badness(picture: Picture, b: int) -> float:
    """What a body in the picture fails to explain at its place and along its outline; 0 for nothing."""
    body, pose = picture.bodies[b], picture.pose[b]
    picture.remove(b)
    lack = 1.0 - picture.share(b)
    picture.place(b, pose)
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    rim = np.floor(body.outer @ np.array([[cos, sin], [-sin, cos]]) + pose[:2]).astype(int)
    height, width = picture.total.shape
    rim = rim[(rim >= 0).all(axis=1) & (rim < (width, height)).all(axis=1)]
    return lack + float((picture.wrong[rim[:, 1], rim[:, 0]] > 0).sum()) / len(body.outer)


def untangle(picture: Picture, expected: list[Pose]) -> None:
    """Let bodies that look alike change places where that is nearer to what is expected and fits as well."""
    bodies = picture.bodies
    for a, b in 3 * list(itertools.combinations(range(len(bodies)), 2)):  # cycles take more than one turn
        one, other = bodies[a], bodies[b]
        if (
            not (picture.placed[a] and picture.placed[b])
            or (one.paint != other.paint).any()
            or one.symmetry != other.symmetry
            or abs(one.reach - other.reach) > 0.6
            or abs(one.area - other.area) > 0.1 * one.area
        ):
            continue
        pose_a, pose_b = picture.pose[a], picture.pose[b]
        straight = _squared(pose_a, expected[a]) + _squared(pose_b, expected[b])
        crossed = _squared(pose_b, expected[a]) + _squared(pose_a, expected[b])
        if crossed >= straight:
            continue
        before = picture.error()
        for body in (a, b):
            picture.remove(body)
        picture.place(a, pose_b)
        picture.place(b, pose_a)
        _refine(picture, [a, b])
        if picture.error() > 1.05 * before + UNCLEAR:
            for body in (a, b):
                picture.remove(body)
            picture.place(a, pose_a)
            picture.place(b, pose_b)


def _squared(pose: Pose, other: Pose) -> float:
    return (pose[0] - other[0]) ** 2 + (pose[1] - other[1]) ** 2
