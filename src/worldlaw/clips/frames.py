"""What a model sees of a set of clips: frames, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class FrameSource(Protocol):
    """Videos by index, stored or made on the fly; no states, no scenes."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, height and width of every clip."""

    @property
    def fps(self) -> float:
        """Frames per second."""

    def __len__(self) -> int:
        """Number of clips."""

    def read(self, indices: Sequence[int], num_frames: int | None = None) -> np.ndarray:
        """(N, num_frames, H, W, 3) uint8: the first frames of some clips, all frames by default."""
