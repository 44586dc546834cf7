"""What stands still behind the things of a video, in which light it stood, and how much pixels flicker."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from worldlaw.measure.tracking.foreign import foreign_kernels

MEDIAN_FRAMES = 15  # of the median over time, an odd number
MOST_FRAMES = 25  # looked at where things were
LEAST_FRAMES = 5  # fewer say nothing of what moves
LEAST_NOISE = 1.5  # levels: rounding and what a codec leaves
DARK = 0.1  # of its usual light: a frame with less shows nothing
WELL_LIT = 0.3  # of it: things are not described in a frame with less
WIDE = 0.25  # of the picture has to be lit to tell a fade from a bright thing that leaves
GRID = 4  # px, at least, between the pixels that light and noise are read from


@dataclass(frozen=True)
class Backdrop:
    """The scene without its things, in the light of the middle of the video."""

    picture: Float[np.ndarray, "H W 3"]  # levels
    gain: Float[np.ndarray, "T 3"]  # light of each frame
    noise: float  # levels: standard deviation of a channel from frame to frame
    shade: float = foreign_kernels.SHADE_LEAST  # what light shadows leave at least; 1 where there are none
    dark: Bool[np.ndarray, " T"] | None = None  # frames that show nothing, as in a fade; their gain is 1
    standing: Float[np.ndarray, "H W 3"] | None = None  # the median with the things that rest in it
    start: int = 0  # the first frame that is light enough to describe things in

    @property
    def noise_power(self) -> float:
        """Levels squared, over the three channels."""
        return 3 * self.noise**2


def read_backdrop(video: UInt8[np.ndarray, "T H W 3"]) -> Backdrop:
    """The median over time of every pixel, after changes of light; a thing that rests is part of it."""
    grid = max(GRID, round(min(video.shape[1:3]) / 36))
    small = video[:, grid // 2 :: grid, grid // 2 :: grid].astype(np.float32)  # (T, h, w, 3)
    level = small.mean(axis=(1, 2, 3))
    frames = _spread(np.flatnonzero(level >= DARK * np.quantile(level, 0.8)), MEDIAN_FRAMES, odd=True)
    gain = np.ones((len(video), 3), np.float32)
    faint = np.ones(len(video), np.float32)
    for _ in range(2 if len(video) > 1 else 0):
        reference = np.median(small[frames] / gain[frames, None, None], axis=0)
        lit = reference > 20
        for c in range(3):
            if lit[..., c].sum() >= 16:
                gain[:, c] = np.median(small[:, lit[..., c], c] / reference[lit[..., c], c], axis=1)
        gain /= np.median(gain[frames], axis=0)
        # A dark backdrop tells little of the light: a bright thing that leaves it is no fade.
        wide = [c for c in range(3) if lit[..., c].mean() > WIDE]
        faint = gain[:, wide].min(axis=1) if wide else faint
        gain[faint < DARK] = 1.0
        gain[gain < DARK] = 1.0
    dark = faint < DARK
    frames = _spread(np.flatnonzero(~dark), MEDIAN_FRAMES, odd=True)
    picture = np.empty(video.shape[1:], np.float32)
    foreign_kernels.middle(video, frames, gain, picture)
    noise = LEAST_NOISE
    if (~dark).sum() > 1:
        shown = ~dark
        steps = np.diff(small[shown] / gain[shown, None, None], axis=0)
        noise = max(noise, float(np.median(np.abs(steps)) / 0.6745 / np.sqrt(2)))
    start = int((faint >= WELL_LIT).argmax())
    return Backdrop(picture, gain, noise, dark=dark, standing=picture, start=start)


def _spread(frames: np.ndarray, most: int, *, odd: bool = False) -> np.ndarray:
    """At most so many of some frames, evenly; an odd number of them if that is wanted."""
    count = min((len(frames) + 1) // 2 * 2 - 1 if odd else len(frames), most)
    return frames[np.linspace(0, len(frames) - 1, count).round().astype(np.int64)]


def inpaint(picture: np.ndarray, unknown: Bool[np.ndarray, "H W"]) -> np.ndarray:
    """The picture (H, W, 3) with what is unknown filled from around it, smoothly."""
    if not unknown.any() or unknown.all():
        return picture.copy()
    levels = []
    value = picture * ~unknown[..., None]
    weight = (~unknown).astype(np.float32)
    while True:
        levels.append((value, weight))
        if weight.min() > 0 or min(weight.shape) < 4:
            break
        value, weight = _halved(value * 1.0), _halved(weight)
        known = weight > 1e-6
        value = np.where(known[..., None], value / np.maximum(weight, 1e-6)[..., None], 0)
        weight = known.astype(np.float32)
        value = value * weight[..., None]
    filled = levels[-1][0]
    if levels[-1][1].min() == 0:
        mean = (filled * levels[-1][1][..., None]).sum((0, 1)) / max(levels[-1][1].sum(), 1)
        filled = np.where(levels[-1][1][..., None] > 0, filled, mean)
    for value, weight in reversed(levels[:-1]):
        height, width = weight.shape
        larger = np.repeat(np.repeat(filled, 2, axis=0), 2, axis=1)
        larger = np.pad(larger, ((0, 1), (0, 1), (0, 0)), mode="edge")[:height, :width]
        larger = ndimage.uniform_filter(larger, size=(3, 3, 1), mode="nearest")
        filled = np.where(weight[..., None] > 0, value, larger)
    return filled.astype(np.float32)


def _halved(values: np.ndarray) -> np.ndarray:
    """Means of two by two."""
    height, width = values.shape[0] // 2 * 2, values.shape[1] // 2 * 2
    cut = values[:height, :width]
    return (cut[::2, ::2] + cut[1::2, ::2] + cut[::2, 1::2] + cut[1::2, 1::2]) / 4


def without(
    video: np.ndarray, backdrop: Backdrop, suspect: Bool[np.ndarray, "H W"], paint: Float[np.ndarray, "P 3"]
) -> Backdrop:
    """The backdrop where things of some colours stand in it: seen in other frames, or filled from around."""
    ground = inpaint(backdrop.picture, suspect)
    lit = np.ones(len(video), bool) if backdrop.dark is None else ~backdrop.dark
    frames = _spread(np.flatnonzero(lit), MOST_FRAMES)
    known = np.zeros(suspect.shape, np.bool_)
    picture = ground.copy()
    foreign_kernels.uncovered_median(
        video,
        frames,
        backdrop.gain,
        suspect,
        ground,
        paint.astype(np.float32),
        backdrop.shade,
        backdrop.noise,
        min(3, len(frames)),
        picture,
        known,
    )
    return dataclasses.replace(backdrop, picture=inpaint(picture, suspect & ~known))
