"""Rigid bodies in contact: four of eight kinds of objects and a red ball fall, hit, slide, tip and rest."""

from __future__ import annotations

from collections import Counter

import numpy as np

from worldlaw.core.region import Attributes
from worldlaw.core.types import Scene, Trajectory
from worldlaw.worlds.assemblies.body_kinds import WIDTH
from worldlaw.worlds.assemblies.engine import SUBSTEPS, EngineRun, run, scene_of, trajectory
from worldlaw.worlds.assemblies.layout import TOO_CLOSE, layout, red_ball
from worldlaw.worlds.assemblies.templates import SUBSETS, TEMPLATES
from worldlaw.worlds.scenario import Choice, Infeasible, Quantity, Scenario, scenarios

MOST_LAYOUTS = 1e6
WATCHED = 10  # s in which something has to happen
MOVED = 0.01 * WIDTH  # m
NOTHING = (
    "nothing happens: the red ball touches no object, and no other moves by 1 % of the width within 10 s"
)
RED_TRIES = 1000


@scenarios.registering("assembly")
class Assembly(Scenario):
    """Up to a dozen bodies between walls, from rest, with gravity, friction and dull impacts.

    ``layout`` numbers the layouts of a template (its whole part does); the red ball varies from clip to clip.
    """

    name = "assembly"
    version = 2
    tracker = "poses"
    edges = "walls"
    references = ("constant_velocity",)  # there is no closed form to fit
    attributes = {
        "template": Choice(SUBSETS["train-60"], tuple(TEMPLATES), "which four kinds of objects", SUBSETS),
        "layout": Quantity(
            (0.0, 100.0), (0.0, MOST_LAYOUTS), "layouts", "number of a layout of the template"
        ),
    }

    def build(self, attributes: Attributes, rng: np.random.Generator) -> Scene:
        """The objects of the layout and a red ball, drawn until something happens."""
        return self.draw(attributes, rng)[0]

    def draw(self, attributes: Attributes, rng: np.random.Generator) -> tuple[Scene, Counter[str]]:
        """A scene, and the reasons for which layouts and red balls before it were rejected.

        They are drawn again here, so that no template gets fewer clips for being crowded.
        """
        bodies, crowded = layout(str(attributes["template"]), int(float(attributes["layout"])))
        rejected = Counter({TOO_CLOSE: crowded}) if crowded else Counter()
        for _ in range(RED_TRIES):
            together = (*bodies, red_ball(bodies, rng, rejected))
            if something_happens(run(together, (WIDTH, WIDTH))):
                return scene_of(self.name, attributes, together), rejected
            rejected[NOTHING] += 1
        raise Infeasible(NOTHING)

    def simulate(self, scene: Scene, num_frames: int, dt: float) -> Trajectory:
        """By the engine, in substeps that do not depend on the frame rate."""
        return trajectory(scene, num_frames, dt)


def something_happens(motion: EngineRun) -> bool:
    """Whether the last body touches another, or another moves by more than 1 % of the width, in 10 s."""
    red = len(motion.bodies) - 1
    for seconds in range(2, WATCHED + 1, 2):
        motion.advance(seconds * SUBSTEPS)
        if any(b == red and a >= 0 for time, a, b, _ in motion.contacts if time <= seconds):
            return True
        places = motion.states[: seconds * SUBSTEPS + 1, :red, :2]
        if (np.linalg.norm(places - places[0], axis=-1) > MOVED).any():
            return True
    return False
