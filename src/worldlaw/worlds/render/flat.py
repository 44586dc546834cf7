"""(scene, trajectory) -> video: every pixel gets exactly the share of colour that bodies cover of its area.

A centroid read back from such a picture is exact up to rounding to 8 bits, which is what makes the
measurement floor so low. Where bodies meet in a pixel, the ones drawn later cover the ones before; what is
left shows the background.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8

from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.colors import COLORS
from worldlaw.core.types import SHAPES, Body, Polygon, Scene, Trajectory
from worldlaw.worlds.render.hard_edge import paint_hard_edge
from worldlaw.worlds.render.polygon_kernels import cover_parts
from worldlaw.worlds.render.rigid_kernels import POLYGONS, paint_rigid
from worldlaw.worlds.render.shape_kernels import cover_shape, paint_shapes
from worldlaw.worlds.render.study_edge import paint_study_edge

VERSION = 1  # raise it whenever the same trajectory would give other pixels
EDGES = ("area", "study", "hard")


def frame_shape(extent: tuple[float, float], resolution: int) -> tuple[int, int]:
    """Height and width of a frame of ``resolution`` rows that shows the whole extent in square pixels.

    Raises BadInput if the width is not a whole number of pixels.
    """
    width = resolution * extent[0] / extent[1]
    if abs(width - round(width)) > 1e-9:
        raise BadInput(
            f"a view of {extent[0]:g} m x {extent[1]:g} m has no square pixels at {resolution} rows"
        )
    return resolution, round(width)


def render(
    scene: Scene,
    trajectory: Trajectory,
    resolution: int,
    *,
    edge: str = "area",
    out: np.ndarray | None = None,
) -> UInt8[np.ndarray, "T H W 3"]:
    """The video of a trajectory, row 0 at the top, RGB; drawn into ``out`` if that has the right shape.

    ``edge="area"`` covers pixels by exact area; ``edge="study"`` draws the study's soft edge on its inclusive
    pixel grid (arXiv:2411.02385, published code), which shifts and scales positions a little: for comparison
    only. ``edge="hard"``, for bodies that turn or are fixed, gives a pixel to what covers its middle, as
    PHYRE does, so that much less than a pixel cannot be seen.
    Raises BadInput for bodies that this edge is not for.
    """
    height, width = frame_shape(scene.extent, resolution)
    size = (trajectory.num_frames, height, width, 3)
    frames = out if out is not None and out.shape == size else np.empty(size, np.uint8)
    rigid = _rigid(scene)
    background = COLORS[scene.background]
    if len(set(background)) == 1:
        frames.fill(background[0])  # several times faster than three values in turn
    else:
        frames[...] = np.array(background, np.uint8)
    color = np.array([COLORS[body.color] for body in scene.bodies], float)
    check_edge(scene, edge)
    if rigid:
        _paint_rigid(frames, color, scene, trajectory, paint_rigid if edge == "area" else paint_hard_edge)
        return frames
    shape = np.array([SHAPES.index(body.shape) for body in scene.bodies])
    if edge == "study":
        paint_study_edge(frames, shape, color, trajectory.position, trajectory.size, np.array(scene.extent))
        return frames
    center, scale = _to_pixels(trajectory.position, scene.extent, height)
    paint_shapes(frames, shape, color, center, trajectory.size * scale)
    return frames


def check_edge(scene: Scene, edge: str) -> None:
    """Raises BadInput if the bodies of a scene are not drawn with this edge."""
    if _rigid(scene) and edge == "study":
        raise BadInput(f"edge {edge!r}: bodies that turn or are fixed are drawn with 'area' or 'hard'")
    if not _rigid(scene) and edge == "hard":
        raise BadInput(f"edge {edge!r} is for bodies that turn or are fixed, as in assemblies")


def coverage(
    shape: str, center: tuple[float, float], size: float, height: int, width: int
) -> Float[np.ndarray, "H W"]:
    """Share of every pixel that one body covers; centre and size in pixels, x to the right, y down."""
    out = np.zeros((height, width))
    cover_shape(out, SHAPES.index(shape), float(center[0]), float(center[1]), float(size))
    return out


def polygon_coverage(
    parts: tuple[Polygon, ...], center: tuple[float, float], angle: float, height: int, width: int
) -> Float[np.ndarray, "H W"]:
    """Share of every pixel that a body of convex parts covers; parts and centre in pixels, y down."""
    out = np.zeros((height, width))
    corners, starts = _corners(parts)
    cover_parts(out, corners, starts, float(center[0]), float(center[1]), float(angle), 1.0)
    return out


def body_coverage(
    body: Body, center: tuple[float, float], size: float, turn: float, height: int, width: int
) -> Float[np.ndarray, "H W"]:
    """Share of every pixel that a body of this size and turn covers; pixels, rad, y down."""
    if not body.parts:
        return coverage(body.shape, center, size, height, width)
    grown = size / body.size
    parts = tuple(tuple((x * grown, -y * grown) for x, y in part) for part in body.parts)
    return polygon_coverage(parts, center, turn, height, width)


def _paint_rigid(
    frames: np.ndarray, color: np.ndarray, scene: Scene, trajectory: Trajectory, paint: Callable
) -> None:
    """Paint bodies that turn or are fixed; fixed ones cover moving ones."""
    if trajectory.angle is None:
        raise ValueError("bodies that consist of parts or are fixed need a trajectory with angles")
    all_corners, first_corner, first_part = [], [0], [0]
    for body in scene.bodies:
        # A ball is a part without corners.
        corners, starts = _corners(body.parts) if body.parts else (np.zeros((0, 2)), np.zeros(2, np.int64))
        first_corner += [first_corner[-1] + count for count in starts[1:]]
        first_part.append(first_part[-1] + len(starts) - 1)
        all_corners.append(corners * (1.0, -1.0))  # y down
    center, scale = _to_pixels(trajectory.position, scene.extent, frames.shape[1])
    shape = np.array([POLYGONS if body.parts else SHAPES.index(body.shape) for body in scene.bodies])
    growth = trajectory.size / np.array([body.size for body in scene.bodies])
    paint(
        frames,
        shape,
        color,
        center,
        -trajectory.angle,
        trajectory.size * scale,
        growth * scale,
        np.array([body.fixed for body in scene.bodies]),
        np.concatenate(all_corners),
        np.array(first_corner),
        np.array(first_part),
    )


def _rigid(scene: Scene) -> bool:
    return any(body.parts or body.fixed for body in scene.bodies)


def _corners(parts: tuple[Polygon, ...]) -> tuple[np.ndarray, np.ndarray]:
    """All corners (C, 2) of some polygons, and where each polygon's begin and the last one's end (P + 1,)."""
    starts = np.cumsum([0, *map(len, parts)])
    return np.array([corner for part in parts for corner in part], float), starts


def _to_pixels(position: np.ndarray, extent: tuple[float, float], height: int) -> tuple[np.ndarray, float]:
    """Points in m as points in pixels, x right and y down, and the pixels of a metre."""
    scale = height / extent[1]
    center = position * scale
    center[..., 1] = height - center[..., 1]
    return center, scale
