"""Conservation of momentum and energy: two balls meet head-on and part as Newton's law of impact says."""

from __future__ import annotations

import dataclasses

import numpy as np

from worldlaw.core.numbers.physics import free_motion, impact
from worldlaw.core.region import Attributes
from worldlaw.core.types import Body, Scene, Trajectory
from worldlaw.worlds.placement import COLOR, EXTENT, HEADINGS, SHAPE, SPEED, body, place
from worldlaw.worlds.scenario import Choice, Infeasible, Quantity, Scenario, scenarios, true_trajectory

SECONDS_BEFORE_CONTACT = (0.8, 2.4)  # the study's 8 to 24 frames of 0.1 s
SIZE = Quantity((0.5, 1.5), (0.05, 2.5), "m", "radius, or half the side of a square")
OPPOSITE = {"right": "left", "left": "right", "up": "down", "down": "up"}


def _numbered(index: int, color: str) -> dict[str, Quantity | Choice]:
    return {
        f"size{index}": SIZE,
        f"speed{index}": SPEED,
        f"color{index}": dataclasses.replace(COLOR, training=(color,)),
        f"shape{index}": SHAPE,
    }


@scenarios.registering("collision")
class Collision(Scenario):
    """Two balls on one line run into each other and part elastically; mass goes with size squared."""

    name = "collision"
    version = 1
    edges = "open"
    attributes = {
        **_numbered(1, "red"),
        **_numbered(2, "blue"),
        "direction": Choice(("right",), tuple(HEADINGS), "where body 1 is heading; body 2 comes to meet it"),
    }

    def build(self, attributes: Attributes, rng: np.random.Generator) -> Scene:
        """Both bodies start fully in view and meet after 0.8 to 2.4 s; the line they share is drawn last."""
        size1, size2 = float(attributes["size1"]), float(attributes["size2"])
        closing = float(attributes["speed1"]) + float(attributes["speed2"])
        u_gap, u_along, u_across = rng.random(3)
        if closing == 0:
            raise Infeasible("neither body moves, so they never meet")
        both = size1 + size2
        nearest = SECONDS_BEFORE_CONTACT[0] * closing + both
        farthest = min(SECONDS_BEFORE_CONTACT[1] * closing + both, EXTENT - both)
        if max(size1, size2) > 2 * min(size1, size2):
            farthest = min(farthest, 1.25 * nearest)  # the study's rule for very unequal bodies
        if nearest > farthest:
            raise Infeasible("too fast or too large to start in view eight frames before contact")
        distance = nearest + u_gap * (farthest - nearest)
        along = size1 + u_along * (EXTENT - size2 - distance - size1)
        margin = max(size1, size2) + 0.5
        across = margin + u_across * (EXTENT - 2 * margin)
        direction = str(attributes["direction"])
        return Scene(
            scenario=self.name,
            attributes=dict(attributes),
            bodies=(
                body(attributes, place(along, across, direction), direction, suffix="1"),
                body(attributes, place(along + distance, across, direction), OPPOSITE[direction], suffix="2"),
            ),
            extent=(EXTENT, EXTENT),
            parameters={"restitution": 1.0},
            invariants=("momentum", "energy"),
        )

    def simulate(self, scene: Scene, num_frames: int, dt: float) -> Trajectory:
        """Free motion up to contact, and with the velocities after Newton's impact from then on."""
        first, second = scene.bodies
        time = np.arange(num_frames) * dt
        contact = contact_time(first, second)
        after = _velocities_after(first, second, scene.parameters["restitution"])
        position = np.empty((num_frames, 2, 2))
        for index, (ball, new_velocity) in enumerate(zip(scene.bodies, after, strict=True)):
            before = free_motion(ball.position, ball.velocity, (0.0, 0.0), np.minimum(time, contact))
            position[:, index] = before + np.outer(np.maximum(time - contact, 0), new_velocity)
        return true_trajectory(scene, position, dt)


def contact_time(first: Body, second: Body) -> float:
    """Time in s at which two bodies on a line parallel to an axis touch; infinite if they never do."""
    apart = np.subtract(second.position, first.position)
    axis = int(np.argmax(np.abs(apart)))
    sign = np.sign(apart[axis])
    closing = sign * (first.velocity[axis] - second.velocity[axis])
    gap = abs(apart[axis]) - first.size - second.size
    beside = abs(apart[1 - axis]) >= first.size + second.size
    return float(max(gap, 0.0) / closing) if closing > 0 and not beside else np.inf


def _velocities_after(first: Body, second: Body, restitution: float) -> np.ndarray:
    """(2, 2) m/s: only the components along the line of approach change."""
    velocity = np.array([first.velocity, second.velocity])
    axis = int(np.argmax(np.abs(np.subtract(second.position, first.position))))
    velocity[:, axis] = impact(first.mass, second.mass, *velocity[:, axis], restitution=restitution)
    return velocity
