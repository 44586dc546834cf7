"""A body lit from one side, added to a picture; and the picture finished, with soft shadows."""

from __future__ import annotations

import math

import numpy as np

from worldlaw.core.compiled import compiled

SHADES = (0.6, 1.2)  # darkest and brightest part of a lit body, as a share of its own colour


@compiled
def shade_body(
    mixed, rest, cover, surface, tone, cx, cy, half, cos, sin, across, down, front, ambient, gloss
):
    """Add a lit body to the pixels of its box: what it covers of what is left of each."""
    height, width = rest.shape
    side = surface.shape[0]
    # Halfway between the light and the camera: a normal along it shines.
    length = math.sqrt(across * across + down * down + (front + 1) ** 2)
    hx, hy, hz = across / length, down / length, (front + 1) / length
    for row in range(height):
        for column in range(width):
            share = min(cover[row, column], rest[row, column])
            if share <= 0.0:
                continue
            dx, dy = column + 0.5 - cx, row + 0.5 - cy
            u = ((cos * dx + sin * dy) / half + 1) * 0.5 * side - 0.5
            v = ((cos * dy - sin * dx) / half + 1) * 0.5 * side - 0.5
            u = min(max(u, 0.0), side - 1.001)
            v = min(max(v, 0.0), side - 1.001)
            i, j = int(v), int(u)
            a, b = v - i, u - j
            n0 = n1 = grain = 0.0
            for k in range(3):
                upper = surface[i, j, k] * (1 - b) + surface[i, j + 1, k] * b
                lower = surface[i + 1, j, k] * (1 - b) + surface[i + 1, j + 1, k] * b
                value = upper * (1 - a) + lower * a
                if k == 0:
                    n0 = value
                elif k == 1:
                    n1 = value
                else:
                    grain = value
            nx, ny = cos * n0 - sin * n1, sin * n0 + cos * n1
            nz = math.sqrt(max(1 - nx * nx - ny * ny, 0.0))
            # Light wraps around what it meets: the half that looks away is dim, not black.
            facing = max(1 + nx * across + ny * down + nz * front, 0.0) / (1 + front)
            shade = ambient + (1 - ambient) * facing * math.sqrt(facing)
            shade *= 1 + 0.1 * min(max(grain, -1.0), 1.0)
            shade = min(max(shade, SHADES[0]), SHADES[1])
            shine = gloss * max(nx * hx + ny * hy + nz * hz, 0.0) ** 24
            rest[row, column] -= share
            for channel in range(3):
                mixed[row, column, channel] += share * min(tone[channel] * shade + shine, 255.0)


@compiled
def finish_frame(out, stage, mixed, rest, shadow, coarse, strength, gain, top, bottom, left, right):
    """Bodies, and what they leave free of the backdrop, darker where shadow lies; rounded."""
    for row in range(top, bottom):
        y = max((row + 0.5) / coarse - 0.5, 0.0)
        i = int(y)
        a = y - i
        for column in range(left, right):
            x = max((column + 0.5) / coarse - 0.5, 0.0)
            j = int(x)
            b = x - j
            upper = shadow[i, j] * (1 - b) + shadow[i, j + 1] * b
            lower = shadow[i + 1, j] * (1 - b) + shadow[i + 1, j + 1] * b
            dark = upper * (1 - a) + lower * a
            free = rest[row, column]
            if free == 1.0 and dark < 1e-3:
                continue
            lit = 1 - strength * dark
            for channel in range(3):
                value = gain * (mixed[row, column, channel] + free * lit * stage[row, column, channel])
                out[row, column, channel] = np.uint8(min(value + 0.5, 255.0))
