"""(scene, trajectory) -> video as from a camera on a stand: texture, shading, soft shadows; exact outlines.

Bodies cover pixels by the same exact areas as in ``render``, so that an outline's centre is the truth to a
small share of a pixel; what a covered pixel looks like is another matter: balls are lit from one side, flat
shapes have a bevel, every body has a grain that moves and turns with it, and throws a soft shadow on the
backdrop. A body's own outline is nowhere moved by its shadow.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import UInt8
from scipy.ndimage import gaussian_filter

from worldlaw.core.types import Body, Scene, Trajectory
from worldlaw.worlds.render.flat import body_coverage
from worldlaw.worlds.render.light_kernels import finish_frame, shade_body
from worldlaw.worlds.render.scene_look import MARGIN, TexturedLook, look_of

VERSION = 1  # raise it whenever the same rng and trajectory would give other pixels
SOFT = 3.0  # standard deviations after which a shadow ends


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


def film(
    scene: Scene,
    trajectory: Trajectory,
    look: TexturedLook,
    *,
    box: tuple[int, int, int, int],
    flicker: float = 0.0,
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
        finish_frame(
            out,
            stage,
            mixed,
            rest,
            shadow,
            coarse,
            look.shadow,
            gain,
            rows.start,
            rows.stop,
            columns.start,
            columns.stop,
        )
    return video


def _touched(
    look: TexturedLook, center: np.ndarray, size: np.ndarray, coarse: int, height: int, width: int
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
    look: TexturedLook,
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
    cover = body_coverage(body, at, float(size), float(turn), bottom - top, right - left)
    shade_body(
        mixed[top:bottom, left:right],
        rest[top:bottom, left:right],
        cover,
        look.maps[b],
        look.tones[b],
        at[0],
        at[1],
        float(size) * MARGIN,
        math.cos(turn),
        math.sin(turn),
        *look.light,
        look.ambient,
        look.gloss,
    )


def _shadow(
    scene: Scene,
    look: TexturedLook,
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
            open_[top:bottom, left:right] *= 1 - body_coverage(
                body, place, r, float(turn[b]), bottom - top, right - left
            )
    return gaussian_filter(1 - open_, look.blur * height / coarse, mode="nearest", truncate=SOFT)
