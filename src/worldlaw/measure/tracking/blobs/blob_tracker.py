"""(pixels, hints) -> tracks: where each body is, sub-pixel, with a status where it cannot be measured.

A tracker knows what the given frames show and nothing of the scene that was simulated. Bodies are followed by
nearness to where they are expected, colour and area together, so a ball that changes colour or size is still
followed, and what belongs to no known body is kept as an extra detection.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import UInt8

from worldlaw.core.errors import BadInput
from worldlaw.core.types import RING_HOLE, Detections, Hints, Tracks, Trajectory
from worldlaw.measure.tracking.blobs import blob_kernels as fo
from worldlaw.worlds.render.flat import coverage

PACKING = np.array([1 << 16, 1 << 8, 1])  # a colour as one number, in lexicographic order
VERSION = 2  # raise it whenever the same pixels would give other tracks

SOLID = {"ball": math.pi, "square": 4.0, "ring": math.pi * (1 - RING_HOLE**2)}  # area of a body of size 1


def read_hints(given: UInt8[np.ndarray, "K H W 3"], *, extent: tuple[float, float], fps: float) -> Hints:
    """What the given frames show of each body: its look, place and velocity, the largest first.

    Bodies are what differs from the background in the first frame; touching bodies of different colours are
    told apart.
    Raises BadInput if the first frame shows no body.
    """
    first = np.ascontiguousarray(given[0])
    background = np.empty(3)
    fo.border_color(first, background)
    background = background.astype(np.uint8)
    palette, smallest = _palette(first, background)
    found = _blobs_of(first, background, palette, smallest)
    if not len(found):
        raise BadInput(
            "the first given frame shows nothing but its background, so there is no body to follow"
        )
    found = found[np.argsort(-found[:, fo.AREA], kind="stable")]
    scale = first.shape[0] / extent[1]
    shape = tuple(_shape(first, background, row) for row in found)
    area = found[:, fo.AREA] / scale**2
    still = Hints(
        extent=extent,
        shape=shape,
        position=_to_metres(found[:, [fo.X, fo.Y]], extent, scale),
        velocity=np.zeros((len(found), 2)),
        size=np.sqrt(area / [SOLID[name] for name in shape]),
        area=area,
        color=np.rint(found[:, fo.RED : fo.BLUE + 1]).astype(np.uint8),
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
    position, areas, color, status, confidence, extra = fo.follow(
        np.ascontiguousarray(video),
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


def _palette(frame: np.ndarray, background: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The solid colours of a frame, (P, 3), and a lower bound of the area in pixels of what has each, (P,).

    A colour is solid where a pixel and its four neighbours differ from the background alike; a body too small
    for that lends the colour of its strongest pixel.
    """
    solid, strongest = fo.solid_pixels(frame, background)
    colors: list[np.ndarray] = []
    counts: list[int] = []
    for color, count in zip(*_by_count(solid.astype(np.int64) @ PACKING), strict=True):
        if all(np.abs(color - known).max() > 40 for known in colors):
            colors.append(color)
            counts.append(int(count))
    if not colors:
        return frame[strongest][None].astype(float), np.ones(1)
    return np.array(colors, float), np.array(counts, float)


def _by_count(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct colours (M, 3) int64, the most frequent first, with their counts (M,), from packed ones.

    Numbers sort many times faster than rows.
    """
    codes, counts = np.unique(packed, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1)[order], counts[order]


def _blobs_of(
    frame: np.ndarray, background: np.ndarray, palette: np.ndarray, smallest: np.ndarray
) -> np.ndarray:
    """All blobs of one frame, (M, NUM_COLUMNS), specks of less than half a pixel left out."""
    height, width, _ = frame.shape
    deviation = np.empty((height, width), np.uint8)
    labels = np.empty((height, width), np.int32)
    pixels = np.empty(height * width, np.int32)
    starts = np.empty(fo.MAX_COMPONENTS + 1, np.int64)
    found = np.empty((fo.MAX_BLOBS, fo.NUM_COLUMNS))
    ground = background.astype(float)
    num_components, threshold = fo.components(frame, ground, deviation, labels, pixels, starts)
    count = 0
    for c in range(num_components):
        count = fo.measure(
            frame,
            ground,
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
    kept = found[:count]
    return kept[kept[:, fo.AREA] >= 0.5].copy()


def _shape(frame: np.ndarray, background: np.ndarray, blob: np.ndarray) -> str:
    """Which of the known shapes, drawn with a blob's centre and area, looks most like it."""
    height, width, _ = frame.shape
    color = blob[fo.RED : fo.BLUE + 1] - background
    share = np.clip((frame - background.astype(float)) @ color / (color @ color), 0, 1)  # (H, W)

    reach = math.sqrt(blob[fo.AREA]) + 1  # pixels; more than half the side of any of the shapes
    rows, columns = (
        slice(max(0, math.floor(blob[at] - reach)), math.ceil(blob[at] + reach)) for at in (fo.Y, fo.X)
    )

    def difference(shape: str) -> float:
        size = math.sqrt(blob[fo.AREA] / SOLID[shape])
        drawn = coverage(shape, (blob[fo.X], blob[fo.Y]), size, height, width)
        return float(((drawn - share)[rows, columns] ** 2).sum())

    return min(SOLID, key=difference)


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
