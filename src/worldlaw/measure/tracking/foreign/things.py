"""What is followed in a foreign video, and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from worldlaw.core.types import Tracks

NUM_POINTS = 96  # of an outline
NUM_INSIDE = 48  # points within it

Piece = tuple[float | np.floating, ...]  # paint that is no thing's: frame, x, y, area, red, green, blue


@dataclass(frozen=True)
class Things:
    """What the first frames (or hints) say there is; pixels of the picture, x right, y down."""

    name: tuple[str, ...]
    position: Float[np.ndarray, "B 2"]  # px, middle of the outline
    radius: Float[np.ndarray, " B"]  # px, of a disc of the same area
    color: UInt8[np.ndarray, "B 3"]  # the median over the thing
    box: Float[np.ndarray, "B 4"]  # px: left, top, width, height
    disc: np.ndarray  # (B,) bool: the outline is a circle as far as can be seen, so it shows no angle
    outline: Float[np.ndarray, "B A 2"]  # px from the middle, evenly along it
    normal: Float[np.ndarray, "B A 2"]  # outward, at its points
    inner: Float[np.ndarray, "B A"]  # px from its points inward that are surely the thing
    outer: Float[np.ndarray, "B A"]  # px outward that are surely not
    body: Float[np.ndarray, "B N 2"]  # px from the middle: points within it
    paint: Float[np.ndarray, "B P 3"]  # the colours of its surface, in the light of its frame
    shade: Float[np.ndarray, " B"]  # of the backdrop's light: darker is no shadow on it
    frame: Int[np.ndarray, " B"]  # in which it was described; 0 unless it came later

    @property
    def num_things(self) -> int:
        """B."""
        return len(self.name)


@dataclass(frozen=True)
class Seen:
    """Tracks of the things of one video; in metres if an extent was given, else in heights of the picture."""

    things: Things
    tracks: Tracks
    uncertainty: Float[
        np.ndarray, "T B"
    ]  # 1 standard deviation per axis, unit of the tracks; NaN: unmeasured
    moving_camera: bool = False  # the background moved: positions are not to be trusted
    notes: tuple[str, ...] = ()  # what was left aside
    cut: int | None = None  # the first frame of another scene: positions from there on are not to be trusted
