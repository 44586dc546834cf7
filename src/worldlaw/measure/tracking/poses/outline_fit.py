"""The outline that covers pixels as a picture does: a disc, a bar, two crossed bars, a vessel, any polygon.

All lengths are pixels, x to the right, y down. Outlines are drawn by exact area coverage, and their
parameters moved by Levenberg and Marquardt's method.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from worldlaw.measure.tracking.poses import coverage_kernels as sy

DISC_CORNERS = 96
CONVERGED = 1e-3  # pixels


def orient_contours(contours: list[np.ndarray]) -> list[np.ndarray]:
    """The outline turning from x to y, its holes the other way."""
    turned = [contour if signed_area([contour]) > 0 else contour[::-1] for contour in contours]
    return [contour if index == 0 else contour[::-1] for index, contour in enumerate(turned)]


def sound_outline(contours: list[np.ndarray], area: float, center: tuple[float, float]) -> bool:
    """Whether an outline has about the area and the centroid of the paint that it stands for."""
    own = signed_area(contours)
    if not 0.8 < own / area < 1.25:
        return False
    return float(np.linalg.norm(centroid_of(contours) - center)) < 0.5


def good(area: float) -> float:
    """Squared error of coverage, summed over pixels, of a shape that fits to a few hundredths of a pixel."""
    return 0.004 * math.sqrt(area) + 0.01


class OutlineFit:
    """A shape whose parameters are moved until it covers the pixels of a picture."""

    def __init__(self, alpha: np.ndarray, known: np.ndarray, shape: Callable) -> None:
        self.alpha, self.known, self.shape = alpha, known, shape
        self.error = math.inf
        self.parameters = np.zeros(0)
        self.contours: list[np.ndarray] = []

    def measured(self, parameters: np.ndarray) -> OutlineFit:
        """With parameters as they are."""
        cover, _, _ = self._drawn(self.shape(parameters))
        self._keep(parameters, cover)
        return self

    def solved(self, parameters: np.ndarray, num_steps: int = 30) -> OutlineFit:
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
        points, starts = join_contours(contours)
        cover = np.empty(self.alpha.shape, np.float32)
        slope = np.empty((*self.alpha.shape, 2 * len(points)), np.float32)
        edge = np.empty(self.alpha.shape, np.bool_)
        if signed_area(contours) < 0:
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


def disc_outline(parameters: np.ndarray) -> list[np.ndarray]:
    """Centre and radius -> a polygon of the disc's area."""
    x, y, radius = parameters
    turn = np.arange(DISC_CORNERS) * 2 * math.pi / DISC_CORNERS
    step = 2 * math.pi / DISC_CORNERS
    radius = radius * math.sqrt(step / math.sin(step))
    return [np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1)]


def bar_outline(parameters: np.ndarray) -> list[np.ndarray]:
    """Centre, angle, length and width -> a rectangle."""
    x, y, angle, length, breadth = parameters
    along = np.array([math.cos(angle), math.sin(angle)]) * length / 2
    across = np.array([-math.sin(angle), math.cos(angle)]) * breadth / 2
    corners = [along + across, across - along, -along - across, along - across]
    return [np.add(corners, (x, y))]


def cross_starts(cx: float, cy: float, angle: float, length: float, area: float) -> list[np.ndarray]:
    """Crossed bars of several openings with a component's centre, direction and area."""
    return [
        np.array([cx, cy, angle, half, length / math.cos(half), max(0.5 * area / length, 0.4)])
        for half in np.radians([12.5, 25.0, 40.0])
    ]


def cross_outline(parameters: np.ndarray) -> list[np.ndarray]:
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


def vessel_starts(alpha: np.ndarray, cx: float, cy: float, angle: float, area: float) -> list[np.ndarray]:
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


def vessel_outline(parameters: np.ndarray) -> list[np.ndarray]:
    """Middle of the base, angle, height, half widths at base and opening, thickness -> base and two walls."""
    x, y, angle, height, base, top, thick = parameters
    height, base, top = max(height, 0.5), max(base, 0.3), max(top, 0.3)
    level = min(max(thick, 0.05) * math.hypot(1.0, (top - base) / height), 0.95 * min(base, top))
    thick = min(max(thick, 0.05), 0.95 * height)
    inner = base - level + (top - base) * thick / height
    own = np.array(
        [
            (-base, 0),
            (base, 0),
            (top, height),
            (top - level, height),
            (inner, thick),
            (-inner, thick),
            (level - top, height),
            (-top, height),
        ]
    )
    cos, sin = math.cos(angle), math.sin(angle)
    return [np.stack([x + cos * own[:, 0] - sin * own[:, 1], y + sin * own[:, 0] + cos * own[:, 1]], axis=1)]


def trace_polygons(alpha: np.ndarray, known: np.ndarray) -> list[OutlineFit]:
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
    loops = [loop / finer - 1.0 for loop in boundaries(labels == 1 + sizes.argmax())]
    fits = []
    for tolerance in (0.9, 0.6, 0.4):
        contours = [simple for loop in loops if len(simple := _simplified(loop, tolerance)) >= 3]
        if not contours:
            continue
        shape = _Free([len(contour) for contour in contours])
        fits.append(OutlineFit(alpha, known, shape).solved(np.concatenate(contours).ravel(), num_steps=40))
        if fits[-1].error < good(alpha.sum()):
            break
    return fits


class _Free:
    """Corners themselves as parameters."""

    free = True

    def __init__(self, counts: list[int]) -> None:
        self.splits = np.cumsum(counts)[:-1]

    def __call__(self, parameters: np.ndarray) -> list[np.ndarray]:
        return [np.ascontiguousarray(c) for c in np.split(parameters.reshape(-1, 2), self.splits)]


def boundaries(mask: np.ndarray) -> list[np.ndarray]:
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
    return sorted(loops, key=lambda loop: -abs(signed_area([loop])))


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


def join_contours(contours: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All corners (P, 2) of some contours, and where each begins and the last ends."""
    return np.concatenate(contours), np.cumsum([0, *map(len, contours)])


def signed_area(contours: list[np.ndarray]) -> float:
    """Shoelace formula; positive for outer contours that turn from x to y."""
    return sum(
        0.5 * float((c[:, 0] * np.roll(c[:, 1], -1) - np.roll(c[:, 0], -1) * c[:, 1]).sum()) for c in contours
    )


def centroid_of(contours: list[np.ndarray]) -> np.ndarray:
    moment, area = np.zeros(2), 0.0
    for c in contours:
        following = np.roll(c, -1, axis=0)
        twice = c[:, 0] * following[:, 1] - following[:, 0] * c[:, 1]
        moment += ((c + following) * twice[:, None]).sum(axis=0) / 6
        area += twice.sum() / 2
    return moment / area


def symmetry_of(contours: list[np.ndarray]) -> int:
    """The most turns out of 4, 3, 2 and 1 that leave an outline covering what it covered."""
    points, starts = join_contours(contours)
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
