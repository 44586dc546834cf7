"""What the study's three laws share: their view, their attributes, and where a body starts."""

from __future__ import annotations

import numpy as np

from worldlaw.core.numbers.colors import BODY_COLORS
from worldlaw.core.region import Attributes
from worldlaw.core.types import SHAPES, Body
from worldlaw.worlds.scenario import Choice, Quantity

EXTENT = 10.0  # m, side of the square view
SECONDS_IN_VIEW = 2.4  # the study keeps a ball in view for 24 frames of 0.1 s, where its speed allows
HEADINGS = {"right": (1, 0), "left": (-1, 0), "up": (0, 1), "down": (0, -1)}

SIZE = Quantity((0.7, 1.4), (0.05, 2.5), "m", "radius, or half the side of a square")
SPEED = Quantity((1.0, 4.0), (0.0, 20.0), "m/s", "constant speed")
COLOR = Choice(("red",), BODY_COLORS, "colour of the body")
SHAPE = Choice(("ball",), SHAPES, "outline of the body")


def start_along(size: float, speed: float, rng: np.random.Generator) -> float:
    """Distance in m from the edge behind the ball to its start.

    Uniform over the starts from which the ball stays fully in view for ``SECONDS_IN_VIEW``; a ball too fast
    for that starts within half a metre of the edge.
    """
    u = rng.random()
    latest = EXTENT - size - speed * SECONDS_IN_VIEW
    return size + u * (latest - size) if latest >= size else size + 0.5 * u


def place(along: float, across: float, direction: str) -> tuple[float, float]:
    """The point in m that lies ``along`` the way of a body, from the edge behind it, and ``across`` it."""
    x, y = HEADINGS[direction]
    forward = along if x + y > 0 else EXTENT - along
    return (forward, across) if x else (across, forward)


def body(attributes: Attributes, position: tuple[float, float], direction: str, *, suffix: str = "") -> Body:
    """A body with the attributes of that suffix; its mass in kg is its size in m squared."""
    size, speed = float(attributes["size" + suffix]), float(attributes["speed" + suffix])
    x, y = HEADINGS[direction]
    return Body(
        shape=str(attributes["shape" + suffix]),
        size=size,
        color=str(attributes["color" + suffix]),
        mass=size**2,
        position=position,
        velocity=(x * speed, y * speed),
    )
