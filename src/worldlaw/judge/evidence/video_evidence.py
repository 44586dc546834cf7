"""What the judge knows of a video: where its things were, how surely, and in what units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from worldlaw.core.types import VISIBLE, Detections, Tracks

GUESSED = 0.04  # of the picture's height: the reach of a thing whose size was not measured
SURE = 0.875  # median confidence of a track: below it, looks and presence prove nothing
FLOOR = 0.02  # pixels: no tracker is believed to be surer of a place than this


@dataclass(frozen=True)
class VideoEvidence:
    """The tracks of one video. L is metre or picture height, T is second or frame."""

    names: tuple[str, ...]  # (B,)
    position: Float[np.ndarray, "T B 2"]  # L, y up; NaN where not measured
    deviation: Float[np.ndarray, "T B"]  # L, one standard deviation of a position along each axis
    status: Int[np.ndarray, "T B"]
    size: Float[np.ndarray, "T B"]  # L, radius of a disc of equal area
    color: Float[np.ndarray, "T B 3"]  # RGB in [0, 1]
    confidence: Float[np.ndarray, "T B"]
    radius: Float[np.ndarray, " B"]  # L, its median size; NaN where it is not known
    reach: Float[np.ndarray, " B"]  # L, from a thing's centre to its farthest side
    extra: Detections  # what belongs to none of them
    extent: tuple[float, float]  # L, width and height of the picture
    pixel: float  # L
    dt: float  # T between two frames
    length_unit: str  # "m" or "height"
    time_unit: str  # "s" or "frame"
    moving_camera: bool = False
    surfaces: tuple[tuple[float, float, float, float], ...] | None = None  # L: x, y, x, y; None: not known
    unfit: str = ""  # why nothing can be said of the video at all

    @property
    def num_frames(self) -> int:
        """T, the number of frames."""
        return self.position.shape[0]

    @property
    def num_things(self) -> int:
        """B, the number of things."""
        return self.position.shape[1]

    @property
    def time(self) -> Float[np.ndarray, " T"]:
        """Of each frame, from the first."""
        return np.arange(self.num_frames) * self.dt

    @property
    def measured(self) -> Bool[np.ndarray, "T B"]:
        """Where a thing is fully visible and has a place."""
        return (self.status == VISIBLE) & np.isfinite(self.position).all(axis=-1)

    def surely_followed(self, thing: int) -> float:
        """1 if a thing is tracked as surely as things are on good films; else its median confidence."""
        known = self.confidence[self.measured[:, thing], thing]
        middle = float(np.median(known)) if len(known) else 0.0
        return 1.0 if middle >= SURE else middle

    @property
    def speed_unit(self) -> str:
        """``m/s``, ``height/s`` or ``height/frame``."""
        return f"{self.length_unit}/{self.time_unit}"

    @property
    def acceleration_unit(self) -> str:
        """``m/s²`` and so on."""
        return f"{self.speed_unit}²"

    def edge_distance(self, point: np.ndarray) -> np.ndarray | np.float64:
        """Distance of points (..., 2) to the nearest edge of the picture; negative outside."""
        return np.minimum(point, np.subtract(self.extent, point)).min(axis=-1)


def evidence_of(
    tracks: Tracks,
    deviation: Float[np.ndarray, "T B"],
    *,
    names: tuple[str, ...],
    extent: tuple[float, float],
    height: int,
    reach: Float[np.ndarray, " B"] | None = None,
    scaled: bool = False,
    timed: bool = True,
    moving_camera: bool = False,
    surfaces: tuple[tuple[float, float, float, float], ...] | None = None,
    unfit: str = "",
) -> VideoEvidence:
    """Evidence from tracks in metres (``scaled``) or picture heights, of a video of ``height`` rows.

    ``timed`` says that the tracks' dt is in seconds; otherwise it counts frames and must be 1. ``reach`` is
    by default each thing's median size, or ``GUESSED`` where nothing is known of that. Where a tracker gives
    no deviation, a quarter of a pixel is assumed.
    """
    bodies, pixel = tracks.bodies, extent[1] / height
    known = np.where(np.isfinite(deviation), np.maximum(deviation, FLOOR * pixel), 0.25 * pixel)
    sizes = [column[np.isfinite(column)] for column in bodies.size.T]
    middle = np.array([np.median(column) if len(column) else np.nan for column in sizes])
    widest = middle if reach is None else np.fmax(reach, middle)
    return VideoEvidence(
        names=names,
        position=bodies.position,
        deviation=known,
        status=bodies.status,
        size=bodies.size,
        color=bodies.color,
        confidence=bodies.confidence,
        radius=middle,
        reach=np.where(np.isfinite(widest), widest, GUESSED * extent[1]),
        extra=tracks.extra,
        extent=extent,
        pixel=pixel,
        dt=bodies.dt,
        length_unit="m" if scaled else "height",
        time_unit="s" if timed else "frame",
        moving_camera=moving_camera,
        surfaces=surfaces,
        unfit=unfit,
    )


@dataclass(frozen=True)
class MeasuredQuantity:
    """One number that was asked of a video, or why there is none."""

    name: str
    value: float  # NaN if it could not be measured
    low: float = np.nan  # 95 % interval; NaN where there is none
    high: float = np.nan
    unit: str = ""
    thing: str = ""  # a name, two joined by " + ", or nothing: the video
    segment: int = -1  # of the thing's flights or contacts, from 0; -1: none
    confidence: float = np.nan  # 0 to 1
    status: str = "measured"
