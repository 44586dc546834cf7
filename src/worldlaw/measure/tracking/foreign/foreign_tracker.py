"""A foreign video -> tracks: describe its things, follow them, and find what comes later."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import UInt8

from worldlaw.core.errors import BadInput
from worldlaw.core.types import HIDDEN, OUTSIDE, Detections, Tracks, Trajectory
from worldlaw.measure.tracking.foreign.backdrop import Backdrop, read_backdrop
from worldlaw.measure.tracking.foreign.camera_motion import camera_moved, cut_at
from worldlaw.measure.tracking.foreign.thing_finder import Rows, find, late_look, things_of, without_things
from worldlaw.measure.tracking.foreign.thing_tracker import Pursuit, pursue
from worldlaw.measure.tracking.foreign.things import Piece, Seen, Things

VERSION = 5  # raise it whenever the same pixels would give other tracks

LATE_FRAMES = 5  # in which something new must be seen to be a thing


def see(
    video: UInt8[np.ndarray, "T H W 3"],
    *,
    fps: float,
    context: int | None = None,
    boxes: Rows = None,
    points: Rows = None,
    extent: tuple[float, float] | None = None,
) -> Seen:
    """The things of a video and their tracks.

    With ``context`` things are those of the first frames, and what comes later is an extra detection;
    without, what comes later is a thing too. ``boxes`` and ``points`` say what to follow instead, as in
    ``describe``. Raises BadInput if there is nothing to follow or the extent does not fit the frames.
    """
    _check(video, extent)
    things, backdrop = find(video, read_backdrop(video), boxes=boxes, points=points)
    pursuit = pursue(video, things, backdrop)
    if context is None and boxes is None and points is None:
        later = _late(video, things, backdrop, pursuit)
        if later is not None:
            things = later
            pursuit = pursue(video, things, backdrop)
    return _seen(video, things, backdrop, pursuit, fps, extent)


def follow(
    video: UInt8[np.ndarray, "T H W 3"],
    things: Things,
    *,
    fps: float,
    extent: tuple[float, float] | None = None,
) -> Seen:
    """Follow things that were described before through a video. Raises BadInput as ``see`` does."""
    _check(video, extent)
    backdrop = without_things(video, read_backdrop(video), things)
    return _seen(video, things, backdrop, pursue(video, things, backdrop), fps, extent)


def _check(video: np.ndarray, extent: tuple[float, float] | None) -> None:
    if video.ndim != 4 or video.shape[3] != 3 or video.dtype != np.uint8 or not len(video):
        raise BadInput(f"expected frames (T, H, W, 3) of uint8; found {video.shape} of {video.dtype}")
    _, height, width, _ = video.shape
    if min(height, width) < 16:
        raise BadInput(f"frames of {width} x {height} are too small to follow anything in")
    if extent is not None and round(extent[0] * height / extent[1]) != width:
        raise BadInput(f"frames of {width} x {height} do not show a view of {extent[0]} m x {extent[1]} m")


def _late(video: np.ndarray, things: Things, backdrop: Backdrop, pursuit: Pursuit) -> Things | None:
    """The things with those that came later; None if nothing did."""
    looks = []
    for chain in _chains(pursuit.extra, 2.0 * float(things.radius.max()) + 4):
        if len(chain) >= LATE_FRAMES:
            look = late_look(video, backdrop, [pursuit.extra[k] for k in chain])
            if look is not None:
                looks.append(look)
    if not looks:
        return None
    new = things_of(looks)
    names = tuple(f"thing {k}" for k in range(things.num_things + new.num_things))
    joined = {
        field.name: np.concatenate([getattr(things, field.name), getattr(new, field.name)])
        for field in dataclasses.fields(Things)
        if field.name != "name"
    }
    return Things(name=names, **joined)


def _chains(extra: list[Piece], reach: float) -> list[list[int]]:
    """Detections that follow each other from frame to frame within ``reach`` px: lists of indices."""
    chains: list[list[int]] = []
    last: dict[int, list[list[int]]] = {}
    for k, (frame, x, y, *_) in enumerate(extra):
        nearest, best = None, reach
        for chain in last.get(int(frame) - 1, []):
            _, px, py, *_ = extra[chain[-1]]
            if chain[-1] < k and int(extra[chain[-1]][0]) == int(frame) - 1:
                away = math.hypot(px - x, py - y)
                if away < best:
                    nearest, best = chain, away
        if nearest is None:
            nearest = []
            chains.append(nearest)
        nearest.append(k)
        last.setdefault(int(frame), []).append(nearest)
    return chains


def _seen(
    video: np.ndarray,
    things: Things,
    backdrop: Backdrop,
    pursuit: Pursuit,
    fps: float,
    extent: tuple[float, float] | None,
) -> Seen:
    num_frames, height, width, _ = video.shape
    view = (width / height, 1.0) if extent is None else extent
    scale = height / view[1]  # px per unit

    def placed(points: np.ndarray) -> np.ndarray:
        return np.stack([points[..., 0] / scale, view[1] - points[..., 1] / scale], axis=-1)

    status = pursuit.status.copy()
    before = np.arange(num_frames)[:, None] < things.frame
    status[before] = np.where(things.frame > backdrop.start, OUTSIDE, HIDDEN)[before.nonzero()[1]]
    if backdrop.dark is not None:
        status[backdrop.dark] = HIDDEN
    measured = np.isfinite(pursuit.position[..., 0])
    bodies = Trajectory(
        dt=1 / fps,
        position=placed(pursuit.position),
        size=np.where(measured, pursuit.scale * things.radius / scale, np.nan),
        color=pursuit.color,
        status=status,
        confidence=np.where(measured, pursuit.confidence, 0.0),
        angle=None if things.disc.all() else np.where(measured & ~things.disc, -pursuit.angle, np.nan),
    )
    lasting = [
        pursuit.extra[k] for chain in _chains(pursuit.extra, 0.2 * height) if len(chain) > 1 for k in chain
    ]
    extra = np.array(sorted(lasting)).reshape(-1, 7)
    detections = Detections(
        frame=extra[:, 0].astype(np.int64),
        position=placed(extra[:, 1:3]),
        size=np.sqrt(extra[:, 3] / math.pi) / scale,
        color=np.clip(extra[:, 4:], 0, 1),
    )
    uncertainty = np.where(measured, pursuit.deviation, np.nan) / scale
    lit = video if backdrop.dark is None or not backdrop.dark.any() else video[~backdrop.dark]
    moving = camera_moved(lit)
    return Seen(things, Tracks(bodies, detections), uncertainty, moving, cut=cut_at(video, backdrop))
