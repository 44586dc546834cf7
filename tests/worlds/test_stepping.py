"""The mechanics of assemblies against what is known by hand, by theorem, and from Chipmunk in small steps."""

import dataclasses
import itertools
import math

import numpy as np
import pymunk
import pytest

from worldlaw.core.types import Body
from worldlaw.worlds import scenarios, training_region
from worldlaw.worlds.assemblies import engine
from worldlaw.worlds.assemblies.body_kinds import THICKNESS, WIDTH, ball, bar, body_at, jar, sticks
from worldlaw.worlds.assemblies.engine import EngineRun, moment
from worldlaw.worlds.assemblies.spacing import distance, outline
from worldlaw.worlds.recipe import Recipe

VIEW = (WIDTH, WIDTH)
G = -engine.GRAVITY[1]


def scene(index, **levels):
    region = training_region(scenarios.get("assembly"), {"layout": [0, 1e5], **levels})
    return Recipe("assembly", region, 0, "stats", 1000, 64, 16, 3.0).scene(index)[0]


def scenes(num):
    return [scene(index) for index in range(num)]


def slope(degrees, length=0.9):
    """A fixed bar and the way up from it."""
    angle = math.radians(degrees)
    fixed = body_at(bar(length), "black", angle=angle, center=0.5, bottom=0.1)
    return fixed, np.array([-math.sin(angle), math.cos(angle)])


def moved(motion, number, seconds):
    motion.advance(round(seconds * motion.substeps))
    return float(np.linalg.norm(motion.states[-1, number, :2] - motion.states[0, number, :2]))


def test_a_ball_rolls_down_a_slope_by_two_thirds_of_what_would_slide():
    fixed, up = slope(20)
    place = np.array(fixed.position) + (THICKNESS / 2 + 3) * up
    rolling = Body("ball", 3.0, "silver", 7.0, tuple(place.tolist()), (0.0, 0.0))
    motion = EngineRun((fixed, rolling), VIEW)
    rolled = 2 / 3 * G * math.sin(math.radians(20)) * 2**2 / 2
    rolled *= 1 - engine.ANGULAR_DAMPING * 2 / 9  # v' = a - k v / 3, to first order in k
    assert moved(motion, 1, 2) == pytest.approx(rolled, rel=1e-4)
    assert abs(motion.states[-1, 1, 2]) * 3 == pytest.approx(rolled, rel=1e-4)


def test_a_bar_slides_down_by_what_gravity_and_friction_leave():
    fixed, up = slope(40)
    place = tuple((np.array(fixed.position) + THICKNESS * up).tolist())
    slider = dataclasses.replace(fixed, color="silver", fixed=False, parts=bar(0.2).parts, position=place)
    angle = math.radians(40)
    pulled = G * (math.sin(angle) - engine.FRICTION * math.cos(angle))
    assert moved(EngineRun((fixed, slider), VIEW), 1, 1.5) == pytest.approx(pulled * 1.5**2 / 2, rel=1e-3)


def test_a_bar_that_tips_over_loses_energy_to_damping_only():
    motion = EngineRun((body_at(bar(0.3), "silver", angle=math.pi / 2 - 0.2, center=0.5, bottom=0.0),), VIEW)
    motion.advance(340)
    assert motion.states[-1, 0, 2] < 0.95
    energy = engine._energy(motion, np.arange(341)).sum(axis=1)
    power = engine.ANGULAR_DAMPING * motion.inertia[0] * motion.states[:, 0, 5] ** 2
    lost = np.cumsum((power[1:] + power[:-1]) / 2) / engine.SUBSTEPS
    np.testing.assert_allclose(energy[1:] + lost, energy[0], rtol=1e-5)


def test_moments_of_inertia_are_those_of_another_library():
    for form in (bar(0.3), sticks(0.4), jar(0.2), ball(0.1)):
        body = body_at(form, "silver", center=0.5, bottom=0.1)
        if body.parts:
            areas = [pymunk.area_for_poly(part) for part in body.parts]
            theirs = sum(
                pymunk.moment_for_poly(body.mass * area / sum(areas), part)
                for area, part in zip(areas, body.parts, strict=True)
            )
        else:
            theirs = pymunk.moment_for_circle(body.mass, 0, body.size)
        assert moment(body) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize(
    "given",
    [
        *(pytest.param({"index": index}, id=str(index)) for index in range(10)),
        # A ball jams between a fixed one and a bar, and that another fixed one (after 8 s).
        pytest.param({"index": 389, "template": ["train-60", "test-10"]}, id="jam"),
    ],
)
def test_energy_grows_in_no_step(given):
    drawn = scene(**given)
    motion = EngineRun(drawn.bodies, drawn.extent)
    motion.advance(10 * engine.SUBSTEPS)
    energy = engine._energy(motion, np.arange(motion.steps + 1)).sum(axis=1)
    assert np.diff(energy).max() < 2e-5 * energy[0]
    assert energy[-1] < energy[0]


def test_nothing_overlaps_and_nothing_leaves_the_view():
    for drawn in scenes(20):
        motion = EngineRun(drawn.bodies, drawn.extent)
        motion.advance(5 * engine.SUBSTEPS)
        for states in motion.states[::67]:
            places = [
                outline(dataclasses.replace(body, position=tuple(state[:2]), angle=float(state[2])))
                for body, state in zip(drawn.bodies, states, strict=True)
            ]
            boxes = np.array([place.box for place in places])
            assert boxes.min() > -engine.TOUCH
            assert boxes.max() < WIDTH + engine.TOUCH
            for (one, a), (other, b) in itertools.combinations(zip(drawn.bodies, places, strict=True), 2):
                if not (one.fixed and other.fixed) and (not one.parts or not other.parts):
                    assert distance(a, b) > -engine.TOUCH


def test_mirrored_bodies_move_as_in_a_mirror():
    def mirrored(body):
        parts = tuple(tuple((-x, y) for x, y in reversed(part)) for part in body.parts)
        place = (WIDTH - body.position[0], body.position[1])
        return dataclasses.replace(body, position=place, angle=-body.angle, parts=parts)

    for drawn in scenes(12):
        here = EngineRun(drawn.bodies, VIEW)
        there = EngineRun(tuple(map(mirrored, drawn.bodies)), VIEW)
        for motion in (here, there):
            motion.advance(2 * engine.SUBSTEPS)
        x, y, angle = np.moveaxis(there.states[:, :, :3], -1, 0)
        assert np.abs(np.stack([WIDTH - x, y, -angle], -1) - here.states[:, :, :3]).max() < 1e-3


def chipmunk(bodies, seconds, steps=3840):
    """(B, 2) m: where Chipmunk puts bodies, in small steps and with many iterations."""
    space = pymunk.Space()
    space.gravity, space.iterations, space.collision_slop = engine.GRAVITY, 200, 1e-3
    owners = []
    for body in bodies:
        owner = pymunk.Body(body.mass, moment(body))
        if body.fixed:
            owner = pymunk.Body(body_type=pymunk.Body.STATIC)
        owner.position, owner.angle = body.position, body.angle
        if not body.fixed:  # half a step ahead it falls exactly
            owner.velocity = (0.0, engine.GRAVITY[1] / (2 * steps))
        shapes = [pymunk.Poly(owner, part) for part in body.parts] or [pymunk.Circle(owner, body.size)]
        for shape in shapes:  # it multiplies the two of a pair
            shape.friction, shape.elasticity = math.sqrt(engine.FRICTION), math.sqrt(engine.RESTITUTION)
        space.add(owner, *shapes)
        owners.append(owner)
    for corners in (
        [(-9, -9), (99, -9), (99, 0), (-9, 0)],
        [(-9, -9), (0, -9), (0, 99), (-9, 99)],
        [(WIDTH, -9), (99, -9), (99, 99), (WIDTH, 99)],
    ):
        wall = pymunk.Poly(space.static_body, corners)
        wall.friction, wall.elasticity = math.sqrt(engine.FRICTION), math.sqrt(engine.RESTITUTION)
        space.add(wall)
    for _ in range(round(seconds * steps)):
        space.step(1 / steps)
    return np.array([owner.position for owner in owners])


@pytest.mark.slow
def test_chipmunk_in_small_steps_moves_bodies_to_the_same_places():
    apart = []
    for drawn in scenes(12):
        motion = EngineRun(drawn.bodies, drawn.extent)
        motion.advance(round(2.5 * engine.SUBSTEPS))
        free = np.array([not body.fixed for body in drawn.bodies])
        there = chipmunk(drawn.bodies, 2.5)
        apart += np.linalg.norm(motion.states[-1, :, :2] - there, axis=-1)[free].tolist()
    assert np.median(apart) < 5e-3  # as far as bodies move in one of its steps
    assert np.mean(np.array(apart) < 0.1) > 0.9
