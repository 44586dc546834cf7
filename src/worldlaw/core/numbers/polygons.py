"""Areas and centroids of bodies that consist of convex polygons which may overlap."""

from __future__ import annotations

import itertools

from worldlaw.core.types import Polygon

Point = tuple[float, float]


def area_and_center(polygon: Polygon) -> tuple[float, Point]:
    """Area in m² of a polygon, corners counter-clockwise, and its centroid in m (shoelace formula)."""
    twice = x = y = 0.0
    for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        cross = x0 * y1 - x1 * y0
        twice += cross
        x += (x0 + x1) * cross
        y += (y0 + y1) * cross
    if twice == 0.0:
        return 0.0, (0.0, 0.0)
    return twice / 2, (x / (3 * twice), y / (3 * twice))


def overlap(first: Polygon, second: Polygon) -> Polygon:
    """What two convex polygons have in common; no corners if nothing (Sutherland and Hodgman 1974)."""
    kept = list(first)
    for (ax, ay), (bx, by) in zip(second, second[1:] + second[:1], strict=True):
        points, kept = kept, []
        sides = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in points]
        for i, (here, point) in enumerate(zip(sides, points, strict=True)):
            there, following = sides[(i + 1) % len(points)], points[(i + 1) % len(points)]
            if here >= 0:
                kept.append(point)
            if (here >= 0) != (there >= 0):
                share = here / (here - there)
                kept.append(
                    (
                        point[0] + share * (following[0] - point[0]),
                        point[1] + share * (following[1] - point[1]),
                    )
                )
    return tuple(kept)


def union_center(parts: tuple[Polygon, ...]) -> Point:
    """Centroid in m of all that some convex polygons cover, by inclusion and exclusion.

    Not the centre of mass of a body in whose overlaps both parts weigh.
    """
    area = x = y = 0.0
    for count in range(1, len(parts) + 1):
        for chosen in itertools.combinations(parts, count):
            common = chosen[0]
            for other in chosen[1:]:
                common = overlap(common, other) if common else common
            own, center = area_and_center(common) if len(common) > 2 else (0.0, (0.0, 0.0))
            sign = 1 if count % 2 else -1
            area += sign * own
            x += sign * own * center[0]
            y += sign * own * center[1]
    return x / area, y / area
