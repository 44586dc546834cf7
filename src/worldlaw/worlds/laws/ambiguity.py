"""Scenes whose outcome hangs on less than a pixel: a ball above a gap, and a ball above another ball.

After the study's two examples (Kang et al. 2024, arXiv:2411.02385, figure 10, published code). Everything but
the attributes is the same in all clips.
"""

from __future__ import annotations

import numpy as np

from worldlaw.core.region import Attributes
from worldlaw.core.types import Body, Scene, Trajectory
from worldlaw.worlds.assemblies.body_kinds import RED, STATIC, STATIC_BALL, WIDTH, ball, body_at
from worldlaw.worlds.assemblies.engine import scene_of, trajectory
from worldlaw.worlds.scenario import Infeasible, Quantity, Scenario, scenarios

CENTER = 0.5  # these three in widths: where all is lined up,
LOW = 0.3  # the height of the centres of the fixed balls,
HIGH = 0.5  # and of the red one's
RADIUS = Quantity((3.4, 3.4), (0.5, 8.0), "m", "radius of the red ball")
FIXED_RADIUS = STATIC_BALL / 2 * WIDTH  # m


class _Ambiguous(Scenario):
    """One ball falls onto fixed ones; the attributes decide where it ends."""

    version = 2
    tracker = "poses"
    edges = "walls"
    references = ("constant_velocity",)  # there is no closed form to fit

    def simulate(self, scene: Scene, num_frames: int, dt: float) -> Trajectory:
        """By the engine of assemblies."""
        return trajectory(scene, num_frames, dt)


@scenarios.registering("gap")
class Gap(_Ambiguous):
    """A red ball above the gap between two fixed black ones: it falls through if the gap is wider than it."""

    name = "gap"
    attributes = {
        "gap": Quantity((5.5, 8.1), (0.0, 30.0), "m", "free distance between the fixed balls"),
        "radius": RADIUS,
    }

    def build(self, attributes: Attributes, rng: np.random.Generator) -> Scene:
        """Nothing is drawn: the ball is above the middle of the gap."""
        aside = float(attributes["gap"]) / 2 + FIXED_RADIUS
        bodies = (_red(attributes, 0.0), _fixed(-aside), _fixed(aside))
        return scene_of(self.name, attributes, bodies)


@scenarios.registering("offset")
class Offset(_Ambiguous):
    """A red ball nearly above a fixed black one: it falls to the side that it is off by."""

    name = "offset"
    attributes = {
        "offset": Quantity(
            (-0.9, 0.9), (-5.0, 5.0), "m", "how far right of the fixed ball's centre it starts"
        ),
        "radius": RADIUS,
    }

    def build(self, attributes: Attributes, rng: np.random.Generator) -> Scene:
        """Nothing is drawn; Infeasible if the ball would start beside the fixed one."""
        off, radius = float(attributes["offset"]), float(attributes["radius"])
        if abs(off) > radius + FIXED_RADIUS:
            raise Infeasible("the red ball falls beside the fixed one")
        return scene_of(self.name, attributes, (_red(attributes, off), _fixed(0.0)))


def _red(attributes: Attributes, aside: float) -> Body:
    scale = 2 * float(attributes["radius"]) / WIDTH
    return body_at(ball(scale), RED, center=CENTER + aside / WIDTH, bottom=HIGH - scale / 2)


def _fixed(aside: float) -> Body:
    return body_at(ball(STATIC_BALL), STATIC, center=CENTER + aside / WIDTH, bottom=LOW - STATIC_BALL / 2)
