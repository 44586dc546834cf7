"""(scene, trajectory) -> video: every pixel gets exactly the share of colour that bodies cover of its area.

A centroid read back from such a picture is exact up to rounding to 8 bits, which is what makes the
measurement floor so low. Where bodies meet in a pixel, the ones drawn later cover the ones before; what is
left shows the background.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, UInt8

from worldlaw.core.colors import COLORS
from worldlaw.core.compiled import compiled
from worldlaw.core.errors import BadInput
from worldlaw.core.types import RING_HOLE, SHAPES, Scene, Trajectory

VERSION = 1  # raise it whenever the same trajectory would give other pixels
EDGES = ("area", "study")
BALL, SQUARE, RING = range(len(SHAPES))


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
    only.
    """
    height, width = frame_shape(scene.extent, resolution)
    size = (trajectory.num_frames, height, width, 3)
    frames = out if out is not None and out.shape == size else np.empty(size, np.uint8)
    background = COLORS[scene.background]
    if len(set(background)) == 1:
        frames.fill(background[0])  # several times faster than three values in turn
    else:
        frames[...] = np.array(background, np.uint8)
    shape = np.array([SHAPES.index(body.shape) for body in scene.bodies])
    color = np.array([COLORS[body.color] for body in scene.bodies], float)
    if edge == "study":
        _paint_study(frames, shape, color, trajectory.position, trajectory.size, np.array(scene.extent))
        return frames
    scale = height / scene.extent[1]
    center = trajectory.position * scale
    center[..., 1] = height - center[..., 1]
    _paint(frames, shape, color, center, trajectory.size * scale)
    return frames


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
