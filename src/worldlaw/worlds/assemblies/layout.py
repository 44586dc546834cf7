"""Where everything starts: the layouts of a template, and the red ball by the study's rule.

Placements are uniform over what the study drew from, given that no two bodies are nearer to each other than
``MARGIN`` and that all lie wholly in view (the study let bodies overlap and stick out).
"""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache

import numpy as np

from worldlaw.core.seeding import rng_for
from worldlaw.core.types import Body
from worldlaw.worlds.assemblies.body_kinds import KINDS, RED, THICKNESS, WIDTH, ball, body_at
from worldlaw.worlds.assemblies.spacing import Outline, distance, outline
from worldlaw.worlds.assemblies.templates import TEMPLATES
from worldlaw.worlds.scenario import Infeasible

MARGIN = 0.02 * WIDTH  # m
RED_RADIUS = (WIDTH / 64, WIDTH / 8)  # m: 8 to 64 of the study's pixels
LEVEL = math.radians(18)  # a bar tilted by less is no place for the red ball to be put near
RULE_TRIES, FREE_TRIES = 100, 1000
TOO_CLOSE = "objects too close to each other or not wholly in view"
RED_TOO_CLOSE = "red ball too close to an object or not wholly in view"


@lru_cache(maxsize=1024)
def layout(template: str, number: int) -> tuple[tuple[Body, ...], int]:
    """The bodies of a layout, whatever experiment asks for it, and how many draws before it were rejected."""
    rng = rng_for(0, "assembly", template, number)
    rejected = 0
    while True:
        bodies = _draw(template, rng)
        if bodies:
            return bodies, rejected
        rejected += 1


def red_ball(bodies: tuple[Body, ...], rng: np.random.Generator, rejected: Counter[str]) -> Body:
    """A red ball for a layout: above or below one of its objects, or anywhere if that fails 100 times.

    Counts rejected draws; raises Infeasible if there is no room.
    """
    outlines = [outline(body) for body in bodies]
    radii = [body.size for body in bodies if body.shape == "ball"]
    least, most = RED_RADIUS
    if radii:
        least, most = max(least, min(radii) / 2), min(most, max(radii) * 4)
    near = [body for body in bodies if not (body.shape == "bar" and _level(body.angle))] or list(bodies)
    for attempt in range(RULE_TRIES + FREE_TRIES):
        radius = rng.uniform(least, most)
        if attempt < RULE_TRIES:
            x, y = _beside(near[int(rng.integers(len(near)))], radius, rng)
        else:
            x, y = rng.uniform(radius, WIDTH - radius, 2).tolist()
        red = body_at(ball(2 * radius / WIDTH), RED, center=x / WIDTH, bottom=(y - radius) / WIDTH)
        if _fits(outline(red), outlines):
            return red
        rejected[RED_TOO_CLOSE] += 1
    raise Infeasible("no room for the red ball")


def _draw(template: str, rng: np.random.Generator) -> tuple[Body, ...] | None:
    """All objects of a template, or nothing as soon as one does not fit."""
    bodies: list[Body] = []
    outlines: list[Outline] = []
    for kind in TEMPLATES[template]:
        for body in KINDS[kind](rng):
            new = outline(body)
            if not _fits(new, outlines):
                return None
            bodies.append(body)
            outlines.append(new)
    return tuple(bodies)


def _fits(new: Outline, others: list[Outline]) -> bool:
    low_x, low_y, high_x, high_y = new.box
    inside = min(low_x, low_y) >= -1e-9 and max(high_x, high_y) <= WIDTH + 1e-9
    return inside and all(distance(new, other) >= MARGIN for other in others)


def _beside(body: Body, radius: float, rng: np.random.Generator) -> tuple[float, float]:
    """A place for the red ball: sideways by up to 0.8 of both radii, half of the time above, half below."""
    half = _diameter(body) / 2
    aside = rng.uniform(-0.8, 0.8) * (half + radius)
    clear = half + 0.05 * WIDTH
    if rng.random() < 0.5:
        low, high = body.position[1] + 0.9 * aside, WIDTH - clear
    else:
        low, high = clear, body.position[1] - 0.9 * aside
    return body.position[0] + aside, low + rng.random() * (high - low)


def _diameter(body: Body) -> float:
    """What the study's code calls the diameter of an object, m."""
    if body.shape == "sticks":  # of a bar as long as the scale says, which is three halves of a stick
        stick = math.sqrt((2 * body.size) ** 2 - (2 / 3 * THICKNESS) ** 2)
        return math.hypot(1.5 * stick, THICKNESS)
    if body.shape == "jar":  # from a corner of the base to the farther upper corner
        return math.dist(body.parts[0][0], body.parts[2][1])
    return 2 * body.size


def _level(angle: float) -> bool:
    return abs(math.remainder(angle, math.pi)) < LEVEL
