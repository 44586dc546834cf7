"""A codec: video in, a few numbers per block of pixels out, and back; causal in time, taught once, frozen.

Time is cut so that the first frame stands alone: with time stride s, latent 0 covers frame 0 and latent j the
frames s (j - 1) + 1 to s j. A video that does not end with a latent is padded at its end with its last frame
and cropped again after decoding: 32 frames at stride 4 are padded to 33 and give 9 latents.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from worldlaw.clips.frames import FrameSource
from worldlaw.core.artifact import write_text
from worldlaw.core.errors import BadInput
from worldlaw.core.seeding import rng_for
from worldlaw.models.training.loop import to_frames, to_network

STATISTICS = "latents.json"
MEASURED = 256  # training clips whose latents are measured
TOGETHER = 16  # clips encoded or decoded at a time


class Codec(ABC):
    """Pixels to latents and back. Options of an experiment are keyword arguments of the constructor."""

    version: ClassVar[int] = 1  # raise it whenever the same training would give other latents or pictures
    runtime_options: ClassVar[tuple[str, ...]] = ()  # options that change neither
    parallel: ClassVar[bool] = False  # whether ``fit`` is called in every process of torchrun, to share it

    network: nn.Module
    stride: tuple[int, int, int]  # frames, rows and columns of video per latent
    channels: int  # numbers per latent

    @classmethod
    def content(cls, options: dict[str, Any]) -> dict[str, str]:
        """What decides its latents besides options: hashes of the files that they name."""
        return {}

    @abstractmethod
    def compress(self, video: Tensor) -> Tensor:
        """(N, 1 + k, h, w, C) latents, the mean of the posterior, of (N, 1 + k s, H, W, 3) in [-1, 1]."""

    @abstractmethod
    def restore(self, latents: Tensor) -> Tensor:
        """(N, 1 + k s, H, W, 3) video, about [-1, 1], of (N, 1 + k, h, w, C) latents."""

    def fit(self, clips: FrameSource, folder: Path, *, seed: int) -> None:
        """Measure mean and deviation of each channel on training clips; what learns, learns before that."""
        self._size_of(clips.shape)
        rows = rng_for(seed, "latents").permutation(len(clips))[:MEASURED]
        total = squares = torch.zeros(self.channels, dtype=torch.float64, device=device())
        count = 0
        for part in np.split(rows, range(TOGETHER, len(rows), TOGETHER)):
            video = to_network(torch.from_numpy(clips.read(part.tolist()))).to(device())
            latents = self._raw(video).flatten(0, -2).double()
            total = total + latents.sum(dim=0)
            squares = squares + (latents**2).sum(dim=0)
            count += len(latents)
        mean = total / count
        deviation = (squares / count - mean**2).clamp(min=1e-8).sqrt()
        if not bool(torch.isfinite(deviation).all()):
            raise BadInput(f"{folder}: the codec's latents of the training clips are not all numbers")
        found = {"mean": mean.tolist(), "deviation": deviation.tolist(), "clips": len(rows)}
        write_text(folder / STATISTICS, json.dumps(found, indent=1) + "\n")

    def load(self, folder: Path) -> Codec:
        """The codec as ``fit`` left it. Raises BadInput if ``folder`` holds no statistics of its latents."""
        path = folder / STATISTICS
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            self.mean, self.deviation = (
                torch.tensor(found[name], dtype=torch.float32).view(self.channels)
                for name in ("mean", "deviation")
            )
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise BadInput(f"{path}: not the statistics of {self.channels} channels ({error})") from error
        return self

    @torch.no_grad()
    def encode(self, video: Tensor) -> Tensor:
        """(N, L, h, w, C) latents of (N, T, H, W, 3) in [-1, 1]; each channel has mean 0 and deviation 1.

        Raises BadInput if rows or columns are no multiple of the stride.
        """
        latents = self._raw(video)
        return (latents - self.mean.to(latents.device)) / self.deviation.to(latents.device)

    @torch.no_grad()
    def decode(self, latents: Tensor, num_frames: int) -> Tensor:
        """The first ``num_frames`` of the video, (N, num_frames, H, W, 3), about [-1, 1]."""
        self.network.to(latents.device).eval()
        raw = latents.float() * self.deviation.to(latents.device) + self.mean.to(latents.device)
        return torch.cat([self.restore(part) for part in raw.split(TOGETHER)])[:, :num_frames]

    def size(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """(L, h, w, C) of the latents of a video of T, H, W. Raises BadInput if the stride does not fit."""
        return (*self._size_of(shape), self.channels)

    def whole(self, context: int) -> int:
        """How many latents the first ``context`` frames decide, because they cover no other frame."""
        return 1 + (context - 1) // self.stride[0]

    def given(self, video: Tensor, num_frames: int) -> tuple[Tensor, Tensor]:
        """What is shown of (N, K, H, W, 3) given frames in latent time: latents (N, L, h, w, C) and mask.

        The given frames are encoded alone. Every latent that covers one of them is shown, the others are
        zero; the mask (N, L, h, w, 1) is the share of a latent's frames that is given. A latent given in part
        has to be made like one that is not, but without it the velocity would be hidden where the time stride
        is larger than the frames that are given after the first.
        """
        context, step = video.shape[1], self.stride[0]
        length, height, width, channels = self.size((num_frames, *video.shape[2:4]))
        shown = torch.zeros((len(video), length, height, width, channels), device=video.device)
        latents = self.encode(video)
        shown[:, : latents.shape[1]] = latents
        mask = torch.zeros((len(video), length, height, width, 1), device=video.device)
        mask[:, 0] = 1
        for j in range(1, length):
            first, last = step * (j - 1) + 1, min(step * j, num_frames - 1)
            mask[:, j] = min(max(context - first, 0), last - first + 1) / (last - first + 1)
        return shown, mask

    def encode_frames(self, frames: np.ndarray) -> np.ndarray:
        """(N, L, h, w, C) float32 latents of (N, T, H, W, 3) uint8."""
        return self.encode(to_network(torch.from_numpy(frames)).to(device())).cpu().numpy()

    def reconstruct(self, frames: np.ndarray) -> np.ndarray:
        """(N, T, H, W, 3) uint8 encoded and decoded again."""
        video = to_network(torch.from_numpy(frames)).to(device())
        return to_frames(self.decode(self.encode(video), frames.shape[1])).cpu().numpy()

    def _raw(self, video: Tensor) -> Tensor:
        """Latents before they are normalised, of a video of any number of frames."""
        self._size_of(video.shape[1:4])
        self.network.to(video.device).eval()
        missing = -(video.shape[1] - 1) % self.stride[0]
        padded = torch.cat([video, video[:, -1:].expand(-1, missing, -1, -1, -1)], dim=1)
        with torch.no_grad():
            return torch.cat([self.compress(part) for part in padded.split(TOGETHER)]).float()

    def _size_of(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        frames, height, width = shape[:3]
        time, rows, columns = self.stride
        if height % rows or width % columns:
            raise BadInput(
                f"a codec of stride {rows} x {columns} cannot cut frames of {height} x {width}: "
                "choose a resolution that is a multiple"
            )
        return 1 - (1 - frames) // time, height // rows, width // columns


def device() -> torch.device:
    """Where codecs compute: the GPU if there is one."""
    return torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")
