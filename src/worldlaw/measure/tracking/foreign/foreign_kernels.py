"""The compiled part of foreign tracking: backdrops, how like a thing pixels are, outlines met by rays."""

from __future__ import annotations

import math

import numpy as np

from worldlaw.core.compiled import compiled

SHADE_LEAST, SHADE_MOST = 0.5, 1.06  # what light a shadow leaves of the backdrop's; a little glare
BLOCKED = -1.0  # in a map of likeness: what covers the pixel is another thing
LEAST_CONTRAST = 0.35  # of likeness, across an outline that is there


@compiled(inline="always")
def _from_ground(red, green, blue, ground_red, ground_green, ground_blue, darkest):
    """Squared distance in RGB levels of a colour to a backdrop's, shaded down to ``darkest`` at most."""
    energy = ground_red * ground_red + ground_green * ground_green + ground_blue * ground_blue + 1e-6
    shade = (red * ground_red + green * ground_green + blue * ground_blue) / energy
    shade = min(max(shade, darkest), SHADE_MOST)
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
def uncovered_median(video, frames, gain, suspect, ground, paint, darkest, noise, least, out, known):
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
                away = _from_ground(red, green, blue, g[0], g[1], g[2], darkest)
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
def unlike_ground(frame, gain, ground, factor, darkest, out):
    """Distance in levels of the mean of every block of ``factor`` squared pixels to the backdrop's (h, w).

    A shadow that leaves a share of ``darkest`` of the light does not count; 1 for no shadows.
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
            if darkest < 1:
                away = _from_ground(red, green, blue, ground_red, ground_green, ground_blue, darkest)
            else:
                away = (red - ground_red) ** 2 + (green - ground_green) ** 2 + (blue - ground_blue) ** 2
            out[row, column] = math.sqrt(away)


@compiled
def likeness(frame, gain, ground, paint, others, noise, darkest, left, top, out):
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
            away = _from_ground(red, green, blue, g[0], g[1], g[2], darkest)
            if others.shape[0]:
                away = min(away, _from_paint(red, green, blue, others))
            near = _from_paint(red, green, blue, paint)
            away = math.sqrt(max(away - noise, 0.0))
            near = math.sqrt(max(near - noise, 0.0))
            out[i, j] = away / (away + near + 6.0)


@compiled
def block(out, left, top, x, y, outline, normal, angle, scale, margin):
    """Mark the pixels of a window whose middles another thing's outline, grown by ``margin``, holds."""
    count = len(outline)
    cos, sin = math.cos(angle), math.sin(angle)
    px, py = np.empty(count), np.empty(count)
    for k in range(count):
        u = scale * outline[k, 0] + margin * normal[k, 0]
        v = scale * outline[k, 1] + margin * normal[k, 1]
        px[k] = x - left + cos * u - sin * v
        py[k] = y - top + sin * u + cos * v
    crossings = np.empty(count)
    for i in range(max(0, int(py.min())), min(out.shape[0], int(py.max()) + 2)):
        level = i + 0.5
        found = 0
        for k in range(count):
            o = k + 1 if k + 1 < count else 0
            if (py[k] <= level) != (py[o] <= level):
                crossings[found] = px[k] + (level - py[k]) / (py[o] - py[k]) * (px[o] - px[k])
                found += 1
        held = np.sort(crossings[:found])
        for pair in range(found // 2):
            first = max(0, math.ceil(held[2 * pair] - 0.5))
            for j in range(first, min(out.shape[1], math.floor(held[2 * pair + 1] - 0.5) + 1)):
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
def meet(alike, outline, normal, inner, outer, x, y, angle, scale, stride, half, edge, state):
    """How far in px beyond an outline's points, along its normals, likeness falls.

    ``inner`` and ``outer`` (A,) px are how far the thing itself, and what is around it, reach from each
    point; ``half`` px is how far is looked at most. ``edge`` (A,) px; ``state`` (A,): 1 met, 0 no edge
    there, -1 blocked, -2 out of the window, -3 left out by ``stride``.
    """
    cos, sin = math.cos(angle), math.sin(angle)
    for k in range(len(outline)):
        if k % stride:
            state[k] = -3
            continue
        px = x + scale * (cos * outline[k, 0] - sin * outline[k, 1])
        py = y + scale * (sin * outline[k, 0] + cos * outline[k, 1])
        nx = cos * normal[k, 0] - sin * normal[k, 1]
        ny = sin * normal[k, 0] + cos * normal[k, 1]
        low, high = min(half, inner[k] * scale), min(half, outer[k] * scale)
        steps = max(math.ceil(2 * (low + high)), 6)
        step = (low + high) / steps
        total = within = beyond = 0.0
        num_within = num_beyond = 0
        state[k] = 1
        for s in range(steps):
            r = -low + (s + 0.5) * step
            value = _sample(alike, px + r * nx, py + r * ny)
            if value < 0:
                state[k] = -1 if value > -1.5 else -2
                break
            total += value
            if 3 * r < -low:
                within += value
                num_within += 1
            elif 3 * r > high:
                beyond += value
                num_beyond += 1
        if state[k] < 0:
            continue
        mean, within, beyond = total / steps, within / max(num_within, 1), beyond / max(num_beyond, 1)
        if within - beyond < LEAST_CONTRAST:
            state[k] = 0
            # A wide window that is all inside or all outside still says where to go.
            edge[k] = mean * (low + high) - low
        else:
            # Inside is not quite 1 and outside not quite 0: the edge lies between what the two are.
            share = (mean - beyond) / (within - beyond)
            edge[k] = min(max(share, 0.0), 1.0) * (low + high) - low


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
def meet_colors(frame, outline, normal, inner, outer, x, y, angle, scale, half, least, edge, state):
    """As ``meet``, near the edge, from the colours themselves: between those on the two sides of a point.

    Only points that met an edge before are looked at; those across which colours change by less than
    ``least`` levels get state 0. Light and shadow differ from side to side, which moves an edge in likeness.
    """
    cos, sin = math.cos(angle), math.sin(angle)
    most = math.ceil(6 * half) + 9
    profile = np.empty((most, 3))
    for k in range(len(outline)):
        if state[k] != 1:
            continue
        px = x + scale * (cos * outline[k, 0] - sin * outline[k, 1])
        py = y + scale * (sin * outline[k, 0] + cos * outline[k, 1])
        nx = cos * normal[k, 0] - sin * normal[k, 1]
        ny = sin * normal[k, 0] + cos * normal[k, 1]
        low, high = min(half, inner[k] * scale), min(half, outer[k] * scale)
        ends_x = min(px - low * nx, px + high * nx), max(px - low * nx, px + high * nx)
        ends_y = min(py - low * ny, py + high * ny), max(py - low * ny, py + high * ny)
        across, down = frame.shape[1] - 1.0, frame.shape[0] - 1.0
        if ends_x[0] < 1 or ends_x[1] > across or ends_y[0] < 1 or ends_y[1] > down:
            state[k] = -2
            continue
        steps = min(max(math.ceil(1.5 * (low + high)), 9), most)
        for s in range(steps):
            r = -low + (s + 0.5) * (low + high) / steps
            for c in range(3):
                profile[s, c] = _color(frame, px + r * nx, py + r * ny, c)
        contrast = total = 0.0
        for c in range(3):
            within = beyond = mean = 0.0
            num_within = num_beyond = 0
            for s in range(steps):
                r = -low + (s + 0.5) * (low + high) / steps
                mean += profile[s, c]
                if 3 * r < -low:
                    within += profile[s, c]
                    num_within += 1
                elif 3 * r > high:
                    beyond += profile[s, c]
                    num_beyond += 1
            change = within / max(num_within, 1) - beyond / max(num_beyond, 1)
            contrast += change * change
            total += (mean / steps - beyond / max(num_beyond, 1)) * change
        if contrast < least * least:
            state[k] = 0
            continue
        edge[k] = min(max(total / contrast, 0.0), 1.0) * (low + high) - low


@compiled
def fit(
    frame,
    left,
    top,
    least,
    alike,
    outline,
    normal,
    inner,
    outer,
    x,
    y,
    angle,
    scale,
    usual,
    stride,
    wide,
    narrow,
    turns,
    out,
):
    """Move an outline until its edge lies where likeness falls, then to where colours change.

    ``x`` and ``y`` are px of the window, whose corner ``left`` and ``top`` are px of the frame. ``usual`` is
    the scale that is expected; ``turns``: whether the outline may turn. ``out``: x, y, angle, scale, rms px
    of what remains, share of unblocked points that met an edge, share of points unblocked, variance of x, of
    y, share of all points that lie in the picture.
    """
    count = len(outline)
    edge = np.zeros(count)
    state = np.zeros(count, np.int64)
    rows = np.zeros((count, 4))
    rest = np.empty(count)
    unknowns = 4 if turns else 3
    rms = 1e3
    inverse = np.zeros((unknowns, unknowns))
    looked = (count + stride - 1) // stride
    size = 0.0
    for k in range(count):
        size += math.hypot(outline[k, 0], outline[k, 1]) / count
    met = free = inside = 0
    for turn in range(8):
        half = wide if turn < 2 else max(wide * 0.5, narrow) if turn < 4 else narrow
        meet(alike, outline, normal, inner, outer, x, y, angle, scale, stride, half, edge, state)
        met = free = inside = 0
        for k in range(count):
            free += state[k] >= 0
            inside += state[k] >= -1
            met += state[k] == 1
        if turn >= 5:
            meet_colors(
                frame,
                outline,
                normal,
                inner,
                outer,
                x + left,
                y + top,
                angle,
                scale,
                max(2.5, 0.5 * narrow),
                least,
                edge,
                state,
            )
        weak = 0.3 if turn < 4 else 0.0  # what points without an edge count
        cos, sin = math.cos(angle), math.sin(angle)
        usable = 0
        for k in range(count):
            if state[k] == 1 or (state[k] == 0 and weak > 0):
                usable += 1
                nx = cos * normal[k, 0] - sin * normal[k, 1]
                ny = sin * normal[k, 0] + cos * normal[k, 1]
                px = cos * outline[k, 0] - sin * outline[k, 1]
                py = sin * outline[k, 0] + cos * outline[k, 1]
                rows[k, 0], rows[k, 1] = nx, ny
                rows[k, 2] = nx * px + ny * py
                rows[k, 3] = scale * (ny * px - nx * py)
        if usable < 5:
            break
        # The usual size of what is left, by the median; then Tukey's weights.
        shift = np.zeros(unknowns)
        for _ in range(3):
            n = 0
            for k in range(count):
                if state[k] == 1 or (state[k] == 0 and weak > 0):
                    value = edge[k]
                    for i in range(unknowns):
                        value -= rows[k, i] * shift[i]
                    rest[n] = abs(value)
                    n += 1
            spread = max(4.0 * 1.4826 * np.median(rest[:n]), 1.2)
            matrix = np.zeros((unknowns, unknowns))
            vector = np.zeros(unknowns)
            total = squares = 0.0
            for k in range(count):
                if state[k] == 1 or (state[k] == 0 and weak > 0):
                    value = edge[k]
                    for i in range(unknowns):
                        value -= rows[k, i] * shift[i]
                    weight = max(1 - (value / spread) ** 2, 0.0) ** 2
                    if state[k] == 0:
                        weight *= weak
                    for i in range(unknowns):
                        vector[i] += weight * rows[k, i] * edge[k]
                        for j in range(unknowns):
                            matrix[i, j] += weight * rows[k, i] * rows[k, j]
                    total += weight
                    squares += weight * value * value
            matrix[2, 2] += 0.04 * looked * size * size  # the usual scale counts like a few points
            vector[2] += 0.04 * looked * size * size * (usual - scale)
            matrix[0, 0] += 1e-3 * looked
            matrix[1, 1] += 1e-3 * looked
            if turns:
                matrix[3, 3] += 1e-3 * looked * size * size
            shift, inverse = solve(matrix, vector)
            if total > 0:
                rms = math.sqrt(squares / total)
        step = math.hypot(shift[0], shift[1])
        most = 0.8 * size * scale
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
    out[6] = free / looked
    out[7] = rms * rms * inverse[0, 0]
    out[8] = rms * rms * inverse[1, 1]
    out[9] = inside / looked


@compiled
def mean_likeness(alike, body, outline, normal, outer, x, y, angle, scale):
    """Mean likeness at points inside an outline, and just outside it; nan where all of them are blocked."""
    cos, sin = math.cos(angle), math.sin(angle)
    within = beyond = 0.0
    num_within = num_beyond = 0
    for k in range(len(body)):
        u, v = scale * body[k, 0], scale * body[k, 1]
        value = _sample(alike, x + cos * u - sin * v, y + sin * u + cos * v)
        if value >= 0:
            within += value
            num_within += 1
    for k in range(0, len(outline), 2):
        for gap in (2.5, 4.0):
            if gap < 1.5 * outer[k] * scale:
                u = scale * outline[k, 0] + gap * normal[k, 0]
                v = scale * outline[k, 1] + gap * normal[k, 1]
                value = _sample(alike, x + cos * u - sin * v, y + sin * u + cos * v)
                if value >= 0:
                    beyond += value
                    num_beyond += 1
    return (
        within / num_within if num_within else math.nan,
        beyond / num_beyond if num_beyond else math.nan,
    )


@compiled
def search(alike, body, outline, normal, x, y, angle, scale, reach, step, num_angles, spread, out):
    """The place and angle near some others at which a thing covers most of what is like it, and only that.

    Places are up to ``reach`` px away, ``step`` apart; angles ``num_angles`` over ``spread`` rad about
    ``angle``. ``out``: x, y, angle and how much more likeness there is inside than just outside.
    """
    height, width = alike.shape
    count = math.ceil(reach / step)
    num_body, num_rim = len(body), (len(outline) + 1) // 2
    dx, dy = np.empty(num_body + num_rim), np.empty(num_body + num_rim)
    out[3] = -1.0
    for a in range(num_angles):
        turned = angle + (a - (num_angles - 1) / 2) * spread / num_angles
        cos, sin = math.cos(turned), math.sin(turned)
        for k in range(num_body):
            dx[k] = scale * (cos * body[k, 0] - sin * body[k, 1])
            dy[k] = scale * (sin * body[k, 0] + cos * body[k, 1])
        for k in range(num_rim):
            u = scale * outline[2 * k, 0] + 2.0 * normal[2 * k, 0]
            v = scale * outline[2 * k, 1] + 2.0 * normal[2 * k, 1]
            dx[num_body + k], dy[num_body + k] = cos * u - sin * v, sin * u + cos * v
        for row in range(-count, count + 1):
            for column in range(-count, count + 1):
                cx, cy = x + column * step, y + row * step
                within = beyond = 0.0
                num_within = num_beyond = 0
                for k in range(num_body + num_rim):
                    j, i = int(cx + dx[k]), int(cy + dy[k])
                    if j < 0 or i < 0 or j >= width or i >= height or alike[i, j] < 0:
                        continue
                    if k < num_body:
                        within += alike[i, j]
                        num_within += 1
                    else:
                        beyond += alike[i, j]
                        num_beyond += 1
                if 2 * num_within < num_body:
                    continue
                score = within / num_within - (beyond / num_beyond if num_beyond else 0.0)
                score -= 1e-3 * math.hypot(row, column) / count
                if score > out[3]:
                    out[0], out[1], out[2], out[3] = cx, cy, turned, score
