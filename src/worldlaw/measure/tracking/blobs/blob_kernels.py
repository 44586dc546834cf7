"""The compiled part of the tracker: one frame -> blobs, and which blob is which body from frame to frame.

Every pixel that differs from a uniform background is a mixture of the background and of the colours of
bodies. The share of a colour in the mixture is the area it covers, so the mean of pixel centres weighted by
shares is the exact centroid of a body drawn by area, whatever its position on the pixel grid. A body is
expected where its last step would take it; the cheapest pairs of body and blob are made first; two bodies of
one colour in one blob are told apart; and what has no blob has left the view or is lost.

All lengths here are pixels, x to the right, y down, with the corner of the picture at (0, 0).
"""

from __future__ import annotations

import numpy as np

from worldlaw.core.compiled import compiled
from worldlaw.core.types import CUT, LOST, OUTSIDE, VISIBLE

MAX_BLOBS = 64
MAX_COMPONENTS = 4096
FULL = 0.8  # share of a colour in a pixel that is little else
RIM = 4  # pixels from such a pixel to the edge of its body, at most
MIN_SHARE = 0.1  # of a palette colour's smallest body: less of it in a blob is not a second body

# Columns of a blob row.
X, Y, AREA, EDGE, UNEXPLAINED, RED, GREEN, BLUE, COMPONENT = range(9)
NUM_COLUMNS = 9


@compiled(inline="always")
def _difference(a, b):
    """Difference of two bytes, as a byte."""
    return np.uint8(max(a, b) - min(a, b))


@compiled
def _apart_by(frame, row, column, color):
    """Largest difference of a channel between a pixel and a colour, a byte."""
    return max(
        _difference(frame[row, column, 0], color[0]),
        _difference(frame[row, column, 1], color[1]),
        _difference(frame[row, column, 2], color[2]),
    )


@compiled
def solid_pixels(frame, background):
    """Colours (M, 3) uint8 of pixels that are like their four neighbours; and where the strongest pixel is.

    Only pixels that differ from the background by more than 40 of 255 in a channel count.
    """
    height, width = frame.shape[:2]
    found = np.empty((height * width, 3), np.uint8)
    count = 0
    most, strongest = 0, (0, 0)
    for row in range(height):
        for column in range(width):
            away = _apart_by(frame, row, column, background)
            if away > most:
                most, strongest = away, (row, column)
            if away > 40 and _is_solid(frame, row, column):
                found[count] = frame[row, column]
                count += 1
    return found[:count], strongest


@compiled
def border_color(frame, out):
    """The median of each channel along the border of a frame, into ``out`` (3,): what bodies stand before.

    Taken from every frame anew, because generated video does not keep its background to the last level.
    """
    height, width = frame.shape[:2]
    for channel in range(3):
        histogram = np.zeros(256, np.int64)
        for column in range(width):
            histogram[frame[0, column, channel]] += 1
            histogram[frame[height - 1, column, channel]] += 1
        for row in range(1, height - 1):
            histogram[frame[row, 0, channel]] += 1
            histogram[frame[row, width - 1, channel]] += 1
        below, value = histogram[0], 0
        while below <= width + height - 2:  # half of the border's pixels
            value += 1
            below += histogram[value]
        out[channel] = value


@compiled
def components(frame, background, deviation, labels, pixels, starts):
    """Label what differs from the background; returns how many components there are and the noise threshold.

    ``deviation`` (H, W) uint8 gets the largest difference of a channel, ``labels`` (H, W) int32 the component
    of each pixel or -1; the pixels of component c, as row * W + column, are ``pixels[starts[c]:starts[c +
    1]]``.
    """
    height, width = labels.shape
    histogram = np.zeros(256, np.int64)
    b0, b1, b2 = np.uint8(background[0]), np.uint8(background[1]), np.uint8(background[2])
    # Bytes in a row, no indices and no branches: so the compiler takes many pixels at once.
    values, out = frame.reshape(-1), deviation.reshape(-1)
    for i in range(out.size):
        d0, d1, d2 = (
            _difference(values[3 * i], b0),
            _difference(values[3 * i + 1], b1),
            _difference(values[3 * i + 2], b2),
        )
        out[i] = max(d0, max(d1, d2))
    labels[:] = -1
    for row in range(0, height, 4):
        for column in range(width):
            histogram[deviation[row, column]] += 1
    # Most pixels are background, so their median deviation measures the noise.
    half, median = histogram.sum() // 2, 0
    while histogram[: median + 1].sum() <= half and median < 255:
        median += 1
    threshold = min(max(1, 5 * median), 60)

    count = filled = 0
    starts[0] = 0
    for row in range(height):
        strongest = np.uint8(0)
        for column in range(width):
            strongest = max(strongest, deviation[row, column])
        if strongest <= threshold:
            continue
        for column in range(width):
            if deviation[row, column] <= threshold or labels[row, column] >= 0:
                continue
            if count == MAX_COMPONENTS:
                return count, threshold
            labels[row, column] = count
            pixels[filled] = row * width + column
            done, filled = filled, filled + 1
            while done < filled:
                r, c = pixels[done] // width, pixels[done] % width
                done += 1
                for step in range(4):
                    nr = r + (1 if step == 0 else -1 if step == 1 else 0)
                    nc = c + (1 if step == 2 else -1 if step == 3 else 0)
                    if (
                        0 <= nr < height
                        and 0 <= nc < width
                        and labels[nr, nc] < 0
                        and deviation[nr, nc] > threshold
                    ):
                        labels[nr, nc] = count
                        pixels[filled] = nr * width + nc
                        filled += 1
            count += 1
            starts[count] = filled
    return count, threshold


@compiled
def _share(frame, row, column, background, color):
    """Share of a colour in a pixel by projection, and the squared length of what it leaves unexplained."""
    dot = norm = 0.0
    for i in range(3):
        u = color[i] - background[i]
        dot += (frame[row, column, i] - background[i]) * u
        norm += u * u
    share = min(max(dot / norm, 0.0), 1.0) if norm > 0 else 0.0
    rest = 0.0
    for i in range(3):
        rest += (frame[row, column, i] - background[i] - share * (color[i] - background[i])) ** 2
    return share, rest


@compiled
def _two_shares(frame, row, column, background, first, second):
    """Shares of two colours in a pixel by least squares with both at least 0 and at most 1 together."""
    a11 = a12 = a22 = b1 = b2 = 0.0
    for i in range(3):
        u, v = first[i] - background[i], second[i] - background[i]
        d = frame[row, column, i] - background[i]
        a11, a12, a22 = a11 + u * u, a12 + u * v, a22 + v * v
        b1, b2 = b1 + u * d, b2 + v * d
    det = a11 * a22 - a12 * a12
    if det > 1e-6 * a11 * a22:
        p, q = (b1 * a22 - b2 * a12) / det, (b2 * a11 - b1 * a12) / det
        if p >= 0 and q >= 0:
            total = max(p + q, 1.0)
            p, q = p / total, q / total
            rest = 0.0
            for i in range(3):
                u, v = first[i] - background[i], second[i] - background[i]
                rest += (frame[row, column, i] - background[i] - p * u - q * v) ** 2
            return p, q, rest
    p, rest_p = _share(frame, row, column, background, first)
    q, rest_q = _share(frame, row, column, background, second)
    if rest_p <= rest_q:
        return p, 0.0, rest_p
    return 0.0, q, rest_q


@compiled
def _nearest_color(frame, row, column, background, palette):
    """The palette colour whose mixture with the background explains a pixel best; -1 if none does."""
    best, best_rest = -1, 0.0
    signal = 0.0
    for i in range(3):
        signal += (frame[row, column, i] - background[i]) ** 2
    for k in range(len(palette)):
        share, rest = _share(frame, row, column, background, palette[k])
        if share > 0.3 and rest < 0.1 * signal and (best < 0 or rest < best_rest):
            best, best_rest = k, rest
    return best


@compiled
def _is_solid(frame, row, column):
    """Whether a pixel has four neighbours that differ from it by at most 8 of 255 in every channel."""
    height, width = frame.shape[:2]
    if not (0 < row < height - 1 and 0 < column < width - 1):
        return False
    pixel = frame[row, column]
    return (
        _apart_by(frame, row + 1, column, pixel) <= 8
        and _apart_by(frame, row - 1, column, pixel) <= 8
        and _apart_by(frame, row, column + 1, pixel) <= 8
        and _apart_by(frame, row, column - 1, pixel) <= 8
    )


@compiled
def _own_color(frame, pixels, deviation, labels, out):
    """Mean colour of a component's core, the pixels that it surrounds; returns how many there are."""
    height, width = labels.shape
    strongest = 0
    for p in pixels:
        strongest = max(strongest, deviation[p // width, p % width])
    limit = 0.9 * strongest
    count = 0
    out[:] = 0.0
    for p in pixels:
        row, column = p // width, p % width
        if 0 < row < height - 1 and 0 < column < width - 1:
            around = min(
                min(deviation[row - 1, column], deviation[row + 1, column]),
                min(deviation[row, column - 1], deviation[row, column + 1]),
            )
            if min(around, deviation[row, column]) >= limit:
                count += 1
                for i in range(3):
                    out[i] += frame[row, column, i]
    if count > 0:
        out /= count
    return count


@compiled
def _add(row_of, row, column, share, rest, height, width):
    """Add a pixel to the running sums of a blob row."""
    x, y = column + 0.5, row + 0.5
    row_of[AREA] += share
    row_of[X] += share * x
    row_of[Y] += share * y
    row_of[UNEXPLAINED] += rest
    if row == 0 or column == 0 or row == height - 1 or column == width - 1:
        row_of[EDGE] = max(row_of[EDGE], share)


@compiled
def _close(row_of, signal):
    """Turn running sums into a centre and a share of signal; False if there is nothing."""
    if row_of[AREA] < 0.05:
        return False
    row_of[X] /= row_of[AREA]
    row_of[Y] /= row_of[AREA]
    row_of[UNEXPLAINED] = min(row_of[UNEXPLAINED] / max(signal, 1.0), 1.0)
    return True


@compiled
def measure(
    frame, background, palette, smallest, deviation, labels, pixels, start, stop, threshold, blobs, count
):
    """Append the blobs of one component to ``blobs``; returns their new number.

    ``smallest`` holds, for each palette colour, the area of its smallest body: a component with a fair share
    of that in two colours is two bodies in contact, and their shares are told apart in every pixel.
    """
    height, width = labels.shape
    members = pixels[start:stop]
    found = np.zeros(len(palette))
    signal = 0.0
    for p in members:
        row, column = p // width, p % width
        for i in range(3):
            signal += (frame[row, column, i] - background[i]) ** 2
        if deviation[row, column] > 60:
            k = _nearest_color(frame, row, column, background, palette)
            if k >= 0:
                found[k] += 1
    present = np.flatnonzero((found > MIN_SHARE * smallest) & (found >= 1))
    component = labels[members[0] // width, members[0] % width]

    if len(present) >= 2:
        solid = np.zeros(len(palette))
        own = np.zeros((len(palette), 3))
        # Where each colour may be: about the pixels that are little else. A lossy codec keeps colour at half
        # the resolution, and the far rim of a red ball, a little off in colour, would pass for partly blue: a
        # few such pixels, far from the blue ball, pull its centre by whole pixels.
        low, high = np.full((len(palette), 2), width + height), np.full((len(palette), 2), -1)
        for p in members:
            row, column = p // width, p % width
            k = _nearest_color(frame, row, column, background, palette)
            if k >= 0 and _is_solid(frame, row, column):
                solid[k] += 1
                for i in range(3):
                    own[k, i] += frame[row, column, i]
            if k >= 0 and _share(frame, row, column, background, palette[k])[0] > FULL:
                low[k, 0], low[k, 1] = min(low[k, 0], row), min(low[k, 1], column)
                high[k, 0], high[k, 1] = max(high[k, 0], row), max(high[k, 1], column)
        for k in present:
            if high[k, 0] < 0:  # too small to say where it is
                low[k], high[k] = 0, width + height
        first, near = count, np.ones(len(present), np.bool_)
        for k in present:
            if count == MAX_BLOBS:
                return count
            blobs[count] = 0.0
            # As it looks here, where enough of it shows: a generated red is not quite the red that was given.
            for i in range(3):
                blobs[count, RED + i] = own[k, i] / solid[k] if solid[k] >= 3 else palette[k, i]
            blobs[count, COMPONENT] = component
            count += 1
        for p in members:
            row, column = p // width, p % width
            best_rest, best_i, best_j, best_p, best_q = np.inf, 0, 0, 0.0, 0.0
            for k in range(len(present)):
                near[k] = _within(row, column, low[present[k]], high[present[k]])
            near[:] |= not near.any()
            for i in range(len(present)):
                if not near[i]:
                    continue
                own_i = blobs[first + i, RED : BLUE + 1]
                share_i, rest = _share(frame, row, column, background, own_i)
                if rest < best_rest:
                    best_rest, best_i, best_j, best_p, best_q = rest, i, i, share_i, 0.0
                for j in range(i + 1, len(present)):
                    if not near[j]:
                        continue
                    share_i, share_j, rest = _two_shares(
                        frame, row, column, background, own_i, blobs[first + j, RED : BLUE + 1]
                    )
                    if rest < best_rest:
                        best_rest, best_i, best_j, best_p, best_q = rest, i, j, share_i, share_j
            _add(blobs[first + best_i], row, column, best_p, best_rest if best_p > 0 else 0.0, height, width)
            _add(blobs[first + best_j], row, column, best_q, best_rest if best_p == 0 else 0.0, height, width)
        for b in range(first, count):
            _close(blobs[b], signal)
        return count

    if count == MAX_BLOBS:
        return count
    blob = blobs[count]
    blob[:] = 0.0
    color = blob[RED : BLUE + 1]
    core = _own_color(frame, members, deviation, labels, color)
    if core < 3 and len(present) == 1:
        color[:] = palette[present[0]]
    elif core < 3:
        strongest = 0
        for p in members:
            row, column = p // width, p % width
            if deviation[row, column] > strongest:
                strongest = deviation[row, column]
                for i in range(3):
                    color[i] = frame[row, column, i]
    blob[COMPONENT] = component
    for p in members:
        row, column = p // width, p % width
        share, rest = _share(frame, row, column, background, color)
        _add(blob, row, column, share, rest, height, width)
        if threshold > 1:  # with noise the threshold cuts off the faint rim: take it in from the neighbours
            for dr in range(-1, 2):
                for dc in range(-1, 2):
                    r, c = row + dr, column + dc
                    if 0 <= r < height and 0 <= c < width and labels[r, c] == -1:
                        labels[r, c] = -2 - component
                        share, rest = _share(frame, r, c, background, color)
                        _add(blob, r, c, share, 0.0, height, width)
    return count + 1 if _close(blob, signal) else count


@compiled
def _within(row, column, low, high):
    """Whether a pixel lies in a box, or within ``RIM`` of it."""
    return low[0] - RIM <= row <= high[0] + RIM and low[1] - RIM <= column <= high[1] + RIM


@compiled
def split_alike(frame, background, color, pixels, start, stop, width, center, radius):
    """Centres (2, 2) and areas (2,) of two bodies of one colour in one component, by their power diagram.

    A pixel belongs to the disc whose power (squared distance less squared radius) is smaller; for discs in
    contact the border is their common tangent. Centres are refined from the predicted ones until they stay
    put.
    """
    area = np.zeros(2)
    for _ in range(8):
        moment = np.zeros((2, 2))
        area[:] = 0.0
        for p in pixels[start:stop]:
            row, column = p // width, p % width
            share, _rest = _share(frame, row, column, background, color)
            x, y = column + 0.5, row + 0.5
            power = np.empty(2)
            for b in range(2):
                power[b] = (x - center[b, 0]) ** 2 + (y - center[b, 1]) ** 2 - radius[b] ** 2
            owner = 0 if power[0] <= power[1] else 1
            area[owner] += share
            moment[owner, 0] += share * x
            moment[owner, 1] += share * y
        if area[0] < 0.05 or area[1] < 0.05:
            break
        moved = 0.0
        for b in range(2):
            for d in range(2):
                new = moment[b, d] / area[b]
                moved = max(moved, abs(new - center[b, d]))
                center[b, d] = new
        if moved < 1e-4:
            break
    return center, area


@compiled
def follow(video, palette, smallest, member, center, step, area, radius):
    """Follow bodies from frame to frame, all in pixels.

    ``palette`` (P, 3) holds the bodies' colours, ``smallest`` (P,) the area of the smallest body of each,
    ``member`` (B,) each body's place in it. ``center`` (B, 2) is where bodies are expected in the first
    frame, ``step`` (B, 2) how far they are expected to go in a frame, ``area`` and ``radius`` (B,) how large
    they look.
    Returns positions (T, B, 2), areas (T, B), colours (T, B, 3), statuses (T, B), confidences (T, B) and
    extra detections (E, 7): frame, x, y, area, red, green, blue.
    """
    num_frames, height, width, _ = video.shape
    num_bodies = len(center)
    deviation = np.empty((height, width), np.uint8)
    labels = np.empty((height, width), np.int32)
    pixels = np.empty(height * width, np.int32)
    starts = np.empty(MAX_COMPONENTS + 1, np.int64)
    found = np.empty((MAX_BLOBS, NUM_COLUMNS))
    background = np.empty(3)

    position = np.full((num_frames, num_bodies, 2), np.nan)
    areas = np.full((num_frames, num_bodies), np.nan)
    color = np.full((num_frames, num_bodies, 3), np.nan)
    confidence = np.zeros((num_frames, num_bodies))
    status = np.full((num_frames, num_bodies), LOST, np.int8)
    extra = np.empty((num_frames * MAX_BLOBS, 7))
    num_extra = 0

    expected, pace, usual = center.copy(), step.copy(), area.copy()
    last = np.full((num_bodies, 2), np.nan)
    before = np.full(num_bodies, VISIBLE)
    least = 0.25 * area.min()
    for t in range(num_frames):
        if t > 0:
            expected += pace
        border_color(video[t], background)
        num_components, threshold = components(video[t], background, deviation, labels, pixels, starts)
        count = 0
        for c in range(num_components):
            if starts[c + 1] - starts[c] >= least / 2:  # smaller specks cannot hold a body
                count = measure(
                    video[t],
                    background,
                    palette,
                    smallest,
                    deviation,
                    labels,
                    pixels,
                    starts[c],
                    starts[c + 1],
                    threshold,
                    found,
                    count,
                )
        owner = _assign(found[:count], expected, usual, palette, member, height, width)
        for b in range(num_bodies):
            if owner[b] < 0:
                _share_component(
                    video[t],
                    background,
                    palette,
                    member,
                    pixels,
                    starts,
                    found,
                    owner,
                    b,
                    expected,
                    usual,
                    radius,
                )
        taken = np.zeros(MAX_BLOBS, np.bool_)
        for b in range(num_bodies):
            m = owner[b]
            if m < 0:
                reach = np.sqrt(usual[b] / np.pi)
                x, y = expected[b]
                leaving = before[b] == CUT or before[b] == OUTSIDE
                beyond = min(x, y) < reach or x > width - reach or y > height - reach
                before[b] = OUTSIDE if leaving or beyond else LOST
                status[t, b] = before[b]
                last[b] = np.nan
                continue
            taken[m] = True
            blob = found[m]
            color[t, b] = blob[RED : BLUE + 1]
            if blob[EDGE] > 0.5 and blob[AREA] < 0.99 * usual[b]:
                before[b] = CUT
                status[t, b] = CUT
                last[b] = np.nan
                continue
            now = blob[X : Y + 1]
            if not np.isnan(last[b, 0]):
                pace[b] = now - last[b]
            last[b] = now
            expected[b] = now
            usual[b] = blob[AREA]
            before[b] = VISIBLE
            position[t, b] = now
            areas[t, b] = blob[AREA]
            confidence[t, b] = 1 - blob[UNEXPLAINED]
            status[t, b] = VISIBLE
        for m in range(count):
            if not taken[m] and found[m, AREA] >= least:
                extra[num_extra, 0] = t
                extra[num_extra, 1:3] = found[m, X : Y + 1]
                extra[num_extra, 3] = found[m, AREA]
                extra[num_extra, 4:7] = found[m, RED : BLUE + 1]
                num_extra += 1
    return position, areas, color, status, confidence, extra[:num_extra].copy()


@compiled
def _assign(found, expected, usual, palette, member, height, width):
    """For each body its blob, or -1: the cheapest pairs first, each blob used once.

    Nearness counts in units of the body's size, a full change of colour as much as two sizes, an area twice
    as large as one. A pair that is both far off and of another colour or area is no pair; nor is one whose
    areas differ more than sixteenfold, nor a blob that fills 40 % of the frame: a flash is not the ball.
    """
    num_bodies, count = len(expected), len(found)
    owner = np.full(num_bodies, -1)
    cost = np.full((num_bodies, count), np.inf)
    for b in range(num_bodies):
        reach = np.sqrt(usual[b] / np.pi)
        for m in range(count):
            distance = np.hypot(found[m, X] - expected[b, 0], found[m, Y] - expected[b, 1]) / (2 * reach)
            tint = 0.0
            for i in range(3):
                tint += (found[m, RED + i] - palette[member[b], i]) ** 2
            tint = np.sqrt(tint) / 255
            ratio = found[m, AREA] / usual[b]
            growth = 0.0 if found[m, EDGE] > 0.5 and ratio < 1 else abs(np.log2(max(ratio, 1e-3)))
            odd = tint > 0.5 or growth > 1
            flash = found[m, AREA] > 0.4 * height * width
            if (distance > 2 and odd) or growth > 4 or ratio < 0.02 or flash:
                continue
            cost[b, m] = distance + 2 * tint + growth
    for _ in range(min(num_bodies, count)):
        best, best_b, best_m = np.inf, -1, -1
        for b in range(num_bodies):
            for m in range(count):
                if owner[b] < 0 and cost[b, m] < best:
                    best, best_b, best_m = cost[b, m], b, m
        if best_b < 0:
            break
        owner[best_b] = best_m
        cost[:, best_m] = np.inf
    return owner


@compiled
def _share_component(
    frame, background, palette, member, pixels, starts, found, owner, b, expected, usual, radius
):
    """If a body has no blob because it touches one of its own colour, split that blob between the two.

    The other body's row in ``found`` is narrowed to its part; the lost body's part overwrites a spare row.
    """
    width = frame.shape[1]
    for other in range(len(owner)):
        m = owner[other]
        if other == b or m < 0 or member[other] != member[b]:
            continue
        whole = found[m, AREA]
        if not 0.7 < whole / (usual[b] + usual[other]) < 1.3:
            continue
        reach = radius[b] + radius[other] + 2
        if np.hypot(expected[b, 0] - found[m, X], expected[b, 1] - found[m, Y]) > reach:
            continue
        center = np.empty((2, 2))
        center[0], center[1] = expected[other], expected[b]
        size = np.array([radius[other], radius[b]])
        c = int(found[m, COMPONENT])
        center, area = split_alike(
            frame, background, palette[member[b]], pixels, starts[c], starts[c + 1], width, center, size
        )
        if min(area[0] / usual[other], area[1] / usual[b]) < 0.7:
            continue
        spare = MAX_BLOBS - 1 - b
        found[spare] = found[m]
        found[m, X : Y + 1] = center[0]
        found[m, AREA] = area[0]
        found[spare, X : Y + 1] = center[1]
        found[spare, AREA] = area[1]
        owner[b] = spare
        return
