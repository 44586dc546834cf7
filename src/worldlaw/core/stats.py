"""Aggregates that say how sure they are: bootstrap intervals, with what was excluded counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worldlaw.core.seeding import rng_for

NUM_RESAMPLES = 2000


@dataclass(frozen=True)
class Summary:
    """The mean of a metric over clips."""

    mean: float  # NaN if nothing could be measured
    low: float  # bootstrap 95 % interval of the mean
    high: float
    num: int  # clips that count
    num_nan: int  # clips excluded because the metric could not be measured on them


def summarize(values: np.ndarray, *, seed: int = 0) -> Summary:
    """Mean of the finite values with a 95 % percentile-bootstrap interval (Efron 1979), clips resampled.

    The interval is NaN for fewer than two values. The same values in the same order give the same interval.
    """
    values = np.asarray(values, float)
    finite = values[np.isfinite(values)]
    num_nan = len(values) - len(finite)
    if len(finite) < 2:
        return Summary(float(finite.mean()) if len(finite) else np.nan, np.nan, np.nan, len(finite), num_nan)
    draws = rng_for(seed, "bootstrap").integers(len(finite), size=(NUM_RESAMPLES, len(finite)))
    low, high = np.percentile(finite[draws].mean(axis=1), [2.5, 97.5])
    return Summary(float(finite.mean()), float(low), float(high), len(finite), num_nan)


def proportion(hits: np.ndarray) -> Summary:
    """Share of the finite values that are true, with its 95 % score interval (Wilson 1927).

    The interval of none out of many does not shrink to nothing, as a bootstrap's would; it is NaN where no
    value is finite.
    """
    hits = np.asarray(hits, float)
    finite = hits[np.isfinite(hits)]
    num, num_nan = len(finite), len(hits) - len(finite)
    if not num:
        return Summary(np.nan, np.nan, np.nan, 0, num_nan)
    share, z2 = float((finite != 0).mean()), 1.959964**2
    middle = (share + z2 / (2 * num)) / (1 + z2 / num)
    half = np.sqrt(z2 * (share * (1 - share) / num + z2 / (4 * num**2))) / (1 + z2 / num)
    return Summary(share, max(0.0, float(middle - half)), min(1.0, float(middle + half)), num, num_nan)


def paired_difference(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> Summary:
    """Mean of ``first - second`` over the clips on which both were measured, with its bootstrap interval."""
    return summarize(np.asarray(first, float) - np.asarray(second, float), seed=seed)
