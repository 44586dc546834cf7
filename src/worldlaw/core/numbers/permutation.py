"""Is one of two better more often than chance has it, and is it still where many were looked at?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import bdtr

LEVEL = 0.05  # of a whole family of comparisons: how often anything at all is shown that is not so
SAME = 1e-9  # of the largest difference: a smaller one is rounding


def sign_test(differences: np.ndarray) -> float:
    """Two-sided p-value of the exact sign test of paired differences (N,) (Arbuthnott 1710).

    The null hypothesis: a pair of which one is better is as often in favour of the first as of the second.
    Nothing is assumed of sizes, so that it holds for skewed errors, of which a test of the mean by flipping
    signs rejects a true null 10 to 16 times in 100 at ten pairs. Of outcomes that are yes or no it is
    McNemar's exact test, and the null says that both shares are equal. NaN and 0 are left out; without any
    other, 1.
    """
    better, worse = better_and_worse(differences)
    if not better + worse:
        return 1.0
    return float(max(min(1.0, 2 * bdtr(min(better, worse), better + worse, 0.5)), np.finfo(float).tiny))


def better_and_worse(differences: np.ndarray) -> tuple[int, int]:
    """How many of some differences are above and below 0, rounding aside."""
    found = np.asarray(differences, float)
    found = found[np.isfinite(found)]
    rounding = SAME * np.abs(found).max(initial=0)
    return int((found > rounding).sum()), int((found < -rounding).sum())


def holm(values: Sequence[float]) -> np.ndarray:
    """P-values corrected for their number, so that no more than one family in twenty errs (Holm 1979)."""
    found = np.asarray(values, float)
    order = np.argsort(found, kind="stable")
    corrected = np.empty(len(found))
    corrected[order] = np.maximum.accumulate(found[order] * (len(found) - np.arange(len(found))))
    return np.minimum(corrected, 1.0)
