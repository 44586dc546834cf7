"""Two predictors that any learner has to beat: stand still, and replay the nearest training clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from worldlaw.clips.frames import FrameSource
from worldlaw.core.types import Conditioning
from worldlaw.models.model import VideoModel, models

BLOCK = 256  # training clips compared at a time, so that memory does not grow with their number


@models.registering("copy_last_frame")
class CopyLastFrame(VideoModel):
    """Repeats the last given frame."""

    def generate(self, given: Conditioning, num_new_frames: int, seeds: np.ndarray) -> np.ndarray:
        """(N, num_new_frames, H, W, 3) uint8, every frame the last given one."""
        return np.repeat(given.frames[:, -1:], num_new_frames, axis=1)


@models.registering("nearest_clip")
class NearestClip(VideoModel):
    """Continues as the training clip did whose first frames are nearest in pixels: memory only."""

    learns = True

    def __init__(self) -> None:
        self._clips: FrameSource | None = None

    def load(self, folder: Path, clips: FrameSource) -> NearestClip:
        """Its memory is the training clips themselves; there is nothing else to load."""
        self._clips = clips
        return self

    def generate(self, given: Conditioning, num_new_frames: int, seeds: np.ndarray) -> np.ndarray:
        """(N, num_new_frames, H, W, 3) uint8: frames K to K + num_new_frames of each nearest training clip.

        Raises ValueError if the training clips are too short or of another resolution.
        """
        if self._clips is None:
            raise ValueError("nearest_clip has no training clips: call load first")
        context = given.frames.shape[1]
        if (
            self._clips.shape[0] < context + num_new_frames
            or self._clips.shape[1:] != given.frames.shape[2:4]
        ):
            raise ValueError(
                f"nearest_clip needs training clips of {context + num_new_frames} frames of "
                f"{given.frames.shape[2:4]}; these have {self._clips.shape[0]} of {self._clips.shape[1:]}"
            )
        nearest, _ = nearest_clips(self._clips, given.frames)
        return self._clips.read(nearest.tolist())[:, context : context + num_new_frames]


def nearest_clips(clips: FrameSource, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index (N,) of the clip nearest to each of the given beginnings (N, K, H, W, 3), and its distance (N,).

    Distance is the root mean squared difference of pixel values over the given frames; of equally near clips
    the first counts.
    """
    context = given.shape[1]
    wanted = (
        given.reshape(len(given), -1).astype(np.float32) - 255
    )  # white is zero: sums stay small and exact
    wanted_norm = (wanted.astype(np.float64) ** 2).sum(axis=1)
    best = np.full(len(given), np.inf)
    index = np.zeros(len(given), np.int64)
    for start in range(0, len(clips), BLOCK):
        block = clips.read(range(start, min(start + BLOCK, len(clips))), context)
        there = block.reshape(len(block), -1).astype(np.float32) - 255
        norm = np.einsum("nd,nd->n", there, there, dtype=np.float64)
        squared = wanted_norm[:, None] + norm[None] - 2.0 * (wanted @ there.T)
        place = squared.argmin(axis=1)
        value = squared[np.arange(len(given)), place]
        closer = value < best
        best[closer], index[closer] = value[closer], place[closer] + start
    return index, np.sqrt(np.maximum(best, 0) / wanted.shape[1])
