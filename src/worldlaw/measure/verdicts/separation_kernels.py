"""How far silhouettes at given poses are apart, or how deep in each other; in machine code.

A body is a disc, or loops of corners about its centroid whose union it is. Signed distances are exact
outside; inside they are exact for one loop and a lower bound of the depth for several.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from worldlaw.core.compiled import compiled

SPACING = 0.003  # of the view's height: between the points that stand for an edge
MOST_STEPS = 24  # at which a sweep looks within a frame interval


@dataclass(frozen=True)
class Outlines:
    """The bodies of a clip as compiled code takes them; lengths in m."""

    radius: np.ndarray  # (B,) of a disc; 0 for what is bounded by loops
    reach: np.ndarray  # (B,) largest distance of a point from the centroid
    area: np.ndarray  # (B,) m²
    gyration: np.ndarray  # (B,) m²: moment of inertia about the centroid per mass
    corners: np.ndarray  # (C, 2) of all loops of all bodies, about the centroid, at angle 0
    loop: np.ndarray  # (L + 1,) where each loop's corners begin
    first_loop: np.ndarray  # (B + 1,) where each body's loops begin
    points: np.ndarray  # (P, 2) along all edges
    first_point: np.ndarray  # (B + 1,)
    convex: np.ndarray  # (B,) bool

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """What the compiled functions take, in their order."""
        return (
            self.radius,
            self.reach,
            self.corners,
            self.loop,
            self.first_loop,
            self.points,
            self.first_point,
        )


def outlines_of(
    loops: list[list[np.ndarray]], radius: np.ndarray, area: np.ndarray, *, spacing: float
) -> Outlines:
    """Outlines from each body's loops (corners (n, 2) in m about its centroid; none for a disc).

    ``radius`` (B,) m is read for discs only, ``area`` (B,) in m². ``spacing`` in m of points along edges.
    """
    corners, starts, first_loop = [np.zeros((0, 2))], [0], [0]
    points, first_point, reach, gyration = [np.zeros((0, 2))], [0], [], []
    for body, own in enumerate(loops):
        disc = not own
        for loop in own:
            corners.append(np.asarray(loop, float))
            starts.append(starts[-1] + len(loop))
        first_loop.append(len(starts) - 1)
        along = [np.zeros((0, 2)), *(_along(np.asarray(loop, float), spacing) for loop in own)]
        points.append(np.concatenate(along))
        first_point.append(first_point[-1] + len(points[-1]))
        reach.append(radius[body] if disc else np.linalg.norm(points[-1], axis=1).max())
        gyration.append(radius[body] ** 2 / 2 if disc else _gyration(own))
    return Outlines(
        radius=np.array([0.0 if own else r for own, r in zip(loops, radius, strict=True)]),
        reach=np.array(reach),
        area=np.asarray(area, float),
        gyration=np.array(gyration),
        corners=np.concatenate(corners),
        loop=np.array(starts),
        first_loop=np.array(first_loop),
        points=np.concatenate(points),
        first_point=np.array(first_point),
        convex=np.array([len(own) < 2 and all(_convex(loop) for loop in own) for own in loops]),
    )


def _convex(loop: np.ndarray) -> bool:
    """Whether a loop turns one way only, but for what a picture cannot show."""
    a, b, c = loop, np.roll(loop, -1, axis=0), np.roll(loop, -2, axis=0)
    turn = (b[:, 0] - a[:, 0]) * (c[:, 1] - b[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - b[:, 0])
    least = 0.02 * np.linalg.norm(b - a, axis=1) * np.linalg.norm(c - b, axis=1)
    return bool((turn > -least).all() or (turn < least).all())


def _along(loop: np.ndarray, spacing: float) -> np.ndarray:
    """Corners of a loop and points between them at most ``spacing`` apart."""
    points = []
    for here, there in zip(loop, np.roll(loop, -1, axis=0), strict=True):
        count = max(1, math.ceil(float(np.linalg.norm(there - here)) / spacing))
        points.append(here + (there - here) * (np.arange(count) / count)[:, None])
    return np.concatenate(points)


def _gyration(loops: list[np.ndarray]) -> float:
    """Moment of inertia per mass about the origin of loops that hardly overlap (second moments of area)."""
    area = moment = 0.0
    for loop in loops:
        a, b = np.asarray(loop, float), np.roll(loop, -1, axis=0)
        cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        sign = 1.0 if cross.sum() > 0 else -1.0
        area += sign * cross.sum() / 2
        moment += sign * float((cross * ((a * a) + (a * b) + (b * b)).sum(axis=1)).sum()) / 12
    return moment / area


def body_gaps(
    outlines: Outlines,
    position: Float[np.ndarray, "T B 2"],
    angle: Float[np.ndarray, "T B"],
    moves: np.ndarray,
    extent: tuple[float, float],
) -> tuple[Float[np.ndarray, "T B B"], Float[np.ndarray, "T B 4"]]:
    """Distances in m between bodies and to the walls of the view (left, right, floor, ceiling) at the frames.

    Negative where they overlap: how deep. NaN where a body is not found, inf between two that do not move.
    """
    return _gaps(*outlines.arrays, position, angle, moves, extent[0], extent[1])


@compiled
def _signed(b, px, py, corners, loop, first_loop, radius):
    """Signed distance of a point in the frame of body b: negative inside."""
    if radius[b] > 0.0:
        return math.sqrt(px * px + py * py) - radius[b]
    best = 1e18
    for k in range(first_loop[b], first_loop[b + 1]):
        start, stop = loop[k], loop[k + 1]
        nearest = 1e18
        inside = False
        j = stop - 1
        for i in range(start, stop):
            ax, ay, bx, by = corners[j, 0], corners[j, 1], corners[i, 0], corners[i, 1]
            dx, dy = bx - ax, by - ay
            along = ((px - ax) * dx + (py - ay) * dy) / max(dx * dx + dy * dy, 1e-18)
            along = min(max(along, 0.0), 1.0)
            ex, ey = px - ax - along * dx, py - ay - along * dy
            nearest = min(nearest, ex * ex + ey * ey)
            if (ay > py) != (by > py) and px < ax + (py - ay) / (by - ay) * dx:
                inside = not inside
            j = i
        nearest = math.sqrt(nearest)
        best = min(best, -nearest if inside else nearest)
    return best


@compiled
def _gap(a, ax, ay, at, b, bx, by, bt, radius, reach, corners, loop, first_loop, points, first_point, limit):
    """Distance of two bodies at their poses; anything above ``limit`` may be returned as a lower bound."""
    dx, dy = ax - bx, ay - by
    distance = math.sqrt(dx * dx + dy * dy)
    if distance - reach[a] - reach[b] > limit:
        return distance - reach[a] - reach[b]
    if radius[a] > 0.0 and radius[b] > 0.0:
        return distance - radius[a] - radius[b]
    best = 1e18
    for turn in range(2):
        if turn == 1:
            a, ax, ay, at, b, bx, by, bt = b, bx, by, bt, a, ax, ay, at
        cos, sin = math.cos(bt), math.sin(bt)
        if radius[a] > 0.0:
            x, y = ax - bx, ay - by
            return (
                _signed(b, cos * x + sin * y, cos * y - sin * x, corners, loop, first_loop, radius)
                - radius[a]
            )
        if radius[b] > 0.0:
            continue  # the other turn is exact
        turn_cos, turn_sin = math.cos(at - bt), math.sin(at - bt)
        x, y = ax - bx, ay - by
        ox, oy = cos * x + sin * y, cos * y - sin * x
        for i in range(first_point[a], first_point[a + 1]):
            px = ox + turn_cos * points[i, 0] - turn_sin * points[i, 1]
            py = oy + turn_sin * points[i, 0] + turn_cos * points[i, 1]
            close = reach[b] + min(best, limit)
            if px * px + py * py > close * close and best < 1e17:
                continue
            best = min(best, _signed(b, px, py, corners, loop, first_loop, radius))
    return best


@compiled
def _distance(a, ax, ay, at, b, bx, by, bt, radius, reach, corners, loop, first_loop, limit):
    """As ``_gap``, but of bodies that overlap only that they do: 0 or less."""
    dx, dy = ax - bx, ay - by
    distance = math.sqrt(dx * dx + dy * dy)
    if distance - reach[a] - reach[b] > limit:
        return distance - reach[a] - reach[b]
    if radius[a] > 0.0 and radius[b] > 0.0:
        return distance - radius[a] - radius[b]
    best = 1e18
    for turn in range(2):
        if turn == 1:
            a, ax, ay, at, b, bx, by, bt = b, bx, by, bt, a, ax, ay, at
        cos, sin = math.cos(bt), math.sin(bt)
        x, y = ax - bx, ay - by
        ox, oy = cos * x + sin * y, cos * y - sin * x
        if radius[a] > 0.0:
            return _signed(b, ox, oy, corners, loop, first_loop, radius) - radius[a]
        if radius[b] > 0.0:
            continue  # the other turn is exact
        turn_cos, turn_sin = math.cos(at - bt), math.sin(at - bt)
        for k in range(first_loop[a], first_loop[a + 1]):
            last = loop[k + 1] - 1
            fx = ox + turn_cos * corners[last, 0] - turn_sin * corners[last, 1]
            fy = oy + turn_sin * corners[last, 0] + turn_cos * corners[last, 1]
            for i in range(loop[k], loop[k + 1]):
                px = ox + turn_cos * corners[i, 0] - turn_sin * corners[i, 1]
                py = oy + turn_sin * corners[i, 0] + turn_cos * corners[i, 1]
                best = min(best, _signed(b, px, py, corners, loop, first_loop, radius))
                if turn == 0 and best > 0.0 and _crosses(b, fx, fy, px, py, corners, loop, first_loop):
                    return 0.0
                fx, fy = px, py
        if best <= 0.0:
            return best
    return best


@compiled
def _crosses(b, px, py, qx, qy, corners, loop, first_loop):
    """Whether a segment in the frame of body b crosses any edge of it."""
    for k in range(first_loop[b], first_loop[b + 1]):
        j = loop[k + 1] - 1
        for i in range(loop[k], loop[k + 1]):
            ax, ay, bx, by = corners[j, 0], corners[j, 1], corners[i, 0], corners[i, 1]
            j = i
            side_a = (qx - px) * (ay - py) - (qy - py) * (ax - px)
            side_b = (qx - px) * (by - py) - (qy - py) * (bx - px)
            if (side_a > 0.0) == (side_b > 0.0):
                continue
            side_p = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
            side_q = (bx - ax) * (qy - ay) - (by - ay) * (qx - ax)
            if (side_p > 0.0) != (side_q > 0.0):
                return True
    return False


@compiled
def _wall_gaps(a, x, y, angle, width, height, radius, points, first_point, out):
    """Distances of a body to the left and right wall, the floor and the ceiling, into ``out`` (4,)."""
    low_x = high_x = x
    low_y = high_y = y
    if radius[a] > 0.0:
        low_x, high_x, low_y, high_y = x - radius[a], x + radius[a], y - radius[a], y + radius[a]
    else:
        cos, sin = math.cos(angle), math.sin(angle)
        for i in range(first_point[a], first_point[a + 1]):
            px = x + cos * points[i, 0] - sin * points[i, 1]
            py = y + sin * points[i, 0] + cos * points[i, 1]
            low_x, high_x = min(low_x, px), max(high_x, px)
            low_y, high_y = min(low_y, py), max(high_y, py)
    out[0], out[1], out[2], out[3] = low_x, width - high_x, low_y, height - high_y


@compiled(nogil=True)
def _gaps(
    radius, reach, corners, loop, first_loop, points, first_point, position, angle, moves, width, height
):
    num_frames, num_bodies = angle.shape
    gaps = np.full((num_frames, num_bodies, num_bodies), np.inf)
    walls = np.full((num_frames, num_bodies, 4), np.nan)
    for t in range(num_frames):
        for a in range(num_bodies):
            ax, ay = position[t, a, 0], position[t, a, 1]
            if not math.isfinite(ax):
                gaps[t, a, :] = np.nan
                gaps[t, :, a] = np.nan
                continue
            _wall_gaps(a, ax, ay, angle[t, a], width, height, radius, points, first_point, walls[t, a])
            for b in range(a):
                bx, by = position[t, b, 0], position[t, b, 1]
                if (moves[a] or moves[b]) and math.isfinite(bx):
                    gaps[t, a, b] = gaps[t, b, a] = _gap(
                        a,
                        ax,
                        ay,
                        angle[t, a],
                        b,
                        bx,
                        by,
                        angle[t, b],
                        radius,
                        reach,
                        corners,
                        loop,
                        first_loop,
                        points,
                        first_point,
                        1e9,
                    )
    return gaps, walls


def sweep_gaps(
    outlines: Outlines,
    start: Float[np.ndarray, "I B 2"],
    start_angle: Float[np.ndarray, "I B"],
    ends: tuple[Float[np.ndarray, "I B 2"], Float[np.ndarray, "I B"]],
    own_ends: tuple[Float[np.ndarray, "I B 2"], Float[np.ndarray, "I B"]],
    moves: np.ndarray,
    extent: tuple[float, float],
    *,
    limit: float,
) -> Float[np.ndarray, "I B B+1"]:
    """Smallest distances in m over frame intervals if each body goes straight to its end, turning evenly.

    Entry [i, a, b] is between body a on the way to ``own_ends`` and body b on the way to ``ends``, or the
    nearest wall for b = B. What is farther than ``limit`` may be given as less than it is. NaN where an end
    is not known; inf between two that do not move.
    """
    step = SPACING * extent[1]
    return _sweep(
        *outlines.arrays,
        start,
        start_angle,
        *ends,
        *own_ends,
        moves,
        extent[0],
        extent[1],
        step,
        limit,
        own_ends is ends,
    )


@compiled(nogil=True)
def _sweep(
    radius,
    reach,
    corners,
    loop,
    first_loop,
    points,
    first_point,
    start,
    start_angle,
    end,
    end_angle,
    own_end,
    own_end_angle,
    moves,
    width,
    height,
    step,
    limit,
    same,
):
    num_intervals, num_bodies = start_angle.shape
    out = np.full((num_intervals, num_bodies, num_bodies + 1), np.inf)
    walls = np.empty(4)
    for i in range(num_intervals):
        for a in range(num_bodies):
            if not moves[a]:
                continue
            sx, sy = start[i, a, 0], start[i, a, 1]
            vx, vy = own_end[i, a, 0] - sx, own_end[i, a, 1] - sy
            turn = own_end_angle[i, a] - start_angle[i, a]
            if not math.isfinite(vx + turn):
                out[i, a, :] = np.nan
                continue
            own = math.sqrt(vx * vx + vy * vy)
            if radius[a] == 0.0:
                own += abs(turn) * reach[a]
            for b in range(num_bodies):
                if b == a:
                    continue
                bx, by = start[i, b, 0], start[i, b, 1]
                ux, uy = end[i, b, 0] - bx, end[i, b, 1] - by
                other = end_angle[i, b] - start_angle[i, b]
                if not math.isfinite(ux + other):
                    out[i, a, b] = np.nan
                    continue
                travel = own + math.sqrt(ux * ux + uy * uy)
                if radius[b] == 0.0:
                    travel += abs(other) * reach[b]
                bound = math.sqrt((sx - bx) ** 2 + (sy - by) ** 2) - reach[a] - reach[b] - travel
                if bound > limit:
                    out[i, a, b] = bound
                    continue
                if same and b < a and moves[b]:
                    out[i, a, b] = out[i, b, a]
                    continue
                stride = 1.0 / min(MOST_STEPS, max(1, math.ceil(travel / step)))
                best = np.inf
                s = 0.0
                while True:
                    gap = _distance(
                        a,
                        sx + s * vx,
                        sy + s * vy,
                        start_angle[i, a] + s * turn,
                        b,
                        bx + s * ux,
                        by + s * uy,
                        start_angle[i, b] + s * other,
                        radius,
                        reach,
                        corners,
                        loop,
                        first_loop,
                        limit,
                    )
                    best = min(best, gap)
                    if s == 1.0 or travel == 0.0:
                        break
                    # Nothing comes nearer than the best before it has gone what it is farther.
                    s = min(1.0, s + max(stride, (gap - min(best, limit)) / travel))
                out[i, a, b] = best
            count = min(MOST_STEPS, max(1, math.ceil(own / step))) if radius[a] == 0.0 else 1
            for k in range(count + 1):
                s = k / count
                _wall_gaps(
                    a,
                    sx + s * vx,
                    sy + s * vy,
                    start_angle[i, a] + s * turn,
                    width,
                    height,
                    radius,
                    points,
                    first_point,
                    walls,
                )
                out[i, a, num_bodies] = min(out[i, a, num_bodies], walls.min())
    return out


def passages(
    outlines: Outlines,
    start: tuple[Float[np.ndarray, "I B 2"], Float[np.ndarray, "I B"]],
    end: tuple[Float[np.ndarray, "I B 2"], Float[np.ndarray, "I B"]],
    moves: np.ndarray,
    path: Float[np.ndarray, "I B"],
) -> Float[np.ndarray, "I B B"]:
    """m by which body a's way round body b was longer than what it could go in an interval, if it crossed b.

    In the frame of b the centre of a goes from p to q. If the segment crosses an edge of b, the way round
    either side is at least |p - c| + |c - q| for every corner of b on that side, moved outwards by the radius
    of the largest disc about a's centre within a: its way round encloses that part of b. If b is not convex,
    only corners between p and q are taken, since others may hang together with the other side. ``path``
    (I, B) m is how far each body can have gone; the turning of b comes on top. Only bodies whose centre lies
    within them are asked.
    ``start`` and ``end`` are places and angles; 0 where one is not known.
    """
    return _passages(*outlines.arrays, outlines.convex, *start, *end, moves, path)


@compiled(nogil=True)
def _passages(
    radius,
    reach,
    corners,
    loop,
    first_loop,
    points,
    first_point,
    convex,
    start,
    start_angle,
    end,
    end_angle,
    moves,
    path,
):
    num_intervals, num_bodies = path.shape
    out = np.zeros((num_intervals, num_bodies, num_bodies))
    for a in range(num_bodies):
        inner = -_signed(a, 0.0, 0.0, corners, loop, first_loop, radius)
        if not moves[a] or inner <= 0.0:
            continue
        for b in range(num_bodies):
            if a == b:
                continue
            for i in range(num_intervals):
                px, py = _within(start[i, a], start[i, b], start_angle[i, b])
                qx, qy = _within(end[i, a], end[i, b], end_angle[i, b])
                dx, dy = qx - px, qy - py
                length = math.sqrt(dx * dx + dy * dy)
                if not length > 1e-9:  # nor if one is not found
                    continue
                turn = abs(end_angle[i, b] - start_angle[i, b])
                far = max(math.sqrt(px * px + py * py), math.sqrt(qx * qx + qy * qy))
                possible = path[i, a] + path[i, b] + turn * far
                left, right = length, length
                crossed = False
                if radius[b] > 0.0:
                    along = -(px * dx + py * dy) / length
                    side = (px * dy - py * dx) / length
                    if 0.0 < along < length and abs(side) < radius[b]:
                        crossed = True
                        left = _round(along, radius[b] + side + inner, length)
                        right = _round(along, radius[b] - side + inner, length)
                for k in range(first_loop[b], first_loop[b + 1]):
                    j = loop[k + 1] - 1
                    for c in range(loop[k], loop[k + 1]):
                        ex, ey = corners[c, 0] - px, corners[c, 1] - py
                        along = (ex * dx + ey * dy) / length
                        side = (dx * ey - dy * ex) / length
                        fx, fy = corners[j, 0] - px, corners[j, 1] - py
                        last_along = (fx * dx + fy * dy) / length
                        last_side = (dx * fy - dy * fx) / length
                        if (side > 0.0) != (last_side > 0.0):
                            meet = along - side * (last_along - along) / (last_side - side)
                            if 0.0 < meet < length:
                                crossed = True
                        if convex[b] or 0.0 <= along <= length:
                            if side > 0.0:
                                left = max(left, _round(along, side + inner, length))
                            else:
                                right = max(right, _round(along, inner - side, length))
                        j = c
                if crossed:
                    out[i, a, b] = max(0.0, min(left, right) - possible)
    return out


@compiled
def _round(along, side, length):
    """Length of the way over a point beside the segment."""
    return math.sqrt(along * along + side * side) + math.sqrt((length - along) ** 2 + side * side)


@compiled
def _within(point, origin, angle):
    """A point as it lies in a body's own frame."""
    x, y = point[0] - origin[0], point[1] - origin[1]
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * x + sin * y, cos * y - sin * x
