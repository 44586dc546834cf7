"""Bodies of convex polygons: the exact share that one covers of a pixel, and which pixels it reaches.

An edge is an inward unit normal n with an offset d, so that n . p + d >= 0 inside. Most pixels lie wholly
within or without all edges, or are cut by one of them; only the rest are cut corner by corner.
"""

from __future__ import annotations

import math

import numpy as np

from worldlaw.core.compiled import compiled

MAX_CORNERS = 64  # of a polygon cut by a pixel and by other polygons
PARALLEL = -1 + 1e-12  # cosine between the inward normals of two sides of a strip
FLAT = 1e-9  # a normal this upright belongs to a level edge


@compiled
def cover_parts(out, corners, starts, cx, cy, angle, scale):
    """Write the share of every pixel that a body of parts covers into ``out`` (H, W); pixels, y down."""
    height, width = out.shape
    num_parts = len(starts) - 1
    normals, placed = np.empty((len(corners), 3)), np.empty((len(corners), 2))
    first, second = np.empty((MAX_CORNERS, 2)), np.empty((MAX_CORNERS, 2))
    spans, rows = np.empty((num_parts, height, 4), np.int64), np.empty((num_parts, 2), np.int64)
    place_parts(
        corners, starts, 0, num_parts, cx, cy, angle, scale, normals, placed, height, width, spans, rows
    )
    for p in range(num_parts):
        for row in range(rows[p, 0], rows[p, 1]):
            for column in range(spans[p, row, 0], spans[p, row, 3]):
                share = share_of_parts(normals, starts, p, 0, num_parts, spans, column, row, first, second)
                if share > 0.0:
                    out[row, column] = share


@compiled
def place_parts(
    corners, starts, first_part, last_part, cx, cy, angle, scale, normals, placed, height, width, spans, rows
):
    """Edges (normals, offsets) and corners of a body's parts in the picture; rows and spans of each."""
    for p in range(first_part, last_part):
        a, b = starts[p], starts[p + 1]
        place_polygon(corners[a:b], cx, cy, angle, scale, normals[a:b], placed[a:b])
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
def place_polygon(corners, cx, cy, angle, scale, normals, placed):
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
def share_of_parts(normals, starts, own, first_part, last_part, spans, column, row, first, second):
    """Share of a pixel that a body covers; 0 unless ``own`` is the first of its parts that covers any of it.

    Where several parts do, their union is taken by inclusion and exclusion.
    """
    share = share_of_polygon(normals, starts[own], starts[own + 1], column, row, first, second)
    if share == 0.0:
        return 0.0
    covering = 1 << (own - first_part)
    for p in range(first_part, last_part):
        if p == own or not spans[p, row, 0] <= column < spans[p, row, 3]:
            continue
        other = share_of_polygon(normals, starts[p], starts[p + 1], column, row, first, second)
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


@compiled(inline="always")
def share_of_polygon(normals, start, stop, column, row, first, second):
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


@compiled(inline="always")
def _half_plane_area(nx: float, ny: float, d: float) -> float:
    """Share of the unit square about the origin in which n . p + d >= 0, for a unit normal n."""
    # By symmetry the normal may be taken to point between right and 45 degrees up. The area is then linear
    # in d while the line crosses top and bottom, and loses a right triangle once it cuts a corner.
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
def _clip(points, count, nx, ny, d, out):
    """What of a convex polygon lies where n . p + d >= 0, into ``out``; returns its number of corners.

    One step of Sutherland and Hodgman (1974).
    """
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
def _unit_square(column, row, points):
    points[0, 0], points[0, 1] = column, row
    points[1, 0], points[1, 1] = column + 1, row
    points[2, 0], points[2, 1] = column + 1, row + 1
    points[3, 0], points[3, 1] = column, row + 1
    return 4
