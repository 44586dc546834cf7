"""(first frame) -> silhouettes: the outline of every body, sub-pixel, as the picture shows it.

Bodies stand apart in the first frame, so each is a component of one colour. Its coverage of every pixel is
how far the pixel has gone from the background to that colour. A disc, a rectangle, two crossed rectangles or
a vessel are tried first; anything else is a polygon traced around the component, whose corners are then moved
until the polygon covers every pixel as the picture does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy import ndimage

from worldlaw.core.colors import COLORS
from worldlaw.core.errors import BadInput
from worldlaw.exam import following as fo
from worldlaw.exam import synthesis as sy

Outline = tuple[Float[np.ndarray, "N 2"], ...]  # m: contours about the centroid, y up; holes clockwise

DISC_CORNERS = 96
UNLIKE = 60.0  # levels: what differs more from a colour is no tint of it
NEVER = 12.0  # levels: what differs less from the background is noise
CONVERGED = 1e-3  # pixels
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
    disc = _Fit(alpha, known, _disc).measured(np.array([cx, cy, radius]))
    if not known.all() or disc.error < 10 * _good(area):
        disc.solved(np.array([cx, cy, radius]), num_steps=6)
    # A rectangle has moments length² / 12 and width² / 12.
    length = math.sqrt(12 * major)
    box = _Fit(alpha, known, _box).solved(np.array([cx, cy, angle, length, max(area / length, 0.5)]))
    best = min((disc, box), key=lambda fit: fit.error)
    if best.error > _good(area):
        for start in _cross_starts(cx, cy, angle, length, area):
            fit = _Fit(alpha, known, _cross).solved(start, num_steps=6)
            if fit.error < 0.05 * area:
                fit.solved(fit.parameters)
            best = min(best, fit, key=lambda fit: fit.error)
            if best.error < _good(area):
                break
    if best.error > _good(area):
        for start in _vessel_starts(alpha, cx, cy, angle, area):
            fit = _Fit(alpha, known, _vessel).solved(start, num_steps=8)
            if fit.error < 0.05 * area:
                fit.solved(fit.parameters)
            best = min(best, fit, key=lambda fit: fit.error)
            if best.error < _good(area):
                break
    if best.error > _good(area):
        traced = _traced(alpha, known)
        # Corners that have run across each other may cover the right pixels with the wrong outline.
        sound = [fit for fit in (best, *traced) if _sound(_oriented(fit.contours), area, (cx, cy))]
        best = min(sound or [best, *traced], key=lambda fit: fit.error)
    contours = _oriented(best.contours)
    center = _centroid(contours)
    contours = [contour - center for contour in contours]
    is_disc = best.shape is _disc
    return _Found(
        paint=color,
        center=np.add(center, (left, top)),
        area=_signed_area(contours),
        contours=contours,
        disc=is_disc,
        symmetry=0 if is_disc else _symmetry(contours),
    )


def _oriented(contours: list[np.ndarray]) -> list[np.ndarray]:
    """The outline turning from x to y, its holes the other way."""
    turned = [contour if _signed_area([contour]) > 0 else contour[::-1] for contour in contours]
    return [contour if index == 0 else contour[::-1] for index, contour in enumerate(turned)]


def _sound(contours: list[np.ndarray], area: float, center: tuple[float, float]) -> bool:
    """Whether an outline has about the area and the centroid of the paint that it stands for."""
    own = _signed_area(contours)
    if not 0.8 < own / area < 1.25:
        return False
    return float(np.linalg.norm(_centroid(contours) - center)) < 0.5


def _good(area: float) -> float:
    """Squared error of coverage, summed over pixels, of a shape that fits to a few hundredths of a pixel."""
    return 0.004 * math.sqrt(area) + 0.01


class _Fit:
    """A shape whose parameters are moved until it covers the pixels of a picture."""

    def __init__(self, alpha: np.ndarray, known: np.ndarray, shape: Callable) -> None:
        self.alpha, self.known, self.shape = alpha, known, shape
        self.error = math.inf
        self.parameters = np.zeros(0)
        self.contours: list[np.ndarray] = []

    def measured(self, parameters: np.ndarray) -> _Fit:
        """With parameters as they are."""
        cover, _, _ = self._drawn(self.shape(parameters))
        self._keep(parameters, cover)
        return self

    def solved(self, parameters: np.ndarray, num_steps: int = 30) -> _Fit:
        """With parameters moved by Levenberg and Marquardt's method until no step gains."""
        damping = 1e-3
        contours = self.shape(parameters)
        cover, slope, edge = self._drawn(contours)
        self._keep(parameters, cover)
        for _ in range(num_steps):
            lever = _derivative(self.shape, parameters, contours)
            pixels = self.known & edge
            jacobian = slope[pixels] @ lever if lever is not None else slope[pixels]
            normal, gradient = (
                jacobian.T @ jacobian,
                jacobian.T @ (self.alpha[pixels] - cover[pixels]),
            )
            gained = False
            for _ in range(6):
                damped = normal + damping * np.diag(np.diag(normal) + 1e-3 * np.trace(normal) / len(normal))
                step = np.linalg.lstsq(damped, gradient, rcond=None)[0]
                tried = parameters + step.clip(-2, 2)
                new = self.shape(tried)
                new_cover, new_slope, new_edge = self._drawn(new)
                before = self.error
                self._keep(tried, new_cover)
                if self.error < before:
                    gained = True
                    damping = max(damping / 5, 1e-7)
                    parameters, contours = tried, new
                    cover, slope, edge = new_cover, new_slope, new_edge
                    break
                damping *= 8
            if not gained or np.abs(step).max() < CONVERGED or before - self.error < 1e-5:
                break
        return self

    def _drawn(self, contours: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        points, starts = joined(contours)
        cover = np.empty(self.alpha.shape, np.float32)
        slope = np.empty((*self.alpha.shape, 2 * len(points)), np.float32)
        edge = np.empty(self.alpha.shape, np.bool_)
        if _signed_area(contours) < 0:
            points = points[::-1] if len(contours) == 1 else points
            sy.draw_corners(np.ascontiguousarray(points), starts, cover, slope, edge)
            slope = slope.reshape(*self.alpha.shape, -1, 2)[:, :, ::-1].reshape(slope.shape)
        else:
            sy.draw_corners(points, starts, cover, slope, edge)
        return cover, slope, edge

    def _keep(self, parameters: np.ndarray, cover: np.ndarray) -> None:
        error = float((((cover - self.alpha) ** 2) * self.known).sum())
        if error < self.error:
            self.error, self.parameters, self.contours = error, parameters, self.shape(parameters)


def _derivative(shape: Callable, parameters: np.ndarray, contours: list[np.ndarray]) -> np.ndarray | None:
    """(2 P, number of parameters) how corners move with parameters; None where parameters are the corners."""
    if getattr(shape, "free", False):
        return None
    base = np.concatenate(contours).ravel()
    columns = []
    for index in range(len(parameters)):
        moved = parameters.copy()
        moved[index] += 1e-4
        columns.append((np.concatenate(shape(moved)).ravel() - base) / 1e-4)
    return np.stack(columns, axis=1)


def _disc(parameters: np.ndarray) -> list[np.ndarray]:
    """Centre and radius -> a polygon of the disc's area."""
    x, y, radius = parameters
    turn = np.arange(DISC_CORNERS) * 2 * math.pi / DISC_CORNERS
    step = 2 * math.pi / DISC_CORNERS
    radius = radius * math.sqrt(step / math.sin(step))
    return [np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1)]


def _box(parameters: np.ndarray) -> list[np.ndarray]:
    """Centre, angle, length and width -> a rectangle."""
    x, y, angle, length, breadth = parameters
    along = np.array([math.cos(angle), math.sin(angle)]) * length / 2
    across = np.array([-math.sin(angle), math.cos(angle)]) * breadth / 2
    corners = [along + across, across - along, -along - across, along - across]
    return [np.add(corners, (x, y))]


def _cross_starts(cx: float, cy: float, angle: float, length: float, area: float) -> list[np.ndarray]:
    """Crossed bars of several openings with a component's centre, direction and area."""
    return [
        np.array([cx, cy, angle, half, length / math.cos(half), max(0.5 * area / length, 0.4)])
        for half in np.radians([12.5, 25.0, 40.0])
    ]


def _cross(parameters: np.ndarray) -> list[np.ndarray]:
    """Centre, angle, half the angle between two equal bars, their length and width -> the outline of both."""
    x, y, angle, half, length, breadth = parameters
    half = min(max(half, 0.06), math.pi / 2 - 0.06)
    breadth = abs(breadth)
    first = np.array([math.cos(angle + half), math.sin(angle + half)])
    second = np.array([math.cos(angle - half), math.sin(angle - half)])
    across = [np.array([-u[1], u[0]]) * breadth / 2 for u in (first, second)]
    # The sides of the bars meet in a rhombus about the centre.
    sine = math.sin(2 * half)
    ends = length / 2
    corners = []
    for sign in (1, -1):
        # tip of the second bar, notch to the first bar's tip, tip of the first bar, notch across
        corners += [sign * (ends * second - across[1]), sign * (ends * second + across[1])]
        corners += [sign * (first + second) * breadth / 2 / sine]
        corners += [sign * (ends * first - across[0]), sign * (ends * first + across[0])]
        corners += [sign * (first - second) * breadth / 2 / sine]
    return [np.add(corners, (x, y))]


def _vessel_starts(alpha: np.ndarray, cx: float, cy: float, angle: float, area: float) -> list[np.ndarray]:
    """Vessels that open to each side of a component, as high and wide as it is."""
    y, x = np.nonzero(alpha > 0.3)
    starts = []
    for turn in np.arange(4) * math.pi / 2 + angle:
        # x along the base, y from the base to the opening
        across = (x + 0.5 - cx) * math.cos(turn) + (y + 0.5 - cy) * math.sin(turn)
        along = (y + 0.5 - cy) * math.cos(turn) - (x + 0.5 - cx) * math.sin(turn)
        height, half = max(np.ptp(along), 2.0), max(np.ptp(across) / 2, 1.0)
        middle, low = (across.max() + across.min()) / 2, along.min()
        base_x = cx + middle * math.cos(turn) - low * math.sin(turn)
        base_y = cy + middle * math.sin(turn) + low * math.cos(turn)
        thick = max(area / (2 * height + 1.8 * half), 0.4)
        starts.append(np.array([base_x, base_y, turn, height, 0.8 * half, half, thick]))
    return starts


def _vessel(parameters: np.ndarray) -> list[np.ndarray]:
    """Middle of the base, angle, height, half widths at base and opening, thickness -> base and two walls."""
    x, y, angle, height, base, top, thick = parameters
    height, base, top = max(height, 0.5), max(base, 0.3), max(top, 0.3)
    level = min(max(thick, 0.05) * math.hypot(1.0, (top - base) / height), 0.95 * min(base, top))
    thick = min(max(thick, 0.05), 0.95 * height)
    inner = base - level + (top - base) * thick / height
    own = np.array(
        [
            (-base, 0), (base, 0), (top, height), (top - level, height),
            (inner, thick), (-inner, thick), (level - top, height), (-top, height),
        ]
    )  # fmt: skip
    cos, sin = math.cos(angle), math.sin(angle)
    return [np.stack([x + cos * own[:, 0] - sin * own[:, 1], y + sin * own[:, 0] + cos * own[:, 1]], axis=1)]


def _traced(alpha: np.ndarray, known: np.ndarray) -> list[_Fit]:
    """Polygons around a component with few and with more corners, each fitted to the picture."""
    finer = 4
    fine = ndimage.zoom(np.pad(alpha, 1), finer, order=1, grid_mode=True, mode="nearest")
    for level in (0.5, 0.4, 0.3, 0.2):  # walls thinner than a pixel are faint, and must not be cut
        labels, count = ndimage.label(fine > level, np.ones((3, 3)))
        sizes = np.bincount(labels.ravel())[1:]
        if count and sizes.max() > 0.95 * sizes.sum():
            break
    if not count:
        return []
    loops = [loop / finer - 1.0 for loop in _boundaries(labels == 1 + sizes.argmax())]
    fits = []
    for tolerance in (0.9, 0.6, 0.4):
        contours = [simple for loop in loops if len(simple := _simplified(loop, tolerance)) >= 3]
        if not contours:
            continue
        shape = _Free([len(contour) for contour in contours])
        fits.append(_Fit(alpha, known, shape).solved(np.concatenate(contours).ravel(), num_steps=40))
        if fits[-1].error < _good(alpha.sum()):
            break
    return fits


class _Free:
    """Corners themselves as parameters."""

    free = True

    def __init__(self, counts: list[int]) -> None:
        self.splits = np.cumsum(counts)[:-1]

    def __call__(self, parameters: np.ndarray) -> list[np.ndarray]:
        return [np.ascontiguousarray(c) for c in np.split(parameters.reshape(-1, 2), self.splits)]


def _boundaries(mask: np.ndarray) -> list[np.ndarray]:
    """Closed loops (N, 2) of x, y along the sides of a mask's pixels, the mask on the right."""
    padded = np.pad(mask, 1)
    ahead: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def edges(first: np.ndarray, start: tuple[int, int], stop: tuple[int, int]) -> None:
        for row, column in zip(*np.nonzero(first), strict=True):
            a = (int(column) + start[0], int(row) + start[1])
            ahead.setdefault(a, []).append((int(column) + stop[0], int(row) + stop[1]))

    inner = padded[1:-1, 1:-1]
    edges(inner & ~padded[:-2, 1:-1], (0, 0), (1, 0))
    edges(inner & ~padded[1:-1, 2:], (1, 0), (1, 1))
    edges(inner & ~padded[2:, 1:-1], (1, 1), (0, 1))
    edges(inner & ~padded[1:-1, :-2], (0, 1), (0, 0))
    loops = []
    while ahead:
        start = next(iter(ahead))
        loop, here = [start], start
        while True:
            following = ahead[here].pop()
            if not ahead[here]:
                del ahead[here]
            here = following
            if here == start:
                break
            loop.append(here)
        loops.append(np.array(loop, float))
    return sorted(loops, key=lambda loop: -abs(_signed_area([loop])))


def _simplified(loop: np.ndarray, tolerance: float) -> np.ndarray:
    """The corners of a closed loop without which it would be off by more than the tolerance."""
    first = int(np.hypot(*(loop - loop.mean(axis=0)).T).argmax())
    loop = np.roll(loop, -first, axis=0)
    second = int(np.hypot(*(loop - loop[0]).T).argmax())
    halves = (np.arange(second + 1), np.append(np.arange(second, len(loop)), 0))
    kept = [index for half in halves for index in _kept(loop, half, tolerance)[:-1]]
    return loop[kept]


def _kept(loop: np.ndarray, indices: np.ndarray, tolerance: float) -> list[int]:
    """Douglas and Peucker's choice of the points of an open line."""
    start, stop = loop[indices[0]], loop[indices[-1]]
    along = stop - start
    length = math.hypot(*along)
    away = loop[indices] - start
    if length == 0:
        distance = np.hypot(*away.T)
    else:
        distance = np.abs(away[:, 0] * along[1] - away[:, 1] * along[0]) / length
    farthest = int(distance.argmax())
    if distance[farthest] <= tolerance or len(indices) < 3:
        return [int(indices[0]), int(indices[-1])]
    before, after = indices[: farthest + 1], indices[farthest:]
    return _kept(loop, before, tolerance)[:-1] + _kept(loop, after, tolerance)


def joined(contours: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All corners (P, 2) of some contours, and where each begins and the last ends."""
    return np.concatenate(contours), np.cumsum([0, *map(len, contours)])


def _signed_area(contours: list[np.ndarray]) -> float:
    """Shoelace formula; positive for outer contours that turn from x to y."""
    return sum(
        0.5 * float((c[:, 0] * np.roll(c[:, 1], -1) - np.roll(c[:, 0], -1) * c[:, 1]).sum()) for c in contours
    )


def _centroid(contours: list[np.ndarray]) -> np.ndarray:
    moment, area = np.zeros(2), 0.0
    for c in contours:
        following = np.roll(c, -1, axis=0)
        twice = c[:, 0] * following[:, 1] - following[:, 0] * c[:, 1]
        moment += ((c + following) * twice[:, None]).sum(axis=0) / 6
        area += twice.sum() / 2
    return moment / area


def _symmetry(contours: list[np.ndarray]) -> int:
    """The most turns out of 4, 3, 2 and 1 that leave an outline covering what it covered."""
    points, starts = joined(contours)
    reach = math.ceil(np.hypot(*points.T).max()) + 2
    size = (2 * reach, 2 * reach)
    slope = np.empty((*size, 3), np.float32)
    base, turned = np.zeros(size, np.float32), np.zeros(size, np.float32)
    sy.draw(points, starts, float(reach), float(reach), 0.0, base, slope)
    for turns in (4, 3, 2):
        turned[:] = 0
        sy.draw(points, starts, float(reach), float(reach), 2 * math.pi / turns, turned, slope)
        if np.abs(turned - base).sum() < 0.06 * base.sum():
            return turns
    return 1
