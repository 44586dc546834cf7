"""Intervals hold the truth as often as they say, and tests say what they test."""

import numpy as np
import pytest
from scipy.stats import binomtest

from worldlaw.core.numbers.permutation import better_and_worse, holm, sign_test
from worldlaw.core.numbers.stats import log_slope, mean_interval, paired_difference, summarize
from worldlaw.exam.scoring.summary import mean_over, share_over
from worldlaw.rating.agreement import fleiss

REPEATS = 400
LEAST = 0.92 - 3 * (0.92 * 0.08 / REPEATS) ** 0.5  # python -m benchmarks coverage has 10,000 and all cases


def coverage(draw, truth):
    """How often the interval of what is drawn holds the truth; without one is as good as with a wrong one."""
    rng = np.random.default_rng(0)
    found = [draw(rng) for _ in range(REPEATS)]
    return np.mean([one.low <= truth <= one.high for one in found])


SKEWED = {
    "exponential": (lambda rng, n: rng.exponential(size=n), 1.0),
    "lognormal": (lambda rng, n: rng.lognormal(0, 1, n), np.exp(0.5)),
    "half zeros": (lambda rng, n: rng.lognormal(0, 1, n) * (rng.random(n) < 0.5), np.exp(0.5) / 2),
}


@pytest.mark.parametrize("num", [20, 50])
@pytest.mark.parametrize("errors", SKEWED)
def test_intervals_of_skewed_errors_hold_the_mean(errors, num):
    sample, mean = SKEWED[errors]
    assert coverage(lambda rng: summarize(sample(rng, num)), mean) >= LEAST


def test_an_interval_of_normal_values_is_hardly_wider_than_students():
    rng = np.random.default_rng(0)
    widths = [np.ptp(mean_interval(rng.normal(size=50))) for _ in range(50)]
    assert np.mean(widths) == pytest.approx(2 * 2.01 / 50**0.5, rel=0.1)


def test_a_paired_difference_of_skewed_errors_holds_its_mean():
    def draw(rng):
        hard = rng.lognormal(0, 1, 20)
        return paired_difference(hard * rng.exponential(2, 20), hard * rng.exponential(1, 20))

    assert coverage(draw, np.exp(0.5)) >= LEAST


def test_below_ten_values_and_where_nearly_all_are_equal_there_is_no_interval():
    assert np.isnan(summarize(np.arange(9.0)).low)
    assert np.isfinite(summarize(np.arange(10.0)).low)
    assert np.isnan(summarize(np.eye(30)[0]).low)  # one of thirty differs: nothing says how far a second does
    assert np.isnan(mean_over(range(12), [0] * 4 + list(range(8))).low)  # eight scenes


def test_constant_values_over_unlike_scenes_have_an_interval_of_no_width():
    scenes = [0, 0, 0, *range(1, 13), *range(8, 13)]
    found = mean_over([5.0] * len(scenes), scenes)
    assert (found.mean, found.low, found.high) == (5.0, 5.0, 5.0)
    many = mean_over([0.1] * 99, np.arange(99) % 37)
    assert (many.low, many.high) == pytest.approx((0.1, 0.1), abs=1e-15)


def test_means_over_unlike_scenes_hold_the_ratio():
    def draw(rng):
        scenes = np.repeat(np.arange(20), rng.integers(1, 4, 20))
        count = np.bincount(scenes)
        return mean_over((count * rng.lognormal(-0.125, 0.5, 20))[scenes], scenes)

    assert coverage(draw, (1 + 4 + 9) / (1 + 2 + 3)) >= LEAST


def test_shares_over_unlike_scenes_hold_the_share():
    def draw(rng):
        scenes = np.repeat(np.arange(20), rng.integers(1, 4, 20))
        return share_over((rng.random(len(scenes)) < rng.beta(1.4, 0.6, 20)[scenes]).tolist(), scenes)

    assert coverage(draw, 0.7) >= LEAST


def trained(rng, seeds, *, between, clips, rest):
    return (
        5
        + between * rng.normal(size=(1, seeds))
        + clips * (rng.exponential(size=(30, 1)) - 1)
        + rest * rng.normal(size=(30, seeds))
    )


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize(("between", "clips"), [(1.0, 0.1), (0.3, 1.0), (0.0, 1.0)])
def test_intervals_over_trainings_hold_the_mean_of_all_trainings_and_clips(seeds, between, clips):
    def draw(rng):
        return summarize(trained(rng, seeds, between=between, clips=clips, rest=0.1))

    assert coverage(draw, 5) >= LEAST


def test_two_trainings_give_no_interval():
    found = summarize(trained(np.random.default_rng(0), 2, between=1, clips=1, rest=1))
    assert np.isfinite(found.mean)
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.slow
def test_a_slope_over_trainings_and_skewed_errors_holds_the_truth():
    def draw(rng, seeds, sigma):
        clips = rng.lognormal(0, sigma, (30, 1))
        cells = [
            n**-0.3
            * clips
            * rng.lognormal(0, 0.3 * (seeds > 1), (1, seeds))
            * rng.lognormal(0, 0.5, (30, seeds))
            for n in (1e3, 1e4, 1e5)
        ]
        return log_slope((1e3, 1e4, 1e5), cells)

    for seeds, sigma in ((1, 1.0), (2, 0.5), (3, 0.5)):
        assert coverage(lambda rng, k=seeds, s=sigma: draw(rng, k, s), -0.3) >= LEAST


def test_the_interval_of_kappa_holds_the_truth():
    def draw(rng):
        said = rng.binomial(3, np.where(rng.random(50) < 0.6, 0.9, 0.2))
        return fleiss(np.stack([said, 3 - said], axis=1))

    no = 0.6 * 0.9 + 0.4 * 0.2
    agree, chance = 0.6 * 0.82 + 0.4 * 0.68, no**2 + (1 - no) ** 2
    assert coverage(draw, (agree - chance) / (1 - chance)) >= LEAST


# Tests


def test_of_wins_and_losses_the_sign_test_is_binomial_whatever_their_sizes():
    rng = np.random.default_rng(0)
    for wins, losses in ((9, 1), (200, 90), (3, 3), (0, 30)):
        values = np.concatenate(
            [rng.lognormal(0, 2, wins), -rng.lognormal(0, 2, losses), np.zeros(17), [np.nan]]
        )
        assert better_and_worse(values) == (wins, losses)
        assert sign_test(values) == pytest.approx(binomtest(wins, wins + losses).pvalue, rel=1e-9)


def test_equal_values_differ_by_chance_for_sure_and_huge_numbers_do_not_underflow():
    assert sign_test(np.zeros(10)) == sign_test(np.array([])) == 1
    assert 0 < sign_test(np.ones(3000)) < 1e-300
    assert sign_test(np.array([1.0, 1e-17, -1e-17])) == 1  # rounding is no difference


@pytest.mark.parametrize("num", [10, 20, 50])
def test_skewed_differences_without_a_better_one_are_shown_no_more_often_than_said(num):
    """Half of lognormal values lie above 1: a test of the mean by flipping signs would reject far more."""
    rng = np.random.default_rng(0)
    shown = [sign_test(rng.lognormal(0, 1, num) - 1) <= 0.05 for _ in range(2000)]
    assert np.mean(shown) <= 0.05 + 3 * (0.05 * 0.95 / 2000) ** 0.5


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]).tolist() == [1, 1]
