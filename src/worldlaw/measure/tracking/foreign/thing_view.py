"""One thing in one frame: its outline, the colours of its surface, and whether it is a thing at all."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from worldlaw.measure.tracking.foreign import foreign_kernels
from worldlaw.measure.tracking.foreign.backdrop import Backdrop
from worldlaw.measure.tracking.foreign.contours import (
    Contour,
    circle,
    complete_outline,
    evenly,
    trace_outline,
)
from worldlaw.measure.tracking.foreign.things import NUM_POINTS, Things

LEAST_STEP = 14.0  # levels: what differs less is no thing
PAINTS = 6
MOVED = 0.2  # share of a thing's pixels that change in the course of the video if it moves
ROUND = 0.06  # rms of a circle's radius below which an outline is a disc
ALIKE = 45.0  # levels between a shaded backdrop and a surface that are hard to tell apart


@dataclass(frozen=True)
class ThingLook:
    """One thing in one frame."""

    position: np.ndarray  # (2,) px
    radius: float  # px
    color: np.ndarray  # (3,)
    box: tuple[float, ...]  # px: left, top, width, height
    disc: bool
    contour: Contour
    paint: np.ndarray  # (P, 3)
    shade: float  # of the backdrop's light: darker is no shadow on it
    frame: int = 0
    name: str = ""


def things_of(looks: list[ThingLook]) -> Things:
    """Things from looks at each."""
    contours = {
        field.name: np.array([getattr(look.contour, field.name) for look in looks])
        for field in dataclasses.fields(Contour)
    }
    return Things(
        name=tuple(look.name or f"thing {k}" for k, look in enumerate(looks)),
        position=np.array([look.position for look in looks]),
        radius=np.array([look.radius for look in looks]),
        color=np.array([look.color for look in looks]).astype(np.uint8),
        box=np.array([look.box for look in looks]),
        disc=np.array([look.disc for look in looks]),
        paint=np.array([look.paint for look in looks]),
        shade=np.array([look.shade for look in looks]),
        frame=np.array([look.frame for look in looks]),
        **contours,
    )


def paints_of(picture: Float[np.ndarray, "H W 3"], mask: Bool[np.ndarray, "H W"]) -> np.ndarray:
    """(P, 3): the colours of a surface: means of clusters, begun along its strongest direction of change."""
    colors = picture[mask].astype(float)
    colors = colors[:: max(1, len(colors) // 2000)]
    center = colors.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((colors - center).T) + 1e-6 * np.eye(3) if len(colors) > 1 else np.eye(3))
    along = (colors - center) @ axes[:, -1]
    levels = np.quantile(along, (np.arange(PAINTS) + 0.5) / PAINTS)
    paint = center + levels[:, None] * axes[:, -1]
    for _ in range(5):
        nearest = ((colors[:, None] - paint[None]) ** 2).sum(axis=-1).argmin(axis=1)
        for k in range(PAINTS):
            if (nearest == k).any():
                paint[k] = colors[nearest == k].mean(axis=0)
    return paint


def shade_of(paint: Float[np.ndarray, "P 3"], ground: Float[np.ndarray, " 3"]) -> float:
    """How dark a shadow on a ground may be before it is taken for a surface of these colours."""
    energy = float(ground @ ground) + 1e-6
    shades = paint @ ground / energy
    apart = np.linalg.norm(paint - np.clip(shades, foreign_kernels.SHADE_LEAST, 1)[:, None] * ground, axis=1)
    alike = (apart < ALIKE) & (shades < 1)
    if not alike.any():
        return foreign_kernels.SHADE_LEAST
    return float(np.clip((shades[alike].max() + 1) / 2, foreign_kernels.SHADE_LEAST, 0.97))


def look_at(
    frame: np.ndarray, gain: np.ndarray, backdrop: Backdrop, seed: np.ndarray, paint: np.ndarray
) -> ThingLook | None:
    """A thing that covers about ``seed``, from the pixels that are like its surface and not its backdrop."""
    rows, columns = np.nonzero(seed)
    reach = 0.5 * max(np.ptp(rows), np.ptp(columns)) + 1
    margin = int(0.6 * reach + 6)
    top, left = max(0, rows.min() - margin), max(0, columns.min() - margin)
    bottom = min(frame.shape[0], rows.max() + margin + 1)
    right = min(frame.shape[1], columns.max() + margin + 1)
    at = (slice(top, bottom), slice(left, right))
    alike = np.empty((bottom - top, right - left))
    shade = shade_of(paint, np.median(backdrop.picture[at], axis=(0, 1)))
    foreign_kernels.likeness(
        frame, gain, backdrop.picture, paint, np.zeros((0, 3)), backdrop.noise_power, shade, left, top, alike
    )
    mask = _mask(alike, seed[at], thin=backdrop.noise > THIN_NOISE)
    if mask is None:
        return None
    y, x = np.nonzero(mask)
    radius = float(np.sqrt(mask.sum() / np.pi))
    middle = np.array([x.mean() + 0.5, y.mean() + 0.5])
    edge = (frame, left, top, least_change(backdrop.noise), alike)
    out = np.empty(10)
    foreign_kernels.fit(
        *edge,
        *circle(radius).edge,
        *middle,
        0.0,
        1.0,
        1.0,
        stride(radius),
        max(0.45 * radius, 3.0),
        max(3.0, 0.12 * radius),
        False,
        out,
    )
    points, normal = trace_outline(mask)
    far = np.hypot(*(points - points.mean(axis=0)).T)
    uneven = float(far.std() / far.mean())
    disc = bool(out[4] < max(ROUND * radius, 0.7) and out[5] > 0.85 and uneven < ROUND + 0.4 / radius)
    if disc:
        middle, radius = out[:2].copy(), radius * float(out[3])
        contour = circle(radius)
        if not mask[_pixels_within(contour, middle, mask.shape)].mean() > 0.9:  # a ring
            contour = dataclasses.replace(contour, body=complete_outline(points, normal, mask)[1].body)
    else:
        middle, contour = _sharpened(edge, mask, points, normal)
    inner = ndimage.binary_erosion(mask, iterations=max(1, round(0.12 * radius)))
    inner = inner if inner.any() else mask
    picture = frame[at] / gain
    color = np.median(picture[inner], axis=0)
    box = (left + x.min(), top + y.min(), np.ptp(x) + 1, np.ptp(y) + 1)
    return ThingLook(
        position=middle + np.array([left, top]),
        radius=radius,
        color=np.clip(color * gain, 0, 255).round(),
        box=tuple(map(float, box)),
        disc=disc,
        contour=contour,
        paint=paints_of(picture, inner),
        shade=shade,
    )


THIN_NOISE = 2.5  # levels: with less, single pixels can be believed


def _mask(alike: np.ndarray, seed: np.ndarray, *, thin: bool) -> np.ndarray | None:
    """The piece of what is like a thing that a seed lies in, without small holes."""
    solid = (ndimage.uniform_filter(alike, 3) if thin else alike) > 0.5
    labels, _ = ndimage.label(solid)
    counts = np.bincount(labels[seed & solid], minlength=1)
    if counts.sum() < 4:
        return None
    mask = labels == counts.argmax()
    holes = ndimage.binary_fill_holes(mask) & ~mask
    return mask | holes if holes.sum() < 0.15 * mask.sum() else mask


def _pixels_within(
    contour: Contour, middle: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the points within an outline."""
    x, y = np.floor(contour.body + middle).astype(int).T
    return np.clip(y, 0, shape[0] - 1), np.clip(x, 0, shape[1] - 1)


def _sharpened(
    edge: tuple, mask: np.ndarray, points: np.ndarray, normal: np.ndarray
) -> tuple[np.ndarray, Contour]:
    """A traced outline moved to where colours change, and the middle of what it holds."""
    frame, left, top, least, alike = edge
    beyond = np.zeros(NUM_POINTS)
    state = np.zeros(NUM_POINTS, np.int64)
    half = max(2.5, 0.04 * float(np.sqrt(mask.sum())))
    for _ in range(2):
        middle, contour = complete_outline(points, normal, mask)
        foreign_kernels.meet(alike, *contour.edge, *middle, 0.0, 1.0, 1, half, beyond, state)
        foreign_kernels.meet_colors(
            frame, *contour.edge, middle[0] + left, middle[1] + top, 0.0, 1.0, half, least, beyond, state
        )
        moved = points + np.where(state == 1, beyond, 0.0)[:, None] * normal
        points, normal = evenly(moved)
    return complete_outline(points, normal, mask)


def has_edge(picture: np.ndarray, look: ThingLook, noise: float, moved: float) -> bool:
    """Whether the picture changes across a thing's outline: a place where nothing is has no edge.

    What did not move must also stand out more than the surroundings change by themselves.
    """
    gap = max(2.0, 0.15 * look.radius)
    contour = look.contour
    sides = np.stack([-np.minimum(contour.inner, gap), np.minimum(contour.outer, gap)])  # (2, A)
    place = look.position + contour.outline + sides[..., None] * contour.normal - 0.5
    colors = np.stack(
        [
            ndimage.map_coordinates(picture[..., c], [place[..., 1], place[..., 0]], order=1, mode="nearest")
            for c in range(3)
        ]
    )
    across = colors[:, 0] - colors[:, 1]
    step = np.linalg.norm(ndimage.gaussian_filter1d(across, 1.5, axis=1, mode="wrap"), axis=0)
    least = max(LEAST_STEP, 2 * noise) * (1 + 4 / look.radius)  # a speck must be strong
    if moved < MOVED:
        lag = round(2 * gap)
        smooth = ndimage.uniform_filter(picture, (3, 3, 1))
        rough = np.linalg.norm(smooth[:, lag:] - smooth[:, :-lag], axis=-1)[::2, ::2]
        least = max(min(2 * least, 40.0), 3 * float(np.quantile(rough, 0.75)))
    return bool((step > least).mean() > 0.6)


def least_change(noise: float) -> float:
    """Levels by which colours change across an edge that is to be measured."""
    return max(LEAST_STEP, 1.5 * noise)


def stride(radius: float) -> int:
    """Which points of an outline are looked at: about one for every second pixel."""
    return int(np.clip(round(NUM_POINTS / (np.pi * radius)), 1, 4))
