"""Aggregates that say how sure they are: bootstrap intervals, with what was excluded counted."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worldlaw.core.seeding import rng_for

NUM_RESAMPLES = 2000


@dataclass(frozen=True)
class Summary:
    """The mean of a metric over clips, or another statistic of them."""

    mean: float  # NaN if nothing could be measured
    low: float  # bootstrap 95 % interval
    high: float
    num: int  # clips that count
    num_nan: int  # clips excluded because the metric could not be measured on them


def summarize(values: np.ndarray, *, seed: int = 0) -> Summary:
    """Mean of the finite values with a 95 % percentile-bootstrap interval (Efron 1979), clips resampled.

    ``values`` are (N,), one a clip, or (N, S), one a clip and training seed. With several seeds the mean is
    that of the seeds' means, a clip counts if any seed has a value there, and the bootstrap is hierarchical:
    a resample draws seeds, and clips. All seeds answer the same clips, so it draws its clips once for all of
    its seeds (Owen 2007, arXiv:0712.1111): clips drawn anew for each seed would divide the variance between
    clips by the number of seeds, as if every seed had seen clips of its own.

    The interval is NaN for fewer than two clips. The same values in the same order give the same interval.
    """
    values = np.asarray(values, float)
    if values.ndim == 2:
        values = values[:, np.isfinite(values).any(axis=0)]
        if values.shape[1] > 1:
            return _over_seeds(values, seed)
        values = values[:, 0] if values.shape[1] else np.full(len(values), np.nan)
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
    share = float((finite != 0).mean())
    return Summary(share, *score_interval(share, num), num, num_nan)


def score_interval(share: float, num: int) -> tuple[float, float]:
    """95 % score interval (Wilson 1927) of a share in [0, 1] of ``num`` independent trials.

    Of trials that are each in part true it is at least as wide as need be: values of one mean in [0, 1] vary
    most where they are all 0 or 1.
    """
    z2 = 1.959964**2
    middle = (share + z2 / (2 * num)) / (1 + z2 / num)
    half = np.sqrt(z2 * (share * (1 - share) / num + z2 / (4 * num**2))) / (1 + z2 / num)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def paired_difference(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> Summary:
    """Mean of ``first - second`` over the clips on which both were measured, with its bootstrap interval."""
    return summarize(np.asarray(first, float) - np.asarray(second, float), seed=seed)


def log_slope(at: Sequence[float | int], cells: Sequence[np.ndarray], *, seed: int = 0) -> Summary:
    """Slope of log10 of a mean against log10 of what it is measured at, by least squares, with its interval.

    ``cells`` are (N, S) values of the same N clips by training seed, one array for each number in ``at``. The
    interval is that of the hierarchical bootstrap of ``summarize``: a resample draws clips once for all
    cells, and the seeds of each cell apart. The slope is NaN for fewer than two cells or a mean that is not
    positive; the interval for fewer than two clips or a resample in which a cell has no value. ``num`` are
    the clips that count in every cell.
    Raises ValueError if cells differ in their clips.
    """
    if len({len(cell) for cell in cells}) > 1:
        raise ValueError("expected the same clips in every cell")
    cells = [np.asarray(cell, float) for cell in cells]
    measured = [np.isfinite(cell).any(axis=1) for cell in cells]
    num = int(np.logical_and.reduce(measured).sum()) if cells else 0
    num_nan = (len(cells[0]) if cells else 0) - num
    means = np.array([_seed_mean(cell) for cell in cells])
    if len(cells) < 2 or not (means > 0).all():
        return Summary(np.nan, np.nan, np.nan, num, num_nan)
    place = np.log10(np.asarray(at, float))
    weight = (place - place.mean()) / ((place - place.mean()) ** 2).sum()
    mean = float(np.log10(means) @ weight)
    if num < 2:
        return Summary(mean, np.nan, np.nan, num, num_nan)
    counts = _clip_counts(len(cells[0]), seed)
    resampled = np.stack(
        [_draw_seeds(_seed_means(cell, counts), seed, index) for index, cell in enumerate(cells)], axis=1
    )  # (R, C)
    slopes = np.log10(np.maximum(resampled, np.finfo(float).tiny)) @ weight
    low, high = np.percentile(slopes, [2.5, 97.5])
    return Summary(mean, float(low), float(high), num, num_nan)


def _over_seeds(values: np.ndarray, seed: int) -> Summary:
    """``summarize`` for (N, S) values of several seeds, each with a finite one."""
    counted = np.isfinite(values).any(axis=1)
    num, num_nan = int(counted.sum()), int((~counted).sum())
    values = values[counted]
    mean = _seed_mean(values)
    if num < 2:
        return Summary(mean, np.nan, np.nan, num, num_nan)
    low, high = np.nanpercentile(
        _draw_seeds(_seed_means(values, _clip_counts(num, seed)), seed, 0), [2.5, 97.5]
    )
    return Summary(mean, float(low), float(high), num, num_nan)


@functools.lru_cache(maxsize=4)  # metric after metric asks for the same
def _clip_counts(num: int, seed: int) -> np.ndarray:
    """(R, N): how often each resample draws each clip."""
    draws = rng_for(seed, "bootstrap").integers(num, size=(NUM_RESAMPLES, num))
    flat = draws + num * np.arange(NUM_RESAMPLES)[:, None]
    return np.bincount(flat.ravel(), minlength=NUM_RESAMPLES * num).reshape(NUM_RESAMPLES, num).astype(float)


def _seed_means(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(R, S): the mean of each seed over its finite values in each resample; NaN where it has none."""
    finite = np.isfinite(values)
    weight = counts @ finite
    return np.where(weight > 0, counts @ np.where(finite, values, 0.0) / np.maximum(weight, 1), np.nan)


def _seed_mean(values: np.ndarray) -> float:
    """The mean of the means of the seeds that have one."""
    means = _seed_means(values, np.ones((1, len(values))))[0]
    return float(means[np.isfinite(means)].mean()) if np.isfinite(means).any() else np.nan


def _draw_seeds(means: np.ndarray, seed: int, cell: int) -> np.ndarray:
    """(R,): the mean over the seeds that each resample draws, of those that have one."""
    drawn = means
    if means.shape[1] > 1:
        draws = rng_for(seed, "bootstrap", "seeds", cell).integers(means.shape[1], size=means.shape)
        drawn = np.take_along_axis(means, draws, axis=1)
    finite = np.isfinite(drawn)
    count = finite.sum(axis=1)
    return np.where(count > 0, np.where(finite, drawn, 0).sum(axis=1) / np.maximum(count, 1), np.nan)
