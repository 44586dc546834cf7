"""Bodies that turn or are fixed, painted by exact area; fixed ones cover moving ones, later earlier ones."""

from __future__ import annotations

import math

import numpy as np

from worldlaw.core.compiled import compiled
from worldlaw.core.types import SHAPES
from worldlaw.worlds.render.polygon_kernels import MAX_CORNERS, place_parts, share_of_parts, share_of_polygon
from worldlaw.worlds.render.shape_kernels import BALL, bounds, share_of_pixel

POLYGONS = len(SHAPES)  # of a body that consists of parts


@compiled(nogil=True)
def paint_rigid(frames, shape, color, center, angle, size, scale, fixed, corners, starts, first_part):
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
                    frame,
                    rest,
                    mixed,
                    touched,
                    count,
                    shape[b],
                    color[b],
                    background,
                    center[at, b, 0],
                    center[at, b, 1],
                    size[at, b],
                )
                continue
            place_parts(
                corners,
                starts,
                first_part[b],
                first_part[b + 1],
                center[at, b, 0],
                center[at, b, 1],
                angle[at, b],
                scale[at, b],
                normals,
                placed,
                height,
                width,
                spans,
                rows,
            )
            count = _paint_parts(
                frame,
                rest,
                mixed,
                touched,
                count,
                color[b],
                background,
                starts,
                first_part[b],
                first_part[b + 1],
                normals,
                spans,
                rows,
                first,
                second,
            )
        if t >= 0:
            for i in range(held, count):
                flat_rest[touched[i]] = 1.0
            for i in range(held):
                flat_rest[touched[i]] = held_rest[i]
                for channel in range(3):
                    flat_mixed[touched[i], channel] = held_mixed[i, channel]
            count = held


@compiled
def _paint_parts(
    frame,
    rest,
    mixed,
    touched,
    count,
    color,
    background,
    starts,
    first_part,
    last_part,
    normals,
    spans,
    rows,
    first,
    second,
):
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
                        cover = share_of_parts(
                            normals, starts, p, first_part, last_part, spans, column, row, first, second
                        )
                    else:
                        cover = share_of_polygon(
                            normals, starts[p], starts[p + 1], column, row, first, second
                        )
                    if cover > 0.0:
                        count = _add(
                            frame, rest, mixed, touched, count, column, row, cover, color, background
                        )
                column += 1
    return count


@compiled
def _paint_simple(frame, rest, mixed, touched, count, shape, color, background, cx, cy, size):
    """Paint a body without parts; returns the number of touched pixels."""
    height, width = rest.shape
    left, right = bounds(cx, size, width)
    top, bottom = bounds(cy, size, height)
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
            cover = share_of_pixel(shape, column, row, cx, cy, size)
            if cover > 0.0 and rest[row, column] > 0.0:
                count = _add(frame, rest, mixed, touched, count, column, row, cover, color, background)
        count = _fill(frame, rest, mixed, touched, count, row, solid_first, solid_last, color, background)
        for column in range(solid_last, last):
            cover = share_of_pixel(shape, column, row, cx, cy, size)
            if cover > 0.0 and rest[row, column] > 0.0:
                count = _add(frame, rest, mixed, touched, count, column, row, cover, color, background)
    return count


@compiled
def _near_and_far(y0):
    """Least and greatest distance from a centre of the row of pixels that begins ``y0`` from it."""
    y1 = y0 + 1.0
    return 0.0 if y0 < 0.0 < y1 else min(abs(y0), abs(y1)), max(abs(y0), abs(y1))


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
