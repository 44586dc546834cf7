"""(scene, trajectory) -> video: every pixel gets exactly the share of colour that bodies cover of its area.

A centroid read back from such a picture is exact up to rounding to 8 bits, which is what makes the
measurement floor so low. Where bodies meet in a pixel, the ones drawn later cover the ones before; what is
left shows the background.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8

from worldlaw.core.compiled import compiled
from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.colors import COLORS
from worldlaw.core.types import RING_HOLE, SHAPES, Polygon, Scene, Trajectory

VERSION = 1  # raise it whenever the same trajectory would give other pixels
EDGES = ("area", "study", "hard")
BALL, SQUARE, RING = range(len(SHAPES))
POLYGONS = len(SHAPES)  # of a body that consists of parts
MAX_CORNERS = 64  # of a polygon cut by a pixel and by other polygons
PARALLEL = -1 + 1e-12  # cosine between the inward normals of two sides of a strip
FLAT = 1e-9  # a normal this upright belongs to a level edge


def frame_shape(extent: tuple[float, float], resolution: int) -> tuple[int, int]:
    """Height and width of a frame of ``resolution`` rows that shows the whole extent in square pixels.

    Raises BadInput if the width is not a whole number of pixels.
    """
    width = resolution * extent[0] / extent[1]
    if abs(width - round(width)) > 1e-9:
        raise BadInput(
            f"a view of {extent[0]:g} m x {extent[1]:g} m has no square pixels at {resolution} rows"
        )
    return resolution, round(width)


def render(
    scene: Scene,
    trajectory: Trajectory,
    resolution: int,
    *,
    edge: str = "area",
    out: np.ndarray | None = None,
) -> UInt8[np.ndarray, "T H W 3"]:
    """The video of a trajectory, row 0 at the top, RGB; drawn into ``out`` if that has the right shape.

    ``edge="area"`` covers pixels by exact area; ``edge="study"`` draws the study's soft edge on its inclusive
    pixel grid (arXiv:2411.02385, published code), which shifts and scales positions a little: for comparison
    only. ``edge="hard"``, for bodies that turn or are fixed, gives a pixel to what covers its middle, as
    PHYRE does, so that much less than a pixel cannot be seen.
    Raises BadInput for bodies that this edge is not for.
    """
    height, width = frame_shape(scene.extent, resolution)
    size = (trajectory.num_frames, height, width, 3)
    frames = out if out is not None and out.shape == size else np.empty(size, np.uint8)
    rigid = _rigid(scene)
    background = COLORS[scene.background]
    if len(set(background)) == 1:
        frames.fill(background[0])  # several times faster than three values in turn
    else:
        frames[...] = np.array(background, np.uint8)
    color = np.array([COLORS[body.color] for body in scene.bodies], float)
    check_edge(scene, edge)
    if rigid:
        _paint_rigid(frames, color, scene, trajectory, _paint_bodies if edge == "area" else _paint_hard)
        return frames
    shape = np.array([SHAPES.index(body.shape) for body in scene.bodies])
    if edge == "study":
        _paint_study(frames, shape, color, trajectory.position, trajectory.size, np.array(scene.extent))
        return frames
    center, scale = _to_pixels(trajectory.position, scene.extent, height)
    _paint(frames, shape, color, center, trajectory.size * scale)
    return frames


def polygon_coverage(
    parts: tuple[Polygon, ...], center: tuple[float, float], angle: float, height: int, width: int
) -> Float[np.ndarray, "H W"]:
    """Share of every pixel that a body of convex parts covers; parts and centre in pixels, y down."""
    out = np.zeros((height, width))
    corners, starts = _corners(parts)
    _cover_parts(out, corners, starts, float(center[0]), float(center[1]), float(angle), 1.0)
    return out


def _to_pixels(position: np.ndarray, extent: tuple[float, float], height: int) -> tuple[np.ndarray, float]:
    """Points in m as points in pixels, x right and y down, and the pixels of a metre."""
    scale = height / extent[1]
    center = position * scale
    center[..., 1] = height - center[..., 1]
    return center, scale


def _paint_rigid(
    frames: np.ndarray, color: np.ndarray, scene: Scene, trajectory: Trajectory, paint: Callable
) -> None:
    """Paint bodies that turn or are fixed; fixed ones cover moving ones."""
    if trajectory.angle is None:
        raise ValueError("bodies that consist of parts or are fixed need a trajectory with angles")
    all_corners, first_corner, first_part = [], [0], [0]
    for body in scene.bodies:
        # A ball is a part without corners.
        corners, starts = _corners(body.parts) if body.parts else (np.zeros((0, 2)), np.zeros(2, np.int64))
        first_corner += [first_corner[-1] + count for count in starts[1:]]
        first_part.append(first_part[-1] + len(starts) - 1)
        all_corners.append(corners * (1.0, -1.0))  # y down
    center, scale = _to_pixels(trajectory.position, scene.extent, frames.shape[1])
    shape = np.array([POLYGONS if body.parts else SHAPES.index(body.shape) for body in scene.bodies])
    growth = trajectory.size / np.array([body.size for body in scene.bodies])
    paint(
        frames, shape, color, center, -trajectory.angle, trajectory.size * scale, growth * scale,
        np.array([body.fixed for body in scene.bodies]), np.concatenate(all_corners),
        np.array(first_corner), np.array(first_part),
    )  # fmt: skip


def _corners(parts: tuple[Polygon, ...]) -> tuple[np.ndarray, np.ndarray]:
    """All corners (C, 2) of some polygons, and where each polygon's begin and the last one's end (P + 1,)."""
    starts = np.cumsum([0, *map(len, parts)])
    return np.array([corner for part in parts for corner in part], float), starts


def check_edge(scene: Scene, edge: str) -> None:
    """Raises BadInput if the bodies of a scene are not drawn with this edge."""
    if _rigid(scene) and edge == "study":
        raise BadInput(f"edge {edge!r}: bodies that turn or are fixed are drawn with 'area' or 'hard'")
    if not _rigid(scene) and edge == "hard":
        raise BadInput(f"edge {edge!r} is for bodies that turn or are fixed, as in assemblies")


def _rigid(scene: Scene) -> bool:
    return any(body.parts or body.fixed for body in scene.bodies)


def coverage(
    shape: str, center: tuple[float, float], size: float, height: int, width: int
) -> Float[np.ndarray, "H W"]:
    """Share of every pixel that one body covers; centre and size in pixels, x to the right, y down."""
    out = np.zeros((height, width))
    _cover(out, SHAPES.index(shape), float(center[0]), float(center[1]), float(size))
    return out


@compiled
def _half_chord_area(x: float, r: float) -> float:
    """Area of the upper half of a disc between 0 and x: the integral of sqrt(r² - s²) ds from 0 to x."""
    x = min(max(x, -r), r)
    return 0.5 * (x * math.sqrt(max(r * r - x * x, 0.0)) + r * r * math.asin(x / r))


@compiled
def _corner_area(x: float, y: float, r: float, hx: float, hy: float) -> float:
    """Area of a disc at the origin left of x and below y, given the half-chord areas at x and at y."""
    quarter = 0.25 * math.pi * r * r
    if x <= -r or y <= -r:
        return 0.0
    if x * x + y * y < r * r:
        return x * y + hx + hy + quarter
    if x < 0 and y < 0:
        return 0.0
    left = 2 * (quarter + hx)  # the part of the disc left of x
    below = 2 * (quarter + hy)
    if x < 0:
        return left
    if y < 0:
        return below
    return left + below - 4 * quarter


@compiled
def _disc_pixel(column: int, row: int, cx: float, cy: float, r: float) -> float:
    """Share of a pixel that a disc covers, exactly; the pixel is the unit square with that corner."""
    x0, y0 = column - cx, row - cy
    x1, y1 = x0 + 1.0, y0 + 1.0
    far_x, far_y = max(abs(x0), abs(x1)), max(abs(y0), abs(y1))
    if far_x * far_x + far_y * far_y <= r * r:
        return 1.0
    near_x = 0.0 if x0 < 0.0 < x1 else min(abs(x0), abs(x1))
    near_y = 0.0 if y0 < 0.0 < y1 else min(abs(y0), abs(y1))
    if near_x * near_x + near_y * near_y >= r * r:
        return 0.0
    hx0, hx1 = _half_chord_area(x0, r), _half_chord_area(x1, r)
    hy0, hy1 = _half_chord_area(y0, r), _half_chord_area(y1, r)
    area = (
        _corner_area(x1, y1, r, hx1, hy1)
        - _corner_area(x0, y1, r, hx0, hy1)
        - _corner_area(x1, y0, r, hx1, hy0)
        + _corner_area(x0, y0, r, hx0, hy0)
    )
    return min(max(area, 0.0), 1.0)


@compiled
def _overlap(low: float, high: float, center: float, half: float) -> float:
    return max(0.0, min(high, center + half) - max(low, center - half))


@compiled
def _pixel(shape: int, column: int, row: int, cx: float, cy: float, size: float) -> float:
    """Share of a pixel that a body covers."""
    if shape == SQUARE:
        return _overlap(column, column + 1, cx, size) * _overlap(row, row + 1, cy, size)
    cover = _disc_pixel(column, row, cx, cy, size)
    if shape == RING and cover > 0:
        cover -= _disc_pixel(column, row, cx, cy, size * RING_HOLE)
    return cover


@compiled
def _cover(out, shape, cx, cy, size):
    left, right = _bounds(cx, size, out.shape[1])
    top, bottom = _bounds(cy, size, out.shape[0])
    for row in range(top, bottom):
        for column in range(left, right):
            out[row, column] = _pixel(shape, column, row, cx, cy, size)


@compiled
def _bounds(center: float, size: float, limit: int) -> tuple[int, int]:
    return max(0, math.floor(center - size)), min(limit, math.ceil(center + size))


@compiled
def _paint_alone(frame, color, cx, cy, r, hx):
    """Paint a ball that shares no pixel with another body: whole rows inside, exact shares along the edge."""
    height, width = frame.shape[:2]
    left, right = _bounds(cx, r, width)
    top, bottom = _bounds(cy, r, height)
    for column in range(left, right + 1):
        hx[column - left] = _half_chord_area(column - cx, r)
    inside0, inside1, inside2 = round(color[0]), round(color[1]), round(color[2])
    for row in range(top, bottom):
        y0 = row - cy
        y1 = y0 + 1.0
        near = 0.0 if y0 < 0.0 < y1 else min(abs(y0), abs(y1))
        far = max(abs(y0), abs(y1))
        if near >= r:
            continue
        outer = math.sqrt(r * r - near * near)
        inner = math.sqrt(r * r - far * far) if far < r else -1.0
        first = max(left, math.floor(cx - outer))
        last = min(right, math.ceil(cx + outer))
        solid_first = max(first, math.ceil(cx - inner)) if inner > 0 else last
        solid_last = min(last, math.floor(cx + inner)) if inner > 0 else last
        if solid_last <= solid_first:
            solid_first = solid_last = last
        hy0, hy1 = _half_chord_area(y0, r), _half_chord_area(y1, r)
        for column in range(solid_first, solid_last):
            frame[row, column, 0] = inside0
            frame[row, column, 1] = inside1
            frame[row, column, 2] = inside2
        for part in range(2):
            start, stop = (first, solid_first) if part == 0 else (solid_last, last)
            for column in range(start, stop):
                x0 = column - cx
                h0, h1 = hx[column - left], hx[column - left + 1]
                cover = (
                    _corner_area(x0 + 1.0, y1, r, h1, hy1)
                    - _corner_area(x0, y1, r, h0, hy1)
                    - _corner_area(x0 + 1.0, y0, r, h1, hy0)
                    + _corner_area(x0, y0, r, h0, hy0)
                )
                cover = min(max(cover, 0.0), 1.0)
                for channel in range(3):
                    below = frame[row, column, channel]
                    frame[row, column, channel] = int(below + cover * (color[channel] - below) + 0.5)


@compiled
def _apart(first, first_size, second, second_size):
    """Whether no pixel can be covered by both bodies: their boxes, grown to whole pixels, do not meet."""
    reach = first_size + second_size + 2.0
    return abs(first[0] - second[0]) > reach or abs(first[1] - second[1]) > reach


@compiled
def _paint_together(frame, shape, color, background, center, size, b):
    """Paint the pixels of body b with all that is in them: the last drawn covers first."""
    height, width = frame.shape[:2]
    left, right = _bounds(center[b, 0], size[b], width)
    top, bottom = _bounds(center[b, 1], size[b], height)
    for row in range(top, bottom):
        for column in range(left, right):
            if _pixel(shape[b], column, row, center[b, 0], center[b, 1], size[b]) == 0.0:
                continue
            rest = 1.0
            red = green = blue = 0.0
            for other in range(len(shape) - 1, -1, -1):
                if other != b and _apart(center[b], size[b], center[other], size[other]):
                    continue
                cover = _pixel(shape[other], column, row, center[other, 0], center[other, 1], size[other])
                cover = min(cover, rest)
                rest -= cover
                red += cover * color[other, 0]
                green += cover * color[other, 1]
                blue += cover * color[other, 2]
            frame[row, column, 0] = int(red + rest * background[0] + 0.5)
            frame[row, column, 1] = int(green + rest * background[1] + 0.5)
            frame[row, column, 2] = int(blue + rest * background[2] + 0.5)


@compiled(nogil=True)  # it writes to its own frames only: threads may draw clips at the same time
def _paint(frames, shape, color, center, size):
    """Paint all bodies into frames (T, H, W, 3) full of background; centres and sizes in pixels, y down."""
    num_bodies = len(shape)
    background = frames[0, 0, 0].astype(np.float64)
    hx = np.empty(frames.shape[2] + 2)
    for t in range(len(frames)):
        for b in range(num_bodies):
            alone = shape[b] == BALL
            for other in range(num_bodies):
                if other != b and not _apart(center[t, b], size[t, b], center[t, other], size[t, other]):
                    alone = False
            if alone:
                _paint_alone(frames[t], color[b], center[t, b, 0], center[t, b, 1], size[t, b], hx)
            else:
                _paint_together(frames[t], shape, color, background, center[t], size[t], b)


@compiled(nogil=True)
def _paint_study(frames, shape, color, position, size, extent):
    """Paint as the study did: pixel i of N is the point i / (N - 1) of the view, colours are truncated.

    A disc is solid up to a soft rim in which its share is (R² - d²) / (0.03 R²); a square has a hard edge.
    Later bodies are blended over earlier ones.
    """
    num_frames, height, width, _ = frames.shape
    step_x, step_y = extent[0] / (width - 1), extent[1] / (height - 1)
    for t in range(num_frames):
        for b in range(len(shape)):
            x, y, r = position[t, b, 0], position[t, b, 1], size[t, b]
            left, right = max(0, math.floor((x - r) / step_x)), min(width, math.ceil((x + r) / step_x) + 1)
            low, high = max(0, math.floor((y - r) / step_y)), min(height, math.ceil((y + r) / step_y) + 1)
            for i in range(low, high):
                for j in range(left, right):
                    dx, dy = j * step_x - x, i * step_y - y
                    if shape[b] == SQUARE:
                        cover = 1.0 if max(abs(dx), abs(dy)) <= r else 0.0
                    else:
                        squared = dx * dx + dy * dy
                        cover = min(max((r * r - squared) / (0.03 * r * r), 0.0), 1.0)
                        if shape[b] == RING and squared < (RING_HOLE * r) ** 2:
                            cover = 0.0
                    row = height - 1 - i
                    for channel in range(3):
                        below = frames[t, row, j, channel]
                        frames[t, row, j, channel] = int((1 - cover) * below + cover * color[b, channel])


@compiled(inline="always")
def _half_plane_area(nx: float, ny: float, d: float) -> float:
    """Share of the unit square about the origin in which n . p + d >= 0, for a unit normal n."""
    a, b = max(abs(nx), abs(ny)), min(abs(nx), abs(ny))
    reach = 0.5 * (a + b)
    if d >= reach:
        return 1.0
    if d <= -reach:
        return 0.0
    if abs(d) <= 0.5 * (a - b):
        return 0.5 + d / a
    corner = (reach - abs(d)) ** 2 / (2 * a * b)
    return 1.0 - corner if d > 0 else corner


@compiled
def _clip(points, count, nx, ny, d, out):
    """What of a convex polygon lies where n . p + d >= 0, into ``out``; returns its number of corners."""
    kept = 0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        here = nx * points[i, 0] + ny * points[i, 1] + d
        there = nx * points[j, 0] + ny * points[j, 1] + d
        if here >= 0:
            out[kept, 0], out[kept, 1] = points[i, 0], points[i, 1]
            kept += 1
        if (here >= 0) != (there >= 0):
            share = here / (here - there)
            out[kept, 0] = points[i, 0] + share * (points[j, 0] - points[i, 0])
            out[kept, 1] = points[i, 1] + share * (points[j, 1] - points[i, 1])
            kept += 1
    return kept


@compiled
def _area(points, count):
    """Area of a polygon (shoelace formula)."""
    twice = 0.0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        twice += points[i, 0] * points[j, 1] - points[j, 0] * points[i, 1]
    return 0.5 * abs(twice)


@compiled
def _place(corners, cx, cy, angle, scale, normals, placed):
    """Corners of a polygon in the picture, and inward unit normals with offsets of its edges."""
    cos, sin = math.cos(angle), math.sin(angle)
    count = len(corners)
    for i in range(count):
        x, y = corners[i, 0] * scale, corners[i, 1] * scale
        placed[i, 0] = cx + cos * x - sin * y
        placed[i, 1] = cy + sin * x + cos * y
    turn = 0.0  # its sign tells which side of every edge is inside
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        turn += placed[i, 0] * placed[j, 1] - placed[j, 0] * placed[i, 1]
    side = 1.0 if turn > 0 else -1.0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        dx, dy = placed[j, 0] - placed[i, 0], placed[j, 1] - placed[i, 1]
        length = math.sqrt(dx * dx + dy * dy)
        normals[i, 0] = -side * dy / length
        normals[i, 1] = side * dx / length
        normals[i, 2] = -(normals[i, 0] * placed[i, 0] + normals[i, 1] * placed[i, 1])


@compiled(inline="always")
def _polygon_pixel(normals, start, stop, column, row, first, second):
    """Share of a pixel that a convex polygon covers, exactly, given its edges."""
    x, y = column + 0.5, row + 0.5
    cut = 0
    one = other = 0
    for i in range(start, stop):
        d = normals[i, 0] * x + normals[i, 1] * y + normals[i, 2]
        reach = 0.5 * (abs(normals[i, 0]) + abs(normals[i, 1]))
        if d <= -reach:
            return 0.0
        if d < reach:
            cut += 1
            one, other = i, one
    if cut == 0:
        return 1.0
    if cut <= 2:
        ax, ay = normals[one, 0], normals[one, 1]
        if cut == 1:
            return _half_plane_area(ax, ay, ax * x + ay * y + normals[one, 2])
        bx, by = normals[other, 0], normals[other, 1]
        if ax * bx + ay * by < PARALLEL:  # a strip: what lies outside of one side lies inside of the other
            inside = _half_plane_area(ax, ay, ax * x + ay * y + normals[one, 2])
            inside += _half_plane_area(bx, by, bx * x + by * y + normals[other, 2])
            return max(inside - 1.0, 0.0)
    return _area(first, _cut(normals, start, stop, first, _unit_square(column, row, first), second))


@compiled
def _unit_square(column, row, points):
    points[0, 0], points[0, 1] = column, row
    points[1, 0], points[1, 1] = column + 1, row
    points[2, 0], points[2, 1] = column + 1, row + 1
    points[3, 0], points[3, 1] = column, row + 1
    return 4


@compiled
def _cut(normals, start, stop, points, size, spare):
    """Cut the polygon ``points`` to what lies within another, given by its edges; returns its corners."""
    for i in range(start, stop):
        nx, ny, offset = normals[i, 0], normals[i, 1], normals[i, 2]
        outside = False
        for j in range(size):
            if nx * points[j, 0] + ny * points[j, 1] + offset < 0:
                outside = True
        if outside:
            size = _clip(points, size, nx, ny, offset, spare)
            for j in range(size):
                points[j, 0], points[j, 1] = spare[j, 0], spare[j, 1]
    return size


@compiled
def _parts_pixel(normals, starts, own, first_part, last_part, spans, column, row, first, second):
    """Share of a pixel that a body covers; 0 unless ``own`` is the first of its parts that covers any of it.

    Where several parts do, their union is taken by inclusion and exclusion.
    """
    share = _polygon_pixel(normals, starts[own], starts[own + 1], column, row, first, second)
    if share == 0.0:
        return 0.0
    covering = 1 << (own - first_part)
    for p in range(first_part, last_part):
        if p == own or not spans[p, row, 0] <= column < spans[p, row, 3]:
            continue
        other = _polygon_pixel(normals, starts[p], starts[p + 1], column, row, first, second)
        if other > 0.0:
            if p < own:
                return 0.0
            covering |= 1 << (p - first_part)
            share = max(share, other)
    if covering == 1 << (own - first_part) or share == 1.0:
        return share
    total = 0.0
    for subset in range(1, covering + 1):
        if subset & covering != subset:
            continue
        size = _unit_square(column, row, first)
        members = 0
        for p in range(first_part, last_part):
            if subset >> (p - first_part) & 1:
                members += 1
                size = _cut(normals, starts[p], starts[p + 1], first, size, second)
        total += _area(first, size) if members % 2 else -_area(first, size)
    return min(max(total, 0.0), 1.0)


@compiled
def _find_spans(normals, placed, count, height, width, spans):
    """Rows (top, bottom) that a convex polygon reaches, and for each of them four columns.

    From the first to the fourth it may cover something of a pixel, from the second to the third all of it.
    """
    low_x = high_x = placed[0, 0]
    low_y = high_y = placed[0, 1]
    for i in range(1, count):
        low_x, high_x = min(low_x, placed[i, 0]), max(high_x, placed[i, 0])
        low_y, high_y = min(low_y, placed[i, 1]), max(high_y, placed[i, 1])
    top, bottom = max(0, math.floor(low_y)), min(height, math.ceil(high_y))
    left, right = max(0, math.floor(low_x)), min(width, math.ceil(high_x))
    for row in range(top, bottom):
        first, last = left - 1.0, right + 1.0  # middles of pixels that no edge leaves out
        solid_first, solid_last = first, last  # and of those that no edge cuts
        for i in range(count):
            nx, ny = normals[i, 0], normals[i, 1]
            reach = 0.5 * (abs(nx) + abs(ny))
            level = ny * (row + 0.5) + normals[i, 2]
            if nx > FLAT:
                first = max(first, (-reach - level) / nx)
                solid_first = max(solid_first, (reach - level) / nx)
            elif nx < -FLAT:
                last = min(last, (-reach - level) / nx)
                solid_last = min(solid_last, (reach - level) / nx)
            elif level < reach:
                solid_last = solid_first - 2.0
        begin = max(left, math.floor(first - 0.5))
        end = max(begin, min(right, math.ceil(last + 0.5)))
        solid_begin = min(max(begin, math.ceil(solid_first - 0.5)), end)
        spans[row, 0], spans[row, 1] = begin, solid_begin
        spans[row, 2], spans[row, 3] = max(solid_begin, min(end, math.floor(solid_last + 0.5))), end
    return top, bottom


@compiled
def _place_parts(
    corners, starts, first_part, last_part, cx, cy, angle, scale, normals, placed, height, width, spans, rows
):  # fmt: skip
    for p in range(first_part, last_part):
        a, b = starts[p], starts[p + 1]
        _place(corners[a:b], cx, cy, angle, scale, normals[a:b], placed[a:b])
    top, bottom = height, 0
    for p in range(first_part, last_part):
        a, b = starts[p], starts[p + 1]
        rows[p, 0], rows[p, 1] = _find_spans(normals[a:b], placed[a:b], b - a, height, width, spans[p])
        top, bottom = min(top, rows[p, 0]), max(bottom, rows[p, 1])
    for p in range(first_part, last_part):  # where a part has no pixels another may have some
        for row in range(top, bottom):
            if not rows[p, 0] <= row < rows[p, 1]:
                spans[p, row, 0] = spans[p, row, 3] = 0


@compiled
def _cover_parts(out, corners, starts, cx, cy, angle, scale):
    height, width = out.shape
    num_parts = len(starts) - 1
    normals, placed = np.empty((len(corners), 3)), np.empty((len(corners), 2))
    first, second = np.empty((MAX_CORNERS, 2)), np.empty((MAX_CORNERS, 2))
    spans, rows = np.empty((num_parts, height, 4), np.int64), np.empty((num_parts, 2), np.int64)
    _place_parts(
        corners, starts, 0, num_parts, cx, cy, angle, scale, normals, placed, height, width, spans, rows
    )
    for p in range(num_parts):
        for row in range(rows[p, 0], rows[p, 1]):
            for column in range(spans[p, row, 0], spans[p, row, 3]):
                share = _parts_pixel(normals, starts, p, 0, num_parts, spans, column, row, first, second)
                if share > 0.0:
                    out[row, column] = share


@compiled(inline="always")
def _add(frame, rest, mixed, touched, count, column, row, cover, color, background):
    """Give a body its share of a pixel, at most what is left of it; returns the number of touched pixels."""
    left = rest[row, column]
    if left == 1.0:
        touched[count] = row * rest.shape[1] + column
        count += 1
        for channel in range(3):
            mixed[row, column, channel] = 0.0
    cover = min(cover, left)
    left -= cover
    rest[row, column] = left
    for channel in range(3):
        value = mixed[row, column, channel] + cover * color[channel]
        mixed[row, column, channel] = value
        frame[row, column, channel] = np.uint8(value + left * background[channel] + 0.5)
    return count


@compiled
def _fill(frame, rest, mixed, touched, count, row, start, stop, color, background):
    """Cover pixels of a row wholly; returns the number of touched pixels."""
    red, green, blue = np.uint8(color[0]), np.uint8(color[1]), np.uint8(color[2])
    for column in range(start, stop):
        if rest[row, column] == 1.0:  # by far the most
            rest[row, column] = 0.0
            touched[count] = row * rest.shape[1] + column
            count += 1
            frame[row, column, 0] = red
            frame[row, column, 1] = green
            frame[row, column, 2] = blue
        elif rest[row, column] > 0.0:
            count = _add(frame, rest, mixed, touched, count, column, row, 1.0, color, background)
    return count


@compiled
def _paint_simple(frame, rest, mixed, touched, count, shape, color, background, cx, cy, size):
    """Paint a body without parts; returns the number of touched pixels."""
    height, width = rest.shape
    left, right = _bounds(cx, size, width)
    top, bottom = _bounds(cy, size, height)
    for row in range(top, bottom):
        first, last = left, right
        solid_first = solid_last = right
        if shape == BALL:
            near, far = _near_and_far(row - cy)
            if near >= size:
                continue
            half = math.sqrt(size * size - near * near)
            first, last = max(left, math.floor(cx - half)), min(right, math.ceil(cx + half))
            solid_first = solid_last = last
            if far < size:
                half = math.sqrt(size * size - far * far) - 1e-9
                solid_first = min(max(first, math.ceil(cx - half)), last)
                solid_last = max(solid_first, min(last, math.floor(cx + half)))
        for column in range(first, solid_first):
            cover = _pixel(shape, column, row, cx, cy, size)
            if cover > 0.0 and rest[row, column] > 0.0:
                count = _add(frame, rest, mixed, touched, count, column, row, cover, color, background)
        count = _fill(frame, rest, mixed, touched, count, row, solid_first, solid_last, color, background)
        for column in range(solid_last, last):
            cover = _pixel(shape, column, row, cx, cy, size)
            if cover > 0.0 and rest[row, column] > 0.0:
                count = _add(frame, rest, mixed, touched, count, column, row, cover, color, background)
    return count


@compiled
def _near_and_far(y0):
    """Least and greatest distance from a centre of the row of pixels that begins ``y0`` from it."""
    y1 = y0 + 1.0
    return 0.0 if y0 < 0.0 < y1 else min(abs(y0), abs(y1)), max(abs(y0), abs(y1))


@compiled
def _paint_parts(
    frame, rest, mixed, touched, count, color, background, starts, first_part, last_part, normals, spans,
    rows, first, second,
):  # fmt: skip
    """Paint a body of placed parts; returns the number of touched pixels."""
    for p in range(first_part, last_part):
        for row in range(rows[p, 0], rows[p, 1]):
            begin, solid, solid_end, end = spans[p, row]
            met, parted = end, begin  # columns that another part may reach, too
            for other in range(first_part, last_part):
                if other != p and spans[other, row, 0] < end and begin < spans[other, row, 3]:
                    met, parted = min(met, spans[other, row, 0]), max(parted, spans[other, row, 3])
            if met < solid_end and solid < parted:
                solid_end = solid
            column = begin
            while column < end:
                if column == solid and solid < solid_end:
                    count = _fill(
                        frame, rest, mixed, touched, count, row, solid, solid_end, color, background
                    )
                    column = solid_end
                    continue
                if rest[row, column] > 0.0:
                    if met <= column < parted:
                        cover = _parts_pixel(
                            normals, starts, p, first_part, last_part, spans, column, row, first, second
                        )
                    else:
                        cover = _polygon_pixel(normals, starts[p], starts[p + 1], column, row, first, second)
                    if cover > 0.0:
                        count = _add(
                            frame, rest, mixed, touched, count, column, row, cover, color, background
                        )
                column += 1
    return count


@compiled(nogil=True)
def _paint_bodies(frames, shape, color, center, angle, size, scale, fixed, corners, starts, first_part):
    """Paint bodies into frames (T, H, W, 3) full of background; lengths in pixels, y down.

    ``starts`` says where the corners of each part begin, ``first_part`` where the parts of each body do; a
    body without corners has a part of none. A pixel goes to fixed bodies first, then to those drawn later.
    """
    num_frames, height, width, _ = frames.shape
    num_bodies = len(shape)
    num_parts = len(starts) - 1
    background = frames[0, 0, 0].astype(np.float64)
    rest, mixed = np.ones((height, width)), np.zeros((height, width, 3))
    touched = np.empty(height * width, np.int32)
    normals, placed = np.empty((len(corners), 3)), np.empty((len(corners), 2))
    spans, rows = np.empty((num_parts, height, 4), np.int64), np.empty((num_parts, 2), np.int64)
    first, second = np.empty((MAX_CORNERS, 2)), np.empty((MAX_CORNERS, 2))
    held = count = 0
    flat_rest, flat_mixed = rest.reshape(-1), mixed.reshape(-1, 3)
    held_rest, held_mixed = np.empty(0), np.empty((0, 3))
    for t in range(-1, num_frames):  # before all frames what is fixed, into the first
        if t == 0:
            held = count
            held_rest, held_mixed = flat_rest[touched[:held]], flat_mixed[touched[:held]]
            for later in range(1, num_frames):
                for i in range(held):
                    row, column = divmod(touched[i], width)
                    for channel in range(3):
                        frames[later, row, column, channel] = frames[0, row, column, channel]
        frame = frames[max(t, 0)]
        for place in range(num_bodies):
            b = place if t < 0 else num_bodies - 1 - place
            if fixed[b] != (t < 0):
                continue
            at = max(t, 0)
            if shape[b] != POLYGONS:
                count = _paint_simple(
                    frame, rest, mixed, touched, count, shape[b], color[b], background,
                    center[at, b, 0], center[at, b, 1], size[at, b],
                )  # fmt: skip
                continue
            _place_parts(
                corners, starts, first_part[b], first_part[b + 1], center[at, b, 0], center[at, b, 1],
                angle[at, b], scale[at, b], normals, placed, height, width, spans, rows,
            )  # fmt: skip
            count = _paint_parts(
                frame, rest, mixed, touched, count, color[b], background, starts, first_part[b],
                first_part[b + 1], normals, spans, rows, first, second,
            )  # fmt: skip
        if t >= 0:
            for i in range(held, count):
                flat_rest[touched[i]] = 1.0
            for i in range(held):
                flat_rest[touched[i]] = held_rest[i]
                for channel in range(3):
                    flat_mixed[touched[i], channel] = held_mixed[i, channel]
            count = held


@compiled(nogil=True)
def _paint_hard(frames, shape, color, center, angle, size, scale, fixed, corners, starts, first_part):
    """As ``_paint_bodies``, but a pixel is all of the colour of what covers its middle."""
    num_frames, height, width, _ = frames.shape
    normals, placed = np.empty((len(corners), 3)), np.empty((len(corners), 2))
    for t in range(num_frames):
        for last in range(2):  # what is fixed covers the rest
            for b in range(len(shape)):
                if fixed[b] != (last == 1):
                    continue
                cx, cy, r = center[t, b, 0], center[t, b, 1], size[t, b]
                left, right = _bounds(cx, r, width)
                top, bottom = _bounds(cy, r, height)
                for p in range(first_part[b], first_part[b + 1]):
                    first, end = starts[p], starts[p + 1]
                    if shape[b] == POLYGONS:
                        _place(
                            corners[first:end], cx, cy, angle[t, b], scale[t, b], normals[first:end],
                            placed[first:end],
                        )  # fmt: skip
                    for row in range(top, bottom):
                        for column in range(left, right):
                            x, y = column + 0.5, row + 0.5
                            covered = True
                            if shape[b] == POLYGONS:
                                for i in range(first, end):
                                    if normals[i, 0] * x + normals[i, 1] * y + normals[i, 2] < 0:
                                        covered = False
                            elif (x - cx) ** 2 + (y - cy) ** 2 > r * r:
                                covered = False
                            if covered:
                                for channel in range(3):
                                    frames[t, row, column, channel] = np.uint8(color[b, channel])
