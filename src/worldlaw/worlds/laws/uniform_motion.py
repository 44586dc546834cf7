"""Newton's first law: nothing pushes the ball, so it keeps its velocity."""

from __future__ import annotations

import numpy as np

from worldlaw.core.numbers.physics import free_motion
from worldlaw.core.region import Attributes
from worldlaw.core.types import Scene, Trajectory
from worldlaw.worlds.placement import COLOR, EXTENT, HEADINGS, SHAPE, SIZE, SPEED, body, place, start_along
from worldlaw.worlds.scenario import Choice, Scenario, scenarios, true_trajectory


@scenarios.registering("uniform_motion")
class UniformMotion(Scenario):
    """One ball crosses an empty view at constant velocity."""

    name = "uniform_motion"
    version = 1
    edges = "open"
    attributes = {
        "size": SIZE,
        "speed": SPEED,
        "color": COLOR,
        "shape": SHAPE,
        "direction": Choice(("right",), tuple(HEADINGS), "where the ball is heading"),
    }

    def build(self, attributes: Attributes, rng: np.random.Generator) -> Scene:
        """Start uniform along the way; across it, at least half a metre from the edges of the view."""
        size, direction = float(attributes["size"]), str(attributes["direction"])
        along = start_along(size, float(attributes["speed"]), rng)
        across = rng.uniform(size + 0.5, EXTENT - 0.5 - size)
        return Scene(
            scenario=self.name,
            attributes=dict(attributes),
            bodies=(body(attributes, place(along, across, direction), direction),),
            extent=(EXTENT, EXTENT),
            invariants=("momentum", "energy"),
        )

    def simulate(self, scene: Scene, num_frames: int, dt: float) -> Trajectory:
        """x(t) = x0 + v t."""
        (ball,) = scene.bodies
        position = free_motion(ball.position, ball.velocity, (0.0, 0.0), np.arange(num_frames) * dt)
        return true_trajectory(scene, position[:, None], dt)
