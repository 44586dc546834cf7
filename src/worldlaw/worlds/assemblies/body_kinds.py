"""What assemblies consist of: forms and sizes of balls, bars, jars and sticks, and where each kind may start.

Geometry and ranges as PHYRE (Bakhtin et al. 2019, arXiv:1908.05656) and the study (Kang et al. 2024,
arXiv:2411.02385) published them in code; lengths there are pixels of a picture of 512, six to the metre.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from worldlaw.core.numbers.polygons import area_and_center
from worldlaw.core.types import Body, Polygon

PIXELS, PIXELS_PER_METRE = 512, 6.0  # of the study's picture
WIDTH = PIXELS / PIXELS_PER_METRE  # m, of the view, which is square
DENSITY = 0.25  # kg/m²
THICKNESS = WIDTH / 50  # m, of a bar
STICK_ANGLE = math.radians(77.5)  # either stick against the level
DYNAMIC, STATIC, RED = "silver", "black", "coral"
STATIC_BALL = 0.04  # diameter as a share of the width


@dataclass(frozen=True)
class BodyForm:
    """A rigid thing without a place; lengths in m, parts about the centre of mass."""

    shape: str
    size: float  # radius of a ball, reach of parts
    mass: float  # kg; where parts overlap both count, as in the study's engine
    parts: tuple[Polygon, ...] = ()


def ball(scale: float) -> BodyForm:
    """A ball whose diameter is ``scale`` of the width."""
    radius = scale * WIDTH / 2
    return BodyForm("ball", radius, DENSITY * math.pi * radius**2)


def bar(scale: float) -> BodyForm:
    """A bar of the usual thickness, ``scale`` of the width long."""
    length = scale * WIDTH
    return _form("bar", (_rectangle(length, THICKNESS),))


def sticks(scale: float) -> BodyForm:
    """Two bars crossed like an X, each two thirds of ``scale`` of the width long."""
    one = _rectangle(2 / 3 * scale * WIDTH, 2 / 3 * THICKNESS)
    parts = (_turned(one, -STICK_ANGLE), _turned(one, STICK_ANGLE))
    return _form("sticks", parts)


def jar(scale: float) -> BodyForm:
    """A jar, open above, ``scale`` of the width high: a base plate and two slanted walls."""
    height = scale * WIDTH
    thick = math.log(scale * PIXELS) / math.log(0.3 * PIXELS) * THICKNESS
    half_top = height / 1.2 / 2
    half_base = 0.8 * half_top
    slant = math.hypot(height, half_top - half_base)
    sin, cos = height / slant, (half_top - half_base) / slant
    right = (
        (half_base, 0.0),
        (half_top, height),
        (half_top - thick / sin, height),
        (half_base - thick * sin, thick * cos),
    )
    left = tuple((-x, y) for x, y in reversed(right))
    base = ((-half_base, 0.0), (half_base, 0.0), (half_base, thick), (-half_base, thick))
    return _form("jar", (base, left, right))


def body_at(
    form: BodyForm,
    color: str,
    *,
    angle: float = 0.0,
    bottom: float,
    center: float | None = None,
    left: float | None = None,
    right: float | None = None,
) -> Body:
    """A body at rest; bottom, and centre or left or right, of the box around it as shares of the width."""
    low_x, low_y, high_x, _ = reach(form.parts, form.size, angle)
    if left is not None:
        x = left * WIDTH - low_x
    elif right is not None:
        x = right * WIDTH - high_x
    else:
        assert center is not None
        x = center * WIDTH - (low_x + high_x) / 2
    return Body(
        form.shape,
        form.size,
        color,
        form.mass,
        (x, bottom * WIDTH - low_y),
        (0.0, 0.0),
        angle,
        fixed=color == STATIC,
        parts=form.parts,
    )


def reach(parts: tuple[Polygon, ...], size: float, angle: float) -> tuple[float, float, float, float]:
    """How far a body at this angle reaches from its centre, m: least x, least y, greatest x, greatest y."""
    if not parts:
        return -size, -size, size, size
    cos, sin = math.cos(angle), math.sin(angle)
    x = [cos * x - sin * y for part in parts for x, y in part]
    y = [sin * x + cos * y for part in parts for x, y in part]
    return min(x), min(y), max(x), max(y)


def _dynamic_ball(rng: np.random.Generator) -> list[Body]:
    scale, center, bottom = rng.uniform((0.06, 0.3, 0.4), (0.12, 0.6, 0.85)).tolist()
    return [body_at(ball(scale), DYNAMIC, center=center, bottom=bottom)]


def _static_balls(rng: np.random.Generator) -> list[Body]:
    """A chain of balls along a curve, now and then begun anew at one of them; 2 to 6 after the first."""
    number = int(rng.integers(2, 7))
    chain = [(0.4, 0.55)]
    here = chain[0]
    angle, curve = _heading(rng)
    steps = inside = 0
    while inside < number:
        if steps >= 2 and rng.random() < 0.2:
            here = chain[int(rng.integers(len(chain)))]
            angle, curve = _heading(rng)
            steps = 0
            continue
        steps += 1
        angle += curve
        step = rng.uniform(0.05, 0.2)
        x, y = here[0] + step * math.cos(angle), here[1] + step * math.sin(angle)
        if y < 0.5:
            here = (x, y)
            chain.append(here)
            inside += _in_view(x, y)
    form = ball(STATIC_BALL)
    return [body_at(form, STATIC, center=x, bottom=y - STATIC_BALL / 2) for x, y in chain if _in_view(x, y)]


def _heading(rng: np.random.Generator) -> tuple[float, float]:
    """A direction and by how much it turns at every step, rad."""
    return tuple((rng.random(2) * (math.tau, math.tau / 10)).tolist())


def _in_view(x: float, y: float) -> bool:
    edge = STATIC_BALL / 2
    return edge <= x <= 1 - edge and edge <= y <= 1 - edge


def _dynamic_bar(rng: np.random.Generator) -> list[Body]:
    scale, center, bottom, angle = rng.uniform((0.15, 0.3, 0.2, -90), (0.5, 0.6, 0.8, 90)).tolist()
    return [body_at(bar(scale), DYNAMIC, angle=math.radians(angle), center=center, bottom=bottom)]


def _standing_bars(rng: np.random.Generator) -> list[Body]:
    """One to four upright bars on the floor, each longer than the one before."""
    start = rng.uniform(0.45, 0.6)
    step = 0.15
    if rng.random() < 0.5:
        start, step = 1 - start, -step
    number = int(rng.integers(1, 5))
    first = -((number + 1) // 2)
    return [
        body_at(bar(0.2 + 0.05 * i), DYNAMIC, angle=math.pi / 2, left=start + step * (first + i), bottom=0)
        for i in range(number)
    ]


def _static_bar(rng: np.random.Generator) -> list[Body]:
    scale, right, bottom, angle = rng.uniform((0.2, 0.3, 0.1, -60), (0.5, 0.4, 0.5, 60)).tolist()
    return [body_at(bar(scale), STATIC, angle=math.radians(angle), right=right, bottom=bottom)]


def _jar(rng: np.random.Generator) -> list[Body]:
    scale, center, bottom, angle = rng.uniform((0.08, 0.3, 0.2, -45), (0.3, 0.6, 0.8, 45)).tolist()
    if rng.random() >= 0.7:
        bottom = angle = 0.0
    return [body_at(jar(scale), DYNAMIC, angle=math.radians(angle), center=center, bottom=bottom)]


def _sticks(rng: np.random.Generator) -> list[Body]:
    scale, center, bottom, angle = rng.uniform((0.3, 0.3, 0.2, -90), (0.6, 0.6, 0.5, 90)).tolist()
    if rng.random() < 0.3:
        bottom = angle = 0.0
    return [body_at(sticks(scale), DYNAMIC, angle=math.radians(angle), center=center, bottom=bottom)]


# In the study's order, which the order of templates hangs on.
KINDS: dict[str, Callable[[np.random.Generator], list[Body]]] = {
    "ball 1": _dynamic_ball,
    "ball 2": _dynamic_ball,
    "static balls": _static_balls,
    "bar": _dynamic_bar,
    "standing bars": _standing_bars,
    "static bar": _static_bar,
    "jar": _jar,
    "sticks": _sticks,
}


def _rectangle(length: float, height: float) -> Polygon:
    x, y = length / 2, height / 2
    return ((-x, -y), (x, -y), (x, y), (-x, y))


def _turned(part: Polygon, angle: float) -> Polygon:
    cos, sin = math.cos(angle), math.sin(angle)
    return tuple((cos * x - sin * y, sin * x + cos * y) for x, y in part)


def _form(shape: str, parts: tuple[Polygon, ...]) -> BodyForm:
    """Parts moved so that their centre of mass is the origin."""
    areas, centers = zip(*map(area_and_center, parts), strict=True)
    area = sum(areas)
    x = sum(a * c[0] for a, c in zip(areas, centers, strict=True)) / area
    y = sum(a * c[1] for a, c in zip(areas, centers, strict=True)) / area
    parts = tuple(tuple((px - x, py - y) for px, py in part) for part in parts)
    size = max(math.hypot(px, py) for part in parts for px, py in part)
    return BodyForm(shape, size, DENSITY * area, parts)
