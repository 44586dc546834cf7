"""What a model sees of a set of clips: frames, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from worldlaw.core.types import Description


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


class First:
    """The first clips of a source as one."""

    def __init__(self, source: FrameSource, num_clips: int) -> None:
        """Raises ValueError if there are not so many."""
        if not 1 <= num_clips <= len(source):
            raise ValueError(f"expected 1 to {len(source)} clips; found {num_clips}")
        self.shape, self.fps = source.shape, source.fps
        self._source, self._num_clips = source, num_clips

    def __len__(self) -> int:
        return self._num_clips

    def read(self, indices: Sequence[int], num_frames: int | None = None) -> np.ndarray:
        """(N, num_frames, H, W, 3) uint8. Raises IndexError beyond the first clips."""
        if any(not 0 <= index < self._num_clips for index in indices):
            raise IndexError(f"expected clips 0 to {self._num_clips - 1}")
        return self._source.read(indices, num_frames)


@runtime_checkable
class DescribedSource(FrameSource, Protocol):
    """Videos with what is said of them; given only to a model that asks."""

    def describe(self, indices: Sequence[int]) -> Description:
        """State or text, or both, of some clips."""


class DescribedFrames:
    """A source of frames with a description from elsewhere."""

    def __init__(self, source: FrameSource, describe: Callable[[Sequence[int]], Description]) -> None:
        self.shape, self.fps, self.read, self.describe = source.shape, source.fps, source.read, describe
        self._size = len(source)

    def __len__(self) -> int:
        return self._size


class JoinedSources:
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
