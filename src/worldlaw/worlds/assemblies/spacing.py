"""How far bodies lie from each other: the exact distance of balls and convex parts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from worldlaw.core.compiled import compiled
from worldlaw.core.types import Body


@dataclass(frozen=True)
class Outline:
    """A body in its place: corners (C, 2) of parts in m; a ball is one corner with a radius around it."""

    corners: np.ndarray
    starts: np.ndarray  # (P + 1,) where the corners of each part begin
    radius: float  # m

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Least x, least y, greatest x, greatest y, m."""
        low, high = self.corners.min(axis=0) - self.radius, self.corners.max(axis=0) + self.radius
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def outline(body: Body) -> Outline:
    """Where the parts of a body are."""
    if not body.parts:
        return Outline(np.array([body.position]), np.array([0, 1]), body.size)
    cos, sin = math.cos(body.angle), math.sin(body.angle)
    corners = np.array([corner for part in body.parts for corner in part]) @ [[cos, sin], [-sin, cos]]
    return Outline(corners + body.position, np.cumsum([0, *map(len, body.parts)]), 0.0)


def distance(first: Outline, second: Outline) -> float:
    """Distance of two bodies in m; 0 or less where they overlap."""
    apart = _distance(first.corners, first.starts, second.corners, second.starts)
    return float(apart) - first.radius - second.radius


@compiled
def _distance(
    first: np.ndarray, first_starts: np.ndarray, second: np.ndarray, second_starts: np.ndarray
) -> float:
    least = math.inf
    for i in range(len(first_starts) - 1):
        a = first[first_starts[i] : first_starts[i + 1]]
        for j in range(len(second_starts) - 1):
            b = second[second_starts[j] : second_starts[j + 1]]
            if not (_line_between(a, b) or _line_between(b, a) or len(a) + len(b) == 2):
                return 0.0
            least = min(least, _from_corners(a, b), _from_corners(b, a))
    return least


@compiled
def _line_between(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether all of b lies beyond one side of the convex polygon a (counter-clockwise)."""
    for i in range(len(a)):
        x, y = a[i]
        dx, dy = a[(i + 1) % len(a), 0] - x, a[(i + 1) % len(a), 1] - y
        beyond = len(a) > 1
        for j in range(len(b)):
            if dx * (b[j, 1] - y) - dy * (b[j, 0] - x) >= 0:
                beyond = False
                break
        if beyond:
            return True
    return False


@compiled
def _from_corners(a: np.ndarray, b: np.ndarray) -> float:
    """Least distance of a corner of a from a side of b."""
    least = math.inf
    for i in range(len(a)):
        for j in range(len(b)):
            x, y = a[i, 0] - b[j, 0], a[i, 1] - b[j, 1]
            dx, dy = b[(j + 1) % len(b), 0] - b[j, 0], b[(j + 1) % len(b), 1] - b[j, 1]
            length = dx * dx + dy * dy
            along = min(max((x * dx + y * dy) / length, 0.0), 1.0) if length > 0 else 0.0
            least = min(least, math.hypot(x - along * dx, y - along * dy))
    return least
