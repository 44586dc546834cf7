"""(pixels, silhouettes) -> tracks by synthesis: the poses at which the bodies, drawn anew, give the picture.

In every frame a body is first sought where it was and where its motion would take it, then wherever the
picture shows paint that no body explains. Bodies that touch are fitted together, in turns, each to what the
others leave. What the picture lacks of a body at its pose, and paint beside it that belongs to nothing, is
its misfit; paint that belongs to no body is an extra detection. Only pixels are seen, and what the first
frame shows of the bodies.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from worldlaw.core.errors import BadInput
from worldlaw.core.types import CUT, HIDDEN, LOST, OUTSIDE, VISIBLE, Detections, Tracks, Trajectory
from worldlaw.exam import following as fo
from worldlaw.exam import synthesis as sy
from worldlaw.exam.silhouettes import Silhouettes, joined, read_silhouettes

__all__ = ["VERSION", "Silhouettes", "follow", "read_silhouettes"]

VERSION = 1  # raise it whenever the same pixels would give other tracks

AT_REST = 0.9998  # share explained at the last pose: nothing to refine
SETTLED = 0.97  # share explained by a pose that needs no other
SETTLING = 0.03  # by how much this may be less than in the last frame, where pictures are unclear
FOUND = 0.35  # share explained below which a body is not there
DEFORMED = 0.12  # the same where unexplained paint of about its area lies in one piece
GONE = 0.85  # share of a body's area without its colour above which it is not there
SLACK = 0.5  # pixels by which edges may be off before it counts
NEAR = 2  # pixels: unexplained paint this near to a body adjoins it
MAX_FOUND = 400
UNCLEAR = 0.3  # pixels of error with which a frame counts as explained
MAX_GROUPS, FEW_GROUPS = 40, 6  # tries to explain a frame better; and one that is no worse than the last

Pose = tuple[float, float, float]  # pixels (x right, y down) and radians (x to y)


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
    bodies = [_body(silhouettes, b, scale, height) for b in range(silhouettes.num_bodies)]
    picture = _Picture(bodies, height, width)
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
        unexplained = _explain(picture, guesses, unexplained)
        _untangle(picture, expected)
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
class _Body:
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


@dataclass(frozen=True)
class _Seen:
    """What is read from the frames, filled as they pass."""

    status: np.ndarray
    confidence: np.ndarray
    misfit: np.ndarray
    color: np.ndarray
    extra: list[tuple[float, ...]]


def _body(silhouettes: Silhouettes, b: int, scale: float, height: int) -> _Body:
    contours = [contour * (scale, -scale) for contour in silhouettes.outline[b]]
    # Upside down, contours turn the other way.
    points, starts = joined([np.ascontiguousarray(contour[::-1]) for contour in contours])
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
    at = np.floor(inner @ turn + (size / 2 + 0.3, size / 2 - 0.2)).astype(int)
    typical = float(np.minimum(1.0, 1.6 * cover[at[:, 1], at[:, 0]] - 0.6).mean())
    paint = silhouettes.background.astype(float) - silhouettes.color[b]
    return _Body(
        points, starts, paint, (x, height - y, 0.0), area, reach, not silhouettes.disc[b], symmetry,
        inner, outer, angles, stride, max(typical, 0.2), axis,
    )  # fmt: skip


def _spread(points: np.ndarray, first: int, count: int) -> list[int]:
    """Up to ``count`` points, each the farthest from those before it."""
    chosen = [first]
    distance = ((points - points[first]) ** 2).sum(axis=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return chosen


class _Picture:
    """One frame, and the bodies as they are drawn into it."""

    def __init__(self, bodies: list[_Body], height: int, width: int) -> None:
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
            self.paint, self.mix, self.total, body.points, body.starts, body.paint, body.reach,
            body.turns, (float(pose[0]), float(pose[1]), float(pose[2])), num_steps, self.cover, self.slope,
        )  # fmt: skip

    def share(self, b: int, pose: Pose | None = None) -> float:
        """What share of a body's signal is in the picture at a pose, or at its own; the body is not in it.

        What would lie beyond the view is not.
        """
        body = self.bodies[b]
        if pose is None:
            cover, window = self.covers[b], self.windows[b]
        else:
            cover = self.cover
            window = sy.draw(body.points, body.starts, *pose, cover, self.slope)
        better, ideal, after, area, overlap = sy.gain(
            self.paint, self.mix, self.total, cover, window, body.paint, self.limit
        )
        if area < 0.3 * body.area:
            return 0.0
        return (min(better, ideal - after) - overlap) / ideal * min(1.0, area / body.area)

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
        if sy.wanted(self.paint, self.mix, self.total, body.paint, self.limit, self.want):
            filled = sy.search(
                self.want, body.inner, body.outer, body.angles + guess[2], body.stride,
                0.45 * body.typical - 0.15, self.found,
            )  # fmt: skip
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
            share = self.share(b, pose)
            value = share - 0.3 * min(1.0, math.hypot(pose[0] - guess[0], pose[1] - guess[1]) / size)
            rated.append((value, share, pose))
        rated.sort(key=lambda one: -one[0])
        chosen: list[tuple[float, Pose]] = []
        for _, share, pose in rated:
            if share > enough and all(_apart(pose, other, body) for _, other in chosen):
                chosen.append((share, pose))
        return chosen[:count]

    def _blobs(self, body: _Body, angle: float) -> list[Pose]:
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


def _apart(pose: Pose | np.ndarray, other: Pose | np.ndarray, body: _Body) -> bool:
    """Whether two poses are more than neighbours in the search."""
    far = 2.0 * body.stride + 1
    if abs(pose[0] - other[0]) > far or abs(pose[1] - other[1]) > far:
        return True
    if not body.symmetry:
        return False
    period = 2 * math.pi / body.symmetry
    turn = (pose[2] - other[2] + period / 2) % period - period / 2
    return abs(turn) * body.reach > 2 * far


def _guesses(history: np.ndarray, body: _Body) -> list[Pose]:
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


def _explain(picture: _Picture, guesses: list[list[Pose]], before: float) -> float:
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


def _together(picture: _Picture, bodies: list[int], guesses: list[list[Pose]]) -> list[int]:
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


def _refine(picture: _Picture, bodies: list[int], num_sweeps: int = 2) -> None:
    """Fit bodies together, each in turn to what the others leave."""
    for _ in range(num_sweeps):
        for b in bodies:
            if picture.placed[b]:
                picture.remove(b)
                picture.place(b, picture.fitted(b, picture.pose[b], 4))


def _repair(picture: _Picture, guesses: list[list[Pose]], moved: list[int], num_tries: int) -> float:
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


def _badness(picture: _Picture, b: int) -> float:
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


def _untangle(picture: _Picture, expected: list[Pose]) -> None:
    """Let bodies that look alike change places where that is nearer to what is expected and fits as well."""
    bodies = picture.bodies
    for a, b in itertools.combinations(range(len(bodies)), 2):
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


def _read(picture: _Picture, expected: list[Pose], t: int, seen: _Seen) -> None:
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
        shown = (core[..., None] * picture.paint[window]).sum(axis=(0, 1)) / (core * cover).sum()
        seen.color[t, b] = (picture.background - shown).clip(0, 255) / 255
        seen.status[t, b] = VISIBLE if inside > body.area - 0.05 * body.area - 1 else CUT
        seen.misfit[t, b] = lack[b] + surplus[b]
        pose = picture.pose[b]
        picture.remove(b)
        picture.level[b] = seen.confidence[t, b] = min(max(picture.share(b), 0.0), 1.0)
        picture.place(b, pose)


def _surplus(picture: _Picture, lack: np.ndarray, t: int, seen: _Seen) -> np.ndarray:
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


def _absence(picture: _Picture, b: int, expected: Pose) -> int:
    """Why a body that is not in the picture cannot be seen."""
    body = picture.bodies[b]
    window = sy.draw(body.points, body.starts, *expected, picture.cover, picture.slope)
    top, bottom, left, right = window
    cover = picture.cover[top:bottom, left:right]
    if cover.sum() < 0.3 * body.area:
        return OUTSIDE
    covered = float((cover * np.minimum(picture.total[top:bottom, left:right], 1.0)).sum())
    return HIDDEN if covered > 0.7 * cover.sum() else LOST
