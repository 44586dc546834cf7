"""The network: a transformer over space-time patches of a video, conditioned on noise level and given frames.

After Peebles and Xie 2023 (arXiv:2212.09748), with one modulation shared by all blocks and a learned table
for each (adaLN-single, Chen et al. 2023, arXiv:2310.00426), rotary positions along time, height and width (Su
et al. 2021, arXiv:2104.09864) and normalised queries and keys (Henry et al. 2020, arXiv:2010.04245).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from worldlaw.core.types import Description
from worldlaw.models.networks.description_encoder import StateInput, TextAttention, TextInput

TIME_FREQUENCIES = 256
PLAIN_ATTENTION = 1024  # tokens up to which a CPU attends by plain products


@dataclass(frozen=True)
class DiTSize:
    """Depth and width of the network."""

    depth: int
    width: int
    heads: int


# S to XL are the study's (arXiv:2411.02385, table 1): 22.5, 89.5, 310 and 456 million parameters.
PRESETS = {
    "nano": DiTSize(3, 64, 1),
    "mini": DiTSize(4, 128, 2),
    "micro": DiTSize(4, 192, 3),
    "S": DiTSize(12, 384, 6),
    "B": DiTSize(12, 768, 12),
    "L": DiTSize(24, 1024, 16),
    "XL": DiTSize(28, 1152, 16),
}


class DiT(nn.Module):
    """Noisy video, given frames and their mask in; a video of the same size out."""

    def __init__(
        self,
        size: DiTSize,
        *,
        channels: int,
        patch: tuple[int, int, int],
        numbers: int = 0,
        text: bool = False,
    ) -> None:
        """``patch`` is (frames, rows, columns) of one token; ``channels`` those of the video.

        With ``numbers`` or ``text`` it is conditioned on that many numbers, or on a text, too.
        """
        super().__init__()
        self.size, self.channels, self.patch = size, channels, patch
        volume = math.prod(patch)
        self.embed = nn.Linear(volume * (2 * channels + 1), size.width)
        self.time = nn.Sequential(
            nn.Linear(TIME_FREQUENCIES, size.width), nn.SiLU(), nn.Linear(size.width, size.width)
        )
        self.modulate = nn.Linear(size.width, 6 * size.width)
        self.blocks = nn.ModuleList(DiTBlock(size) for _ in range(size.depth))
        self.table = nn.Parameter(torch.zeros(2, size.width))
        self.head = nn.Linear(size.width, volume * channels)
        self.state = StateInput(numbers, size.width) if numbers else None
        self.text = TextInput() if text else None
        self.readings = nn.ModuleList(TextAttention(size.width, size.heads) for _ in range(size.depth * text))
        self._initialize()

    def forward(
        self,
        noisy: Tensor,
        given: Tensor,
        mask: Tensor,
        time: Tensor,
        *,
        state: Tensor | None = None,
        text: Tensor | None = None,
    ) -> Tensor:
        """The network's answer, (N, T, H, W, C).

        ``noisy`` and ``given`` are (N, T, H, W, C), ``given`` zero where nothing is given; ``mask`` (N, T, H,
        W, 1) is 1 where it is; ``time`` (N,) says how noisy, 0 to 1; ``state`` (N, S) and ``text`` (N, L) are
        what ``tell`` makes of a description. Raises ValueError if a side is no multiple of the patch.
        """
        grid = tuple(side // step for side, step in zip(noisy.shape[1:4], self.patch, strict=True))
        if any(side % step for side, step in zip(noisy.shape[1:4], self.patch, strict=True)):
            raise ValueError(f"a video of {tuple(noisy.shape[1:4])} is not made of patches of {self.patch}")
        tokens = self.embed(patchify(torch.cat([noisy, given, mask], dim=-1), self.patch))
        clock = self.time(frequencies(time))
        shared = self.modulate(functional.silu(clock)).unflatten(-1, (6, -1))  # (N, 6, D)
        rotation = rotary(grid, self.size.width // self.size.heads, tokens.device)
        added = self.state(state)[:, None] if self.state is not None else None
        source = self.text(text) if self.text is not None else None
        for number, block in enumerate(self.blocks):
            if added is not None:
                tokens = tokens + added
            if source is not None:
                tokens = self.readings[number](tokens, source)
            tokens = block(tokens, shared, rotation)
        shift, scale = (self.table + clock[:, None]).unbind(dim=1)
        tokens = functional.layer_norm(tokens, tokens.shape[-1:]) * (1 + scale[:, None]) + shift[:, None]
        return unpatchify(self.head(tokens), grid, self.patch)

    def measure(self, said: Description) -> None:
        """Take the scales of numbers and the length of texts from what is said of training clips."""
        if self.state is not None:
            self.state.measure(said)
        if self.text is not None:
            self.text.measure(said)

    def tell(self, said: Description) -> dict[str, Tensor]:
        """What is said of some clips as ``forward`` takes it; nothing for a network that takes pixels only.

        Raises BadInput for what does not fit what it was taught with.
        """
        told = {}
        if self.state is not None:
            told["state"] = self.state.read(said)
        if self.text is not None:
            told["text"] = self.text.read(said)
        return told

    def _initialize(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        # At first the modulation is zero, so every gate is shut and the network says zero: training starts
        # smooth.
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.head.weight)
        if self.state is not None:  # numbers are learnt to be heard, so that they do not drown the pixels
            nn.init.zeros_(self.state.narrow.weight)


class DiTBlock(nn.Module):
    """Attention over all tokens, then a perceptron on each, behind gates that the noise level opens."""

    def __init__(self, size: DiTSize) -> None:
        super().__init__()
        self.heads = size.heads
        self.query_key_value = nn.Linear(size.width, 3 * size.width)
        self.query_scale = nn.Parameter(torch.ones(size.width // size.heads))
        self.key_scale = nn.Parameter(torch.ones(size.width // size.heads))
        self.project = nn.Linear(size.width, size.width)
        self.widen = nn.Linear(size.width, 4 * size.width)
        self.narrow = nn.Linear(4 * size.width, size.width)
        self.table = nn.Parameter(torch.zeros(6, size.width))

    def forward(self, tokens: Tensor, shared: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        """Tokens (N, L, D) in and out; ``shared`` (N, 6, D) is the modulation all blocks share."""
        shift1, scale1, gate1, shift2, scale2, gate2 = (self.table + shared)[:, :, None].unbind(dim=1)
        inner = functional.layer_norm(tokens, tokens.shape[-1:]) * (1 + scale1) + shift1
        tokens = tokens + gate1 * self.attend(inner, rotation)
        inner = functional.layer_norm(tokens, tokens.shape[-1:]) * (1 + scale2) + shift2
        return tokens + gate2 * self.narrow(functional.gelu(self.widen(inner), approximate="tanh"))

    def attend(self, tokens: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        """Full space-time self-attention, (N, L, D)."""
        query, key, value = self.query_key_value(tokens).unflatten(-1, (3, self.heads, -1)).unbind(dim=2)
        query = rotate(normalize(query, self.query_scale), rotation).transpose(1, 2)
        key = rotate(normalize(key, self.key_scale), rotation).transpose(1, 2)
        mixed = attention(query, key, value.transpose(1, 2))
        return self.project(mixed.transpose(1, 2).flatten(2))


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax attention, (N, heads, L, width), by the fused kernel where that is the fast way.

    The fused kernel for bf16 on a CPU takes several times as long as two plain products, whose L x L scores
    are small enough to be kept for short sequences.
    """
    if query.device.type == "cpu" and query.dtype == torch.bfloat16 and query.shape[-2] <= PLAIN_ATTENTION:
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        return scores.softmax(dim=-1, dtype=torch.float32).to(value.dtype) @ value
    return functional.scaled_dot_product_attention(query, key, value)


def normalize(heads: Tensor, scale: Tensor) -> Tensor:
    """Each head's vector over its root mean square, times a learned scale, in the vector's own precision."""
    return functional.rms_norm(heads, heads.shape[-1:], scale.to(heads.dtype))


def patchify(video: Tensor, patch: tuple[int, int, int]) -> Tensor:
    """(N, T, H, W, C) to tokens (N, L, C * volume of the patch), time slowest."""
    for axis, step in zip((1, 3, 5), patch, strict=True):
        video = video.unflatten(axis, (-1, step))
    return video.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4).flatten(1, 3)


def unpatchify(tokens: Tensor, grid: tuple[int, ...], patch: tuple[int, int, int]) -> Tensor:
    """The inverse of ``patchify`` for a grid of (frames, rows, columns) of patches."""
    video = tokens.unflatten(1, grid).unflatten(-1, (*patch, -1))  # (N, t, h, w, pt, ph, pw, C)
    return video.permute(0, 1, 4, 2, 5, 3, 6, 7).flatten(1, 2).flatten(2, 3).flatten(3, 4)


def frequencies(time: Tensor) -> Tensor:
    """(N,) in [0, 1] to (N, 256): cosines and sines at geometric rates, as for steps of 0 to 1000."""
    half = TIME_FREQUENCIES // 2
    rates = torch.exp(-math.log(10_000) * torch.arange(half, device=time.device) / half)
    angle = 1000 * time.float()[:, None] * rates
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def rotary(grid: tuple[int, ...], width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines (L, 1, width / 2) of the rotary positions of a grid of patches.

    A quarter of the pairs turns with time, the rest in equal parts with height and width.
    """
    pairs = width // 2
    across = 3 * pairs // 8
    angles = []
    for axis, count in enumerate((pairs - 2 * across, across, across)):
        rates = 100.0 ** (-torch.arange(count, device=device) / count)  # grids are small: short wavelengths
        place = torch.arange(grid[axis], device=device).view([-1 if i == axis else 1 for i in range(3)])
        angles.append((place.expand(grid)[..., None] * rates).flatten(0, 2))
    angle = torch.cat(angles, dim=-1)[:, None]
    return angle.cos(), angle.sin()


def rotate(heads: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the pairs of (N, L, heads, width) by their positions' angles."""
    cos, sin = (part.to(heads.dtype) for part in rotation)
    first, second = heads.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
