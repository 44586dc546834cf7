"""How often 95 % intervals hold the truth, and how often the test of two predictors errs, in simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.timing import Figure, Target
from worldlaw.core.numbers.permutation import sign_test
from worldlaw.core.numbers.stats import Summary, log_slope, proportion, summarize
from worldlaw.core.seeding import rng_for
from worldlaw.exam.scoring.summary import mean_over, share_over
from worldlaw.rating.agreement import fleiss

REPEATS = 10_000
LEAST = 0.92
MOST_ERRORS = 0.05  # of the test of a true null hypothesis
NUMBERS = (20, 50)  # clips, scenes

Draw = Callable[[np.random.Generator], tuple[Summary, float]]  # an estimate, and the truth of it
Sample = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
SLOPE = -0.3

ERRORS: dict[str, tuple[Sample, float]] = {  # values of a clip, and their mean
    "normal": (lambda rng, shape: rng.normal(0, 1, shape), 0.0),
    "exponential": (lambda rng, shape: rng.exponential(1, shape), 1.0),
    "lognormal, sigma 1": (lambda rng, shape: rng.lognormal(0, 1, shape), float(np.exp(0.5))),
    "half zeros, else lognormal": (
        lambda rng, shape: rng.lognormal(0, 1, shape) * (rng.random(shape) < 0.5),
        float(np.exp(0.5) / 2),
    ),
    "difference of lognormals, sigma 1 and 0.5": (
        lambda rng, shape: rng.lognormal(0, 1, shape) - rng.lognormal(0, 0.5, shape),
        float(np.exp(0.5) - np.exp(0.125)),
    ),
}


def measure(quick: bool) -> Iterator[Figure]:
    """Coverage of every kind of interval, then errors of the first kind of the test."""
    repeats = 40 if quick else REPEATS
    for what, draw in cases():
        held = unknown = 0
        for index in range(repeats):
            found, truth = draw(rng_for(index, "coverage", what))
            unknown += bool(np.isnan(found.low))
            held += bool(found.low <= truth <= found.high)
        share = held / max(repeats - unknown, 1)
        yield Figure(
            "coverage",
            what,
            "of intervals hold the truth",
            ours=share,
            baseline=0.95,
            ratio=share / 0.95,
            against="what is promised",
            target=Target(LEAST),
            notes={"without interval": f"{unknown:,}"},
        )
    for num in (10, *NUMBERS):
        errs = [_sign_error(num, rng_for(index, "errors", num)) for index in range(repeats)]
        share = float(np.mean(errs))
        yield Figure(
            "coverage",
            f"sign test, {num} skewed differences of median 0",
            "of true nulls rejected",
            ours=share,
            baseline=0.05,
            ratio=share / 0.05,
            against="what is promised",
            target=Target(MOST_ERRORS + 3 * (0.05 * 0.95 / repeats) ** 0.5, at="most"),
        )


def cases() -> Iterator[tuple[str, Draw]]:
    """Every kind of interval that a report, a card or a rating shows, with n of at least 20."""
    for num in NUMBERS:
        for what, (sample, truth) in ERRORS.items():
            yield f"mean of {num}: {what}", _mean(sample, truth, num)
        for share in (0.02, 0.1, 0.5):
            yield f"share of {num}: {share:g}", _share(share, num)
        yield f"ratio over {num} unlike scenes", _ratio(num)
        yield f"share over {num} unlike scenes", _share_over_scenes(num)
        yield f"kappa of 3 raters, {num} clips", _kappa(num)
        for sigma in (0.5, 1.0):
            yield f"slope over 3 cells, {num} clips, sigma {sigma:g}", _slope(1, 0.0, sigma, num)
    for seeds in (3, 5):
        for between, clips, rest in ((1, 0.1, 0.1), (0.3, 1, 0.3), (0, 1, 0.1), (0.2, 1, 1)):
            what = f"{seeds} seeds ({between:g}), 30 clips ({clips:g}), both ({rest:g})"
            yield f"mean of {what}", _nested(seeds, between, clips, rest)
        yield f"share of {seeds} seeds, 30 clips", _nested_share(seeds)
    for seeds, between in ((2, 0.3), (3, 0.3), (3, 0.02)):
        what = f"slope over 3 cells of {seeds} seeds ({between:g}), 30 clips"
        yield what, _slope(seeds, between, 0.5, 30)


def _mean(sample: Sample, truth: float, num: int) -> Draw:
    return lambda rng: (summarize(sample(rng, (num,))), truth)


def _share(share: float, num: int) -> Draw:
    return lambda rng: (proportion(rng.random(num) < share), share)


def _nested(seeds: int, between: float, clips: float, rest: float) -> Draw:
    """Trainings and clips drawn anew: skewed over clips, normal over trainings."""

    def draw(rng: np.random.Generator) -> tuple[Summary, float]:
        values = between * rng.normal(size=(1, seeds)) + clips * (rng.exponential(size=(30, 1)) - 1)
        return summarize(5 + values + rest * rng.normal(size=(30, seeds))), 5.0

    return draw


def _nested_share(seeds: int) -> Draw:
    """Beta-distributed shares of trainings, each clip solved or not."""

    def draw(rng: np.random.Generator) -> tuple[Summary, float]:
        return summarize(rng.random((30, seeds)) < rng.beta(12, 8, seeds), share=True), 0.6

    return draw


def _ratio(num: int) -> Draw:
    """One to three questions a scene, more of them where errors are larger."""
    questions = np.arange(1, 4)
    truth = float((questions * (1 + 0.3 * questions)).sum() / questions.sum())

    def draw(rng: np.random.Generator) -> tuple[Summary, float]:
        count = rng.integers(1, 4, num)
        mean = (1 + 0.3 * count) * rng.lognormal(-0.245, 0.7, num)
        scenes = np.repeat(np.arange(num), count)
        return mean_over(mean[scenes] * rng.lognormal(-0.125, 0.5, len(scenes)), scenes), truth

    return draw


def _share_over_scenes(num: int) -> Draw:
    """One to three questions a scene, which are solved together for the most part."""

    def draw(rng: np.random.Generator) -> tuple[Summary, float]:
        scenes = np.repeat(np.arange(num), rng.integers(1, 4, num))
        return share_over((rng.random(len(scenes)) < rng.beta(1.4, 0.6, num)[scenes]).tolist(), scenes), 0.7

    return draw


def _kappa(num: int) -> Draw:
    """Clips of which 60 % are called abnormal by each rater with 0.9, others with 0.2: the truth by hand."""
    no = 0.6 * 0.9 + 0.4 * 0.2
    agree = 0.6 * (0.9**2 + 0.1**2) + 0.4 * (0.2**2 + 0.8**2)
    chance = no**2 + (1 - no) ** 2

    def draw(rng: np.random.Generator) -> tuple[Summary, float]:
        said = rng.binomial(3, np.where(rng.random(num) < 0.6, 0.9, 0.2))
        found = fleiss(np.stack([said, 3 - said], axis=1))
        return Summary(found.kappa, found.low, found.high, num, 0), (agree - chance) / (1 - chance)

    return draw


def _slope(seeds: int, between: float, sigma: float, num: int) -> Draw:
    """Errors that fall as a power of the training clips, lognormal over clips and trainings."""
    at = (1e3, 1e4, 1e5)

    def draw(rng: np.random.Generator) -> tuple[Summary, float]:
        clips = rng.lognormal(0, sigma, (num, 1))
        cells = [
            n**SLOPE * clips * rng.lognormal(0, between, (1, seeds)) * rng.lognormal(0, 0.5, (num, seeds))
            for n in at
        ]
        return log_slope(at, cells), SLOPE

    return draw


def _sign_error(num: int, rng: np.random.Generator) -> bool:
    """Lognormal less its median: one of two is as often the better, and the means differ by 0.65."""
    return sign_test(rng.lognormal(0, 1, num) - 1) <= MOST_ERRORS
