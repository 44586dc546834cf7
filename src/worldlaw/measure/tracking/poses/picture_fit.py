"""One frame and the bodies drawn into it: where a body fits, how well, and where else it might.

All lengths are pixels, x to the right, y down; angles turn from x to y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from worldlaw.measure.tracking.blobs import blob_kernels as fo
from worldlaw.measure.tracking.poses import coverage_kernels as sy
from worldlaw.measure.tracking.poses.outline_fit import join_contours
from worldlaw.measure.tracking.poses.silhouettes import Silhouettes

FOUND = 0.2  # share explained below which a body is not there
DEFORMED = 0.12  # the same where unexplained paint of about its area lies in one piece
BLURRED = 0.4  # share of a body's colour at its place that is enough for one that is blurred
SLACK = 0.5  # pixels by which edges may be off before it counts
MAX_FOUND = 400

Pose = tuple[float, float, float]  # pixels (x right, y down) and radians (x to y)


@dataclass(frozen=True)
class Shape:
    """A silhouette in pixels, y down, and what a search for it needs."""

    points: np.ndarray  # (P, 2)
    starts: np.ndarray
    paint: np.ndarray  # (3,) background minus colour
    start: Pose
    area: float
    reach: float
    turns: bool
    symmetry: int
    inner: np.ndarray  # (S, 2) inside the outline, the deepest first
    outer: np.ndarray  # (R, 2) just outside
    angles: np.ndarray  # to try
    stride: int  # pixels between places to try
    typical: float  # mean of what is wanted at the inner points of the body itself
    axis: float  # principal direction at angle 0


def shape_of(silhouettes: Silhouettes, b: int, scale: float, height: int) -> Shape:
    contours = [contour * (scale, -scale) for contour in silhouettes.outline[b]]
    # Upside down, contours turn the other way.
    points, starts = join_contours([np.ascontiguousarray(contour[::-1]) for contour in contours])
    reach, area = silhouettes.reach[b] * scale, silhouettes.area[b] * scale**2
    x, y = silhouettes.centroid[b] * scale
    symmetry = int(silhouettes.symmetry[b])
    finer = min(4.0, 60 / reach)
    half = math.ceil(reach * finer) + 2
    cover = np.zeros((2 * half, 2 * half), np.float32)
    slope = np.empty((2 * half, 2 * half, 3), np.float32)
    sy.draw(points * finer, starts, float(half), float(half), 0.0, cover, slope)
    rows, columns = np.nonzero(cover)
    axis = _moments(columns, rows, cover[rows, columns])[2]
    depth = ndimage.distance_transform_edt(np.pad(cover > 0.9, 1))[1:-1, 1:-1]
    ring = np.roll(points, -1, axis=0) - points
    ring[starts[1:] - 1] = points[starts[:-1]] - points[starts[1:] - 1]
    thickness = 2 * area / np.hypot(*ring.T).sum()  # of a bar; a disc's radius
    rows, columns = np.nonzero(depth > min(0.25 * thickness * finer, 0.9 * depth.max()))
    if not len(rows):  # so thin that it fills no pixel
        rows, columns = (places[:1] for places in np.nonzero(cover == cover.max()))
    inside = (np.stack([columns, rows], axis=1) + 0.5 - half) / finer
    inner = inside[_spread(inside, int(depth[rows, columns].argmax()), 48)]
    along = np.roll(points, -1, axis=0) - points
    rim = []
    for c in range(len(starts) - 1):
        part = slice(starts[c], starts[c + 1])
        ring = points[part]
        along = np.roll(ring, -1, axis=0) - ring
        length = np.hypot(*along.T)
        for place, step, size in zip(ring, along, length, strict=True):
            pieces = max(1, round(size / 3))
            outward = np.array([step[1], -step[0]]) / max(size, 1e-9)
            rim += [place + step * (i + 0.5) / pieces + 1.5 * outward for i in range(pieces)]
    outer = np.array(rim)
    outer = outer[_spread(outer, 0, 40)]
    stride = max(1, min(4, int(0.3 * thickness)))
    angles = np.zeros(1)
    if symmetry:
        count = math.ceil(2 * math.pi / symmetry / (0.5 * max(thickness, 1.0) / reach))
        angles = np.arange(count) * 2 * math.pi / symmetry / count
    size = 2 * math.ceil(reach) + 5
    cover = np.zeros((size, size), np.float32)
    sy.draw(points, starts, size / 2 + 0.3, size / 2 - 0.2, 0.4, cover, np.empty((size, size, 3), np.float32))
    turn = np.array([[math.cos(0.4), math.sin(0.4)], [-math.sin(0.4), math.cos(0.4)]])
    at = np.floor(inner @ turn + (size / 2 + 0.3, size / 2 - 0.2)).astype(int).clip(0, size - 1)
    typical = float(np.minimum(1.0, 1.6 * cover[at[:, 1], at[:, 0]] - 0.6).mean())
    paint = silhouettes.background.astype(float) - silhouettes.color[b]
    return Shape(
        points,
        starts,
        paint,
        (x, height - y, 0.0),
        area,
        reach,
        not silhouettes.disc[b],
        symmetry,
        inner,
        outer,
        angles,
        stride,
        max(typical, 0.2),
        axis,
    )


def _spread(points: np.ndarray, first: int, count: int) -> list[int]:
    """Up to ``count`` points, each the farthest from those before it."""
    chosen = [first]
    distance = ((points - points[first]) ** 2).sum(axis=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return chosen


class Picture:
    """One frame, and the bodies as they are drawn into it."""

    def __init__(self, bodies: list[Shape], height: int, width: int) -> None:
        self.bodies = bodies
        self.paint = np.zeros((height, width, 3), np.float32)
        self.mix, self.total = np.zeros_like(self.paint), np.zeros((height, width), np.float32)
        self.covers = np.zeros((len(bodies), height, width), np.float32)
        self.windows = [(0, 0, 0, 0)] * len(bodies)
        self.cover, self.slope = np.zeros_like(self.total), np.zeros_like(self.paint)
        self.wrong, self.want = np.zeros_like(self.total), np.zeros_like(self.total)
        self.pose: list[Pose] = [body.start for body in bodies]
        self.placed = [False] * len(bodies)
        self.level = np.ones(len(bodies))  # share of each body explained in the last frame that showed it
        self.limit = min(float(body.paint @ body.paint) for body in bodies)
        self.background = np.zeros(3)
        self.found = np.empty((MAX_FOUND, 4))
        for b, body in enumerate(bodies):
            self.place(b, body.start)

    def load(self, frame: np.ndarray) -> None:
        """The next frame, before its own background; bodies stay where they are."""
        fo.border_color(frame, self.background)
        sy.load(frame, self.background, self.paint)

    def place(self, b: int, pose: Pose) -> None:
        """Draw a body that is not in the picture."""
        body = self.bodies[b]
        self.windows[b] = sy.draw(body.points, body.starts, *pose, self.covers[b], self.slope)
        sy.add(self.covers[b], self.windows[b], body.paint, 1.0, self.mix, self.total)
        self.pose[b], self.placed[b] = pose, True

    def remove(self, b: int) -> None:
        """Take a body out, if it is in."""
        if self.placed[b]:
            sy.add(self.covers[b], self.windows[b], self.bodies[b].paint, -1.0, self.mix, self.total)
            self.placed[b] = False

    def fitted(self, b: int, pose: Pose, num_steps: int) -> Pose:
        """The pose near a given one at which a body that is not in the picture fits it best."""
        body = self.bodies[b]
        return sy.fit(
            self.paint,
            self.mix,
            self.total,
            body.points,
            body.starts,
            body.paint,
            body.reach,
            body.turns,
            (float(pose[0]), float(pose[1]), float(pose[2])),
            num_steps,
            self.cover,
            self.slope,
        )

    def share(self, b: int, pose: Pose | None = None) -> float:
        """What share of a body's signal is in the picture at a pose, or at its own; the body is not in it.

        What would lie beyond the view is not.
        """
        return self.evidence(b, pose)[0]

    def evidence(self, b: int, pose: Pose | None = None) -> tuple[float, float]:
        """The share, and how much of the body's colour is at the pose, of which blur leaves about half."""
        body = self.bodies[b]
        if pose is None:
            cover, window = self.covers[b], self.windows[b]
        else:
            cover = self.cover
            window = sy.draw(body.points, body.starts, *pose, cover, self.slope)
        better, ideal, after, area, overlap, shown = sy.gain(
            self.paint, self.mix, self.total, cover, window, body.paint, self.limit
        )
        if area < 0.3 * body.area:
            return 0.0, 0.0
        return (min(better, ideal - after) - overlap) / ideal * min(1.0, area / body.area), shown

    def error(self) -> float:
        """What is not explained, in pixels."""
        return float(sy.error(self.paint, self.mix, self.total, self.limit))

    def excess(self) -> float:
        """What is not explained by edges that are a little off either, in pixels; leaves ``wrong``."""
        return float(sy.excess(self.paint, self.mix, self.total, self.limit, SLACK, self.wrong))

    def options(self, b: int, guesses: list[Pose], count: int) -> list[tuple[float, Pose]]:
        """Up to ``count`` poses for a body that is not in the picture, anywhere, with their shares.

        The best comes first; of poses that explain the same, the one nearest to where the body is expected.
        """
        body = self.bodies[b]
        guess = guesses[-1]
        starts, blobs = list(guesses), list[Pose]()
        if sy.color_share(self.paint, self.mix, self.total, body.paint, self.limit, self.want):
            filled = sy.search(
                self.want,
                body.inner,
                body.outer,
                body.angles + guess[2],
                body.stride,
                0.45 * body.typical - 0.15,
                self.found,
            )
            found = self.found[:filled]
            taken: list[np.ndarray] = []
            for row in found[np.argsort(-found[:, 0], kind="stable")]:
                if all(_apart(row[1:], other[1:], body) for other in taken):
                    taken.append(row)
                    if len(taken) == 8:
                        break
            starts += [(row[1], row[2], row[3]) for row in taken]
            blobs = self._blobs(body, guess[2])
            starts += blobs
        size = math.hypot(*self.total.shape)
        rated = []
        enough = DEFORMED if blobs else FOUND
        for start in starts:
            pose = self.fitted(b, start, 12)
            share, shown = self.evidence(b, pose)
            if share <= enough and not (share > 0.0 and shown > BLURRED):
                continue
            value = share - 0.3 * min(1.0, math.hypot(pose[0] - guess[0], pose[1] - guess[1]) / size)
            rated.append((value, share, pose))
        rated.sort(key=lambda one: -one[0])
        chosen: list[tuple[float, Pose]] = []
        for _, share, pose in rated:
            if all(_apart(pose, other, body) for _, other in chosen):
                chosen.append((share, pose))
        return chosen[:count]

    def _blobs(self, body: Shape, angle: float) -> list[Pose]:
        """Poses at which a body would lie like a connected piece of what is wanted of about its area."""
        labels, _ = ndimage.label(self.want > -0.2, np.ones((3, 3)))
        poses = []
        for label, place in enumerate(ndimage.find_objects(labels), start=1):
            rows, columns = np.nonzero(labels[place] == label)
            weight = np.clip((self.want[place][rows, columns] + 0.6) / 1.6, 0, 1)
            if not 0.5 * body.area < weight.sum() < 2 * body.area:
                continue
            x, y, axis = _moments(columns + place[1].start + 0.5, rows + place[0].start + 0.5, weight)
            turn = axis - body.axis if body.symmetry else angle
            halves = 1 if body.symmetry in (0, 2, 4) else 2
            poses += [(x, y, turn + half * math.pi) for half in range(halves)]
        return poses


def _moments(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Pose:
    """Centroid and principal direction of weighted points."""
    total = weight.sum()
    cx, cy = float((weight * x).sum() / total), float((weight * y).sum() / total)
    dx, dy = x - cx, y - cy
    spread = float((weight * (dx * dx - dy * dy)).sum())
    return cx, cy, 0.5 * math.atan2(2 * float((weight * dx * dy).sum()), spread)


def _apart(pose: Pose | np.ndarray, other: Pose | np.ndarray, body: Shape) -> bool:
    """Whether two poses are more than neighbours in the search."""
    far = 2.0 * body.stride + 1
    if abs(pose[0] - other[0]) > far or abs(pose[1] - other[1]) > far:
        return True
    if not body.symmetry:
        return False
    period = 2 * math.pi / body.symmetry
    turn = (pose[2] - other[2] + period / 2) % period - period / 2
    return bool(abs(turn) * body.reach > 2 * far)
