"""The compiled part of foreign tracking: backdrops, how like a thing pixels are, outlines met by rays."""

from __future__ import annotations

import math

import numpy as np

from worldlaw.core.compiled import compiled

SHADE_LEAST, SHADE_MOST = 0.45, 1.06  # what light a shadow leaves of the backdrop's; a little glare
BLOCKED = -1.0  # in a map of likeness: what covers the pixel is another thing
LEAST_CONTRAST = 0.35  # of likeness, across an outline that is there


@compiled(inline="always")
def _from_ground(red, green, blue, ground_red, ground_green, ground_blue):
    """Squared distance of a colour to a backdrop's, shaded as a shadow may; RGB levels."""
    energy = ground_red * ground_red + ground_green * ground_green + ground_blue * ground_blue + 1e-6
    shade = (red * ground_red + green * ground_green + blue * ground_blue) / energy
    shade = min(max(shade, SHADE_LEAST), SHADE_MOST)
    red -= shade * ground_red
    green -= shade * ground_green
    blue -= shade * ground_blue
    return red * red + green * green + blue * blue


@compiled(inline="always")
def _from_paint(red, green, blue, paint):
    """Squared distance of a colour to the nearest one of a thing's surface."""
    least = 1e12
    for k in range(paint.shape[0]):
        r = red - paint[k, 0]
        g = green - paint[k, 1]
        b = blue - paint[k, 2]
        least = min(least, r * r + g * g + b * b)
    return least


@compiled
def middle(video, frames, gain, out):
    """Median over an odd number of frames of every channel, each frame divided by its gain (T, 3)."""
    count = len(frames)
    values = np.empty(count, np.float32)
    share = (1 / gain).astype(np.float32)
    for row in range(video.shape[1]):
        for column in range(video.shape[2]):
            for c in range(3):
                for k in range(count):
                    value = np.float32(video[frames[k], row, column, c]) * share[frames[k], c]
                    at = k
                    while at > 0 and values[at - 1] > value:
                        values[at] = values[at - 1]
                        at -= 1
                    values[at] = value
                out[row, column, c] = values[count // 2]


@compiled
def uncovered(video, frames, gain, suspect, ground, paint, noise, least, out, known):
    """Where ``suspect``: median over the frames in which a pixel is nearer to ``ground`` than to any paint.

    Where that varies by much more than ``noise`` (levels) shadows pass, and the brighter values count.
    ``known`` says where at least ``least`` frames showed it; elsewhere ``out`` is left as it is.
    """
    count = len(frames)
    values = np.empty((3, count), np.float32)
    for row in range(video.shape[1]):
        for column in range(video.shape[2]):
            if not suspect[row, column]:
                continue
            found = 0
            g = ground[row, column]
            for k in range(count):
                t = frames[k]
                red = video[t, row, column, 0] / gain[t, 0]
                green = video[t, row, column, 1] / gain[t, 1]
                blue = video[t, row, column, 2] / gain[t, 2]
                away = _from_ground(red, green, blue, g[0], g[1], g[2])
                if 1.5 * away < _from_paint(red, green, blue, paint):
                    for c in range(3):
                        value = np.float32(video[t, row, column, c] / gain[t, c])
                        at = found
                        while at > 0 and values[c, at - 1] > value:
                            values[c, at] = values[c, at - 1]
                            at -= 1
                        values[c, at] = value
                    found += 1
            if found >= least:
                known[row, column] = True
                spread = 0.0
                for c in range(3):
                    spread += values[c, (found - 1) * 9 // 10] - values[c, (found - 1) // 10]
                if spread > 3 * 4 * noise:
                    for c in range(3):
                        out[row, column, c] = values[c, (found - 1) * 4 // 5]
                    continue
                for c in range(3):
                    out[row, column, c] = 0.5 * (values[c, (found - 1) // 2] + values[c, found // 2])


@compiled
def unlike_ground(frame, gain, ground, factor, out, shade):
    """Distance in levels of the mean of every block of ``factor`` squared pixels to the backdrop's (h, w).

    With ``shade`` a shadow does not count.
    """
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            red = green = blue = ground_red = ground_green = ground_blue = 0.0
            for i in range(row * factor, (row + 1) * factor):
                for j in range(column * factor, (column + 1) * factor):
                    red += frame[i, j, 0]
                    green += frame[i, j, 1]
                    blue += frame[i, j, 2]
                    ground_red += ground[i, j, 0]
                    ground_green += ground[i, j, 1]
                    ground_blue += ground[i, j, 2]
            n = factor * factor
            red, green, blue = red / n / gain[0], green / n / gain[1], blue / n / gain[2]
            ground_red, ground_green, ground_blue = ground_red / n, ground_green / n, ground_blue / n
            if shade:
                away = _from_ground(red, green, blue, ground_red, ground_green, ground_blue)
            else:
                away = (red - ground_red) ** 2 + (green - ground_green) ** 2 + (blue - ground_blue) ** 2
            out[row, column] = math.sqrt(away)


@compiled
def likeness(frame, gain, ground, paint, others, noise, left, top, out):
    """How much every pixel of a window is the thing and not its backdrop: 0 to 1, the share of the way.

    ``others`` are colours of things that may stand before it: what is nearer to one of them than to the
    thing's own counts as backdrop. ``noise`` is the variance of a pixel, summed over channels.
    """
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            row, column = top + i, left + j
            red = frame[row, column, 0] / gain[0]
            green = frame[row, column, 1] / gain[1]
            blue = frame[row, column, 2] / gain[2]
            g = ground[row, column]
            away = _from_ground(red, green, blue, g[0], g[1], g[2])
            if others.shape[0]:
                away = min(away, _from_paint(red, green, blue, others))
            near = _from_paint(red, green, blue, paint)
            away = math.sqrt(max(away - noise, 0.0))
            near = math.sqrt(max(near - noise, 0.0))
            out[i, j] = away / (away + near + 6.0)


@compiled
def block(out, left, top, x, y, outline, angle, scale, margin):
    """Mark the pixels of a window that another thing's outline, grown by ``margin``, covers."""
    count = len(outline)
    reach = outline.max() * scale + margin
    for i in range(max(0, int(y - reach) - top), min(out.shape[0], int(y + reach) + 2 - top)):
        for j in range(max(0, int(x - reach) - left), min(out.shape[1], int(x + reach) + 2 - left)):
            dx, dy = left + j + 0.5 - x, top + i + 0.5 - y
            far = math.sqrt(dx * dx + dy * dy)
            if far < reach:
                turn = (math.atan2(dy, dx) - angle) / (2 * math.pi) * count
                if far < outline[round(turn) % count] * scale + margin:
                    out[i, j] = BLOCKED


@compiled(inline="always")
def _sample(alike, x, y):
    """Likeness at a point of the window, between pixel middles; -1 blocked, -2 beyond the window."""
    x -= 0.5
    y -= 0.5
    j, i = math.floor(x), math.floor(y)
    if i < 0 or j < 0 or i + 1 >= alike.shape[0] or j + 1 >= alike.shape[1]:
        return -2.0
    a, b, c, d = alike[i, j], alike[i, j + 1], alike[i + 1, j], alike[i + 1, j + 1]
    if a < 0 or b < 0 or c < 0 or d < 0:
        return -1.0
    u, v = x - j, y - i
    return (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v


@compiled(inline="always")
def _radius(outline, turn):
    """Radius and its derivative by angle of an outline in a direction (rad)."""
    count = len(outline)
    place = turn / (2 * math.pi) * count
    low = math.floor(place)
    share = place - low
    a, b = outline[low % count], outline[(low + 1) % count]
    return a + share * (b - a), (b - a) * count / (2 * math.pi)


@compiled
def solve(matrix, vector):
    """The solution of a small symmetric positive system, and its inverse; zeros if it has none."""
    n = len(vector)
    inverse = np.zeros((n, n))
    work = matrix.copy()
    for k in range(n):
        inverse[k, k] = 1.0
    for k in range(n):
        pivot = work[k, k]
        if pivot < 1e-12:
            return np.zeros(n), np.zeros((n, n))
        for j in range(n):
            work[k, j] /= pivot
            inverse[k, j] /= pivot
        for i in range(n):
            if i != k:
                factor = work[i, k]
                for j in range(n):
                    work[i, j] -= factor * work[k, j]
                    inverse[i, j] -= factor * inverse[k, j]
    return inverse @ vector, inverse


@compiled
def meet(alike, outline, x, y, angle, scale, num_rays, half, edge, state):
    """Where rays from a point meet the edge: beyond the expected radius by how much, in px.

    ``edge`` (N,) px; ``state`` (N,): 1 met, 0 no edge there, -1 blocked, -2 out of the window.
    """
    steps = max(math.ceil(4 * half), 6)
    step = 2 * half / steps
    for k in range(num_rays):
        theta = 2 * math.pi * k / num_rays
        cos, sin = math.cos(theta), math.sin(theta)
        expected = _radius(outline, theta - angle)[0] * scale
        reach = min(half, 0.9 * expected)
        total = first = last = 0.0
        state[k] = 1
        for s in range(steps):
            r = expected - reach + (s + 0.5) * step * reach / half
            value = _sample(alike, x + r * cos, y + r * sin)
            if value < 0:
                state[k] = -1 if value > -1.5 else -2
                break
            total += value
            if 3 * s < steps:
                first += value
            elif 3 * s >= 2 * steps:
                last += value
        if state[k] < 0:
            continue
        thirds = (steps + 2) // 3
        if first / thirds - last / max(steps - (2 * steps + 2) // 3, 1) < LEAST_CONTRAST:
            state[k] = 0
            # A wide window that is all inside or all outside still says where to go.
            edge[k] = total / steps * 2 * reach - reach
            continue
        # Inside is not quite 1 and outside not quite 0: the edge is where the sum says, between the two.
        high, low = first / thirds, last / max(steps - (2 * steps + 2) // 3, 1)
        mean = total / steps
        edge[k] = min(max((mean - low) / (high - low), 0.0), 1.0) * 2 * reach - reach


@compiled(inline="always")
def _color(frame, x, y, c):
    """A channel at a point of the picture, between pixel middles; the point is well inside."""
    x -= 0.5
    y -= 0.5
    j, i = math.floor(x), math.floor(y)
    u, v = x - j, y - i
    upper = frame[i, j, c] * (1 - u) + frame[i, j + 1, c] * u
    lower = frame[i + 1, j, c] * (1 - u) + frame[i + 1, j + 1, c] * u
    return upper * (1 - v) + lower * v


@compiled
def meet_colors(frame, x, y, outline, angle, scale, num_rays, half, least, edge, state):
    """As ``meet``, near the edge, from the colours themselves: between those on the two sides of each ray.

    Only rays that met an edge before are looked at; those along which colours change by less than ``least``
    levels get state 0. Light and shadow differ from side to side, which moves an edge in likeness a little.
    """
    steps = max(math.ceil(3 * half), 9)
    third = steps // 3
    profile = np.empty((steps, 3))
    for k in range(num_rays):
        if state[k] != 1:
            continue
        theta = 2 * math.pi * k / num_rays
        cos, sin = math.cos(theta), math.sin(theta)
        expected = _radius(outline, theta - angle)[0] * scale
        reach = min(half, 0.6 * expected)
        far_x, far_y = x + (expected + reach) * cos, y + (expected + reach) * sin
        if not (1.0 < far_x < frame.shape[1] - 1.0 and 1.0 < far_y < frame.shape[0] - 1.0):
            state[k] = -2
            continue
        for s in range(steps):
            r = expected - reach + (s + 0.5) * 2 * reach / steps
            for c in range(3):
                profile[s, c] = _color(frame, x + r * cos, y + r * sin, c)
        contrast = 0.0
        total = 0.0
        for c in range(3):
            high = low = mean = 0.0
            for s in range(third):
                high += profile[s, c]
                low += profile[steps - 1 - s, c]
            high /= third
            low /= third
            for s in range(steps):
                mean += profile[s, c]
            mean /= steps
            contrast += (high - low) ** 2
            total += (mean - low) * (high - low)
        if contrast < least * least:
            state[k] = 0
            continue
        edge[k] = min(max(total / contrast, 0.0), 1.0) * 2 * reach - reach


@compiled
def fit(
    frame, left, top, least, alike, outline, x, y, angle, scale, usual, num_rays, wide, narrow, turns, out
):
    """Move an outline until its edge lies where likeness falls, then to where colours change.

    ``x`` and ``y`` are px of the window, whose corner ``left`` and ``top`` are px of the frame. ``usual`` is
    the scale that is expected; ``turns``: whether the outline may turn. ``out``: x, y, angle, scale, rms px
    of what remains, share of unblocked rays that met an edge, share of rays unblocked, variance of x, of y,
    share of all rays that lie in the picture.
    """
    edge = np.zeros(num_rays)
    state = np.zeros(num_rays, np.int64)
    weight = np.zeros(num_rays)
    unknowns = 4 if turns else 3
    row = np.zeros(unknowns)
    rms = 1e3
    inverse = np.zeros((unknowns, unknowns))
    met = free = inside = 0
    for turn in range(8):
        half = wide if turn < 2 else max(wide * 0.5, narrow) if turn < 4 else narrow
        meet(alike, outline, x, y, angle, scale, num_rays, half, edge, state)
        met = free = inside = 0
        for k in range(num_rays):
            if state[k] >= 0:
                free += 1
            if state[k] != -2:
                inside += 1
            if state[k] == 1:
                met += 1
        if turn >= 5:
            meet_colors(
                frame,
                x + left,
                y + top,
                outline,
                angle,
                scale,
                num_rays,
                max(2.5, 0.5 * narrow),
                least,
                edge,
                state,
            )
        usable = 0
        for k in range(num_rays):
            weight[k] = 1.0 if state[k] == 1 else (0.3 if state[k] == 0 and turn < 4 else 0.0)
            usable += weight[k] > 0
        if usable < 5:
            break
        # The usual size of what is left, by the median; then Tukey's weights.
        shift = np.zeros(unknowns)
        for _ in range(3):
            rest = np.empty(usable)
            n = 0
            for k in range(num_rays):
                if weight[k] > 0 or state[k] == 1 or (state[k] == 0 and turn < 4):
                    theta = 2 * math.pi * k / num_rays
                    radius, slope = _radius(outline, theta - angle)
                    value = edge[k] - _expected(theta, radius, slope, scale, shift, turns)
                    if n < usable:
                        rest[n] = abs(value)
                        n += 1
            spread = max(4.0 * 1.4826 * np.median(rest[:n]), 1.2)
            matrix = np.zeros((unknowns, unknowns))
            vector = np.zeros(unknowns)
            total = squares = 0.0
            for k in range(num_rays):
                base = 1.0 if state[k] == 1 else (0.3 if state[k] == 0 and turn < 4 else 0.0)
                if base == 0.0:
                    weight[k] = 0.0
                    continue
                theta = 2 * math.pi * k / num_rays
                radius, slope = _radius(outline, theta - angle)
                value = edge[k] - _expected(theta, radius, slope, scale, shift, turns)
                w = base * max(1 - (value / spread) ** 2, 0.0) ** 2
                weight[k] = w
                if w == 0.0:
                    continue
                tilt = slope / max(radius, 1e-6)
                row[0] = math.cos(theta) + tilt * math.sin(theta)
                row[1] = math.sin(theta) - tilt * math.cos(theta)
                row[2] = radius
                if turns:
                    row[3] = -scale * slope
                for i in range(unknowns):
                    vector[i] += w * row[i] * edge[k]
                    for j in range(unknowns):
                        matrix[i, j] += w * row[i] * row[j]
                total += w
                squares += w * value * value
            size = outline.mean()
            matrix[2, 2] += 0.04 * num_rays * size * size  # the usual scale counts like a few rays
            vector[2] += 0.04 * num_rays * size * size * (usual - scale)
            if turns:
                matrix[3, 3] += 1e-3 * num_rays * size * size
            shift, inverse = solve(matrix, vector)
            if total > 0:
                rms = math.sqrt(squares / total)
        step = math.sqrt(shift[0] ** 2 + shift[1] ** 2)
        most = 0.8 * outline.mean() * scale
        if step > most:
            shift *= most / step
        x += shift[0]
        y += shift[1]
        scale = min(max(scale + min(max(shift[2], -0.15), 0.15), 0.3), 3.0)
        if turns:
            angle += min(max(shift[3], -0.3), 0.3)
        if turn >= 6 and step < 0.01:
            break
    out[0], out[1], out[2], out[3] = x, y, angle, scale
    out[4] = rms
    out[5] = met / max(free, 1)
    out[6] = free / num_rays
    out[7] = rms * rms * inverse[0, 0]
    out[8] = rms * rms * inverse[1, 1]
    out[9] = inside / num_rays


@compiled(inline="always")
def _expected(theta, radius, slope, scale, shift, turns):
    """How far a small change of place, scale and angle moves the edge along a ray."""
    tilt = slope / max(radius, 1e-6)
    cos, sin = math.cos(theta), math.sin(theta)
    moved = shift[0] * (cos + tilt * sin) + shift[1] * (sin - tilt * cos) + shift[2] * radius
    if turns:
        moved -= shift[3] * scale * slope
    return moved


@compiled
def filled(alike, outline, x, y, angle, scale):
    """Mean likeness well inside an outline, and just outside it; nan where all of it is blocked."""
    inner = outer = 0.0
    num_inner = num_outer = 0.0
    num_rays = 32
    for k in range(num_rays):
        theta = 2 * math.pi * (k + 0.5) / num_rays
        radius = _radius(outline, theta - angle)[0] * scale
        cos, sin = math.cos(theta), math.sin(theta)
        for share in (0.25, 0.5, 0.7, 0.85):
            r = min(share * radius, radius - 1.5)
            value = _sample(alike, x + r * cos, y + r * sin)
            if value >= 0 and r > 0:
                inner += share * value
                num_inner += share
        for beyond in (2.5, 4.0):
            r = radius + beyond
            value = _sample(alike, x + r * cos, y + r * sin)
            if value >= 0:
                outer += value
                num_outer += 1
    return (inner / num_inner if num_inner else math.nan), (outer / num_outer if num_outer else math.nan)
