"""Is a paired difference more than chance, and is it still where many were looked at?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FINEST_SHARE = 60  # differences that are multiples of 1/2, 1/3, … down to this are taken as they are
LATTICE = 20_000  # others are rounded so that all together are so many steps


def sign_flip(differences: np.ndarray) -> float:
    """Two-sided p-value of paired differences (N,) against chance, by flipping their signs (Fisher 1935).

    Exact, and so without a seed: the probability, over all 2^N signs, that the sum is as far from 0 as it
    is, from the distribution of sums on a lattice (Pagano and Tritchler 1983). Of differences of -1, 0 and 1
    it is McNemar's exact test. Differences that have no common unit are rounded to one 20,000th of the sum of
    their sizes, which leaves the test exact and takes little of its power. NaN are left out; without any, 1.
    """
    differences = np.asarray(differences, float)
    steps = _on_lattice(differences[np.isfinite(differences) & (differences != 0)])
    steps = steps[steps != 0]
    if not len(steps):
        return 1.0
    weights = np.abs(steps) // np.gcd.reduce(np.abs(steps))
    total = int(weights.sum())
    positive = int(weights[steps > 0].sum())
    nearer_end = min(positive, total - positive)
    if 2 * nearer_end == total:
        return 1.0
    chance = np.zeros(total + 1)  # of each sum of those that are positive
    chance[0] = 1.0
    reach = 0
    for weight in np.sort(weights):
        reach += int(weight)
        chance[: reach + 1] *= 0.5
        chance[weight : reach + 1] += chance[: reach + 1 - weight].copy()
    return float(max(min(1.0, 2 * chance[: nearer_end + 1].sum()), np.finfo(float).tiny))


def holm(values: Sequence[float]) -> np.ndarray:
    """P-values corrected for their number, so that no more than one family in twenty errs (Holm 1979)."""
    found = np.asarray(values, float)
    order = np.argsort(found, kind="stable")
    corrected = np.empty(len(found))
    corrected[order] = np.maximum.accumulate(found[order] * (len(found) - np.arange(len(found))))
    return np.minimum(corrected, 1.0)


def _on_lattice(differences: np.ndarray) -> np.ndarray:
    """The differences as whole numbers of one unit."""
    for parts in range(1, FINEST_SHARE + 1):
        scaled = differences * parts
        if np.abs(scaled - np.rint(scaled)).max(initial=0) < 1e-9 and np.abs(scaled).sum() <= LATTICE:
            return np.rint(scaled).astype(np.int64)
    return np.rint(differences / np.abs(differences).sum() * LATTICE).astype(np.int64)
