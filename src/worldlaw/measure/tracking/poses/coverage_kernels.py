"""The compiled part of tracking by synthesis: an outline as exact coverage, its derivative, poses that fit.

An outline is one or more closed contours about the centroid of a body, drawn at a pose (x, y, angle). Every
contour is walked pixel by pixel; a piece of an edge inside one pixel adds the area to its right to a running
sum along the row, which is exact for any simple polygon that turns from x to y, concave or with holes. The
derivative of the covered area by the pose is the integral of the boundary's velocity along its normal, which
for a straight piece is the value at its middle.

A picture is ``paint`` (H, W, 3): background minus pixel. Bodies are summed up in ``mix`` (H, W, 3), coverage
times paint, and ``total`` (H, W), coverage. Lengths are pixels, x right, y down, the corner of the picture at
(0, 0); angles turn from x to y.
"""

from __future__ import annotations

import math

import numpy as np

from worldlaw.core.compiled import compiled


@compiled
def draw(points, starts, x, y, angle, cover, slope):
    """Draw contours ``points[starts[c]:starts[c + 1]]`` at a pose into ``cover`` (H, W), ``slope`` (H, W, 3).

    ``slope`` gets the derivative of the coverage by x, y and angle. Only the window (top, bottom, left,
    right) that is returned is written.
    """
    height, width = cover.shape
    cos, sin = math.cos(angle), math.sin(angle)
    low_x = low_y = 1e9
    high_x = high_y = -1e9
    for i in range(len(points)):
        px, py = x + cos * points[i, 0] - sin * points[i, 1], y + sin * points[i, 0] + cos * points[i, 1]
        low_x, high_x, low_y, high_y = min(low_x, px), max(high_x, px), min(low_y, py), max(high_y, py)
    top, bottom = max(0, math.floor(low_y)), min(height, math.floor(high_y) + 1)
    left, right = max(0, math.floor(low_x)), min(width, math.floor(high_x) + 1)
    if top >= bottom or left >= right:
        return 0, 0, 0, 0
    cover[top:bottom, left:right] = 0.0
    slope[top:bottom, left:right] = 0.0
    for c in range(len(starts) - 1):
        for i in range(starts[c], starts[c + 1]):
            j = i + 1 if i + 1 < starts[c + 1] else starts[c]
            ax, ay = x + cos * points[i, 0] - sin * points[i, 1], y + sin * points[i, 0] + cos * points[i, 1]
            bx, by = x + cos * points[j, 0] - sin * points[j, 1], y + sin * points[j, 0] + cos * points[j, 1]
            dx, dy = bx - ax, by - ay
            first, last = math.floor(min(ay, by)), math.floor(max(ay, by))
            for row in range(max(first, top), min(last, bottom - 1) + 1):
                if dy == 0.0:
                    t0, t1 = 0.0, 1.0
                else:
                    t0, t1 = (row - ay) / dy, (row + 1 - ay) / dy
                    if t0 > t1:
                        t0, t1 = t1, t0
                    t0, t1 = max(t0, 0.0), min(t1, 1.0)
                if t1 <= t0:
                    continue
                xa, xb = ax + t0 * dx, ax + t1 * dx
                begin, end = math.floor(min(xa, xb)), math.floor(max(xa, xb))
                if begin < left:  # what lies left of the view covers all of the row right of it
                    s0, s1 = t0, t1
                    if end >= left:
                        cut = (left - ax) / dx
                        if dx > 0:
                            s1 = min(s1, cut)
                        else:
                            s0 = max(s0, cut)
                    if s1 > s0:
                        cover[row, left] -= (s1 - s0) * dy
                for column in range(max(begin, left), min(end, right - 1) + 1):
                    s0, s1 = t0, t1
                    if end > begin:
                        u0, u1 = (column - ax) / dx, (column + 1 - ax) / dx
                        if u0 > u1:
                            u0, u1 = u1, u0
                        s0, s1 = max(s0, u0), min(s1, u1)
                        if s1 <= s0:
                            continue
                    part_x, part_y, middle = (s0 - s1) * dx, (s0 - s1) * dy, 0.5 * (s0 + s1)
                    mx, my = ax + middle * dx, ay + middle * dy
                    share = mx - column
                    cover[row, column] += part_y * (1.0 - share)
                    if column + 1 < right:
                        cover[row, column + 1] += part_y * share
                    slope[row, column, 0] -= part_y
                    slope[row, column, 1] += part_x
                    slope[row, column, 2] += part_y * (my - y) + part_x * (mx - x)
    for row in range(top, bottom):
        running = 0.0
        for column in range(left, right):
            running += cover[row, column]
            cover[row, column] = min(max(running, 0.0), 1.0)
    return top, bottom, left, right


@compiled
def draw_corners(points, starts, cover, slope, edge):
    """Coverage (H, W) of contours, and its derivative (H, W, 2 P) by each of the P corners' coordinates.

    ``edge`` (H, W) says where the derivative is not 0.
    """
    height, width = cover.shape
    cover[:] = 0.0
    slope[:] = 0.0
    edge[:] = False
    for c in range(len(starts) - 1):
        for i in range(starts[c], starts[c + 1]):
            j = i + 1 if i + 1 < starts[c + 1] else starts[c]
            ax, ay, bx, by = points[i, 0], points[i, 1], points[j, 0], points[j, 1]
            dx, dy = bx - ax, by - ay
            first, last = math.floor(min(ay, by)), math.floor(max(ay, by))
            for row in range(max(first, 0), min(last, height - 1) + 1):
                if dy == 0.0:
                    t0, t1 = 0.0, 1.0
                else:
                    t0, t1 = (row - ay) / dy, (row + 1 - ay) / dy
                    if t0 > t1:
                        t0, t1 = t1, t0
                    t0, t1 = max(t0, 0.0), min(t1, 1.0)
                if t1 <= t0:
                    continue
                xa, xb = ax + t0 * dx, ax + t1 * dx
                begin, end = math.floor(min(xa, xb)), math.floor(max(xa, xb))
                for place in range(begin, end + 1):
                    s0, s1 = t0, t1
                    if end > begin:
                        u0, u1 = (place - ax) / dx, (place + 1 - ax) / dx
                        if u0 > u1:
                            u0, u1 = u1, u0
                        s0, s1 = max(s0, u0), min(s1, u1)
                        if s1 <= s0:
                            continue
                    part_x, part_y, middle = (s0 - s1) * dx, (s0 - s1) * dy, 0.5 * (s0 + s1)
                    column = max(place, 0)
                    if column >= width:
                        continue
                    share = ax + middle * dx - place if place >= 0 else 0.0
                    cover[row, column] += part_y * (1.0 - share)
                    if column + 1 < width:
                        cover[row, column + 1] += part_y * share
                    if place < 0:
                        continue
                    edge[row, column] = True
                    slope[row, column, 2 * i] -= part_y * (1.0 - middle)
                    slope[row, column, 2 * i + 1] += part_x * (1.0 - middle)
                    slope[row, column, 2 * j] -= part_y * middle
                    slope[row, column, 2 * j + 1] += part_x * middle
    for row in range(height):
        running = 0.0
        for column in range(width):
            running += cover[row, column]
            cover[row, column] = min(max(running, 0.0), 1.0)


@compiled
def load(frame, background, paint):
    """Background minus frame, into ``paint``."""
    height, width, _ = frame.shape
    for row in range(height):
        for column in range(width):
            for k in range(3):
                paint[row, column, k] = background[k] - frame[row, column, k]


@compiled
def add(cover, window, color, sign, mix, total):
    """Put a drawn body into the picture (sign 1) or take it out (sign -1)."""
    top, bottom, left, right = window
    for row in range(top, bottom):
        for column in range(left, right):
            share = sign * cover[row, column]
            if share != 0.0:
                total[row, column] += share
                for k in range(3):
                    mix[row, column, k] += share * color[k]


@compiled(inline="always")
def _squared(a, b, c):
    return a * a + b * b + c * c


@compiled
def _with(paint, mix, total, row, column, share, color):
    """Squared residual of a pixel with a body's share added to the others', and whether it lies on top.

    Where shares exceed the pixel, the body lies above or below the others, whichever looks more alike.
    """
    rest = total[row, column]
    p0, p1, p2 = paint[row, column, 0], paint[row, column, 1], paint[row, column, 2]
    m0, m1, m2 = mix[row, column, 0], mix[row, column, 1], mix[row, column, 2]
    if rest <= 0.0 or rest + share <= 1.0:
        return _squared(p0 - m0 - share * color[0], p1 - m1 - share * color[1], p2 - m2 - share * color[2]), 1
    above = (1.0 - share) / rest
    over = _squared(
        p0 - above * m0 - share * color[0],
        p1 - above * m1 - share * color[1],
        p2 - above * m2 - share * color[2],
    )
    scale = 1.0 / max(rest, 1.0)
    share = max(0.0, 1.0 - rest)
    under = _squared(
        p0 - scale * m0 - share * color[0],
        p1 - scale * m1 - share * color[1],
        p2 - scale * m2 - share * color[2],
    )
    if over < under:
        return over, 2
    return under, 3


@compiled
def _without(paint, mix, total, row, column):
    """Squared residual of a pixel with what is in the picture."""
    scale = 1.0 / max(total[row, column], 1.0)
    return _squared(
        paint[row, column, 0] - scale * mix[row, column, 0],
        paint[row, column, 1] - scale * mix[row, column, 1],
        paint[row, column, 2] - scale * mix[row, column, 2],
    )


@compiled
def fit(paint, mix, total, points, starts, color, reach, turns, pose, num_steps, cover, slope):
    """Gauss-Newton from a pose (x, y, angle) to the one at which a body fits the picture best.

    The body itself is not in ``mix`` and ``total``. Large residuals count less (Huber's weights). Returns the
    pose; ``cover`` and ``slope`` are scratch.
    """
    x, y, angle = pose
    strength = _squared(color[0], color[1], color[2])
    a = np.zeros((3, 3))
    g = np.zeros(3)
    j = np.zeros(3)
    for _ in range(num_steps):
        top, bottom, left, right = draw(points, starts, x, y, angle, cover, slope)
        a[:] = 0.0
        g[:] = 0.0
        for row in range(top, bottom):
            for column in range(left, right):
                j[0], j[1], j[2] = slope[row, column, 0], slope[row, column, 1], slope[row, column, 2]
                if j[0] == 0.0 and j[1] == 0.0:
                    continue
                share = cover[row, column]
                squared, place = _with(paint, mix, total, row, column, share, color)
                if place == 3:
                    continue
                rest = total[row, column]
                above = 1.0 if place == 1 else (1.0 - share) / rest
                along = norm = 0.0
                for k in range(3):
                    lever = color[k] if place == 1 else color[k] - mix[row, column, k] / rest
                    along += lever * (paint[row, column, k] - above * mix[row, column, k] - share * color[k])
                    norm += lever * lever
                weight = 1.0 / strength
                size = math.sqrt(squared / strength)
                if size > 0.5:
                    weight *= 0.5 / size
                if not turns:
                    j[2] = 0.0
                j[2] /= reach
                for m in range(3):
                    g[m] += weight * along * j[m]
                    for n in range(3):
                        a[m, n] += weight * norm * j[m] * j[n]
        trace = a[0, 0] + a[1, 1] + a[2, 2]
        if trace <= 0.0:
            break
        for m in range(3):
            a[m, m] += 1e-4 * trace
        step = np.linalg.solve(a, g)
        length = math.sqrt(step[0] * step[0] + step[1] * step[1] + step[2] * step[2])
        if length > 2.0:
            step *= 2.0 / length
        x += step[0]
        y += step[1]
        if turns:
            angle += step[2] / reach
        if length < 2e-3:
            break
    return x, y, angle


@compiled
def gain(paint, mix, total, cover, window, color, limit):
    """How much better the picture is explained with a body than without it, in pixels.

    A pixel's error is its squared residual over ``limit``, at most 1. Returns (gain, gain of a perfect match
    on an empty picture, error that stays, area inside the view, area where the shares exceed the pixel,
    how much of the body's colour lies where it is drawn: 1 for a match, about a half if that is blurred).
    """
    top, bottom, left, right = window
    strength = _squared(color[0], color[1], color[2])
    better = ideal = after = area = overlap = shown = weight = 0.0
    for row in range(top, bottom):
        for column in range(left, right):
            share = cover[row, column]
            if share > 0.0:
                squared, _ = _with(paint, mix, total, row, column, share, color)
                before = _without(paint, mix, total, row, column)
                better += min(1.0, before / limit) - min(1.0, squared / limit)
                after += min(1.0, squared / limit)
                ideal += min(1.0, share * share * strength / limit)
                along = 0.0
                for k in range(3):
                    along += (paint[row, column, k] - mix[row, column, k]) * color[k]
                shown += share * min(max(along / strength, 0.0), 1.0)
                weight += share * share
                area += share
                overlap += max(0.0, share + min(1.0, total[row, column]) - 1.0)
    return better, ideal, after, area, overlap, shown / max(weight, 1e-9)


@compiled
def error(paint, mix, total, limit):
    """Sum over pixels of the squared residual over ``limit``, at most 1 each, plus shares beyond a pixel."""
    height, width = total.shape
    amount = 0.0
    for row in range(height):
        for column in range(width):
            squared = _without(paint, mix, total, row, column)
            if squared > 1e-3 * limit:
                amount += min(1.0, squared / limit)
            amount += max(0.0, total[row, column] - 1.05)
    return amount


@compiled
def color_share(paint, mix, total, color, limit, out):
    """How much of each pixel asks for a colour, into ``out`` (H, W): 1 for all of it, below 0 for little.

    Returns how many pixels ask for more than a quarter.
    """
    height, width = out.shape
    strength = _squared(color[0], color[1], color[2])
    count = 0
    for row in range(height):
        for column in range(width):
            rest = total[row, column]
            if rest > 0.6:
                out[row, column] = -0.25
                continue
            r0 = paint[row, column, 0] - mix[row, column, 0]
            r1 = paint[row, column, 1] - mix[row, column, 1]
            r2 = paint[row, column, 2] - mix[row, column, 2]
            squared = _squared(r0, r1, r2)
            if squared < 1e-3 * limit:
                out[row, column] = -1.0 if rest < 0.2 else -0.25
                continue
            share = (r0 * color[0] + r1 * color[1] + r2 * color[2]) / strength
            other = math.sqrt(max(0.0, squared - share * share * strength) / limit)
            share = min(max(share, 0.0), 1.0) / (1.0 - rest)
            value = min(1.0, 1.6 * share - 0.6) - other
            out[row, column] = max(-1.0, value)
            if value > -0.2:
                count += 1
    return count


@compiled
def search(want, inner, outer, angles, stride, enough, found):
    """Poses at which a body would explain much of what is wanted, into ``found`` (N, 4): score, x, y, angle.

    ``inner`` (S, 2) are points inside the outline about its centroid, the first of which is laid onto every
    wanted pixel in turn, ``outer`` points just outside. The score is the mean of ``want`` inside less half of
    the mean of what is wanted outside. Returns how many poses score more than ``enough``.
    """
    height, width = want.shape
    num_inner, num_outer = len(inner), len(outer)
    count = 0
    for turn in range(len(angles)):
        cos, sin = math.cos(angles[turn]), math.sin(angles[turn])
        anchor_x = cos * inner[0, 0] - sin * inner[0, 1]
        anchor_y = sin * inner[0, 0] + cos * inner[0, 1]
        for row in range(turn % stride, height, stride):
            for column in range(turn // stride % stride, width, stride):
                if want[row, column] < 0.0:
                    continue
                x, y = column + 0.5 - anchor_x, row + 0.5 - anchor_y
                score = want[row, column]
                hopeless = False
                for i in range(1, num_inner):
                    u = math.floor(x + cos * inner[i, 0] - sin * inner[i, 1])
                    v = math.floor(y + sin * inner[i, 0] + cos * inner[i, 1])
                    if 0 <= u < width and 0 <= v < height:
                        score += want[v, u]
                    else:
                        score -= 1.0
                    if score + (num_inner - 1 - i) < enough * num_inner:
                        hopeless = True
                        break
                if hopeless:
                    continue
                score /= num_inner
                for i in range(num_outer):
                    u = math.floor(x + cos * outer[i, 0] - sin * outer[i, 1])
                    v = math.floor(y + sin * outer[i, 0] + cos * outer[i, 1])
                    if 0 <= u < width and 0 <= v < height and want[v, u] > 0:
                        score -= 0.5 * want[v, u] / num_outer
                if score > enough:
                    if count < len(found):
                        found[count, 0], found[count, 1], found[count, 2] = score, x, y
                        found[count, 3] = angles[turn]
                        count += 1
                    else:  # full: the worst makes room
                        worst = 0
                        for i in range(1, len(found)):
                            if found[i, 0] < found[worst, 0]:
                                worst = i
                        if score > found[worst, 0]:
                            found[worst, 0], found[worst, 1], found[worst, 2] = score, x, y
                            found[worst, 3] = angles[turn]
    return count


@compiled
def excess(paint, mix, total, limit, slack, wrong):
    """What no body explains even if its edge were ``slack`` pixels elsewhere, into ``wrong`` (H, W), 0 to 1.

    A drawn pixel may be mixed with any of its eight neighbours, as far as ``slack`` goes. What then remains
    of the residual is taken as a share of the stronger of pixel and drawn pixel, or of the weakest colour.
    Returns the sum.
    """
    height, width = wrong.shape
    drawn = np.empty((height, width, 3), np.float32)
    for row in range(height):
        for column in range(width):
            scale = 1.0 / max(total[row, column], 1.0)
            for k in range(3):
                drawn[row, column, k] = scale * mix[row, column, k]
    amount = 0.0
    r = np.empty(3)
    for row in range(height):
        for column in range(width):
            wrong[row, column] = 0.0
            for k in range(3):
                r[k] = paint[row, column, k] - drawn[row, column, k]
            squared = _squared(r[0], r[1], r[2])
            if squared < 0.01 * limit or total[row, column] > 1.3:  # bodies overlap: either may show
                continue
            best = squared
            for side in range(8):
                if side < 4:
                    u = column + (1 if side == 0 else -1 if side == 1 else 0)
                    v = row + (1 if side == 2 else -1 if side == 3 else 0)
                else:
                    u, v = column + (1 if side % 2 else -1), row + (1 if side < 6 else -1)
                if u < 0 or v < 0 or u >= width or v >= height:
                    continue
                along = norm = 0.0
                for k in range(3):
                    d = drawn[v, u, k] - drawn[row, column, k]
                    along += d * r[k]
                    norm += d * d
                if along <= 0.0:
                    continue
                step = min(slack, along / norm)
                best = min(best, squared - 2 * step * along + step * step * norm)
            p0, p1, p2 = paint[row, column, 0], paint[row, column, 1], paint[row, column, 2]
            q0, q1, q2 = drawn[row, column, 0], drawn[row, column, 1], drawn[row, column, 2]
            strongest = max(limit, _squared(p0, p1, p2), _squared(q0, q1, q2))
            share = math.sqrt(max(best, 0.0) / strongest)
            if share > 0.15:
                wrong[row, column] = min(1.0, share)
                amount += wrong[row, column]
    return amount
