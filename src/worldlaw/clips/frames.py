"""What a model sees of a set of clips: frames, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
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


class FramesOnly:
    """The frames of clips, stored or made on the fly, with no way to their states in its public face."""

    def __init__(self, clips: FrameSource) -> None:
        self._read = clips.read
        self._size = len(clips)
        self.shape = clips.shape
        self.fps = clips.fps

    def __len__(self) -> int:
        return self._size

    def read(self, indices: Sequence[int], num_frames: int | None = None) -> np.ndarray:
        """(N, num_frames, H, W, 3) uint8: the first frames of some clips, all frames by default."""
        return self._read(indices, num_frames)


class Joined:
    """Several sources of clips of one size as one, the first source's clips first."""

    def __init__(self, sources: Sequence[FrameSource]) -> None:
        """Raises ValueError if the sources differ in size or frame rate, or if there is none."""
        if len({(source.shape, source.fps) for source in sources}) != 1:
            raise ValueError("expected sources of clips of one size and frame rate")
        self.shape, self.fps = sources[0].shape, sources[0].fps
        self._sources = list(sources)
        self._starts = np.cumsum([0, *map(len, sources)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def read(self, indices: Sequence[int], num_frames: int | None = None) -> np.ndarray:
        """(N, num_frames, H, W, 3) uint8: the first frames of some clips, all frames by default."""
        frames, height, width = self.shape
        out = np.empty((len(indices), num_frames or frames, height, width, 3), np.uint8)
        chosen = np.asarray(indices)
        owner = np.searchsorted(self._starts, chosen, side="right") - 1
        for number in np.unique(owner):
            rows = np.flatnonzero(owner == number)
            own = (chosen[rows] - self._starts[number]).tolist()
            out[rows] = self._sources[number].read(own, num_frames)
        return out
