"""A film is a video as it was found: frames, their times, how it was compressed, what is odd about it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from worldlaw.core.errors import BadInput

MOST_PIXELS = 600_000_000  # frames x height x width: 1.8 GB as RGB, a minute of 480p at 24 Hz
MOST_FRAMES = 100_000
LEAST_FPS, MOST_FPS = 0.1, 10_000.0  # Hz that are taken for a rate

Note = tuple[str, str]  # a code of one word, and a line for people


@dataclass(frozen=True)
class Encoding:
    """How a film was compressed, as far as its file says: what its measurement floor has to go through."""

    codec: str  # h264, hevc, vp9, gif, webp, jpeg, … or raw for what loses nothing
    pixels: str = ""  # layout of its pixels, such as yuv420p; lossless or lossy for webp
    control: str = ""  # crf, qp or bits (per frame); tables for jpeg; "" if the file does not tell
    amount: float = math.nan  # of that
    tables: tuple[tuple[int, ...], ...] = ()  # of a jpeg
    sampling: int = -1  # of a jpeg's colour
    fps: float = field(default=0.0, repr=False)  # Hz that the file says; encoders spend bits by it
    settings: str = field(default="", repr=False)  # of x264, as the file has them

    def __str__(self) -> str:
        said = f"{self.control} {self.amount:g}" if math.isfinite(self.amount) else ""
        return " ".join(part for part in (self.codec, self.pixels, said) if part)


@dataclass(frozen=True)
class Film:
    """A video as it was found."""

    frames: UInt8[np.ndarray, "T H W 3"]  # RGB, row 0 at the top
    time: Float[np.ndarray, " T"] | None  # s since the first frame; None if the file says nothing of time
    container: str  # mp4, webm, matroska, avi, gif, webp, npz, npy, folder
    codec: str  # h264, vp9, gif, webp, png, jpeg, raw, …
    encoding: Encoding
    notes: tuple[Note, ...] = field(default=())  # what was done to it, or is odd about it

    @property
    def fps(self) -> float:
        """Frames a second, on average; NaN if the file says nothing of time."""
        if self.time is None or len(self.time) < 2:
            return math.nan
        return float(f"{(len(self.time) - 1) / self.time[-1]:.9g}")

    @property
    def steady(self) -> bool:
        """Whether all steps in time are alike, to a fiftieth or to the millisecond of a container's clock."""
        if self.time is None or len(self.time) < 3:
            return True
        steps = np.diff(self.time)
        return bool(np.ptp(steps) <= max(0.02 * np.median(steps), 0.0021))


def check_size(path: Path, frames: int, height: int, width: int, *, most_pixels: int) -> None:
    """Raises BadInput if a video declares more frames or pixels than are read."""
    if height < 1 or width < 1:
        raise BadInput(f"{path}: frames of {width} x {height} pixels")
    if frames > MOST_FRAMES or frames * height * width > most_pixels:
        raise BadInput(
            f"{path}: {frames} frames of {width} x {height} are more than the {most_pixels:,} pixels "
            f"or {MOST_FRAMES:,} frames that are read"
        )


def line_of(error: BaseException) -> str:
    """What an error says, without its number and file."""
    said = " ".join(str(error).split())
    return re.sub(r"^\[Errno -?\d+\] ", "", said).split(": '")[0] or type(error).__name__
