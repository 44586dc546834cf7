"""(pixels, silhouettes) -> tracks by synthesis: the poses at which the bodies, drawn anew, give the picture.

In every frame a body is first sought where it was and where its motion would take it, then wherever the
picture shows paint that no body explains. Bodies that touch are fitted together, in turns, each to what the
others leave. What the picture lacks of a body at its pose, and paint beside it that belongs to nothing, is
its misfit; paint that belongs to no body is an extra detection. Only pixels are seen, and what the first
frame shows of the bodies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from worldlaw.core.errors import BadInput
from worldlaw.core.types import CUT, HIDDEN, LOST, OUTSIDE, VISIBLE, Detections, Tracks, Trajectory
from worldlaw.measure.tracking.poses import coverage_kernels as sy
from worldlaw.measure.tracking.poses.picture_fit import Picture, Pose, Shape, shape_of
from worldlaw.measure.tracking.poses.pose_search import explain, untangle
from worldlaw.measure.tracking.poses.silhouettes import Silhouettes, read_silhouettes

__all__ = ["VERSION", "Silhouettes", "follow", "read_silhouettes"]

VERSION = 2  # raise it whenever the same pixels would give other tracks

GONE = 0.85  # share of a body's area without its colour above which it is not there
NEAR = 2  # pixels: unexplained paint this near to a body adjoins it


def follow(video: UInt8[np.ndarray, "T H W 3"], silhouettes: Silhouettes, *, fps: float) -> Tracks:
    """Follow the bodies of the first frame through a video.

    Positions are those of the silhouettes' centroids in m; ``angle`` is relative to the first frame, in rad,
    continuous, NaN for discs, and modulo the silhouette's symmetry the one nearest to a constant spin.
    ``size`` is the silhouette's reach in m. ``misfit`` is the share of a body's area where the picture lacks
    it, beyond half a pixel along edges, plus unexplained paint of its colour beside it. A body of which
    nothing is found is NaN: hidden where others cover the place at which it is expected, outside where that
    is out of view, else lost. ``confidence`` is the share of a body's signal that is explained.
    Raises BadInput if the video's shape does not fit the silhouettes' view.
    """
    num_frames, height, width, _ = video.shape
    scale = height / silhouettes.extent[1]
    if round(silhouettes.extent[0] * scale) != width:
        raise BadInput(
            f"frames of {width} x {height} do not show a view of "
            f"{silhouettes.extent[0]} m x {silhouettes.extent[1]} m"
        )
    bodies = [shape_of(silhouettes, b, scale, height) for b in range(silhouettes.num_bodies)]
    picture = Picture(bodies, height, width)
    count = len(bodies)
    pose = np.full((num_frames, count, 3), np.nan)
    seen = _Seen(
        status=np.full((num_frames, count), LOST, np.int8),
        confidence=np.zeros((num_frames, count)),
        misfit=np.full((num_frames, count), np.nan),
        color=np.full((num_frames, count, 3), np.nan),
        extra=[],
    )
    expected = [body.start for body in bodies]
    unexplained = 0.0
    for t in range(num_frames):
        picture.load(np.ascontiguousarray(video[t]))
        guesses = [_guesses(pose[:t, b], bodies[b]) for b in range(count)]
        expected = [places[-1] for places in guesses]
        unexplained = explain(picture, guesses, unexplained)
        untangle(picture, expected)
        for b, body in enumerate(bodies):
            if picture.placed[b]:
                x, y, angle = picture.pose[b]
                if body.symmetry:
                    period = 2 * math.pi / body.symmetry
                    angle += period * round((expected[b][2] - angle) / period)
                picture.pose[b] = (x, y, angle)
                pose[t, b] = x, y, angle
        _read(picture, expected, t, seen)
        pose[t][~np.array(picture.placed)] = np.nan
    turning = ~silhouettes.disc
    position = np.stack(
        [pose[..., 0] / scale, silhouettes.extent[1] - pose[..., 1] / scale],
        axis=-1,
    )
    trajectory = Trajectory(
        dt=1 / fps,
        position=position,
        size=np.where(np.isfinite(pose[..., 0]), silhouettes.reach, np.nan),
        color=seen.color,
        status=seen.status,
        confidence=seen.confidence,
        angle=np.where(turning, -pose[..., 2], np.nan),
        misfit=seen.misfit,
    )
    extra = np.array(seen.extra).reshape(-1, 7)
    return Tracks(
        trajectory,
        Detections(
            frame=extra[:, 0].astype(np.int64),
            position=np.stack([extra[:, 1] / scale, silhouettes.extent[1] - extra[:, 2] / scale], axis=1),
            size=np.sqrt(extra[:, 3] / math.pi) / scale,
            color=extra[:, 4:],
        ),
    )


@dataclass(frozen=True)
class _Seen:
    """What is read from the frames, filled as they pass."""

    status: np.ndarray
    confidence: np.ndarray
    misfit: np.ndarray
    color: np.ndarray
    extra: list[tuple[float, ...]]


def _guesses(history: np.ndarray, body: Shape) -> list[Pose]:
    """Where a body may be next: where it was, and where constant velocity and acceleration would take it."""
    known = np.flatnonzero(np.isfinite(history[:, 0]))
    if not len(known):
        return [body.start]
    last = known[-1]
    guesses = [history[last]]
    ahead = len(history) - last
    if last - 1 in known:
        step = history[last] - history[last - 1]
        if last - 2 in known:
            bend = step - (history[last - 1] - history[last - 2])
            bend[2] = 0.0
            guesses.append(history[last] + ahead * step + 0.5 * ahead * (ahead + 1) * bend)
        guesses.append(history[last] + ahead * step)
    return [(float(x), float(y), float(a)) for x, y, a in guesses]


def _read(picture: Picture, expected: list[Pose], t: int, seen: _Seen) -> None:
    """What one frame shows of each body, and what it shows beside them."""
    bodies = picture.bodies
    picture.excess()
    lack = np.zeros(len(bodies))
    for b, body in enumerate(bodies):
        if picture.placed[b]:
            top, bottom, left, right = picture.windows[b]
            window = slice(top, bottom), slice(left, right)
            lack[b] = float((picture.wrong[window] * picture.covers[b][window]).sum()) / body.area
            if lack[b] > GONE:
                picture.remove(b)
    if not all(picture.placed):
        picture.excess()
    surplus = _surplus(picture, lack, t, seen)
    for b, body in enumerate(bodies):
        if not picture.placed[b]:
            seen.status[t, b] = _absence(picture, b, expected[b])
            continue
        top, bottom, left, right = picture.windows[b]
        window = slice(top, bottom), slice(left, right)
        cover = picture.covers[b][window]
        inside = cover.sum()
        core = cover**2
        weight = (core * cover).sum()
        if weight > 0:
            shown = (core[..., None] * picture.paint[window]).sum(axis=(0, 1)) / weight
            seen.color[t, b] = (picture.background - shown).clip(0, 255) / 255
        seen.status[t, b] = VISIBLE if inside > body.area - 0.05 * body.area - 1 else CUT
        seen.misfit[t, b] = lack[b] + surplus[b]
        pose = picture.pose[b]
        picture.remove(b)
        picture.level[b] = seen.confidence[t, b] = min(max(picture.share(b), 0.0), 1.0)
        picture.place(b, pose)


def _surplus(picture: Picture, lack: np.ndarray, t: int, seen: _Seen) -> np.ndarray:
    """(B,) paint beside each body that belongs to it, as a share of its area; the rest is noted as extra."""
    bodies = picture.bodies
    surplus = np.zeros(len(bodies))
    mask = (picture.wrong > 0) & (picture.total < 0.5)
    if not mask.any():
        return surplus
    speck = max(2.0, 0.15 * min(body.area for body in bodies))
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    for label, place in enumerate(ndimage.find_objects(labels), start=1):
        grown = tuple(slice(max(0, s.start - NEAR), s.stop + NEAR) for s in place)
        member = labels[grown] == label
        amount = picture.wrong[grown] * member
        area = float(amount.sum())
        if area < 1.0:
            continue
        paint = (picture.paint[grown] * amount[..., None]).sum(axis=(0, 1)) / area
        close = ndimage.binary_dilation(member, np.ones((3, 3)), iterations=NEAR)
        beside = [
            b
            for b, body in enumerate(bodies)
            if picture.placed[b]
            and area < 0.6 * body.area
            and (picture.covers[b][grown][close] > 0.3).any()
            and np.linalg.norm(paint - body.paint) < 0.5 * np.linalg.norm(body.paint)
        ]
        if beside:
            owner = max(beside, key=lambda b: lack[b])
            surplus[owner] += area / bodies[owner].area
        elif area >= speck:
            rows, columns = np.nonzero(member)
            weight = amount[rows, columns]
            x = float((weight * (columns + 0.5)).sum() / area) + grown[1].start
            y = float((weight * (rows + 0.5)).sum() / area) + grown[0].start
            color = (picture.background - paint).clip(0, 255) / 255
            seen.extra.append((t, x, y, area, *color))
    return surplus


def _absence(picture: Picture, b: int, expected: Pose) -> int:
    """Why a body that is not in the picture cannot be seen."""
    body = picture.bodies[b]
    window = sy.draw(body.points, body.starts, *expected, picture.cover, picture.slope)
    top, bottom, left, right = window
    cover = picture.cover[top:bottom, left:right]
    if cover.sum() < 0.3 * body.area:
        return OUTSIDE
    covered = float((cover * np.minimum(picture.total[top:bottom, left:right], 1.0)).sum())
    return HIDDEN if covered > 0.7 * cover.sum() else LOST
