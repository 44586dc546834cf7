"""A hard edge: a pixel is all of the colour of what covers its middle, as in PHYRE."""

from __future__ import annotations

import numpy as np

from worldlaw.core.compiled import compiled
from worldlaw.worlds.render.polygon_kernels import place_polygon
from worldlaw.worlds.render.rigid_kernels import POLYGONS
from worldlaw.worlds.render.shape_kernels import bounds


@compiled(nogil=True)
def paint_hard_edge(frames, shape, color, center, angle, size, scale, fixed, corners, starts, first_part):
    """As ``paint_rigid``, but a pixel is all of the colour of what covers its middle."""
    num_frames, height, width, _ = frames.shape
    normals, placed = np.empty((len(corners), 3)), np.empty((len(corners), 2))
    for t in range(num_frames):
        for last in range(2):  # what is fixed covers the rest
            for b in range(len(shape)):
                if fixed[b] != (last == 1):
                    continue
                cx, cy, r = center[t, b, 0], center[t, b, 1], size[t, b]
                left, right = bounds(cx, r, width)
                top, bottom = bounds(cy, r, height)
                for p in range(first_part[b], first_part[b + 1]):
                    first, end = starts[p], starts[p + 1]
                    if shape[b] == POLYGONS:
                        place_polygon(
                            corners[first:end],
                            cx,
                            cy,
                            angle[t, b],
                            scale[t, b],
                            normals[first:end],
                            placed[first:end],
                        )
                    for row in range(top, bottom):
                        for column in range(left, right):
                            x, y = column + 0.5, row + 0.5
                            covered = True
                            if shape[b] == POLYGONS:
                                for i in range(first, end):
                                    if normals[i, 0] * x + normals[i, 1] * y + normals[i, 2] < 0:
                                        covered = False
                            elif (x - cx) ** 2 + (y - cy) ** 2 > r * r:
                                covered = False
                            if covered:
                                for channel in range(3):
                                    frames[t, row, column, channel] = np.uint8(color[b, channel])
