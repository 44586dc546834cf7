"""Which blob is which body, from frame to frame: the loop of the tracker.

A body is expected where its last step would take it. The cheapest pairs of body and blob are made first; two
bodies of one colour in one blob are told apart; and what has no blob has left the view or is lost.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from worldlaw.core.types import CUT, LOST, OUTSIDE, VISIBLE
from worldlaw.exam import blobs as bl


@njit(cache=True)
def follow(video, background, palette, smallest, member, center, step, area, radius):
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
    starts = np.empty(bl.MAX_COMPONENTS + 1, np.int64)
    found = np.empty((bl.MAX_BLOBS, bl.NUM_COLUMNS))

    position = np.full((num_frames, num_bodies, 2), np.nan)
    areas = np.full((num_frames, num_bodies), np.nan)
    color = np.full((num_frames, num_bodies, 3), np.nan)
    confidence = np.zeros((num_frames, num_bodies))
    status = np.full((num_frames, num_bodies), LOST, np.int8)
    extra = np.empty((num_frames * bl.MAX_BLOBS, 7))
    num_extra = 0

    expected, pace, usual = center.copy(), step.copy(), area.copy()
    last = np.full((num_bodies, 2), np.nan)
    before = np.full(num_bodies, VISIBLE)
    least = 0.25 * area.min()
    for t in range(num_frames):
        if t > 0:
            expected += pace
        num_components, threshold = bl.components(video[t], background, deviation, labels, pixels, starts)
        count = 0
        for c in range(num_components):
            if starts[c + 1] - starts[c] >= least / 2:  # smaller specks cannot hold a body
                count = bl.measure(
                    video[t], background, palette, smallest, deviation, labels, pixels,
                    starts[c], starts[c + 1], threshold, found, count,
                )  # fmt: skip
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
        taken = np.zeros(bl.MAX_BLOBS, np.bool_)
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
            color[t, b] = blob[bl.RED : bl.BLUE + 1]
            if blob[bl.EDGE] > 0.5 and blob[bl.AREA] < 0.99 * usual[b]:
                before[b] = CUT
                status[t, b] = CUT
                last[b] = np.nan
                continue
            now = blob[bl.X : bl.Y + 1]
            if not np.isnan(last[b, 0]):
                pace[b] = now - last[b]
            last[b] = now
            expected[b] = now
            usual[b] = blob[bl.AREA]
            before[b] = VISIBLE
            position[t, b] = now
            areas[t, b] = blob[bl.AREA]
            confidence[t, b] = 1 - blob[bl.UNEXPLAINED]
            status[t, b] = VISIBLE
        for m in range(count):
            if not taken[m] and found[m, bl.AREA] >= least:
                extra[num_extra, 0] = t
                extra[num_extra, 1:3] = found[m, bl.X : bl.Y + 1]
                extra[num_extra, 3] = found[m, bl.AREA]
                extra[num_extra, 4:7] = found[m, bl.RED : bl.BLUE + 1]
                num_extra += 1
    return position, areas, color, status, confidence, extra[:num_extra].copy()


@njit(cache=True)
def _assign(found, expected, usual, palette, member, height, width):
    """For each body its blob, or -1: the cheapest pairs first, each blob used once.

    Nearness counts in units of the body's size, a full change of colour as much as two sizes, an area twice
    as large as one. A pair that is both far off and of another colour is no pair.
    """
    num_bodies, count = len(expected), len(found)
    owner = np.full(num_bodies, -1)
    cost = np.full((num_bodies, count), np.inf)
    for b in range(num_bodies):
        reach = np.sqrt(usual[b] / np.pi)
        for m in range(count):
            distance = np.hypot(found[m, bl.X] - expected[b, 0], found[m, bl.Y] - expected[b, 1]) / (
                2 * reach
            )
            tint = 0.0
            for i in range(3):
                tint += (found[m, bl.RED + i] - palette[member[b], i]) ** 2
            tint = np.sqrt(tint) / 255
            ratio = found[m, bl.AREA] / usual[b]
            growth = 0.0 if found[m, bl.EDGE] > 0.5 and ratio < 1 else abs(np.log2(max(ratio, 1e-3)))
            if (distance > 2 and (tint > 0.5 or growth > 1)) or ratio < 0.02:
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


@njit(cache=True)
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
        whole = found[m, bl.AREA]
        if not 0.7 < whole / (usual[b] + usual[other]) < 1.3:
            continue
        reach = radius[b] + radius[other] + 2
        if np.hypot(expected[b, 0] - found[m, bl.X], expected[b, 1] - found[m, bl.Y]) > reach:
            continue
        center = np.empty((2, 2))
        center[0], center[1] = expected[other], expected[b]
        size = np.array([radius[other], radius[b]])
        c = int(found[m, bl.COMPONENT])
        center, area = bl.split_alike(
            frame, background, palette[member[b]], pixels, starts[c], starts[c + 1], width, center, size
        )
        if min(area[0] / usual[other], area[1] / usual[b]) < 0.7:
            continue
        spare = bl.MAX_BLOBS - 1 - b
        found[spare] = found[m]
        found[m, bl.X : bl.Y + 1] = center[0]
        found[m, bl.AREA] = area[0]
        found[spare, bl.X : bl.Y + 1] = center[1]
        found[spare, bl.AREA] = area[1]
        owner[b] = spare
        return
