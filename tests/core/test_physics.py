"""Closed forms against theorems and numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldlaw.core.numbers.physics import free_motion, impact, impact_intervals, interval_energy, momentum

masses = st.floats(0.01, 100)
speeds = st.floats(-10, 10)


def test_equal_balls_swap_velocities():
    assert impact(2.0, 2.0, 3.0, -1.0, restitution=1.0) == (-1.0, 3.0)


def test_a_light_ball_bounces_off_a_heavy_one_at_rest_with_its_speed():
    after_light, after_heavy = impact(1e-9, 1.0, 2.0, 0.0, restitution=1.0)
    assert after_light == pytest.approx(-2.0, abs=1e-6)
    assert after_heavy == pytest.approx(0.0, abs=1e-6)


def test_without_restitution_both_go_on_together():
    # (2 * 3 + 1 * 0) / 3 = 2
    assert impact(2.0, 1.0, 3.0, 0.0, restitution=0.0) == (2.0, 2.0)


@given(masses, masses, speeds, speeds)
def test_an_elastic_impact_keeps_momentum_and_energy(m1, m2, v1, v2):
    a1, a2 = impact(m1, m2, v1, v2, restitution=1.0)
    scale = (m1 + m2) * (abs(v1) + abs(v2) + 1) ** 2
    assert m1 * a1 + m2 * a2 == pytest.approx(m1 * v1 + m2 * v2, abs=1e-12 * scale)
    assert m1 * a1**2 + m2 * a2**2 == pytest.approx(m1 * v1**2 + m2 * v2**2, abs=1e-12 * scale)


@given(masses, masses, speeds, speeds, st.floats(0, 1))
def test_restitution_scales_the_relative_velocity(m1, m2, v1, v2, restitution):
    a1, a2 = impact(m1, m2, v1, v2, restitution=restitution)
    assert a2 - a1 == pytest.approx(restitution * (v1 - v2), abs=1e-9)


def test_a_ball_falls_five_metres_in_two_seconds_at_two_and_a_half():
    path = free_motion((1.0, 9.0), (3.0, 0.0), (0.0, -2.5), np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(path, [[1, 9], [4, 7.75], [7, 4]])


def test_interval_energy_of_free_fall_is_the_same_in_every_interval_and_worked_out_by_hand():
    time = np.arange(6) * 0.1
    position = free_motion((0.0, 8.0), (2.0, 0.0), (0.0, -2.5), time)[:, None]
    # m v² / 2 + m g h = 3 * 2 + 3 * 2.5 * 8 = 66 J
    np.testing.assert_allclose(interval_energy(np.array([3.0]), position, (0.0, -2.5), 0.1), 66.0)


def test_momentum_is_the_sum_over_bodies():
    velocity = np.array([[[1.0, 0.0], [-2.0, 0.5]]])
    np.testing.assert_allclose(momentum(np.array([3.0, 2.0]), velocity), [[-1.0, 1.0]])


def test_an_impact_marks_its_interval_and_the_ones_that_touch_it():
    position = np.array([0.0, 1.0, 2.0, 2.6, 2.0, 1.0, 0.0])[:, None, None] * [1.0, 0.0]
    np.testing.assert_array_equal(
        impact_intervals(position, (0.0, 0.0), 1.0), [False, True, True, True, True, False]
    )
