"""Critics that look for patches that no true video has: one in single frames, one in clips."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 32


class Critics(nn.Module):
    """A patch critic of frames and one of clips (PatchGAN, Isola et al. 2017, arXiv:1611.07004)."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = _patches(1)
        self.clips = _patches(3)

    def forward(self, video: Tensor) -> list[Tensor]:
        """What each says of every patch of (N, T, H, W, 3): large where it looks true."""
        first = video.movedim(-1, 1)
        return [self.frames(first), self.clips(first)]


def mistakes(true: list[Tensor], false: list[Tensor]) -> Tensor:
    """Hinge loss of the critics (Lim and Ye 2017, arXiv:1705.02894): true above 1, false below -1."""
    total = torch.zeros((), device=true[0].device)
    for high, low in zip(true, false, strict=True):
        total = total + 0.5 * (
            functional.relu(1 - high.float()).mean() + functional.relu(1 + low.float()).mean()
        )
    return total


def _patches(frames: int) -> nn.Module:
    """Three convolutions over so many frames; each opinion is of 18 x 18 pixels."""

    def layer(inner: int, outer: int, step: int) -> nn.Conv3d:
        size = (frames, 4, 4) if step == 2 else (frames, 3, 3)
        return nn.Conv3d(inner, outer, size, stride=(1, step, step), padding=(frames // 2, 1, 1))

    return nn.Sequential(
        layer(3, WIDTH, 2),
        nn.LeakyReLU(0.2),
        layer(WIDTH, 2 * WIDTH, 2),
        nn.LeakyReLU(0.2),
        layer(2 * WIDTH, 1, 1),
    )
