"""The laws: what their scenes and motions must satisfy, whatever was drawn."""

import dataclasses

import numpy as np
import pytest

from worldlaw.core.numbers.physics import interval_energy, momentum
from worldlaw.core.types import CUT, OUTSIDE, VISIBLE, Body, Scene
from worldlaw.testing import make_recipe
from worldlaw.worlds import Infeasible, draw_scene, scenarios, training_region
from worldlaw.worlds.laws.collision import contact_time

OOD = {
    "uniform_motion": {"size": [0.3, 2.0], "speed": [0, 6]},
    "parabola": {"size": [0.3, 2.0], "speed": [0, 6]},
    "collision": {"size1": [0.3, 2], "size2": [0.3, 2], "speed1": [0, 6], "speed2": [0, 6]},
}


def scenes(name, count=300, **settings):
    region = training_region(scenarios.get(name), {**OOD[name], **settings})
    return [draw_scene(scenarios.get(name)(), region, seed=0, split="test", index=i)[0] for i in range(count)]


@pytest.mark.parametrize("name", OOD)
def test_every_body_starts_in_full_view(name):
    for scene in scenes(name):
        assert (scenarios.get(name)().simulate(scene, 1, 0.1).status == VISIBLE).all()


@pytest.mark.parametrize("direction", ["right", "left", "up", "down"])
def test_a_ball_slow_enough_stays_in_view_for_24_frames(direction):
    for scene in scenes("uniform_motion", size=[0.7, 1.4], speed=[0, 3], direction=direction):
        truth = scenarios.get("uniform_motion")().simulate(scene, 25, 0.1)
        assert (truth.status == VISIBLE).all()


def test_collisions_conserve_momentum_and_energy_to_1e_9():
    for scene in scenes("collision"):
        truth = scenarios.get("collision")().simulate(scene, 64, 0.1)
        mass = np.array([body.mass for body in scene.bodies])
        total = momentum(mass, truth.velocity)
        assert np.abs(total - total[0]).max() < 1e-9
        contact = contact_time(*scene.bodies)
        clear = np.array([not k * 0.1 < contact < (k + 1) * 0.1 for k in range(63)])
        energy = interval_energy(mass, truth.position, scene.gravity, 0.1)[clear]
        assert np.abs(energy - energy[0]).max() < 1e-9


def test_balls_meet_between_8_and_24_frames_and_never_overlap():
    for scene in scenes("collision"):
        contact = contact_time(*scene.bodies)
        assert 0.8 - 1e-9 <= contact <= 2.4 + 1e-9
        truth = scenarios.get("collision")().simulate(scene, 200, 0.02)
        apart = np.linalg.norm(truth.position[:, 0] - truth.position[:, 1], axis=-1)
        assert apart.min() >= truth.size[0].sum() - 1e-9


def test_very_unequal_balls_start_at_most_a_quarter_farther_than_they_must():
    for scene in scenes("collision", size1=[0.3, 0.4], size2=[1.0, 2.0]):
        first, second = scene.bodies
        nearest = 0.8 * (first.velocity[0] - second.velocity[0]) + first.size + second.size
        assert second.position[0] - first.position[0] <= 1.25 * nearest + 1e-9


def test_a_collision_does_not_depend_on_the_direction_it_is_seen_from():
    right, up = (scenes("collision", 5, direction=d) for d in ("right", "up"))
    for one, other in zip(right, up, strict=True):
        a, b = (scenarios.get("collision")().simulate(s, 32, 0.1).position for s in (one, other))
        np.testing.assert_allclose(a, b[..., ::-1], atol=1e-12)


def test_a_collision_worked_out_by_hand():
    def ball(color, x, v, size):
        return Body("ball", size, color, size**2, (x, 5.0), (v, 0.0))

    # Surfaces 2 m apart close at 2 m/s: contact at 1 s. Masses 1, 4: 1 and -1 m/s become -2.2 and -0.2.
    balls = (ball("red", 2.0, 1.0, 1.0), ball("blue", 7.0, -1.0, 2.0))
    scene = Scene("collision", {}, balls, parameters={"restitution": 1.0})
    truth = scenarios.get("collision")().simulate(scene, 3, 1.0)
    np.testing.assert_allclose(truth.position[:, :, 0], [[2, 7], [3, 6], [0.8, 5.8]])


def test_two_bodies_at_rest_have_no_scene():
    attributes = {**scenes("collision", 1)[0].attributes, "speed1": 0.0, "speed2": 0.0}
    with pytest.raises(Infeasible, match="never meet"):
        scenarios.get("collision")().build(attributes, np.random.default_rng(0))


def test_what_is_too_fast_and_large_has_no_scene_and_is_counted():
    region = training_region(scenarios.get("collision"), {"speed1": [1, 6], "speed2": [1, 6]})
    rejected = 0
    for index in range(200):
        scene, reasons = draw_scene(scenarios.get("collision")(), region, seed=0, split="x", index=index)
        rejected += sum(reasons.values())
        closing = scene.attributes["speed1"] + scene.attributes["speed2"]
        both = scene.attributes["size1"] + scene.attributes["size2"]
        assert 0.8 * closing + both <= 10 - both + 1e-9
    assert rejected > 20


def test_status_follows_the_edges_of_the_view():
    still = make_recipe("uniform_motion").scene(0)[0]
    body = dataclasses.replace(still.bodies[0], size=1.0, position=(8.0, 5.0), velocity=(1.0, 0.0))
    truth = scenarios.get("uniform_motion")().simulate(dataclasses.replace(still, bodies=(body,)), 5, 1.0)
    # The right side touches the edge at 1 s, which is still full view; at 3 s the left side is there.
    assert truth.status[:, 0].tolist() == [VISIBLE, VISIBLE, CUT, OUTSIDE, OUTSIDE]
