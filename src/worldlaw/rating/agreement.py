"""How far judges agree beyond chance, and how far an automatic verdict agrees with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from worldlaw.core.numbers.stats import Summary, proportion, smooth_interval


@dataclass(frozen=True)
class Agreement:
    """Of several raters over clips that each of them judged."""

    observed: float  # share of pairs of raters that agree on a clip, mean over clips
    expected: float  # the same if answers were dealt out at random, as often as each was given
    kappa: float  # (observed - expected) / (1 - expected); NaN if all answers are equal
    low: float  # studentised-bootstrap 95 % interval of kappa, clips resampled; NaN for fewer than ten
    high: float


UNKNOWN = Agreement(np.nan, np.nan, np.nan, np.nan, np.nan)


def fleiss(counts: Int[np.ndarray, "N C"]) -> Agreement:
    """Agreement of raters: ``counts[i, c]`` is how many of them put clip i into category c.

    Every clip has the same number of raters, at least two, who need not be the same persons.
    All fields are NaN for no clip; kappa is NaN where chance alone would make everybody agree, for nothing
    can be said then.
    Raises ValueError if rows differ in their sum, or have fewer than two raters.
    Source: Fleiss 1971, Psychological Bulletin 76(5), 378-382, equations 1 to 7.
    """
    counts = np.asarray(counts)
    if not len(counts):
        return UNKNOWN
    num_raters = counts[0].sum()
    if num_raters < 2 or (counts.sum(axis=1) != num_raters).any():
        raise ValueError("expected the same number of raters, at least two, for every clip")
    pairs = (counts * (counts - 1)).sum(axis=1) / (num_raters * (num_raters - 1))
    shares = counts / num_raters
    expected, kappa = _beyond_chance(pairs, shares)
    low = high = np.nan
    if np.isfinite(kappa):
        low, high = smooth_interval(np.concatenate([pairs[:, None], shares], axis=1), _kappa, _kappa_slopes)
    return Agreement(float(pairs.mean()), expected, kappa, low, high)


def _kappa(means: np.ndarray) -> np.ndarray:
    """Kappa (R,) from means (R, 1 + C) of agreeing pairs and of the share of each category."""
    return 1 - (1 - means[:, 0]) / (1 - (means[:, 1:] ** 2).sum(axis=1))


def _kappa_slopes(means: np.ndarray) -> np.ndarray:
    """Its derivatives (R, 1 + C) by these means."""
    differ = 1 - (means[:, 1:] ** 2).sum(axis=1, keepdims=True)
    return np.concatenate([1 / differ, -2 * (1 - means[:, :1]) * means[:, 1:] / differ**2], axis=1)


def _beyond_chance(pairs: np.ndarray, shares: np.ndarray) -> tuple[float, float]:
    """Agreement expected by chance, and kappa, from each clip's agreeing pairs (N,) and shares (N, C)."""
    overall = shares.mean(axis=0)
    expected = float((overall**2).sum())
    differ = (overall > 0).sum() > 1
    return expected, float((pairs.mean() - expected) / (1 - expected)) if differ else np.nan


@dataclass(frozen=True)
class Confusion:
    """An automatic verdict against what people said, in clips."""

    both: int  # abnormal to both
    verdict_only: int  # abnormal to the verdict, not to people
    people_only: int  # abnormal to people, not to the verdict
    neither: int
    agreement: Summary  # share of clips on which they agree
    sensitivity: Summary  # of the clips that people call abnormal, the share that the verdict finds
    specificity: Summary  # of the clips that people call normal, the share that the verdict lets pass


def confusion(people: Bool[np.ndarray, "N"], verdict: Bool[np.ndarray, "N"]) -> Confusion:
    """Count clips by what people say and what the verdict says (true: abnormal).

    Intervals are 95 % score intervals; a share of no clip is NaN.
    """
    return Confusion(
        both=int((people & verdict).sum()),
        verdict_only=int((~people & verdict).sum()),
        people_only=int((people & ~verdict).sum()),
        neither=int((~people & ~verdict).sum()),
        agreement=proportion(people == verdict),
        sensitivity=proportion(verdict[people]),
        specificity=proportion(~verdict[~people]),
    )
