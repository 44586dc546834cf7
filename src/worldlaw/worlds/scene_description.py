"""A scene in numbers and in a sentence: conditioning for models that ask for more than pixels."""

from __future__ import annotations

import math

from worldlaw.core.types import Body, Scene

VERSION = 1  # raise it whenever the same scene would be described otherwise

HEADINGS = {0: "right", 90: "up", 180: "left", 270: "down"}  # degrees
TOWARDS = {0: "to the right", 90: "up", 180: "to the left", 270: "down"}
EDGES = {
    "open": "there is no floor and no wall",
    "walls": "walls on all four sides keep the bodies in",
    "ground": "a level ground lies below, and there is no wall",
}
SIZES = {"ball": "radius", "ring": "outer radius", "square": "half side"}  # what consists of parts: reach


def numbers_of(scene: Scene) -> tuple[float, ...]:
    """Of each body at t = 0: size in m, mass in kg, position (2) in m and velocity (2) in m/s.

    Where some body consists of parts or is fixed also the angle in rad, and 1 if it is fixed, else 0.
    """
    rigid = any(body.parts or body.fixed for body in scene.bodies)
    return tuple(
        value
        for body in scene.bodies
        for value in (
            body.size,
            body.mass,
            *body.position,
            *body.velocity,
            *((body.angle, float(body.fixed)) if rigid else ()),
        )
    )


def sentence_of(scene: Scene) -> str:
    """Of each body at t = 0: colour, shape, size, position and velocity, to the centimetre (per second).

    What consists of parts has its angle, in degrees, and its reach for a size; what is fixed is said to be.
    """
    said = "; ".join(_clause(body) for body in scene.bodies)
    return f"{said[:1].upper()}{said[1:]}."


def _clause(body: Body) -> str:
    article = "an" if body.color[0] in "aeiou" else "a"
    x, y = body.position
    turned = f", turned by {math.degrees(body.angle):.0f} degrees," if body.parts else ""
    return (
        f"{article} {body.color} {body.shape} of {SIZES.get(body.shape, 'reach')} {body.size:.2f} m{turned} "
        f"starts at ({x:.2f}, {y:.2f}) m and {'is fixed' if body.fixed else _motion(*body.velocity)}"
    )


def _motion(vx: float, vy: float) -> str:
    speed = math.hypot(vx, vy)
    if speed == 0:
        return "rests"
    degrees = round(math.degrees(math.atan2(vy, vx))) % 360
    return f"moves {HEADINGS.get(degrees, f'at {degrees} degrees')} at {speed:.2f} m/s"


def law_of(scene: Scene, edges: str) -> str:
    """The law, with its constants as far as the scene says them."""
    strength = math.hypot(*scene.gravity)
    bounce = scene.parameters.get("restitution")
    friction = scene.parameters.get("friction")
    pull = f"Gravity pulls everything {heading_of(*scene.gravity)} at {strength:.2f} m/s²"
    parts = [pull if strength else "There is no gravity"]
    if edges in EDGES:
        parts.append(EDGES[edges])
    if bounce is not None and len(scene.bodies) > 1:
        parts.append(
            "impacts lose no energy" if bounce == 1 else f"impacts are dull (restitution {bounce:g})"
        )
    if friction:
        parts.append(f"surfaces rub (friction {friction:g})")
    return f"{'; '.join(parts)}."


def heading_of(x: float, y: float) -> str:
    """The direction of a vector in words, as the bodies of a prompt and the pull of a law have it."""
    degrees = round(math.degrees(math.atan2(y, x))) % 360
    return TOWARDS.get(degrees, f"at {degrees} degrees, counted from the right counter-clockwise,")
