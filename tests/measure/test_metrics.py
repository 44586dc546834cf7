"""Metrics on rollouts whose numbers can be worked out by hand."""

import dataclasses

import numpy as np
import pytest
from skimage.metrics import structural_similarity as skimage_ssim

from worldlaw.core.types import LOST, VISIBLE, Body, Case, Detections, Scene, Tracks, Trajectory
from worldlaw.measure.metrics import metrics
from worldlaw.measure.metrics.pixels import structural_similarity
from worldlaw.measure.metrics.trajectory import speeds
from worldlaw.worlds.scenario import true_trajectory

CONTEXT = 3


def measure(name, case):
    return metrics.get(name)(case)


def case(*, velocity=(2.0, 0.0), seen=None, num_frames=11, gravity=(0.0, 0.0), mass=1.0, videos=None):
    """A ball from (2, 5) m; ``seen`` maps the true positions (T, 1, 2) to the measured ones."""
    body = Body("ball", 0.5, "red", mass, (2.0, 5.0), velocity)
    invariants = ("momentum", "energy") if gravity == (0.0, 0.0) else ("energy",)
    scene = Scene("uniform_motion", {}, (body,), gravity=gravity, invariants=invariants)
    time = np.arange(num_frames)[:, None] * 0.1
    position = np.array([2.0, 5.0]) + np.array(velocity) * time + 0.5 * np.array(gravity) * time**2
    truth = true_trajectory(scene, position[:, None], 0.1)
    measured = truth.position.copy() if seen is None else seen(truth.position.copy())
    status = np.where(np.isnan(measured[..., 0]), LOST, VISIBLE).astype(np.int8)
    tracked = dataclasses.replace(truth, position=measured, status=status)
    true, generated = videos or (np.zeros((num_frames, 16, 16, 3), np.uint8),) * 2
    return Case(0, scene, CONTEXT, truth, Tracks(tracked, Detections.none()), lambda: true, lambda: generated)


def slower(position):
    position[2:, 0, 0] = position[2, 0, 0] + 1.5 * 0.1 * np.arange(len(position) - 2)
    return position


def jitter(position):
    position[3::2, 0, 1] += 0.01
    return position


def vanish(position):
    position[7:] = np.nan
    return position


def test_half_a_metre_per_second_too_slow_is_half_a_metre_per_second():
    slow = case(seen=slower)
    assert measure("velocity_error", slow) == pytest.approx(0.5)
    assert measure("mean_velocity_error", slow) == pytest.approx(0.5)
    assert measure("measured_share", slow) == 1.0
    assert measure("solved", slow) == 0.0


def test_jitter_counts_in_velocity_error_and_not_in_the_mean():
    shaky = case(seen=jitter)
    # Every interval after the given frames is off by 0.01 m in 0.1 s across the motion.
    assert measure("velocity_error", shaky) == pytest.approx(0.1)
    # Eight intervals go up, down, up, ...: the mean over all of them is nothing.
    assert measure("mean_velocity_error", shaky) == pytest.approx(0.0, abs=1e-12)


def test_the_given_frames_do_not_count():
    def spoil(position):
        position[0] += 5.0
        return position

    assert measure("velocity_error", case(seen=spoil)) == pytest.approx(0.0, abs=1e-12)


def test_the_step_from_the_last_given_frame_to_the_first_generated_one_counts():
    def jump(position):
        position[3:, 0, 0] += 0.8
        return position

    # One of eight intervals is off by 0.8 m in 0.1 s.
    assert measure("velocity_error", case(seen=jump)) == pytest.approx(8.0 / 8)


def test_a_ball_that_vanishes_is_not_an_error_of_zero():
    gone = case(seen=vanish)
    assert measure("velocity_error", gone) == pytest.approx(0.0, abs=1e-12)  # over what could be measured
    assert measure("measured_share", gone) == pytest.approx(4 / 8)
    assert measure("lost_share", gone) == pytest.approx(4 / 8)
    assert measure("solved", gone) == 0.0


def test_an_interval_that_was_not_measured_is_charged_more_than_standing_still():
    gone = case(seen=vanish)
    # Four of eight intervals are exact, four are charged 2 + 1 m/s.
    assert measure("charged_velocity_error", gone) == pytest.approx(4 * 3.0 / 8)
    still = case(seen=lambda position: np.repeat(position[2:3], len(position), axis=0))
    late = case(seen=lambda position: vanish(np.repeat(position[2:3], len(position), axis=0)))
    assert measure("velocity_error", late) == pytest.approx(measure("velocity_error", still))
    assert measure("charged_velocity_error", late) > measure("charged_velocity_error", still)


def test_a_body_that_was_never_measured_still_has_its_true_speed():
    never = case(seen=lambda position: np.full_like(position, np.nan))
    ((body, true, measured),) = speeds(never)
    assert (body, true) == (0, pytest.approx(2.0))
    assert np.isnan(measured)


def test_a_duplicate_is_not_a_solution():
    base = case()
    seen = Detections(np.arange(3, 11), np.zeros((8, 2)), np.ones(8), np.zeros((8, 3)))
    doubled = dataclasses.replace(base, tracked=Tracks(base.tracked.bodies, seen))
    assert measure("solved", base) == 1.0
    assert measure("velocity_error", doubled) == 0.0
    assert measure("solved", doubled) == 0.0


def test_what_the_truth_does_not_show_in_full_is_not_counted():
    # At 9 m/s the ball (radius 0.5) is in full view up to 9.5 m: in frames 0 to 8, so intervals 2 to 7 count.
    fast = case(velocity=(9.0, 0.0))
    assert fast.counted_intervals.sum() == 6
    assert measure("solved", fast) == 1.0


def test_nothing_left_to_see_is_nan_and_not_solved():
    away = case(velocity=(40.0, 0.0))
    assert np.isnan(measure("measured_share", away))
    assert np.isnan(measure("solved", away))


def test_position_size_and_colour_errors_are_in_their_units():
    def shifted(position):
        return position + np.array([0.3, 0.4])

    base = case(seen=shifted)
    bodies = base.tracked.bodies
    changed = dataclasses.replace(bodies, size=bodies.size * 1.2, color=1 - bodies.color)
    off = dataclasses.replace(base, tracked=Tracks(changed, Detections.none()))
    assert measure("position_error", off) == pytest.approx(0.5)
    assert measure("size_error", off) == pytest.approx(0.1)
    assert measure("color_error", off) == pytest.approx(1.0)


def test_extra_detections_are_counted_per_generated_frame():
    base = case()
    seen = Detections(np.array([1, 4, 5, 5]), np.zeros((4, 2)), np.zeros(4), np.zeros((4, 3)))
    doubled = dataclasses.replace(base, tracked=Tracks(base.tracked.bodies, seen))
    assert measure("extra_detections", doubled) == pytest.approx(3 / 8)


def test_a_ball_that_stops_loses_all_its_momentum_and_energy():
    def stop(position):
        position[2:] = position[2]
        return position

    still = case(seen=stop)
    assert measure("momentum_drift", still) == pytest.approx(1.0)
    assert measure("energy_drift", still) == pytest.approx(1.0)


def test_twice_the_speed_drifts_by_a_third_of_momenta_and_three_fifths_of_energies():
    def double(position):
        position[2:, 0, 0] = position[2, 0, 0] + 4.0 * 0.1 * np.arange(len(position) - 2)
        return position

    fast = case(seen=double)
    assert measure("momentum_drift", fast) == pytest.approx(2 / (2 + 4))
    assert measure("energy_drift", fast) == pytest.approx((16 - 4) / (16 + 4))


def test_a_falling_ball_keeps_its_energy_and_has_no_momentum_to_keep():
    falling = case(velocity=(2.0, 0.0), gravity=(0.0, -2.5))
    assert measure("energy_drift", falling) == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(measure("momentum_drift", falling))


def test_psnr_of_an_error_of_one_level_is_48_decibels():
    true = np.full((11, 16, 16, 3), 100, np.uint8)
    off = case(videos=(true, true + np.uint8(1)))
    assert measure("psnr", off) == pytest.approx(20 * np.log10(255))
    assert measure("psnr", case(videos=(true, true))) == 100.0


def test_ssim_agrees_with_an_independent_library():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)
    second = np.clip(first + rng.normal(0, 20, first.shape), 0, 255).astype(np.uint8)
    expected = np.mean(
        [
            skimage_ssim(
                a,
                b,
                channel_axis=2,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                data_range=255,
            )
            for a, b in zip(first, second, strict=True)
        ]
    )
    assert structural_similarity(first, second) == pytest.approx(expected, abs=2e-4)


def test_predictors_on_states_have_no_pixels_to_judge():
    stateful = dataclasses.replace(case(), generated_video=None)
    assert np.isnan(measure("psnr", stateful))
    assert np.isnan(measure("ssim", stateful))


def test_moving_everything_changes_no_error():
    base = case(seen=slower)

    def moved(states: Trajectory) -> Trajectory:
        return dataclasses.replace(states, position=states.position + np.array([0.5, -0.7]))

    other = dataclasses.replace(
        base, truth=moved(base.truth), tracked=Tracks(moved(base.tracked.bodies), base.tracked.extra)
    )
    for name in ("velocity_error", "mean_velocity_error", "position_error", "measured_share"):
        assert measure(name, other) == pytest.approx(measure(name, base))
