"""What surfaces are made of: plaster, paper, felt and wood, from smooth noise of several sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

BACKDROP_SHADES = (0.82, 1.12)  # darkest and brightest part of a backdrop, as a share of its tone
# Coarse and fine unevenness, shares of the tone.
ROUGHNESS = {"felt": (0.02, 0.035), "paper": (0.012, 0.014), "plaster": (0.03, 0.014)}


def lit_surface(
    kind: str, base: np.ndarray, light: Sequence[float], height: int, width: int, rng: np.random.Generator
) -> np.ndarray:
    """(H, W, 3) grey levels of a lit surface of some material."""
    rough = smooth_noise(rng, height, width, cells=3, octaves=7)
    grain = smooth_noise(rng, height, width, cells=60, octaves=3)
    if kind == "wood":
        streaks = smooth_noise(rng, height, width, cells=40, octaves=3, stretch=14)
        down = np.linspace(0, 5, height)[:, None]  # not in single precision, whose sine hangs on the machine
        rings = np.sin(2 * math.pi * (down + 0.55 * rough + 0.25 * streaks))
        shade = 0.045 * streaks + 0.03 * rings + 0.015 * grain
    else:
        coarse, fine = ROUGHNESS[kind]
        shade = coarse * rough + fine * grain
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    lit = 0.06 * (x * light[0] + y * light[1]) / math.hypot(light[0], light[1]) - 0.05 * (x**2 + y**2 - 0.6)
    factor = np.clip(1 + shade + lit, BACKDROP_SHADES[0], BACKDROP_SHADES[1])
    tint = 1 + 0.012 * rough[..., None] * np.array([0.6, 0.0, -0.6], np.float32)
    return (base.astype(np.float32) * factor[..., None] * tint).astype(np.float32)


def smooth_noise(
    rng: np.random.Generator, height: int, width: int, *, cells: int, octaves: int, stretch: int = 1
) -> np.ndarray:
    """(H, W) smooth noise about 0, mostly within -1 to 1: cubic splines through random lattices.

    Each octave has twice as many cells in the height of the picture, and 0.55 of the strength; cells are
    ``stretch`` times as wide as high. Cells of less than two pixels are left out.
    """
    total = np.zeros((height, width), np.float32)
    strength, sum_of_squares = 1.0, 0.0
    for octave in range(octaves):
        rows = cells * 2**octave
        columns = max(1.0, rows * width / height / stretch)
        stream = np.random.Generator(np.random.Philox(key=int(rng.integers(2**63))))
        if height / rows >= 2:
            lattice = stream.random((rows + 4, math.ceil(columns) + 4), np.float32) * 2 - 1
            along = _spline(lattice, np.arange(height) + 0.5, rows / height)
            across = _spline(np.ascontiguousarray(along.T), np.arange(width) + 0.5, columns / width)
            total += np.float32(strength) * across.T
            sum_of_squares += strength**2
        strength *= 0.55
    return total / np.float32(0.35 * math.sqrt(max(sum_of_squares, 1e-9)))


def _spline(lattice: np.ndarray, at: np.ndarray, rate: float) -> np.ndarray:
    """Values of a cubic B-spline over the rows of a lattice, at ``at * rate`` rows."""
    place = at * rate
    first = np.floor(place).astype(int)
    u = (place - first).astype(np.float32)[:, None]
    weights = ((1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3)
    total = weights[0] * lattice[first]
    for k in (1, 2, 3):
        total += weights[k] * lattice[first + k]
    return total / 6
