"""Tracked bodies to true bodies: each true body takes the one that starts nearest to it."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Int
from scipy.optimize import linear_sum_assignment

from worldlaw.core.numbers.polygons import union_center
from worldlaw.core.types import LOST, Detections, Scene, Tracks, Trajectory


def match(tracks: Tracks, truth: Trajectory) -> Tracks:
    """The tracks with bodies in the order of the truth's, paired to make the sum of first distances least.

    A true body that no track starts near (within two of its sizes) is lost in every frame; a track that no
    true body claims becomes extra detections.
    """
    seen = tracks.bodies
    partner = partners(seen, truth)
    missing = partner < 0
    bodies = Trajectory(
        dt=seen.dt,
        position=np.where(missing[:, None], np.nan, seen.position[:, partner]),
        size=np.where(missing, np.nan, seen.size[:, partner]),
        color=np.where(missing[:, None], np.nan, seen.color[:, partner]),
        status=np.where(missing, LOST, seen.status[:, partner]).astype(np.int8),
        confidence=np.where(missing, 0.0, seen.confidence[:, partner]),
        angle=None if seen.angle is None else np.where(missing, np.nan, seen.angle[:, partner]),
        misfit=None if seen.misfit is None else np.where(missing, np.nan, seen.misfit[:, partner]),
    )
    unclaimed = np.setdiff1d(np.arange(seen.num_bodies), partner)
    frame, which = np.nonzero(np.isfinite(seen.position[:, unclaimed, 0]))
    at = (frame, unclaimed[which])
    extra = tracks.extra
    return Tracks(
        bodies,
        Detections(
            frame=np.concatenate([extra.frame, frame]),
            position=np.concatenate([extra.position, seen.position[at]]),
            size=np.concatenate([extra.size, seen.size[at]]),
            color=np.concatenate([extra.color, seen.color[at]]),
        ),
    )


def as_seen(truth: Trajectory, scene: Scene) -> Trajectory:
    """The truth as one who only sees can tell it: places of centroids, and angles since the first frame.

    The centroid of what a body covers is its centre of mass unless parts overlap, where both weigh.
    """
    if truth.angle is None:
        return truth
    offset = np.array([union_center(body.parts) if body.parts else (0.0, 0.0) for body in scene.bodies])
    cos, sin = np.cos(truth.angle), np.sin(truth.angle)
    turned = np.stack(
        [cos * offset[:, 0] - sin * offset[:, 1], sin * offset[:, 0] + cos * offset[:, 1]], axis=-1
    )
    return dataclasses.replace(truth, position=truth.position + turned, angle=truth.angle - truth.angle[0])


def partners(seen: Trajectory, truth: Trajectory) -> Int[np.ndarray, " B"]:
    """For each true body the tracked one that starts nearest to it; -1 if none starts within two sizes."""
    start = _first_position(seen)  # (M, 2)
    distance = np.linalg.norm(start[None] - truth.position[0][:, None], axis=-1)  # (B, M)
    far = 2 * truth.size[0]
    rows, columns = linear_sum_assignment(np.where(np.isfinite(distance), distance, 1e9))
    partner = np.full(truth.num_bodies, -1)
    for row, column in zip(rows, columns, strict=True):
        if distance[row, column] <= far[row]:
            partner[row] = column
    return partner


def _first_position(seen: Trajectory) -> np.ndarray:
    """(M, 2) m: where each body was first measured; NaN if it never was."""
    known = np.isfinite(seen.position[..., 0])  # (T, M)
    first = known.argmax(axis=0)
    return seen.position[first, np.arange(seen.num_bodies)]
