"""Where a track is cut: the cheapest way to explain it by parabolas.

Optimal partitioning (Jackson et al. 2005, arXiv:math/0309285): of all cuts those that make the weighted
squared residuals of a parabola per stretch, plus a penalty per stretch, smallest.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

SHORTEST = 3  # frames of a flight: what a parabola needs


def cheapest_cuts(
    frames: Int[np.ndarray, " F"],
    place: Float[np.ndarray, "F 2"],
    deviation: Float[np.ndarray, " F"],
    penalty: float,
) -> tuple[list[tuple[int, int]], float]:
    """Half-open ranges of the given frames, one a flight, and what they cost with all penalties."""
    num = len(frames)
    best = np.full(num + 1, np.inf)
    best[0] = -penalty
    origin = np.zeros(num + 1, np.int64)
    for start in range(num - SHORTEST + 1):
        if not np.isfinite(best[start]):
            continue
        stop = np.arange(start + SHORTEST, num + 1)
        total = best[start] + penalty + _costs(frames[start:], place[start:], deviation[start:])
        better = total < best[stop]
        best[stop[better]] = total[better]
        origin[stop[better]] = start
    cuts, stop_at = [], num
    while stop_at > 0:
        cuts.append((int(origin[stop_at]), stop_at))
        stop_at = int(origin[stop_at])
    return cuts[::-1], float(best[num])


def roughness(
    frames: Int[np.ndarray, " F"], place: Float[np.ndarray, "F 2"], deviation: Float[np.ndarray, " F"]
) -> float:
    """By how much a track is rougher than its tracker says; at least 1.

    Third differences of a parabola are nothing but noise, of 20 times its variance.
    """
    if len(frames) < 8:
        return 1.0
    together = np.flatnonzero(frames[3:] - frames[:-3] == 3)
    if len(together) < 5:
        return 1.0
    third = np.diff(place, 3, axis=0)[together]
    expected = np.sqrt(20.0) * np.sqrt(np.mean([deviation[together + k] ** 2 for k in range(4)], axis=0))
    return max(1.0, float(np.median(np.abs(third) / expected[:, None])) / 0.6745)


def _costs(frames: np.ndarray, place: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Weighted squared residuals of parabolas through the first 3, 4, … of the places, both axes together."""
    t = (frames - frames[0]).astype(float)
    y = place - place[0]
    weight = deviation**-2.0
    s0, s1, s2, s3, s4 = (np.cumsum(weight * t**power)[SHORTEST - 1 :] for power in range(5))
    b0, b1, b2 = (np.cumsum((weight * t**power)[:, None] * y, axis=0)[SHORTEST - 1 :] for power in range(3))
    square = np.cumsum(weight[:, None] * y**2, axis=0)[SHORTEST - 1 :]
    # Elimination in the order 1, t, t²: means, then slopes, then curvatures.
    r11, r12, r22 = s2 - s1**2 / s0, s3 - s1 * s2 / s0, s4 - s2**2 / s0
    c1, c2 = b1 - (s1 / s0)[:, None] * b0, b2 - (s2 / s0)[:, None] * b0
    last, c2 = r22 - r12**2 / r11, c2 - (r12 / r11)[:, None] * c1
    explained = b0**2 / s0[:, None] + c1**2 / r11[:, None] + c2**2 / last[:, None]
    return np.maximum(square - explained, 0.0).sum(axis=1)
