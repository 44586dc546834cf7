"""(pixels, hints) -> tracks: where each body is, sub-pixel, with a status where it cannot be measured.

A tracker knows what the given frames show and nothing of the scene that was simulated. Bodies are followed by
nearness to where they are expected, colour and area together, so a ball that changes colour or size is still
followed, and what belongs to no known body is kept as an extra detection.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import UInt8
from numba import njit

from worldlaw.core.errors import BadInput
from worldlaw.core.types import CUT, LOST, OUTSIDE, RING_HOLE, VISIBLE, Detections, Hints, Tracks, Trajectory
from worldlaw.exam import blobs as bl

VERSION = 1  # raise it whenever the same pixels would give other tracks

SOLID = {"ball": math.pi, "square": 4.0, "ring": math.pi * (1 - RING_HOLE**2)}  # area of a body of size 1
# area / (2 pi spread): 1 for a disc, 3 / pi for a square, (1 - q²) / (1 + q²) for a ring with hole q
COMPACTNESS = {"ball": 1.0, "square": 3 / math.pi, "ring": (1 - RING_HOLE**2) / (1 + RING_HOLE**2)}


def read_hints(given: UInt8[np.ndarray, "K H W 3"], *, extent: tuple[float, float], fps: float) -> Hints:
    """What the given frames show: background, and each body's look, place and velocity, largest first.

    Bodies are what differs from the background in the first frame; touching bodies of different colours are
    told apart.
    Raises BadInput if the first frame shows no body.
    """
    first = given[0]
    background = _border_color(first)
    palette, smallest = _palette(first, background)
    found = _blobs_of(first, background, palette, smallest)
    if not len(found):
        raise BadInput(
            "the first given frame shows nothing but its background, so there is no body to follow"
        )
    found = found[np.argsort(-found[:, bl.AREA], kind="stable")]
    scale = first.shape[0] / extent[1]
    shape = tuple(_shape(row[bl.AREA], row[bl.SPREAD]) for row in found)
    area = found[:, bl.AREA] / scale**2
    still = Hints(
        extent=extent,
        background=background,
        shape=shape,
        position=_to_metres(found[:, [bl.X, bl.Y]], extent, scale),
        velocity=np.zeros((len(found), 2)),
        size=np.sqrt(area / [SOLID[name] for name in shape]),
        area=area,
        color=np.rint(found[:, bl.RED : bl.BLUE + 1]).astype(np.uint8),
    )
    if len(given) == 1:
        return still
    seen = track(given, still, fps=fps).bodies
    velocity = np.nan_to_num(_mean_velocity(seen))
    return Hints(**{**vars(still), "velocity": velocity})


def track(video: UInt8[np.ndarray, "T H W 3"], hints: Hints, *, fps: float) -> Tracks:
    """Follow the hinted bodies through a video.

    Positions and sizes are in metres, NaN with a status where a body is cut by the edge of the view, outside
    it or lost. ``confidence`` is the share of a body's signal that one colour over a uniform background
    explains.
    Raises BadInput if the video's shape does not fit the hinted view.
    """
    _, height, width, _ = video.shape
    scale = height / hints.extent[1]
    if round(hints.extent[0] * scale) != width:
        raise BadInput(
            f"frames of {width} x {height} do not show a view of {hints.extent[0]} m x {hints.extent[1]} m"
        )
    palette, member = np.unique(hints.color, axis=0, return_inverse=True)
    area = hints.area * scale**2
    smallest = np.array([area[member == k].min() for k in range(len(palette))])
    center = np.stack([hints.position[:, 0] * scale, height - hints.position[:, 1] * scale], axis=1)
    step = hints.velocity * [scale, -scale] / fps
    radius = hints.size * scale
    position, areas, color, status, confidence, extra = _follow(
        np.ascontiguousarray(video),
        hints.background.astype(float),
        palette.astype(float),
        smallest,
        member.astype(np.int64).ravel(),
        center,
        step,
        area,
        radius,
    )
    solid = np.array([SOLID[name] for name in hints.shape])
    bodies = Trajectory(
        dt=1 / fps,
        position=_to_metres(position, hints.extent, scale),
        size=np.sqrt(areas / solid) / scale,
        color=color / 255,
        status=status,
        confidence=confidence,
    )
    return Tracks(
        bodies,
        Detections(
            frame=extra[:, 0].astype(np.int64),
            position=_to_metres(extra[:, 1:3], hints.extent, scale),
            size=np.sqrt(extra[:, 3] / math.pi) / scale,
            color=extra[:, 4:7] / 255,
        ),
    )


@njit(cache=True)
def _follow(video, background, palette, smallest, member, center, step, area, radius):
    """The tracking loop in pixels; see ``track``."""
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


def _border_color(frame: np.ndarray) -> np.ndarray:
    """The most frequent colour along the border of a frame, (3,) uint8."""
    border = np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]])
    colors, counts = np.unique(border, axis=0, return_counts=True)
    return colors[np.argmax(counts)]


def _palette(frame: np.ndarray, background: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The solid colours of a frame, (P, 3), and a lower bound of the area in pixels of what has each, (P,).

    A colour is solid where a pixel and its four neighbours differ from the background alike; a body too small
    for that lends the colour of its strongest pixel.
    """
    values = frame.astype(np.int64)
    away = np.abs(values - background).max(axis=-1)
    alike = away > 40
    for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
        alike &= np.abs(values - np.roll(values, shift, axis)).max(axis=-1) <= 8
    colors: list[np.ndarray] = []
    counts: list[int] = []
    for color, count in zip(*_by_count(values[alike]), strict=True):
        if all(np.abs(color - known).max() > 40 for known in colors):
            colors.append(color)
            counts.append(int(count))
    if not colors:
        strongest = np.unravel_index(int(away.argmax()), away.shape)
        return values[strongest][None].astype(float), np.ones(1)
    return np.array(colors, float), np.array(counts, float)


def _by_count(colors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows, the most frequent first, with their counts."""
    rows, counts = np.unique(colors.reshape(-1, 3), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return rows[order], counts[order]


def _blobs_of(
    frame: np.ndarray, background: np.ndarray, palette: np.ndarray, smallest: np.ndarray
) -> np.ndarray:
    """All blobs of one frame, (M, NUM_COLUMNS), specks of less than half a pixel left out."""
    height, width, _ = frame.shape
    deviation = np.empty((height, width), np.uint8)
    labels = np.empty((height, width), np.int32)
    pixels = np.empty(height * width, np.int32)
    starts = np.empty(bl.MAX_COMPONENTS + 1, np.int64)
    found = np.empty((bl.MAX_BLOBS, bl.NUM_COLUMNS))
    ground = background.astype(float)
    num_components, threshold = bl.components(frame, ground, deviation, labels, pixels, starts)
    count = 0
    for c in range(num_components):
        count = bl.measure(
            frame, ground, palette, smallest, deviation, labels, pixels,
            starts[c], starts[c + 1], threshold, found, count,
        )  # fmt: skip
    kept = found[:count]
    return kept[kept[:, bl.AREA] >= 0.5].copy()


def _shape(area: float, spread: float) -> str:
    """Which of the known shapes a blob of this area and spread (both in pixels squared) looks most like."""
    compactness = area / (2 * math.pi * max(spread, 1e-9))
    return min(COMPACTNESS, key=lambda name: abs(COMPACTNESS[name] - compactness))


def _mean_velocity(seen: Trajectory) -> np.ndarray:
    """(B, 2) m/s from the first to the last frame in which each body was measured; NaN for fewer than two."""
    velocity = np.full((seen.num_bodies, 2), np.nan)
    for b in range(seen.num_bodies):
        frames = np.flatnonzero(np.isfinite(seen.position[:, b, 0]))
        if len(frames) > 1:
            first, last = frames[0], frames[-1]
            velocity[b] = (seen.position[last, b] - seen.position[first, b]) / ((last - first) * seen.dt)
    return velocity


def _to_metres(pixels: np.ndarray, extent: tuple[float, float], scale: float) -> np.ndarray:
    """Points in pixels (x right, y down) to metres (y up)."""
    return np.stack([pixels[..., 0] / scale, extent[1] - pixels[..., 1] / scale], axis=-1)
