"""The outline of a thing: points evenly along it, normals, how thick it is there, and points within."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from worldlaw.measure.tracking.foreign.things import NUM_INSIDE, NUM_POINTS
from worldlaw.measure.tracking.poses.outline_fit import boundaries

FAR = 1e3  # px: nothing else of the thing lies that way
SMOOTH = 1.0  # px along a traced outline


@dataclass(frozen=True)
class Contour:
    """An outline about its middle, px, y down."""

    outline: Float[np.ndarray, "A 2"]
    normal: Float[np.ndarray, "A 2"]
    inner: Float[np.ndarray, " A"]
    outer: Float[np.ndarray, " A"]
    body: Float[np.ndarray, "N 2"]

    @property
    def edge(self) -> tuple[np.ndarray, ...]:
        """What the kernels take."""
        return self.outline, self.normal, self.inner, self.outer


def circle(radius: float) -> Contour:
    """The outline of a disc."""
    angles = 2 * np.pi * np.arange(NUM_POINTS) / NUM_POINTS
    normal = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # Points of equal areas in a spiral; the rim is left out, where colours mix.
    k = np.arange(NUM_INSIDE)
    far = max(min(0.85 * radius, radius - 1.5), 0.3 * radius) * np.sqrt((k + 0.5) / NUM_INSIDE)
    turn = k * np.pi * (3 - np.sqrt(5))
    body = far[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    inner = np.full(NUM_POINTS, 0.9 * radius)
    return Contour(radius * normal, normal, inner, np.full(NUM_POINTS, FAR), body)


def trace_outline(mask: Bool[np.ndarray, "H W"]) -> tuple[np.ndarray, np.ndarray]:
    """Points (A, 2) px evenly along the outer outline of a mask, smoothed, and outward normals there."""
    loop = max(boundaries(mask), key=len)
    return evenly(ndimage.gaussian_filter1d(_walked(loop, 0.25), SMOOTH / 0.25, axis=0, mode="wrap"))


def evenly(points: Float[np.ndarray, "M 2"]) -> tuple[np.ndarray, np.ndarray]:
    """Points evenly along a closed line, and outward normals there."""
    closed = np.concatenate([points, points[:1]])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.arange(NUM_POINTS) / NUM_POINTS * along[-1]
    even = np.stack([np.interp(at, along, closed[:, c]) for c in range(2)], axis=1)
    tangent = np.roll(even, -1, axis=0) - np.roll(even, 1, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-9)[:, None]
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    return even, normal if _area(even) > 0 else -normal


def complete_outline(points: np.ndarray, normal: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, Contour]:
    """The middle (2,) of what an outline holds, and the whole of it about that middle."""
    middle = _middle(points)
    distance = ndimage.distance_transform_edt(mask)
    steps = np.arange(1.0, max(mask.shape), 0.5)
    inner = np.array([_reach(mask, p, -n, steps, True) for p, n in zip(points, normal, strict=True)])
    outer = np.array([_reach(mask, p, n, steps, False) for p, n in zip(points, normal, strict=True)])
    deep = distance >= min(2.0, 0.7 * distance.max())
    y, x = np.nonzero(deep)
    chosen = np.linspace(0, len(x) - 1, NUM_INSIDE).round().astype(int)
    body = np.stack([x[chosen] + 0.5, y[chosen] + 0.5], axis=1) - middle
    return middle, Contour(points - middle, normal, np.maximum(0.45 * inner, 0.8), 0.45 * outer, body)


def _reach(mask: np.ndarray, start: np.ndarray, way: np.ndarray, steps: np.ndarray, inside: bool) -> float:
    """How far from a point a mask goes on being as it is there."""
    at = np.floor(start + steps[:, None] * way).astype(int)
    held = ((at >= 0) & (at < mask.shape[::-1])).all(axis=1)
    values = np.zeros(len(at), bool)
    values[held] = mask[at[held, 1], at[held, 0]]
    other = values != inside
    return float(steps[other.argmax()]) if other.any() else FAR


def _walked(loop: np.ndarray, step: float) -> np.ndarray:
    """Points along a closed line, ``step`` apart."""
    closed = np.concatenate([loop, loop[:1]]).astype(float)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.arange(0, along[-1], step)
    return np.stack([np.interp(at, along, closed[:, c]) for c in range(2)], axis=1)


def _area(points: np.ndarray) -> float:
    """Signed: positive for a line that runs clockwise as seen, y down."""
    following = np.roll(points, -1, axis=0)
    return float((points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0]).sum() / 2)


def _middle(points: np.ndarray) -> np.ndarray:
    """Centroid of a polygon."""
    start = points[0]
    first, second = points - start, np.roll(points, -1, axis=0) - start
    double = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return start + ((first + second) * double[:, None]).sum(axis=0) / (3 * double.sum())
