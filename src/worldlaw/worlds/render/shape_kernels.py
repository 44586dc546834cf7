"""Balls, squares and rings: the exact share that each covers of a pixel, and videos painted by it."""

from __future__ import annotations

import math

import numpy as np

from worldlaw.core.compiled import compiled
from worldlaw.core.types import RING_HOLE, SHAPES

BALL, SQUARE, RING = range(len(SHAPES))


@compiled(nogil=True)  # it writes to its own frames only: threads may draw clips at the same time
def paint_shapes(frames, shape, color, center, size):
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


@compiled
def _paint_alone(frame, color, cx, cy, r, hx):
    """Paint a ball that shares no pixel with another body: whole rows inside, exact shares along the edge."""
    height, width = frame.shape[:2]
    left, right = bounds(cx, r, width)
    top, bottom = bounds(cy, r, height)
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
def _paint_together(frame, shape, color, background, center, size, b):
    """Paint the pixels of body b with all that is in them: the last drawn covers first."""
    height, width = frame.shape[:2]
    left, right = bounds(center[b, 0], size[b], width)
    top, bottom = bounds(center[b, 1], size[b], height)
    for row in range(top, bottom):
        for column in range(left, right):
            if share_of_pixel(shape[b], column, row, center[b, 0], center[b, 1], size[b]) == 0.0:
                continue
            rest = 1.0
            red = green = blue = 0.0
            for other in range(len(shape) - 1, -1, -1):
                if other != b and _apart(center[b], size[b], center[other], size[other]):
                    continue
                cover = share_of_pixel(
                    shape[other], column, row, center[other, 0], center[other, 1], size[other]
                )
                cover = min(cover, rest)
                rest -= cover
                red += cover * color[other, 0]
                green += cover * color[other, 1]
                blue += cover * color[other, 2]
            frame[row, column, 0] = int(red + rest * background[0] + 0.5)
            frame[row, column, 1] = int(green + rest * background[1] + 0.5)
            frame[row, column, 2] = int(blue + rest * background[2] + 0.5)


@compiled
def _apart(first, first_size, second, second_size):
    """Whether no pixel can be covered by both bodies: their boxes, grown to whole pixels, do not meet."""
    reach = first_size + second_size + 2.0
    return abs(first[0] - second[0]) > reach or abs(first[1] - second[1]) > reach


@compiled
def cover_shape(out, shape, cx, cy, size):
    """Write the share of every pixel that a body covers into ``out`` (H, W); lengths in pixels, y down."""
    left, right = bounds(cx, size, out.shape[1])
    top, bottom = bounds(cy, size, out.shape[0])
    for row in range(top, bottom):
        for column in range(left, right):
            out[row, column] = share_of_pixel(shape, column, row, cx, cy, size)


@compiled
def share_of_pixel(shape: int, column: int, row: int, cx: float, cy: float, size: float) -> float:
    """Share of a pixel that a body covers."""
    if shape == SQUARE:
        return _overlap(column, column + 1, cx, size) * _overlap(row, row + 1, cy, size)
    cover = _disc_pixel(column, row, cx, cy, size)
    if shape == RING and cover > 0:
        cover -= _disc_pixel(column, row, cx, cy, size * RING_HOLE)
    return cover


@compiled
def bounds(center: float, size: float, limit: int) -> tuple[int, int]:
    """First and end of the rows or columns of a picture that a body reaches."""
    return max(0, math.floor(center - size)), min(limit, math.ceil(center + size))


@compiled
def _overlap(low: float, high: float, center: float, half: float) -> float:
    return max(0.0, min(high, center + half) - max(low, center - half))


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
def _corner_area(x: float, y: float, r: float, hx: float, hy: float) -> float:
    """Area of a disc at the origin left of x and below y, given the half-chord areas at x and at y."""
    quarter = 0.25 * math.pi * r * r
    if x <= -r or y <= -r:
        return 0.0
    # Corner within the disc: the rectangle to the axes, two half-chord areas and a quarter disc, all signed.
    if x * x + y * y < r * r:
        return x * y + hx + hy + quarter
    if x < 0 and y < 0:
        return 0.0
    # Corner outside: the lines through it do not cross within the disc, so whole segments add up.
    left = 2 * (quarter + hx)  # the part of the disc left of x
    below = 2 * (quarter + hy)
    if x < 0:
        return left
    if y < 0:
        return below
    return left + below - 4 * quarter


@compiled
def _half_chord_area(x: float, r: float) -> float:
    """Area of the upper half of a disc between 0 and x: the integral of sqrt(r² - s²) ds from 0 to x."""
    x = min(max(x, -r), r)
    return 0.5 * (x * math.sqrt(max(r * r - x * x, 0.0)) + r * r * math.asin(x / r))
