"""Where a track is cut: the cheapest way to explain it by parabolas.

Optimal partitioning (Jackson et al. 2005, arXiv:math/0309285): of all cuts those that make the weighted
squared residuals of a parabola per stretch, plus a penalty per stretch, smallest. The penalty is that of the
Bayesian information criterion (Schwarz 1978) for six coefficients and a place. A frame whose place fits
neither side is left out at a price of its own.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

SHORTEST = 3  # frames of a flight: what a parabola needs
PARAMETERS = 7  # of a flight: six coefficients and where it starts
SPIKE_PRICE = 25.0  # squared deviations that leaving out a frame must save
NEIGHBOURHOOD = 48  # frames about a place in which it is asked what leaving it out saves
NEEDED = 0.01  # chance below which a cut is kept


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


def without_spikes(
    frames: np.ndarray, place: np.ndarray, deviation: np.ndarray
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Which places are used, and the cuts of those. In a round the best of each neighbourhood is left out."""
    kept = np.ones(len(frames), bool)
    penalty = PARAMETERS * np.log(2 * len(frames))
    cuts, _ = cheapest_cuts(frames, place, deviation, penalty)
    while kept.sum() > 2 * SHORTEST and (~kept).sum() < len(frames) / 8:
        gains = {}
        # Only frames of the shortest flights, or far off their own, can be what makes a cut dear.
        for at in _suspects(frames, place, deviation, kept, cuts):
            around = kept & (np.abs(np.arange(len(frames)) - at) <= NEIGHBOURHOOD)
            _, cost = cheapest_cuts(frames[around], place[around], deviation[around], penalty)
            around[at] = False
            _, without = cheapest_cuts(frames[around], place[around], deviation[around], penalty)
            gains[at] = cost - without
        left_out: list[int] = []
        for at in sorted(gains, key=lambda at: (-gains[at], at)):
            if gains[at] > SPIKE_PRICE and all(abs(at - other) > NEIGHBOURHOOD for other in left_out):
                left_out.append(at)
        if not left_out:
            break
        kept[left_out] = False
        cuts, _ = cheapest_cuts(frames[kept], place[kept], deviation[kept], penalty)
    return kept, cuts


def significant_cuts(
    frames: np.ndarray, place: np.ndarray, deviation: np.ndarray, cuts: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """The cuts without those that noise of the size of the residuals would give somewhere (F test)."""

    def misfit(start: int, stop: int) -> float:
        return fit(frames[start:stop], place[start:stop], deviation[start:stop])[2]

    edges = [0, *(stop for _, stop in cuts)]
    while len(edges) > 2:
        each = [misfit(*ends) for ends in pairwise(edges)]
        freedom = 2 * (len(frames) - SHORTEST * len(each))
        if freedom < SHORTEST:
            break
        scale = sum(each) / freedom
        gains = [misfit(edges[at], edges[at + 2]) - each[at] - each[at + 1] for at in range(len(each) - 1)]
        at = int(np.argmin(gains))
        surprise = stats.f.sf(gains[at] / (2 * SHORTEST) / scale, 2 * SHORTEST, freedom) if scale > 0 else 0.0
        if surprise * len(frames) < NEEDED:
            break
        del edges[at + 1]
    return list(pairwise(edges))


def _suspects(
    frames: np.ndarray,
    place: np.ndarray,
    deviation: np.ndarray,
    kept: np.ndarray,
    cuts: list[tuple[int, int]],
) -> list[int]:
    """Places among all frames that may be spikes, at most a dozen in a hundred, the farthest off first."""
    used = np.flatnonzero(kept)
    score = {}
    for start, stop in cuts:
        inside = used[start:stop]
        terms, _, _ = fit(frames[inside], place[inside], deviation[inside])
        t = frames[inside] - frames[inside].mean()
        off = np.linalg.norm(place[inside] - design_of(t) @ terms, axis=1) / deviation[inside]
        for at, far in zip(inside, off, strict=True):
            if far > 3.5 or stop - start <= SHORTEST + 1:
                score[int(at)] = float(far)
    most = 12 * max(1, len(frames) // 100)
    return sorted(score, key=lambda at: (-score[at], at))[:most]


def design_of(t: np.ndarray) -> np.ndarray:
    """(F, 3): what p, v and a of a parabola are multiplied by."""
    return np.stack([np.ones_like(t), t, t**2 / 2], axis=1)


def fit(t: np.ndarray, y: np.ndarray, deviation: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Terms (3, 2) about the mean of t, their unscaled covariance and the weighted squared residuals."""
    design = design_of(t - t.mean()) / deviation[:, None]
    terms, *_ = np.linalg.lstsq(design, y / deviation[:, None], rcond=None)
    residual = y / deviation[:, None] - design @ terms
    return terms, np.linalg.inv(design.T @ design), float((residual**2).sum())
