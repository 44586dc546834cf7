"""Means, shares and slopes that say how sure they are: 95 % intervals, with what was excluded counted."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from worldlaw.core.seeding import rng_for

CONFIDENCE = 0.95  # how often an interval holds the truth
NUM_RESAMPLES = 2000
FEWEST = 10  # values, below which a mean has no interval: no method covers skewed errors there
FEWEST_SEEDS = 3  # trainings: two of them leave one degree of freedom, an interval of 13 standard errors
MANY = 2000  # values: of more, Student's quantiles are those of the bootstrap, without its memory


Estimate = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Summary:
    """The mean of a metric over clips, or another statistic of them."""

    mean: float  # NaN if nothing could be measured
    low: float  # 95 % interval; NaN where too little is known for one
    high: float
    num: int  # clips that count
    num_nan: int  # clips excluded because the metric could not be measured on them


def summarize(values: np.ndarray, *, share: bool = False, seed: int = 0) -> Summary:
    """Mean of the finite values with its 95 % interval, that of ``mean_interval``.

    ``values`` are (N,), one a clip, or (N, S), one a clip and training seed; of a ``share`` they lie in
    [0, 1], and over clips the interval is Wilson's. With several seeds the mean is that of the seeds' means,
    and a clip counts if any seed has a value there. All seeds answer the same clips, so the mean is off by
    what the drawn trainings are off by, plus what the drawn clips are. Each part has an interval, Student's t
    over the means of the seeds and the one of clips over their means; the distances from the mean to the
    ends of the two add up in squares (Zou and Donner 2008, Stat. Med. 27, 1693, equation 4).

    The interval is NaN for fewer than ten clips, unless it is a share, and for two seeds. The same values
    in the same order give the same interval.
    """
    values = np.asarray(values, float)
    values = values[:, None] if values.ndim == 1 else values
    values = values[:, np.isfinite(values).any(axis=0)]
    clips = _finite_means(values, axis=1)
    counted = np.isfinite(clips)
    clips, num_nan = clips[counted], int((~counted).sum())
    if not len(clips):
        return Summary(np.nan, np.nan, np.nan, 0, num_nan)
    middle = float(clips.mean())
    low, high = score_interval(middle, float(len(clips))) if share else mean_interval(clips, seed=seed)
    if values.shape[1] == 1:
        return Summary(middle, low, high, len(clips), num_nan)
    seeds = _finite_means(values, axis=0)
    mean = float(seeds.mean())
    half = np.nan
    if len(seeds) >= FEWEST_SEEDS:
        half = float(stdtrit(len(seeds) - 1, (1 + CONFIDENCE) / 2) * seeds.std(ddof=1) / np.sqrt(len(seeds)))
    low, high = mean - np.hypot(middle - low, half), mean + np.hypot(high - middle, half)
    if share:
        low, high = np.clip([low, high], 0.0, 1.0)
    return Summary(mean, float(low), float(high), len(clips), num_nan)


def mean_interval(
    values: np.ndarray, weights: np.ndarray | None = None, *, confidence: float = CONFIDENCE, seed: int = 0
) -> tuple[float, float]:
    """Studentised-bootstrap interval (Hall 1988, Ann. Stat. 16, 927) of sum(values) / sum(weights).

    ``values`` (N,) are finite, independent and not alike in size; ``weights`` (N,), 1 by default, make it the
    ratio of two means, such as of the errors of scenes with unlike numbers of questions. Every resample
    gives a deviation from the mean in units of its own standard error, and the quantiles of these, not
    normal ones, span the interval: right-skewed errors have it reach farther up than down, where percentiles
    of resampled means miss the mean of 20 lognormal values 15 times in 100. The quantiles lie as far out as
    Student's t with n - 1 degrees lies beyond the normal ("expanded", Hesterberg 2015, Am. Stat. 69, 371):
    without that the difference of two skewed errors is covered 90 times in 100.

    (NaN, NaN) for fewer than ten values, and where so few differ from the rest that many a resample holds
    none of them and has no standard error. Equal values per weight give an interval of no width.
    """
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, float)
    columns = np.stack([np.asarray(values, float), weights], axis=1)
    return smooth_interval(
        columns,
        lambda means: means[:, 0] / means[:, 1],
        lambda means: np.stack([1 / means[:, 1], -means[:, 0] / means[:, 1] ** 2], axis=1),
        confidence=confidence,
        seed=seed,
    )


def smooth_interval(
    columns: np.ndarray,
    estimate: Estimate,
    gradient: Estimate,
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> tuple[float, float]:
    """Studentised-bootstrap interval of a smooth function of the means of columns (N, K), rows resampled.

    ``estimate`` takes means (R, K) to (R,), ``gradient`` to (R, K). The standard error, of the values and of
    every resample, is that of the function's first order about its own means (delta method).
    """
    num = len(columns)
    if num < FEWEST:
        return np.nan, np.nan
    means = columns.mean(axis=0, keepdims=True)
    found, slope = float(estimate(means)[0]), gradient(means)[0]
    centred = columns - means  # without it the variance of a resample would be a small difference
    influence = centred @ slope
    if np.abs(influence).max() <= 1e-12 * (np.abs(columns) @ np.abs(slope)).max():  # equal but for rounding
        return found, found
    variance = (influence**2).sum() / (num - 1)
    tail = _expanded_tail(num, confidence)
    if num > MANY:
        low, high = stdtrit(num - 1, np.array([tail, 1 - tail]))
    else:
        products = (centred[:, :, None] * centred[:, None, :]).reshape(num, -1)
        drawn = _clip_counts(num, seed) @ np.concatenate([centred, products], axis=1) / num
        off, squares = drawn[:, : columns.shape[1]], drawn[:, columns.shape[1] :]
        with np.errstate(divide="ignore", invalid="ignore"):  # a resample may hold nothing measured: NaN
            slopes = gradient(means + off)
            spread = np.einsum("ri,rij,rj->r", slopes, squares.reshape(*off.shape, -1), slopes)
            spread = (spread - (slopes * off).sum(axis=1) ** 2) * num / (num - 1)
            moved = estimate(means + off) - found
            spread = np.where(spread > 1e-12 * variance, spread, 0.0)
            studentised = np.where(moved == 0, 0.0, moved / np.sqrt(spread / num))  # infinite without spread
        low, high = np.quantile(studentised, [tail, 1 - tail], method="nearest")
    if not np.isfinite([low, high]).all():
        return np.nan, np.nan
    deviation = np.sqrt(variance / num)
    return float(found - high * deviation), float(found - low * deviation)


def proportion(hits: np.ndarray) -> Summary:
    """Share of the finite values that are true, with its 95 % score interval (Wilson 1927).

    The interval of none out of many does not shrink to nothing, as a bootstrap's would; it is NaN where no
    value is finite.
    """
    hits = np.asarray(hits, float)
    return summarize(np.where(np.isfinite(hits), hits != 0, np.nan), share=True)


def score_interval(share: float, num: float) -> tuple[float, float]:
    """95 % score interval (Wilson 1927) of a share in [0, 1] of ``num`` independent trials.

    Of trials that are each in part true it is at least as wide as need be: values of one mean in [0, 1] vary
    most where they are all 0 or 1.
    """
    z2 = 1.959964**2
    middle = (share + z2 / (2 * num)) / (1 + z2 / num)
    half = np.sqrt(z2 * (share * (1 - share) / num + z2 / (4 * num**2))) / (1 + z2 / num)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def paired_difference(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> Summary:
    """Mean of ``first - second`` over the clips on which both were measured, with its interval."""
    return summarize(np.asarray(first, float) - np.asarray(second, float), seed=seed)


def log_slope(
    at: Sequence[float | int], cells: Sequence[np.ndarray], *, confidence: float = CONFIDENCE, seed: int = 0
) -> Summary:
    """Slope of log10 of a mean against log10 of what it is measured at, by least squares, with its interval.

    ``cells`` are (N, S) values of the same N clips by training seed, one array for each number in ``at``. The
    interval adds up two parts in squares, as that of ``summarize`` does: of clips, the studentised bootstrap
    of ``mean_interval``; of trainings, Student's t from the variance of log means
    within cells, taken to be the same in all of them. Over cells of one training each it is of clips alone.
    The slope is NaN for fewer than two cells or a mean that is not positive; the interval for fewer than
    ten clips, and for fewer than two trainings more than cells where any cell has several. ``num`` are the
    clips that count in every cell.
    Raises ValueError if cells differ in their clips.
    """
    if len({len(cell) for cell in cells}) > 1:
        raise ValueError("expected the same clips in every cell")
    cells = [np.asarray(cell, float) for cell in cells]
    clips = [_finite_means(cell, axis=1) for cell in cells]
    measured = np.isfinite(clips)  # (C, N)
    num = int(measured.all(axis=0).sum()) if cells else 0
    num_nan = (len(cells[0]) if cells else 0) - num
    seeds = [_finite_means(cell, axis=0) for cell in cells]
    seeds = [means[np.isfinite(means)] for means in seeds]
    means = np.array([its.mean() if len(its) else np.nan for its in seeds])
    if len(cells) < 2 or not (means > 0).all():
        return Summary(np.nan, np.nan, np.nan, num, num_nan)
    place = np.log10(np.asarray(at, float))
    weight = (place - place.mean()) / ((place - place.mean()) ** 2).sum()
    slope = float(np.log10(means) @ weight)
    half = 0.0
    numbers = np.array([len(its) for its in seeds])
    freedom = int((numbers - 1).sum())
    if freedom:
        half = np.nan
        if freedom >= FEWEST_SEEDS - 1 and all((its > 0).all() for its in seeds):
            within = sum(float(((np.log10(its) - np.log10(its).mean()) ** 2).sum()) for its in seeds)
            half = float(
                stdtrit(freedom, (1 + confidence) / 2)
                * np.sqrt(within / freedom * (weight**2 / numbers).sum())
            )
    # A cell's mean is the ratio of the mean of what is measured to the share measured.
    known = measured[:, measured.any(axis=0)].T
    values = np.where(known, np.array(clips)[:, measured.any(axis=0)].T, 0.0)
    both = np.concatenate([weight, -weight])
    low, high = smooth_interval(
        np.concatenate([values, known], axis=1),
        lambda means: np.log10(means) @ both,
        lambda means: both / (np.log(10) * means),
        confidence=confidence,
        seed=seed,
    )
    middle = float(np.log10([np.nanmean(its) for its in clips]) @ weight)
    return Summary(
        slope,
        float(slope - np.hypot(middle - low, half)),
        float(slope + np.hypot(high - middle, half)),
        num,
        num_nan,
    )


@functools.lru_cache(maxsize=4)  # metric after metric asks for the same
def _clip_counts(num: int, seed: int) -> np.ndarray:
    """(R, N): how often each resample draws each clip."""
    draws = rng_for(seed, "bootstrap").integers(num, size=(NUM_RESAMPLES, num))
    flat = draws + num * np.arange(NUM_RESAMPLES)[:, None]
    return np.bincount(flat.ravel(), minlength=NUM_RESAMPLES * num).reshape(NUM_RESAMPLES, num).astype(float)


def _expanded_tail(num: int, confidence: float) -> float:
    """The share of resamples beyond each end: below (1 - confidence) / 2, the more so for few values."""
    return float(ndtr(np.sqrt(num / (num - 1)) * stdtrit(num - 1, (1 - confidence) / 2)))


def _finite_means(values: np.ndarray, *, axis: int) -> np.ndarray:
    """Means of the finite values along an axis of (N, S); NaN where there is none."""
    finite = np.isfinite(values)
    count = finite.sum(axis=axis)
    return np.where(count > 0, np.where(finite, values, 0.0).sum(axis=axis) / np.maximum(count, 1), np.nan)


def finite_or_none(value: float) -> float | None:
    """None for what could not be measured."""
    return float(value) if np.isfinite(value) else None
