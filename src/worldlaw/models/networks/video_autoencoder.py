"""The network of a causal video autoencoder: space in each frame, time by three frames that look back only.

A (2+1)D variational autoencoder (Kingma and Welling 2014, arXiv:1312.6114) after the study's description of
its own (arXiv:2411.02385, A.3.1). Each place of each frame is normalised by itself, so nothing of a later
frame reaches an earlier latent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDEST = 4  # times the width of the first level
LOG_VARIANCE = (-30.0, 20.0)  # limits
FIRST_LOG_VARIANCE = -6.0  # little noise at first: otherwise the decoder first has to unlearn it


class Autoencoder(nn.Module):
    """Video (N, T, H, W, 3) to mean and log variance (N, L, h, w, C), and latents back to video."""

    def __init__(self, stride: tuple[int, int, int], *, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.stride = stride
        cuts = list(levels(stride))
        widths = [width * min(2**i, WIDEST) for i in range(len(cuts))]
        before = [3, *widths[:-1]]
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for (space, time), inner, outer in zip(cuts, before, widths, strict=True):
            down += [Down(inner, outer, space=space, time=time), *(Block(outer) for _ in range(blocks))]
            last = inner == 3
            up = [
                *(Block(outer) for _ in range(blocks)),
                *([Normal(outer), nn.SiLU()] if last else []),
                Up(outer, inner, space=space, time=time),
                *up,
            ]
        code = spatial(widths[-1], 2 * channels)
        nn.init.constant_(code.bias[channels:], FIRST_LOG_VARIANCE)  # type: ignore[index]
        self.encoder = nn.Sequential(*down, Normal(widths[-1]), nn.SiLU(), code)
        self.decoder = nn.Sequential(spatial(channels, widths[-1]), *up[:-1])
        self.head = up[-1]

    def forward(self, video: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A reconstruction (N, T, H, W, 3) from a draw of the posterior, its mean and log variance."""
        frames = video.shape[1]
        missing = -(frames - 1) % self.stride[0]
        padded = torch.cat([video, video[:, -1:].expand(-1, missing, -1, -1, -1)], dim=1)
        mean, log_variance = self.encode(padded)
        return self.decode(mean + (0.5 * log_variance).exp() * noise)[:, :frames], mean, log_variance

    def encode(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the posterior of a video of 1 + k s frames."""
        mean, log_variance = self.encoder(channels_first(video)).float().chunk(2, dim=1)
        return channels_last(mean), channels_last(log_variance.clamp(*LOG_VARIANCE))

    def decode(self, latents: Tensor) -> Tensor:
        """A video of 1 + k s frames."""
        inner = self.decoder(channels_first(latents))
        with torch.autocast(inner.device.type, enabled=False):  # bf16 is coarser than 8 bits of a pixel
            return channels_last(self.head(inner.float()))


class Block(nn.Module):
    """A residual: one spatial and one temporal convolution; at first it changes nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.space = Normal(width), spatial(width, width)
        self.second, self.time = Normal(width), Temporal(width, width)
        nn.init.zeros_(self.time.convolve.weight)
        nn.init.zeros_(self.time.convolve.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) in and out."""
        inner = self.space(functional.silu(self.first(x)))
        return x + self.time(functional.silu(self.second(inner)))


class Normal(nn.Module):
    """Channels at one place and time scaled to a mean square of one (Zhang and Sennrich 2019,
    arXiv:1910.07467), so that no frame and no place knows of another."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) in and out."""
        return x * torch.rsqrt((x * x).mean(dim=1, keepdim=True) + 1e-6) * self.scale


class Temporal(nn.Module):
    """A convolution over three frames that pads at the head only, with the first frame repeated."""

    def __init__(self, inner: int, outer: int, *, step: int = 1) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(inner, outer, (3, 1), stride=(step, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C', 1 + (T - 1) / step, H, W)."""
        padded = torch.cat([x[:, :, :1], x[:, :, :1], x], dim=2)
        return self.convolve(padded.flatten(3)).unflatten(3, x.shape[3:])


class Down(nn.Module):
    """Half the rows and columns, half the frames after the first, or both."""

    def __init__(self, inner: int, outer: int, *, space: bool, time: bool) -> None:
        super().__init__()
        self.space = (
            nn.Conv3d(inner, outer, (1, 4, 4), stride=(1, 2, 2), padding=(0, 1, 1))
            if space
            else spatial(inner, outer)
        )
        self.time = Temporal(outer, outer, step=2) if time else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C', 1 + (T - 1) / 2 or T, H / 2 or H, W / 2 or W)."""
        return self.time(self.space(x))


class Up(nn.Module):
    """The other way: a convolution makes the channels of the new places, which are then put there.

    At first all new places of one old place get the same channels: the nearest neighbour's.
    """

    def __init__(self, inner: int, outer: int, *, space: bool, time: bool) -> None:
        super().__init__()
        self.time = Temporal(inner, 2 * inner) if time else None
        self.space = spatial(inner, 4 * outer if space else outer)
        self.doubles = space
        with torch.no_grad():
            if self.time is not None:
                _repeat(self.time.convolve, 2)
            if space:
                _repeat(self.space, 4)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C', 1 + 2 (T - 1) or T, 2 H or H, 2 W or W)."""
        if self.time is not None:
            x = self.time(x).unflatten(1, (-1, 2)).movedim(2, 3).flatten(2, 3)[:, :, 1:]
        x = self.space(x)
        if not self.doubles:
            return x
        return functional.pixel_shuffle(x.movedim(1, 2), 2).movedim(2, 1)


def levels(stride: tuple[int, int, int]) -> Iterator[tuple[bool, bool]]:
    """Whether each level halves space and time: space from the first level on, time up to the last."""
    time, space, _ = (int(math.log2(s)) for s in stride)
    count = max(time, space, 1)
    return ((level < space, level >= count - time) for level in range(count))


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Mean over latent numbers of the divergence KL(N(mean, variance) | N(0, 1)), in nats."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()


def spatial(inner: int, outer: int) -> nn.Conv3d:
    """A 3 x 3 convolution in each frame."""
    return nn.Conv3d(inner, outer, (1, 3, 3), padding=(0, 1, 1))


def channels_first(x: Tensor) -> Tensor:
    """(N, T, H, W, C) to (N, C, T, H, W)."""
    return x.movedim(-1, 1)


def channels_last(x: Tensor) -> Tensor:
    """(N, C, T, H, W) to (N, T, H, W, C)."""
    return x.movedim(1, -1)


def _repeat(convolution: nn.Module, times: int) -> None:
    """Give each group of ``times`` outputs that become neighbours the weights of the first of them."""
    for value in convolution.parameters():
        value.copy_(value[::times].repeat_interleave(times, dim=0))
