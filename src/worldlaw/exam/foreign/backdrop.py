"""What stands still behind the things of a video, in which light it stood, and how much pixels flicker."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from worldlaw.exam.foreign import kernels

MEDIAN_FRAMES = 15  # of the median over time, an odd number
MOST_FRAMES = 25  # looked at where things were
LEAST_FRAMES = 5  # fewer say nothing of what moves
LEAST_NOISE = 1.5  # levels: rounding and what a codec leaves
GRID = 4  # px, at least, between the pixels that light and noise are read from


@dataclass(frozen=True)
class Backdrop:
    """The scene without its things, in the light of the middle of the video."""

    picture: Float[np.ndarray, "H W 3"]  # levels
    gain: Float[np.ndarray, "T 3"]  # light of each frame
    noise: float  # levels: standard deviation of a channel from frame to frame
    shade: float = kernels.SHADE_LEAST  # what light shadows leave at least; 1 where there are none

    @property
    def noise_power(self) -> float:
        """Levels squared, over the three channels."""
        return 3 * self.noise**2


def read_backdrop(video: UInt8[np.ndarray, "T H W 3"]) -> Backdrop:
    """The median over time of every pixel, after changes of light; a thing that rests is part of it."""
    count = min((len(video) + 1) // 2 * 2 - 1, MEDIAN_FRAMES)
    frames = np.linspace(0, len(video) - 1, count).round().astype(np.int64)
    grid = max(GRID, round(min(video.shape[1:3]) / 36))
    small = video[:, grid // 2 :: grid, grid // 2 :: grid].astype(np.float32)  # (T, h, w, 3)
    gain = np.ones((len(video), 3), np.float32)
    for _ in range(2 if len(video) > 1 else 0):
        reference = np.median(small[frames] / gain[frames, None, None], axis=0)
        lit = reference > 20
        for c in range(3):
            if lit[..., c].sum() >= 16:
                gain[:, c] = np.median(small[:, lit[..., c], c] / reference[lit[..., c], c], axis=1)
        gain /= np.median(gain, axis=0)
    picture = np.empty(video.shape[1:], np.float32)
    kernels.middle(video, frames, gain, picture)
    noise = LEAST_NOISE
    if len(video) > 1:
        steps = np.diff(small / gain[:, None, None], axis=0)
        noise = max(noise, float(np.median(np.abs(steps)) / 0.6745 / np.sqrt(2)))
    return Backdrop(picture, gain, noise)


def inpainted(picture: np.ndarray, unknown: Bool[np.ndarray, "H W"]) -> np.ndarray:
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
    ground = inpainted(backdrop.picture, suspect)
    frames = np.linspace(0, len(video) - 1, min(len(video), MOST_FRAMES)).round().astype(np.int64)
    known = np.zeros(suspect.shape, np.bool_)
    picture = ground.copy()
    kernels.uncovered(
        video, frames, backdrop.gain, suspect, ground, paint.astype(np.float32), backdrop.shade,
        backdrop.noise,
        min(3, len(frames)), picture, known,
    )  # fmt: skip
    return dataclasses.replace(backdrop, picture=inpainted(picture, suspect & ~known))
