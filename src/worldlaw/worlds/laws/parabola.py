"""Galileo's law of fall: a ball thrown level keeps its horizontal velocity and falls ever faster."""

from __future__ import annotations

import numpy as np

from worldlaw.core.numbers.physics import free_motion
from worldlaw.core.region import Attributes
from worldlaw.core.types import Scene, Trajectory
from worldlaw.worlds.placement import COLOR, EXTENT, SHAPE, SIZE, SPEED, body, place, start_along
from worldlaw.worlds.scenario import Choice, Scenario, scenarios, true_trajectory

GRAVITY = (0.0, -2.5)  # m/s², the study's


@scenarios.registering("parabola")
class Parabola(Scenario):
    """One ball thrown level near the top of the view falls through it; there is no floor."""

    name = "parabola"
    version = 1
    edges = "open"
    attributes = {
        "size": SIZE,
        "speed": SPEED,
        "color": COLOR,
        "shape": SHAPE,
        "direction": Choice(("right",), ("right", "left"), "where the ball is thrown"),
    }

    def build(self, attributes: Attributes, rng: np.random.Generator) -> Scene:
        """Start uniform along the way and within the metre that begins half a metre below the top."""
        size, direction = float(attributes["size"]), str(attributes["direction"])
        along = start_along(size, float(attributes["speed"]), rng)
        height = rng.uniform(EXTENT - 1.5 - size, EXTENT - 0.5 - size)
        return Scene(
            scenario=self.name,
            attributes=dict(attributes),
            bodies=(body(attributes, place(along, height, direction), direction),),
            gravity=GRAVITY,
            extent=(EXTENT, EXTENT),
            invariants=("energy",),
        )

    def simulate(self, scene: Scene, num_frames: int, dt: float) -> Trajectory:
        """x(t) = x0 + v t + g t² / 2."""
        (ball,) = scene.bodies
        position = free_motion(ball.position, ball.velocity, scene.gravity, np.arange(num_frames) * dt)
        return true_trajectory(scene, position[:, None], dt)
