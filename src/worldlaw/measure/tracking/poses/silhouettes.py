"""(first frame) -> silhouettes: the outline of every body, sub-pixel, as the picture shows it.

Bodies stand apart in the first frame, so each is a component of one colour. Its coverage of every pixel is
how far the pixel has gone from the background to that colour. A disc, a rectangle, two crossed rectangles or
a vessel are tried first; anything else is a polygon traced around the component, whose corners are then moved
until the polygon covers every pixel as the picture does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy import ndimage

from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.colors import COLORS
from worldlaw.measure.tracking.blobs import blob_kernels as fo
from worldlaw.measure.tracking.poses.outline_fit import (
    OutlineFit,
    bar_outline,
    centroid_of,
    cross_outline,
    cross_starts,
    disc_outline,
    good,
    orient_contours,
    signed_area,
    sound_outline,
    symmetry_of,
    trace_polygons,
    vessel_outline,
    vessel_starts,
)

Outline = tuple[Float[np.ndarray, "_ 2"], ...]  # m: contours about the centroid, y up; holes clockwise

UNLIKE = 60.0  # levels: what differs more from a colour is no tint of it
NEVER = 12.0  # levels: what differs less from the background is noise
BEYOND = 2  # pixels around a component in which nothing is expected


@dataclass(frozen=True)
class Silhouettes:
    """What the given frames show of each body: all that ``follow`` gets besides pixels. The largest first."""

    extent: tuple[float, float]  # m, width and height of the view
    background: UInt8[np.ndarray, "3"]
    color: UInt8[np.ndarray, "B 3"]
    centroid: Float[np.ndarray, "B 2"]  # m, in the first frame
    area: Float[np.ndarray, " B"]  # m²
    reach: Float[np.ndarray, " B"]  # m, from the centroid to the farthest point of the outline
    disc: Bool[np.ndarray, " B"]  # looks like a disc: no angle can be seen
    symmetry: Int[np.ndarray, " B"]  # alike after 1/symmetry of a turn; 0 for a disc
    outline: tuple[Outline, ...]  # at angle 0, which is how the body lies in the first frame

    @property
    def num_bodies(self) -> int:
        """B, the number of bodies."""
        return len(self.outline)


def read_silhouettes(
    frames: UInt8[np.ndarray, "K H W 3"], *, extent: tuple[float, float], fps: float
) -> Silhouettes:
    """The silhouettes of all bodies in the first of the given frames.

    Bodies must be wholly in view, and apart from those of their colour by about a pixel and a quarter.
    ``fps`` (Hz) is there for trackers that need it; one frame shows no motion.
    Raises BadInput if the first frame shows no body or its shape does not fit the extent.
    """
    del fps
    first = np.ascontiguousarray(frames[0])
    height, width, _ = first.shape
    scale = height / extent[1]
    if round(extent[0] * scale) != width:
        raise BadInput(f"frames of {width} x {height} do not show a view of {extent[0]} m x {extent[1]} m")
    background = np.empty(3)
    fo.border_color(first, background)
    paint = background - first  # (H, W, 3)
    palette = _palette(first, paint, background)
    found = [
        silhouette
        for color, support, apart in _components(paint, palette)
        if (silhouette := _silhouette(paint, color, support, apart)) is not None
    ]
    if not found:
        raise BadInput(
            "the first given frame shows nothing but its background, so there is no body to follow"
        )
    found.sort(key=lambda one: -one.area)
    return Silhouettes(
        extent=extent,
        background=background.astype(np.uint8),
        color=np.rint(background - [one.paint for one in found]).clip(0, 255).astype(np.uint8),
        centroid=np.array([one.center for one in found]) * (1 / scale, -1 / scale) + (0.0, extent[1]),
        area=np.array([one.area for one in found]) / scale**2,
        reach=np.array([max(np.hypot(*c.T).max() for c in one.contours) for one in found]) / scale,
        disc=np.array([one.disc for one in found]),
        symmetry=np.array([one.symmetry for one in found]),
        outline=tuple(  # upside down, contours turn the other way
            tuple(contour[::-1] * (1 / scale, -1 / scale) for contour in one.contours) for one in found
        ),
    )


@dataclass(frozen=True)
class _Found:
    """A silhouette in pixels, y down."""

    paint: np.ndarray  # (3,) background minus colour
    center: np.ndarray  # (2,)
    area: float
    contours: list[np.ndarray]  # about the centre
    disc: bool
    symmetry: int


def _palette(frame: np.ndarray, paint: np.ndarray, background: np.ndarray) -> np.ndarray:
    """(P, 3) what each colour takes from the background.

    Colours are those of pixels that are like their four neighbours and of the strongest pixel of every
    component, tints of stronger ones left out. A body so thin that no pixel is full has the named colour that
    its strongest pixel is a tint of.
    """
    solid = background - fo.solid_pixels(frame, background)[0].astype(float)
    strength = np.abs(paint).max(axis=-1)
    labels, count = ndimage.label(strength > NEVER, np.ones((3, 3)))
    places = ndimage.maximum_position(strength, labels, range(1, count + 1)) if count else []
    seen = np.concatenate([solid, np.array([paint[place] for place in places]).reshape(-1, 3)])
    order = np.argsort(-(seen**2).sum(axis=1), kind="stable")
    seen, full = seen[order], (np.arange(len(seen)) < len(solid))[order]
    colors: list[np.ndarray] = []
    while len(seen):
        tint = _tint(seen, seen[0])
        alike = (tint > 0.9) & full
        if alike.any():
            colors.append(np.median(seen[alike], axis=0))
        else:
            named = [background - value for value in COLORS.values()]
            shares = [float(_tint(seen[:1], value)[0]) for value in named]
            colors.append(named[int(np.argmax(shares))] if max(shares) > 0.5 else seen[0])
        rest = _tint(seen, colors[-1]) <= 0.1
        rest[0] = False
        seen, full = seen[rest], full[rest]
    return np.array(colors + _beside(paint, colors, background), float).reshape(-1, 3)


def _beside(paint: np.ndarray, colors: list[np.ndarray], background: np.ndarray) -> list[np.ndarray]:
    """Colours of bodies so small and so near to a stronger one that no pixel of theirs stood out."""
    if not colors:
        return []
    unlike = np.min([_unlike(paint, color) for color in colors], axis=0)
    labels, count = ndimage.label(unlike > UNLIKE, np.ones((3, 3)))
    found: list[np.ndarray] = []
    for place in ndimage.maximum_position(unlike, labels, range(1, count + 1)) if count else []:
        named = [background - value for value in COLORS.values()]
        shares = [float(_tint(paint[place][None], value)[0]) for value in named]
        color = named[int(np.argmax(shares))] if max(shares) > 0.5 else paint[place]
        own = paint[labels == labels[place]]
        if (_tint(own, color) > 0.3).sum() >= 3 and all(_tint(one[None], color)[0] < 0.1 for one in found):
            found.append(color)
    return found


def _unlike(paint: np.ndarray, color: np.ndarray) -> np.ndarray:
    """(H, W) levels by which paint differs from every tint of a colour."""
    share = (paint @ color / (color @ color)).clip(0, 1)
    return np.linalg.norm(paint - share[..., None] * color, axis=-1)


def _tint(paint: np.ndarray, full: np.ndarray) -> np.ndarray:
    """What share of a colour some paint (N, 3) is; 0 where it is none."""
    strength = full @ full
    if not strength:
        return np.zeros(len(paint))
    share = paint @ full / strength
    rest = ((paint - share[:, None] * full) ** 2).sum(axis=1)
    return np.where((share < 1.1) & (rest < 0.01 * (paint**2).sum(axis=1) + 9), share, 0.0)


def _components(paint: np.ndarray, palette: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(colour, pixels of the component, pixels of all others) for each body.

    Thin bodies hardly fill a pixel, and neighbours may be little more than a pixel away: coverage is refined
    to a finer grid before it is cut.
    """
    height, width, _ = paint.shape
    if not len(palette):
        return []
    share = paint @ palette.T / (palette**2).sum(axis=1)  # (H, W, P)
    rest = np.linalg.norm(paint[:, :, None] - share[..., None] * palette, axis=-1)
    nearest = np.where(np.abs(paint).max(axis=-1) > NEVER, rest.argmin(axis=-1), -1)
    finer = 3 if height <= 160 else 1
    cores = []
    for p, color in enumerate(palette):
        alpha = np.where(nearest == p, share[..., p], 0.0).clip(0, 1)
        fine = ndimage.zoom(alpha, finer, order=1, grid_mode=True, mode="nearest") if finer > 1 else alpha
        labels, _ = ndimage.label(fine > 0.4, np.ones((3, 3)))
        for label, place in enumerate(ndimage.find_objects(labels), start=1):
            inside = labels[place] == label
            if inside.sum() < 2 * finer**2:
                continue
            core = np.zeros((height, width), bool)
            rows, columns = np.nonzero(inside)
            core[(rows + place[0].start) // finer, (columns + place[1].start) // finer] = True
            cores.append((color, core))
    # An edge pixel belongs to the nearest core.
    members = np.zeros((height, width), np.int64)
    for index, (_, core) in enumerate(cores, start=1):
        members[core] = index
    if not cores:
        return []
    distance, place = ndimage.distance_transform_edt(members == 0, return_indices=True)
    nearest_core = members[place[0], place[1]]
    touching, _ = ndimage.label(np.abs(paint).max(axis=-1) > NEVER, np.ones((3, 3)))
    supports = []
    for index, (_, core) in enumerate(cores, start=1):
        linked = np.isin(touching, np.unique(touching[core])) & (touching > 0)
        supports.append((nearest_core == index) & (linked | (distance <= 2.3)))
    anybody = np.any(supports, axis=0)
    return [
        (color, support, anybody & ~support)
        for (color, core), support in zip(cores, supports, strict=True)
        if support.any()
    ]


def _silhouette(
    paint: np.ndarray, color: np.ndarray, support: np.ndarray, apart: np.ndarray
) -> _Found | None:
    """The outline that covers the pixels of a component as they are covered; None for a speck."""
    rows, columns = np.nonzero(support)
    top, left = max(0, rows.min() - 1), max(0, columns.min() - 1)
    window = slice(top, rows.max() + 2), slice(left, columns.max() + 2)
    share = paint[window] @ color / (color @ color)
    alpha = share.clip(0, 1) * support[window]
    area = alpha.sum()
    if area < 3:
        return None
    # A pixel that belongs to another body or shows another colour too says nothing of this one.
    mixed = np.linalg.norm(paint[window] - share[..., None] * color, axis=-1) > 0.1 * np.linalg.norm(color)
    known = ~apart[window] & ~mixed
    alpha *= known
    # Bodies lie wholly in the view: beyond it there is nothing.
    alpha, known = np.pad(alpha, BEYOND), np.pad(known, BEYOND, constant_values=True)
    top, left = top - BEYOND, left - BEYOND
    y, x = np.mgrid[: alpha.shape[0], : alpha.shape[1]] + 0.5
    cx, cy = (alpha * x).sum() / area, (alpha * y).sum() / area
    xx, yy = (alpha * (x - cx) ** 2).sum() / area, (alpha * (y - cy) ** 2).sum() / area
    xy = (alpha * (x - cx) * (y - cy)).sum() / area
    angle = 0.5 * math.atan2(2 * xy, xx - yy)
    spread = math.hypot(xx - yy, 2 * xy)
    major = (xx + yy + spread) / 2 - 1 / 12

    radius = math.sqrt(area / math.pi)
    disc = OutlineFit(alpha, known, disc_outline).measured(np.array([cx, cy, radius]))
    if not known.all() or disc.error < 10 * good(area):
        disc.solved(np.array([cx, cy, radius]), num_steps=6)
    # A rectangle has moments length² / 12 and width² / 12.
    length = math.sqrt(12 * major)
    box = OutlineFit(alpha, known, bar_outline).solved(
        np.array([cx, cy, angle, length, max(area / length, 0.5)])
    )
    best = min((disc, box), key=lambda fit: fit.error)
    if best.error > good(area):
        for shape, starts, num_steps in (
            (cross_outline, cross_starts(cx, cy, angle, length, area), 6),
            (vessel_outline, vessel_starts(alpha, cx, cy, angle, area), 8),
        ):
            for start in starts:
                if best.error <= good(area):
                    break
                fit = OutlineFit(alpha, known, shape).solved(start, num_steps=num_steps)
                if fit.error < 0.05 * area:
                    fit.solved(fit.parameters)
                best = min(best, fit, key=lambda fit: fit.error)
    if best.error > good(area):
        polygons = trace_polygons(alpha, known)
        # Corners that have run across each other may cover the right pixels with the wrong outline.
        sound = [
            fit for fit in (best, *polygons) if sound_outline(orient_contours(fit.contours), area, (cx, cy))
        ]
        best = min(sound or [best, *polygons], key=lambda fit: fit.error)
    contours = orient_contours(best.contours)
    is_disc = best.shape is disc_outline
    if signed_area(contours) < 0.25 * area:  # no fit holds: a bar of the paint's centre, area and moments
        is_disc = False
        contours = orient_contours(bar_outline(np.array([cx, cy, angle, length, area / length])))
    center = centroid_of(contours)
    contours = [contour - center for contour in contours]
    return _Found(
        paint=color,
        center=np.add(center, (left, top)),
        area=signed_area(contours),
        contours=contours,
        disc=is_disc,
        symmetry=0 if is_disc else symmetry_of(contours),
    )
