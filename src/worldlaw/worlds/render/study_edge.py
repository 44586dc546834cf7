"""The study's soft edge on its inclusive pixel grid (published code of arXiv:2411.02385): to compare with."""

from __future__ import annotations

import math

from worldlaw.core.compiled import compiled
from worldlaw.core.types import RING_HOLE
from worldlaw.worlds.render.shape_kernels import RING, SQUARE


@compiled(nogil=True)
def paint_study_edge(frames, shape, color, position, size, extent):
    """Paint as the study did: pixel i of N is the point i / (N - 1) of the view, colours are truncated.

    A disc is solid up to a soft rim in which its share is (R² - d²) / (0.03 R²); a square has a hard edge.
    Later bodies are blended over earlier ones.
    """
    num_frames, height, width, _ = frames.shape
    step_x, step_y = extent[0] / (width - 1), extent[1] / (height - 1)
    for t in range(num_frames):
        for b in range(len(shape)):
            x, y, r = position[t, b, 0], position[t, b, 1], size[t, b]
            left, right = max(0, math.floor((x - r) / step_x)), min(width, math.ceil((x + r) / step_x) + 1)
            low, high = max(0, math.floor((y - r) / step_y)), min(height, math.ceil((y + r) / step_y) + 1)
            for i in range(low, high):
                for j in range(left, right):
                    dx, dy = j * step_x - x, i * step_y - y
                    if shape[b] == SQUARE:
                        cover = 1.0 if max(abs(dx), abs(dy)) <= r else 0.0
                    else:
                        squared = dx * dx + dy * dy
                        cover = min(max((r * r - squared) / (0.03 * r * r), 0.0), 1.0)
                        if shape[b] == RING and squared < (RING_HOLE * r) ** 2:
                            cover = 0.0
                    row = height - 1 - i
                    for channel in range(3):
                        below = frames[t, row, j, channel]
                        frames[t, row, j, channel] = int((1 - cover) * below + cover * color[b, channel])
