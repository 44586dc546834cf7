"""How a scene is filmed: tones, backdrop, light and the grain of bodies, all from one random stream."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from scipy.ndimage import gaussian_filter

from worldlaw.core.numbers.colors import COLORS
from worldlaw.core.types import Body, Scene
from worldlaw.worlds.render.flat import body_coverage
from worldlaw.worlds.render.light_kernels import SHADES
from worldlaw.worlds.render.surface_texture import BACKDROP_SHADES, lit_surface, smooth_noise

LEAST_CONTRAST = 55  # grey levels of the strongest channel between any lit part of a body and the backdrop
AMBIENT = 0.45  # share of the light that comes from everywhere
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
BARS = (((92, 66, 46), "wood"), ((70, 72, 76), "plaster"), ((160, 128, 92), "wood"))


@dataclass(frozen=True)
class TexturedLook:
    """How a scene is filmed: all that the random stream decides but the sensor's noise."""

    backdrop: Float32[np.ndarray, "H W 3"]  # grey levels, lit, bars among it
    tones: Float32[np.ndarray, "B 3"]  # grey levels of each body where it is lit from the front
    maps: tuple[Float32[np.ndarray, "_ _ 3"], ...]  # of each body, square: normal's x, y (down), grain
    light: tuple[float, float, float]  # unit vector towards the light: right, down, to the camera
    ambient: float  # share of light that comes from everywhere
    gloss: float  # grey levels of the highlight
    shadow: float  # share of light that a full shadow takes away
    offset: tuple[float, float]  # heights of the box by which shadows lie right of and below their bodies
    blur: float  # heights of the box: standard deviation of a shadow's edge
    phase: float  # rad, of the slow change of light


def look_of(
    scene: Scene, width: int, height: int, *, rng: np.random.Generator, box: tuple[int, int, int, int]
) -> TexturedLook:
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
    backdrop = lit_surface(kind, base, light, box_height, box_width, rng)
    if (box_width, box_height) != (width, height):
        tone, bars = BARS[int(rng.integers(len(BARS)))]
        inside = backdrop * _edge_shade(box)[..., None]
        backdrop = lit_surface(bars, np.array(tone, float), light, height, width, rng)
        backdrop[top : top + box_height, left : left + box_width] = inside
    return TexturedLook(
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


def _edge_shade(box: tuple[int, int, int, int]) -> np.ndarray:
    """(H, W) of the box: its backdrop lies behind the bars beside it, which keep light from its edges."""
    left, top, width, height = box
    dark = np.zeros((height, width))
    for barred, axis, length in ((left > 0, 1, width), (top > 0, 0, height)):
        if barred:
            inwards = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
            dark += 0.35 * np.expand_dims(np.exp(-inwards / (0.012 * height)), 1 - axis)
    return 1 - dark


def _map(body: Body, size: float, rng: np.random.Generator) -> np.ndarray:
    """(M, M, 3) of a body at angle 0: x and y (down) of the outward normal, and its grain about 0."""
    side = int(min(max(2 * size, MAP_SIDE[0]), MAP_SIDE[1]))
    grain = smooth_noise(rng, side, side, cells=3, octaves=4, stretch=3 if body.parts else 1)
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
        solid = body_coverage(body, (side / 2, side / 2), half, 0.0, side, side)
        soft = gaussian_filter(solid, 0.018 * side)
        slope = np.stack([-np.gradient(soft, axis=1), -np.gradient(soft, axis=0)], axis=-1)
        steep = np.hypot(slope[..., 0], slope[..., 1])
        most = max(float(steep.max()), 1e-9)
        normal = 0.75 * slope / most
    return np.concatenate([normal, grain[..., None]], axis=-1).astype(np.float32)
