"""(scene, trajectory) -> video as from a camera on a stand: texture, shading, soft shadows; exact outlines.

Bodies cover pixels by the same exact areas as in ``render``, so that an outline's centre is the truth to a
small share of a pixel; what a covered pixel looks like is another matter: balls are lit from one side, flat
shapes have a bevel, every body has a grain that moves and turns with it, and throws a soft shadow on the
backdrop. A body's own outline is nowhere moved by its shadow.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8
from scipy.ndimage import gaussian_filter

from worldlaw.core.compiled import compiled
from worldlaw.core.numbers.colors import COLORS
from worldlaw.core.types import Body, Scene, Trajectory
from worldlaw.worlds.render.flat import coverage, polygon_coverage

VERSION = 1  # raise it whenever the same rng and trajectory would give other pixels

LEAST_CONTRAST = 55  # grey levels of the strongest channel between any lit part of a body and the backdrop
AMBIENT = 0.45  # share of the light that comes from everywhere
SHADES = (0.6, 1.2)  # darkest and brightest part of a lit body, as a share of its own colour
BACKDROP_SHADES = (0.82, 1.12)
SOFT = 3.0  # standard deviations after which a shadow ends
MARGIN = 1.1  # half the side of a body's map, in sizes of the body
MAP_SIDE = (24, 192)  # pixels of a body's map
TURN = 0.018  # of the colour circle: how far a body's hue may lie from the named colour's
FADED = (0.74, 0.92)  # saturation, as a share of the named colour's
DIMMED = (0.12, 0.32)  # what a wholly saturated colour loses of its value
DARKEST = (0.1, 0.16)  # least value of a body
# Muted RGB tones of what bodies are filmed before, and what it is made of.
BACKDROPS: tuple[tuple[tuple[int, int, int], str], ...] = (
    ((226, 218, 204), "plaster"),
    ((238, 234, 224), "paper"),
    ((206, 178, 140), "wood"),
    ((184, 198, 204), "plaster"),
    ((202, 206, 186), "plaster"),
    ((150, 116, 84), "wood"),
    ((128, 136, 142), "plaster"),
    ((30, 140, 86), "felt"),
    ((36, 70, 140), "felt"),
    ((22, 136, 134), "felt"),
    ((112, 36, 48), "felt"),
    ((66, 58, 54), "wood"),
    ((46, 56, 66), "plaster"),
)
# Coarse and fine unevenness, shares of the tone.
ROUGHNESS = {"felt": (0.02, 0.035), "paper": (0.012, 0.014), "plaster": (0.03, 0.014)}
BARS = (((92, 66, 46), "wood"), ((70, 72, 76), "plaster"), ((160, 128, 92), "wood"))


@dataclass(frozen=True)
class Look:
    """How a scene is filmed: all that the random stream decides but the sensor's noise."""

    backdrop: Float32[np.ndarray, "H W 3"]  # grey levels, lit, bars among it
    tones: Float32[np.ndarray, "B 3"]  # grey levels of each body where it is lit from the front
    maps: tuple[Float32[np.ndarray, "M M 3"], ...]  # of each body: its normal's x and y (down), its grain
    light: tuple[float, float, float]  # unit vector towards the light: right, down, to the camera
    ambient: float  # share of light that comes from everywhere
    gloss: float  # grey levels of the highlight
    shadow: float  # share of light that a full shadow takes away
    offset: tuple[float, float]  # heights of the box by which shadows lie right of and below their bodies
    blur: float  # heights of the box: standard deviation of a shadow's edge
    phase: float  # rad, of the slow change of light


def render_textured(
    scene: Scene,
    trajectory: Trajectory,
    width: int,
    height: int,
    *,
    rng: np.random.Generator,
    box: tuple[int, int, int, int] | None = None,
    noise: float = 0.0,
    flicker: float = 0.0,
) -> UInt8[np.ndarray, "T H W 3"]:
    """The textured video of a trajectory, RGB, row 0 at the top; the same stream gives the same film.

    ``box`` (left, top, width, height in pixels) is where the scene is; by default everywhere, and bars are
    around it. ``noise`` is the standard deviation of the sensor's noise in grey levels, ``flicker`` the
    share by which the light swings, once in about 4 s.
    The first frames of a longer film are those of a shorter one.
    """
    box = box or (0, 0, width, height)
    look = look_of(scene, width, height, rng=rng, box=box)
    video = film(scene, trajectory, look, box=box, flicker=flicker)
    if noise:
        for frame in video:
            grain = rng.standard_normal(frame.shape, np.float32) * np.float32(noise)
            frame[...] = np.clip(np.rint(frame + grain), 0, 255)
    return video


def look_of(
    scene: Scene, width: int, height: int, *, rng: np.random.Generator, box: tuple[int, int, int, int]
) -> Look:
    """Draw the look of a scene; pictures of other sizes get the same one, finer or coarser."""
    tones = np.array([_tone(body.color, rng) for body in scene.bodies], np.float32)
    base, kind = _backdrop_for(tones, rng)
    side = 1.0 if rng.random() < 0.5 else -1.0
    across, down, front = side * rng.uniform(0.3, 0.55), -rng.uniform(0.4, 0.65), rng.uniform(0.75, 0.9)
    norm = math.sqrt(across**2 + down**2 + front**2)
    light = (across / norm, down / norm, front / norm)
    reach = rng.uniform(0.018, 0.035)  # how far bodies are before the backdrop, in heights
    blur = rng.uniform(0.009, 0.016)
    left, top, box_width, box_height = box
    scale = box_height / scene.extent[1]
    maps = tuple(_map(body, body.size * scale, rng) for body in scene.bodies)
    gloss, shadow, phase = rng.uniform(20, 50), rng.uniform(0.3, 0.5), rng.uniform(0, 2 * math.pi)
    backdrop = _surface(kind, base, light, box_height, box_width, rng)
    if (box_width, box_height) != (width, height):
        tone, bars = BARS[int(rng.integers(len(BARS)))]
        inside = backdrop * _edge_shade(box)[..., None]
        backdrop = _surface(bars, np.array(tone, float), light, height, width, rng)
        backdrop[top : top + box_height, left : left + box_width] = inside
    return Look(
        backdrop=np.clip(backdrop, 0, 255),
        tones=tones,
        maps=maps,
        light=light,
        ambient=AMBIENT,
        gloss=float(gloss),
        shadow=float(shadow),
        offset=(-across / front * reach * 2, -down / front * reach * 2),
        blur=blur,
        phase=float(phase),
    )


def film(
    scene: Scene, trajectory: Trajectory, look: Look, *, box: tuple[int, int, int, int], flicker: float = 0.0
) -> UInt8[np.ndarray, "T H W 3"]:
    """The video of a trajectory in a given look, without noise."""
    left, top, width, height = box
    scale = height / scene.extent[1]
    stage = np.ascontiguousarray(look.backdrop[top : top + height, left : left + width])
    video = np.empty((trajectory.num_frames, *look.backdrop.shape), np.uint8)
    center = trajectory.position * scale
    center[..., 1] = height - center[..., 1]
    size = trajectory.size * scale
    turn = np.zeros(size.shape) if trajectory.angle is None else -trajectory.angle
    # Drawn first is what nothing covers: fixed bodies, then those drawn later, as in render.
    order = sorted(range(len(scene.bodies)), key=lambda b: (not scene.bodies[b].fixed, -b))
    coarse = max(1, round(look.blur * height / 1.5))  # pixels of the picture in one of the shadow's
    mixed, rest = np.empty_like(stage), np.empty(stage.shape[:2], np.float32)
    still = look.backdrop
    for t in range(trajectory.num_frames):
        gain = 1.0 + flicker * (
            math.sin(look.phase + 2 * math.pi * t * trajectory.dt / 4) - math.sin(look.phase)
        )
        if t == 0 or flicker:
            np.clip(np.rint(look.backdrop * np.float32(gain)), 0, 255, out=(still := np.empty_like(still)))
        video[t] = still
        shadow = _shadow(scene, look, center[t], size[t], turn[t], coarse, height, width)
        touched = _touched(look, center[t], size[t], coarse, height, width)
        rest[touched] = 1.0
        mixed[touched] = 0.0
        for b in order:
            _paint_body(mixed, rest, scene.bodies[b], look, b, center[t, b], size[t, b], turn[t, b])
        out = video[t, top : top + height, left : left + width]
        rows, columns = touched
        _finish(
            out, stage, mixed, rest, shadow, coarse, look.shadow, gain, rows.start, rows.stop, columns.start,
            columns.stop,
        )  # fmt: skip
    return video


def _touched(
    look: Look, center: np.ndarray, size: np.ndarray, coarse: int, height: int, width: int
) -> tuple[slice, slice]:
    """Rows and columns in which some body or shadow may be."""
    if not len(size):
        return slice(0, 0), slice(0, 0)
    aside = np.array(look.offset) * height
    soft = SOFT * look.blur * height + 2 * coarse
    reach = size[:, None]
    low = np.minimum(center - reach - 2, center + aside - reach - soft).min(axis=0)
    high = np.maximum(center + reach + 2, center + aside + reach + soft).max(axis=0)
    (x0, y0), (x1, y1) = np.floor(low), np.ceil(high)
    return (
        slice(int(min(max(0, y0), height)), int(max(0, min(height, y1)))),
        slice(int(min(max(0, x0), width)), int(max(0, min(width, x1)))),
    )


def _paint_body(
    mixed: np.ndarray,
    rest: np.ndarray,
    body: Body,
    look: Look,
    b: int,
    center: np.ndarray,
    size: float,
    turn: float,
) -> None:
    """Add what a body shows of itself to the picture so far, in the pixels that its box touches."""
    height, width = rest.shape
    left, right = max(0, math.floor(center[0] - size) - 1), min(width, math.ceil(center[0] + size) + 1)
    top, bottom = max(0, math.floor(center[1] - size) - 1), min(height, math.ceil(center[1] + size) + 1)
    if left >= right or top >= bottom:
        return
    at = (float(center[0]) - left, float(center[1]) - top)
    cover = _cover(body, at, float(size), float(turn), bottom - top, right - left)
    _shade(
        mixed[top:bottom, left:right], rest[top:bottom, left:right], cover, look.maps[b], look.tones[b],
        at[0], at[1], float(size) * MARGIN, math.cos(turn), math.sin(turn), *look.light, look.ambient,
        look.gloss,
    )  # fmt: skip


def _cover(
    body: Body, center: tuple[float, float], size: float, turn: float, height: int, width: int
) -> np.ndarray:
    """Share of every pixel that a body covers; pixels, y down."""
    if not body.parts:
        return coverage(body.shape, center, size, height, width)
    grown = size / body.size
    parts = tuple(tuple((x * grown, -y * grown) for x, y in part) for part in body.parts)
    return polygon_coverage(parts, center, turn, height, width)


def _shadow(
    scene: Scene,
    look: Look,
    center: np.ndarray,
    size: np.ndarray,
    turn: np.ndarray,
    coarse: int,
    height: int,
    width: int,
) -> np.ndarray:
    """Share of the light that is kept from the backdrop, in pixels of ``coarse`` pixels, soft."""
    rows, columns = -(-height // coarse) + 1, -(-width // coarse) + 1
    open_ = np.ones((rows, columns), np.float32)
    for b, body in enumerate(scene.bodies):
        x, y = (center[b] + np.array(look.offset) * height) / coarse
        r = float(size[b]) / coarse
        left, right = max(0, math.floor(x - r)), min(columns, math.ceil(x + r))
        top, bottom = max(0, math.floor(y - r)), min(rows, math.ceil(y + r))
        if left < right and top < bottom:
            place = (float(x) - left, float(y) - top)
            open_[top:bottom, left:right] *= 1 - _cover(
                body, place, r, float(turn[b]), bottom - top, right - left
            )
    return gaussian_filter(1 - open_, look.blur * height / coarse, mode="nearest", truncate=SOFT)


def _tone(color: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """A body's own colour near the named one, RGB in grey levels: less than pure, as paint is."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(channel / 255 for channel in COLORS[color]))
    turned, faded, dimmed = rng.uniform(-TURN, TURN), rng.uniform(*FADED), rng.uniform(*DIMMED)
    dark = rng.uniform(*DARKEST)
    red, green, blue = colorsys.hsv_to_rgb(
        (hue + turned) % 1, saturation * faded, max(value * (1 - saturation * dimmed), dark)
    )
    return 255 * red, 255 * green, 255 * blue


def _backdrop_for(tones: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """A backdrop that every body stands out from, at random among those that do."""
    order = rng.permutation(len(BACKDROPS))
    drift = rng.uniform(-7, 7) + rng.uniform(-2.5, 2.5, 3)
    found = [(np.clip(np.array(BACKDROPS[k][0]) + drift, 0, 255), BACKDROPS[k][1]) for k in order]
    return next(
        (one for one in found if _contrast(tones, one[0]) >= LEAST_CONTRAST),
        max(found, key=lambda one: _contrast(tones, one[0])),
    )


def _contrast(tones: np.ndarray, base: np.ndarray) -> float:
    """Grey levels between the nearest shades that some body and the backdrop can have."""
    if not len(tones):
        return math.inf
    low, high = np.clip(tones * SHADES[0], 0, 255), np.clip(tones * SHADES[1], 0, 255)
    under, over = np.clip(base * BACKDROP_SHADES[0], 0, 255), np.clip(base * BACKDROP_SHADES[1], 0, 255)
    return float(np.maximum(low - over, under - high).max(axis=1).min())


def _surface(
    kind: str, base: np.ndarray, light: Sequence[float], height: int, width: int, rng: np.random.Generator
) -> np.ndarray:
    """(H, W, 3) grey levels of a lit surface of some material."""
    rough = _noise(rng, height, width, cells=3, octaves=7)
    grain = _noise(rng, height, width, cells=60, octaves=3)
    if kind == "wood":
        streaks = _noise(rng, height, width, cells=40, octaves=3, stretch=14)
        down = np.linspace(0, 5, height)[:, None]  # not in single precision, whose sine hangs on the machine
        rings = np.sin(2 * math.pi * (down + 0.55 * rough + 0.25 * streaks))
        shade = 0.045 * streaks + 0.03 * rings + 0.015 * grain
    else:
        coarse, fine = ROUGHNESS[kind]
        shade = coarse * rough + fine * grain
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    lit = 0.06 * (x * light[0] + y * light[1]) / math.hypot(light[0], light[1]) - 0.05 * (x**2 + y**2 - 0.6)
    factor = np.clip(1 + shade + lit, BACKDROP_SHADES[0], BACKDROP_SHADES[1])
    tint = 1 + 0.012 * rough[..., None] * np.array([0.6, 0.0, -0.6], np.float32)
    return (base.astype(np.float32) * factor[..., None] * tint).astype(np.float32)


def _edge_shade(box: tuple[int, int, int, int]) -> np.ndarray:
    """(H, W) of the box: its backdrop lies behind the bars beside it, which keep light from its edges."""
    left, top, width, height = box
    dark = np.zeros((height, width))
    for barred, axis, length in ((left > 0, 1, width), (top > 0, 0, height)):
        if barred:
            inwards = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
            dark += 0.35 * np.expand_dims(np.exp(-inwards / (0.012 * height)), 1 - axis)
    return 1 - dark


def _noise(
    rng: np.random.Generator, height: int, width: int, *, cells: int, octaves: int, stretch: int = 1
) -> np.ndarray:
    """(H, W) smooth noise about 0, mostly within -1 to 1: cubic splines through random lattices.

    Each octave has twice as many cells in the height of the picture, and 0.55 of the strength; cells are
    ``stretch`` times as wide as high. Cells of less than two pixels are left out.
    """
    total = np.zeros((height, width), np.float32)
    strength, sum_of_squares = 1.0, 0.0
    for octave in range(octaves):
        rows = cells * 2**octave
        columns = max(1.0, rows * width / height / stretch)
        stream = np.random.Generator(np.random.Philox(key=int(rng.integers(2**63))))
        if height / rows >= 2:
            lattice = stream.random((rows + 4, math.ceil(columns) + 4), np.float32) * 2 - 1
            along = _spline(lattice, np.arange(height) + 0.5, rows / height)
            across = _spline(np.ascontiguousarray(along.T), np.arange(width) + 0.5, columns / width)
            total += np.float32(strength) * across.T
            sum_of_squares += strength**2
        strength *= 0.55
    return total / np.float32(0.35 * math.sqrt(max(sum_of_squares, 1e-9)))


def _spline(lattice: np.ndarray, at: np.ndarray, rate: float) -> np.ndarray:
    """Values of a cubic B-spline over the rows of a lattice, at ``at * rate`` rows."""
    place = at * rate
    first = np.floor(place).astype(int)
    u = (place - first).astype(np.float32)[:, None]
    weights = ((1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3)
    total = weights[0] * lattice[first]
    for k in (1, 2, 3):
        total += weights[k] * lattice[first + k]
    return total / 6


def _map(body: Body, size: float, rng: np.random.Generator) -> np.ndarray:
    """(M, M, 3) of a body at angle 0: x and y (down) of the outward normal, and its grain about 0."""
    side = int(min(max(2 * size, MAP_SIDE[0]), MAP_SIDE[1]))
    grain = _noise(rng, side, side, cells=3, octaves=4, stretch=3 if body.parts else 1)
    middle = (np.arange(side) + 0.5) / side * 2 * MARGIN - MARGIN
    x, y = np.broadcast_arrays(middle[None, :], middle[:, None])
    radius = np.maximum(np.hypot(x, y), 1e-9)
    if body.shape == "ball" and not body.parts:
        tilt = np.minimum(radius, 0.96)
        normal = np.stack([x, y], axis=-1) / radius[..., None] * tilt[..., None]
    elif body.shape == "ring" and not body.parts:
        tilt = np.clip((radius - 0.75) / 0.25, -0.96, 0.96)
        normal = np.stack([x, y], axis=-1) / radius[..., None] * tilt[..., None]
    else:
        half = side / (2 * MARGIN)
        solid = _cover(body, (side / 2, side / 2), half, 0.0, side, side)
        soft = gaussian_filter(solid, 0.018 * side)
        slope = np.stack([-np.gradient(soft, axis=1), -np.gradient(soft, axis=0)], axis=-1)
        steep = np.hypot(slope[..., 0], slope[..., 1])
        most = max(float(steep.max()), 1e-9)
        normal = 0.75 * slope / most
    return np.concatenate([normal, grain[..., None]], axis=-1).astype(np.float32)


@compiled
def _shade(
    mixed, rest, cover, surface, tone, cx, cy, half, cos, sin, across, down, front, ambient, gloss
):  # fmt: skip
    """Add a lit body to the pixels of its box: what it covers of what is left of each."""
    height, width = rest.shape
    side = surface.shape[0]
    # Halfway between the light and the camera: a normal along it shines.
    length = math.sqrt(across * across + down * down + (front + 1) ** 2)
    hx, hy, hz = across / length, down / length, (front + 1) / length
    for row in range(height):
        for column in range(width):
            share = min(cover[row, column], rest[row, column])
            if share <= 0.0:
                continue
            dx, dy = column + 0.5 - cx, row + 0.5 - cy
            u = ((cos * dx + sin * dy) / half + 1) * 0.5 * side - 0.5
            v = ((cos * dy - sin * dx) / half + 1) * 0.5 * side - 0.5
            u = min(max(u, 0.0), side - 1.001)
            v = min(max(v, 0.0), side - 1.001)
            i, j = int(v), int(u)
            a, b = v - i, u - j
            n0 = n1 = grain = 0.0
            for k in range(3):
                upper = surface[i, j, k] * (1 - b) + surface[i, j + 1, k] * b
                lower = surface[i + 1, j, k] * (1 - b) + surface[i + 1, j + 1, k] * b
                value = upper * (1 - a) + lower * a
                if k == 0:
                    n0 = value
                elif k == 1:
                    n1 = value
                else:
                    grain = value
            nx, ny = cos * n0 - sin * n1, sin * n0 + cos * n1
            nz = math.sqrt(max(1 - nx * nx - ny * ny, 0.0))
            # Light wraps around what it meets: the half that looks away is dim, not black.
            facing = max(1 + nx * across + ny * down + nz * front, 0.0) / (1 + front)
            shade = ambient + (1 - ambient) * facing * math.sqrt(facing)
            shade *= 1 + 0.1 * min(max(grain, -1.0), 1.0)
            shade = min(max(shade, SHADES[0]), SHADES[1])
            shine = gloss * max(nx * hx + ny * hy + nz * hz, 0.0) ** 24
            rest[row, column] -= share
            for channel in range(3):
                mixed[row, column, channel] += share * min(tone[channel] * shade + shine, 255.0)


@compiled
def _finish(out, stage, mixed, rest, shadow, coarse, strength, gain, top, bottom, left, right):
    """Bodies, and what they leave free of the backdrop, darker where shadow lies; rounded."""
    for row in range(top, bottom):
        y = max((row + 0.5) / coarse - 0.5, 0.0)
        i = int(y)
        a = y - i
        for column in range(left, right):
            x = max((column + 0.5) / coarse - 0.5, 0.0)
            j = int(x)
            b = x - j
            upper = shadow[i, j] * (1 - b) + shadow[i, j + 1] * b
            lower = shadow[i + 1, j] * (1 - b) + shadow[i + 1, j + 1] * b
            dark = upper * (1 - a) + lower * a
            free = rest[row, column]
            if free == 1.0 and dark < 1e-3:
                continue
            lit = 1 - strength * dark
            for channel in range(3):
                value = gain * (mixed[row, column, channel] + free * lit * stage[row, column, channel])
                out[row, column, channel] = np.uint8(min(value + 0.5, 255.0))
