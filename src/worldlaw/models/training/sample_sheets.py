"""Sample sheets: what the averaged weights make of a few training clips, looked at while they are taught."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from worldlaw.clips.frames import FrameSource
from worldlaw.core.artifact import atomic_path, make_folder, sweep

FOLDER = "samples"
NUM_CLIPS = 4  # continued on a sheet
KEPT = 12  # sheets, the newest
MOST_FRAMES = 16  # of a clip on a sheet
SMALLEST = 64  # rows of a picture; smaller ones are enlarged by a whole number
GAP = 2  # pixels between pictures
GREY, DARK = 200, 96  # between pictures; between given and new frames

Continue = Callable[[np.ndarray, int], np.ndarray]  # (N, K, H, W, 3), new frames -> (N, new, H, W, 3), uint8


class Sheets:
    """The sheets of a training, always of the same clips from the same noise."""

    def __init__(self, clips: FrameSource, folder: Path, *, context: int) -> None:
        self.num_clips = min(NUM_CLIPS, len(clips))  # the first ones
        self.truth = clips.read(range(self.num_clips))  # (N, T, H, W, 3) uint8
        self._folder, self._context = folder / FOLDER, context

    def draw(self, step: int, continued: Continue) -> Path:
        """Write the sheet of a step, atomically, and remove the oldest beyond ``KEPT``; returns its path."""
        given = self.truth[:, : self._context]
        new = continued(given, self.truth.shape[1] - self._context)
        picture = sheet(self.truth, np.concatenate([given, new], axis=1), self._context)
        make_folder(self._folder)
        sweep(self._folder)
        path = self._folder / f"step-{step:06d}.png"
        with atomic_path(path) as temporary:
            Image.fromarray(picture).save(temporary, format="png")
        drawn = sorted(self._folder.glob("step-*.png"), key=lambda old: int(old.stem.removeprefix("step-")))
        for old in drawn[:-KEPT]:
            old.unlink()
        return path


def sheet(truth: np.ndarray, rollout: np.ndarray, context: int) -> np.ndarray:
    """(height, width, 3) uint8: for every clip (N, T, H, W, 3) its truth above its rollout, time rightwards.

    A darker line parts the given frames from the new ones. Long clips are shown at evenly spaced frames.
    """
    num_clips, num_frames, height, width, _ = truth.shape
    shown = np.unique(np.linspace(0, num_frames - 1, min(num_frames, MOST_FRAMES)).round().astype(int))
    scale = -(-SMALLEST // height)
    tall, wide = height * scale + GAP, width * scale + GAP
    out = np.full((2 * num_clips * tall + GAP, len(shown) * wide + GAP, 3), GREY, np.uint8)
    for row, video in enumerate(pair for clip in zip(truth, rollout, strict=True) for pair in clip):
        for column, frame in enumerate(shown):
            top, left = row * tall + GAP, column * wide + GAP
            large = video[frame].repeat(scale, axis=0).repeat(scale, axis=1)
            out[top : top + tall - GAP, left : left + wide - GAP] = large
    border = int(np.searchsorted(shown, context)) * wide
    out[:, border : border + GAP] = DARK
    return out
