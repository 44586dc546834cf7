"""What a solved clip may not do, on rollouts whose numbers can be worked out by hand."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worldlaw.core.types import LOST, VISIBLE, Body, Case, Detections, Scene, Tracks
from worldlaw.measure.metrics import metrics
from worldlaw.measure.metrics.caps import CAPS
from worldlaw.worlds import scenarios
from worldlaw.worlds.scenario import true_trajectory

CONTEXT, DT = 3, 0.1


def measure(name, case):
    return metrics.get(name)(case)


def rollout(truth, scene, *, position=None, size=None, color=None):
    """A case in which places, sizes and colours are the true ones unless they are given."""
    position = truth.position.copy() if position is None else position
    status = np.where(np.isnan(position[..., 0]), LOST, VISIBLE).astype(np.int8)
    tracked = dataclasses.replace(
        truth,
        position=position,
        status=status,
        size=truth.size if size is None else size,
        color=truth.color if color is None else color,
    )
    frames = np.zeros((truth.num_frames, 8, 8, 3), np.uint8)
    tracks = Tracks(tracked, Detections.none())
    return Case(0, scene, CONTEXT, truth, tracks, lambda: frames, lambda: frames)


def flight(*, velocity=(1.0, 0.0), gravity=(0.0, 0.0), num_frames=23):
    """A ball of radius 0.5 m from (2, 5) m that stays in view."""
    invariants = ("momentum", "energy") if gravity == (0.0, 0.0) else ("energy",)
    body = Body("ball", 0.5, "red", 1.0, (2.0, 5.0), velocity)
    scene = Scene("uniform_motion", {}, (body,), gravity=gravity, invariants=invariants)
    time = np.arange(num_frames)[:, None] * DT
    place = np.array([2.0, 5.0]) + np.array(velocity) * time + 0.5 * np.array(gravity) * time**2
    return true_trajectory(scene, place[:, None], DT), scene


def collision(num_frames=24):
    """Two balls of one mass that meet head on after 0.95 s at 2 m/s each, and swap velocities."""
    bodies = (
        Body("ball", 0.5, "red", 1.0, (2.6, 5.0), (2.0, 0.0)),
        Body("ball", 0.5, "blue", 1.0, (7.4, 5.0), (-2.0, 0.0)),
    )
    scene = Scene("collision", {}, bodies, invariants=("momentum", "energy"), parameters={"restitution": 1.0})
    return scenarios.get("collision")().simulate(scene, num_frames, DT), scene


def test_a_velocity_that_is_off_counts_as_it_is_and_jitter_does_not():
    truth, scene = flight()
    slow = truth.position.copy()
    slow[2:, 0, 0] -= 0.07 * DT * np.arange(len(slow) - 2)
    assert measure("flight_velocity_error", rollout(truth, scene, position=slow)) == pytest.approx(0.07)
    assert measure("solved", rollout(truth, scene, position=slow)) == 1
    slow[2:, 0, 1] += 0.08 * DT * np.arange(len(slow) - 2)  # 0.106 m/s in all
    assert measure("solved", rollout(truth, scene, position=slow)) == 0
    shaky = truth.position.copy()
    shaky[3:, 0, 1] += np.tile([0.01, -0.01], 10)
    assert measure("velocity_error", rollout(truth, scene, position=shaky)) > 0.19
    assert measure("flight_velocity_error", rollout(truth, scene, position=shaky)) < 0.01
    assert measure("solved", rollout(truth, scene, position=shaky)) == 1


def test_a_jump_and_another_gravity_break_the_path():
    truth, scene = flight()
    jump = truth.position.copy()
    jump[12:, 0, 1] += 0.15
    assert measure("path_break", rollout(truth, scene, position=jump)) == pytest.approx(0.15)
    aside = truth.position.copy()
    aside[12, 0, 1] += 0.15  # in one frame: from it to both sides
    assert measure("path_break", rollout(truth, scene, position=aside)) == pytest.approx(0.30)
    time = np.arange(truth.num_frames) * DT
    heavier = truth.position.copy()
    heavier[:, 0, 1] -= 0.5 * 0.1 * time**2  # 0.1 m/s² more: over 0.8 s it bends by 0.1 x 0.64 m
    assert measure("path_break", rollout(truth, scene, position=heavier)) == pytest.approx(0.064)
    for position in (jump, aside, heavier):
        assert measure("solved", rollout(truth, scene, position=position)) == 0


def test_a_jump_is_seen_across_an_impact_and_a_late_impact_is_none():
    truth, scene = collision()
    late = truth.position.copy()
    late[:, :, 0] += np.where(np.arange(len(late)) < 10, -0.02, 0.02)[:, None] * [1, -1]
    assert measure("path_break", rollout(truth, scene, position=late)) == pytest.approx(0.0, abs=1e-12)
    jump = truth.position.copy()
    jump[10:, 0, 1] += 0.15  # just when they part
    assert measure("path_break", rollout(truth, scene, position=jump)) == pytest.approx(0.15)


def test_a_body_that_changes_its_size_or_colour_or_is_gone_for_a_frame_is_not_solved():
    truth, scene = flight()
    pulse = truth.size.copy()
    pulse[CONTEXT:] *= 1 + 0.1 * np.tile([1, 0, -1, 0], 5)[:, None]
    assert measure("size_change", rollout(truth, scene, size=pulse)) == pytest.approx(0.1)
    paint = truth.color.copy()
    paint[15:] = (0.7, 0.0, 0.0)
    true_red = truth.color[0, 0]
    away = np.linalg.norm(np.array([0.7, 0.0, 0.0]) - true_red) / np.sqrt(3)
    assert measure("color_change", rollout(truth, scene, color=paint)) == pytest.approx(away)
    gone = truth.position.copy()
    gone[9] = np.nan
    cases = (
        rollout(truth, scene, size=pulse),
        rollout(truth, scene, color=paint),
        rollout(truth, scene, position=gone),
    )
    assert [measure("solved", case) for case in cases] == [0, 0, 0]
    assert measure("solved", rollout(truth, scene)) == 1


def test_an_impact_that_takes_a_tenth_of_the_speeds_takes_nineteen_hundredths_of_the_energy():
    truth, scene = collision()
    tired = truth.position.copy()
    meet = truth.position[9] + 0.05 * np.array([[2.0, 0.0], [-2.0, 0.0]])
    tired[10:] = meet + 0.9 * (truth.position[10:] - meet)
    case = rollout(truth, scene, position=tired)
    assert measure("energy_change", case) == pytest.approx(1 - 0.9**2)
    assert measure("momentum_change", case) == pytest.approx(0.0, abs=1e-9)  # it was 0, and is
    assert measure("solved", case) == 0
    drift = truth.position.copy()
    drift[10:, :, 0] += 0.1 * DT * np.arange(len(drift) - 10)[:, None] + 0.005
    case = rollout(truth, scene, position=drift)
    assert measure("momentum_change", case) == pytest.approx(2 * 0.1 / 4)  # 2 kg at 0.1 m/s of 4 kg m/s
    assert measure("solved", rollout(truth, scene)) == 1


def test_who_may_leave_the_view_within_what_is_allowed_is_not_asked_for():
    truth, scene = flight(velocity=(3.5, 0.0))  # in frame 21 its rim is 0.15 m from the edge of the view
    cut = truth.position.copy()
    cut[21:] = np.nan  # 1.9 s after the last given frame it may be 0.19 m farther
    assert measure("solved", rollout(truth, scene, position=cut)) == 1
    cut[20] = np.nan
    assert measure("solved", rollout(truth, scene, position=cut)) == 0


def test_more_than_the_charge_is_charged_to_nobody():
    truth, scene = flight()
    wild = truth.position.copy()
    wild[9, 0, 1] += 3.0  # 30 m/s up and 30 m/s down: each costs the true speed of 1 m/s plus 1 m/s
    assert measure("charged_velocity_error", rollout(truth, scene, position=wild)) == pytest.approx(
        2 * 2.0 / 20
    )


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_to_lose_a_body_never_pays(data):
    """Removing any interval from any rollout never lowers its charged error, nor makes it solved."""
    truth, scene = data.draw(st.sampled_from([flight(), flight(gravity=(0.0, -1.0)), collision()]))
    seed, much = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.sampled_from([0.0, 0.005, 0.05, 1.0]))
    rng = np.random.default_rng(seed)
    shown = rollout(
        truth,
        scene,
        position=truth.position + rng.normal(0, much, truth.position.shape),
        size=truth.size * (1 + rng.normal(0, min(much, 0.1), truth.size.shape)),
    )
    frame = data.draw(st.integers(CONTEXT, truth.num_frames - 1))
    body = data.draw(st.integers(0, truth.num_bodies - 1))
    position = shown.tracked.bodies.position.copy()
    position[frame, body] = np.nan
    lost = rollout(truth, scene, position=position, size=shown.tracked.bodies.size)
    assert measure("charged_velocity_error", lost) >= measure("charged_velocity_error", shown) - 1e-12
    assert measure("solved", lost) <= measure("solved", shown)
    assert measure("measured_share", lost) <= measure("measured_share", shown)


def test_every_cap_has_its_measure():
    assert set(CAPS) <= set(metrics.names())
