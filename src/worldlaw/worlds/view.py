"""A scene in a picture of any aspect: an open view is widened, one with walls stands between bars."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped, UInt8

from worldlaw.core.errors import BadInput
from worldlaw.core.types import Scene, Trajectory
from worldlaw.worlds.render.flat import frame_shape, render
from worldlaw.worlds.scenario import scenarios

BARS = (112, 112, 112)  # RGB of what stands beside or above a view with walls; no body's colour


@dataclass(frozen=True)
class View:
    """A scene as it is filmed."""

    scene: Scene  # its extent fills the box; bodies are where the picture shows them
    width: int  # pixels of the picture
    height: int
    box: tuple[int, int, int, int]  # pixels from the left and the top, width and height of the scene's part
    edges: str = ""  # of the scene's view, as in a scenario

    @property
    def pixels_per_metre(self) -> float:
        """Pixels of the picture in a metre of the scene; pixels are square."""
        return self.box[3] / self.scene.extent[1]

    def place(self, position: tuple[float, float]) -> tuple[float, float]:
        """A point of the scene in m as shares of the picture, from its left and its bottom edge."""
        left, top, _, height = self.box
        x, y = (value * self.pixels_per_metre for value in position)
        return (left + x) / self.width, (self.height - top - height + y) / self.height

    def crop(self, video: Shaped[np.ndarray, "T H W 3"]) -> Shaped[np.ndarray, "T h w 3"]:
        """What of a video of this size shows the scene: all that a tracker is to see."""
        left, top, width, height = self.box
        return video[:, top : top + height, left : left + width]

    def film(self, trajectory: Trajectory, *, edge: str = "area") -> UInt8[np.ndarray, "T H W 3"]:
        """The plain video of a trajectory, by exact area coverage; bars in one grey."""
        if self.box == (0, 0, self.width, self.height):
            return render(self.scene, trajectory, self.height, edge=edge)
        video = np.empty((trajectory.num_frames, self.height, self.width, 3), np.uint8)
        video[...] = np.array(BARS, np.uint8)
        self.crop(video)[...] = render(self.scene, trajectory, self.box[3], edge=edge)
        return video


def view_of(scene: Scene, width: int, height: int, *, edges: str | None = None) -> View:
    """A scene in a picture of ``width`` x ``height`` pixels; nothing is stretched, pixels are square.

    An open view grows to the picture's aspect, evenly on both sides, and its bodies are moved to where that
    view shows them. Any other, such as one with walls, is kept, as large as the picture allows, in the
    middle. Which of the two it is the scenario says, looked up by name unless ``edges`` is given.
    Raises BadInput if no part of the picture shows a view that is kept in square pixels.
    """
    if edges is None:
        edges = scenarios.get(scene.scenario).edges
    if edges == "open":
        return View(_widened(scene, width, height), width, height, (0, 0, width, height), edges)
    for rows in range(min(height, int(width * scene.extent[1] / scene.extent[0] + 1e-9)), 0, -1):
        columns = rows * scene.extent[0] / scene.extent[1]
        if abs(columns - round(columns)) < 1e-9:
            _, across = frame_shape(scene.extent, rows)
            box = ((width - across) // 2, (height - rows) // 2, across, rows)
            return View(scene, width, height, box, edges)
    raise BadInput(
        f"a view of {scene.extent[0]:g} m x {scene.extent[1]:g} m has no square pixels within "
        f"{width} x {height} pixels"
    )


def _widened(scene: Scene, width: int, height: int) -> Scene:
    """The same scene with more empty view at the sides, or above and below."""
    scale = min(width / scene.extent[0], height / scene.extent[1])  # pixels per metre
    extent = (width / scale, height / scale)
    if extent == scene.extent:
        return scene
    aside, up = ((new - old) / 2 for new, old in zip(extent, scene.extent, strict=True))
    bodies = tuple(
        dataclasses.replace(body, position=(body.position[0] + aside, body.position[1] + up))
        for body in scene.bodies
    )
    return dataclasses.replace(scene, bodies=bodies, extent=extent)
