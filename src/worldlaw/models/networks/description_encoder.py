"""What is said of a clip beside its pixels, as the network takes it in: numbers, or the bytes of a text.

As the study had it (arXiv:2411.02385): numbers are embedded and added to the tokens at every layer, a text
is encoded and attended to at every layer. Its text encoder was a pretrained T5; this one is small and learnt
with the network, from bytes, so that nothing has to be had from elsewhere.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from worldlaw.clips.frames import DescribedSource, FrameSource
from worldlaw.core.errors import BadInput
from worldlaw.core.types import Description

T = TypeVar("T")

SAMPLE = 4096  # training clips that say how large numbers are and how long texts
TEXT_WIDTH, TEXT_LAYERS, TEXT_HEADS = 128, 2, 4
ROOM = 32  # bytes by which a text may be longer than any of these
NOTHING = 256  # what stands after the last byte of a text


class StateInput(nn.Module):
    """Numbers (N, S) in, an embedding (N, D) out; a number that a clip does not have is NaN."""

    mean: Tensor
    scale: Tensor

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(count))  # of the training clips
        self.register_buffer("scale", torch.ones(count))
        self.widen = nn.Linear(2 * count, width)
        self.narrow = nn.Linear(width, width)

    def measure(self, said: Description) -> None:
        """Take mean and spread of training numbers (N, S); spread is 1 where nothing varies."""
        state = _present(said.state, "state")
        there = np.isfinite(state)
        count = np.maximum(there.sum(axis=0), 1)
        value = np.where(there, state, 0.0).astype(np.float64)
        mean = value.sum(axis=0) / count
        spread = np.sqrt((np.where(there, value - mean, 0.0) ** 2).sum(axis=0) / count)
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(np.where(spread > 1e-6, spread, 1.0)))

    def read(self, said: Description) -> Tensor:
        """Numbers (N, up to S) as they go in, (N, S). Raises BadInput for none, or more than in training."""
        state = _present(said.state, "state")
        count = len(self.mean)
        if state.shape[1] > count:
            raise BadInput(f"state: the model was taught with {count} numbers a clip; found {state.shape[1]}")
        full = np.full((len(state), count), np.nan, np.float32)
        full[:, : state.shape[1]] = state
        return torch.from_numpy(full)

    def forward(self, state: Tensor) -> Tensor:
        """(N, S) to (N, D), in full precision whatever the rest is computed in: bf16 would round a speed."""
        with torch.autocast(state.device.type, enabled=False):
            there = state.isfinite()
            value = torch.where(there, (state - self.mean) / self.scale, 0.0)
            return self.narrow(functional.silu(self.widen(torch.cat([value, there.float()], dim=-1))))


class TextInput(nn.Module):
    """Bytes (N, L) in, tokens (N, L, TEXT_WIDTH) out: a small transformer."""

    length: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("length", torch.zeros(()))  # L in bytes, always: batching must change nothing
        self.embed = nn.Embedding(NOTHING + 1, TEXT_WIDTH)
        self.layers = nn.ModuleList(TextLayer() for _ in range(TEXT_LAYERS))

    def measure(self, said: Description) -> None:
        """Take the length from the longest training text."""
        self.length.fill_(max(len(line.encode()) for line in _present(said.text, "text")) + ROOM)

    def read(self, said: Description) -> Tensor:
        """Texts as they go in, (N, L) int64. Raises BadInput for none, or one that is too long."""
        text = _present(said.text, "text")
        length = int(self.length)
        rows = np.full((len(text), length), NOTHING, np.int64)
        for row, line in zip(rows, text, strict=True):
            found = np.frombuffer(line.encode(), np.uint8)
            if len(found) > length:
                raise BadInput(f"text: expected at most {length} bytes; found {len(found)}: {line[:60]!r}")
            row[: len(found)] = found
        return torch.from_numpy(rows)

    def forward(self, text: Tensor) -> Tensor:
        """(N, L) to (N, L, TEXT_WIDTH)."""
        tokens = self.embed(text) + positions(text.shape[1], TEXT_WIDTH, text.device)
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens


class Attention(nn.Module):
    """Tokens (N, L, D) ask a source (N, M, E): the answers, (N, L, D)."""

    def __init__(self, width: int, source: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(source, 2 * width)
        self.project = nn.Linear(width, width)

    def forward(self, tokens: Tensor, source: Tensor) -> Tensor:
        """(N, L, D) and (N, M, E) to (N, L, D)."""
        query = self.query(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = self.key_value(source).unflatten(-1, (2, self.heads, -1)).unbind(dim=2)
        mixed = functional.scaled_dot_product_attention(query, key.transpose(1, 2), value.transpose(1, 2))
        return self.project(mixed.transpose(1, 2).flatten(2))


class TextLayer(nn.Module):
    """Attention over all bytes, then a perceptron on each."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention(TEXT_WIDTH, TEXT_WIDTH, TEXT_HEADS)
        self.widen = nn.Linear(TEXT_WIDTH, 4 * TEXT_WIDTH)
        self.narrow = nn.Linear(4 * TEXT_WIDTH, TEXT_WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, L, TEXT_WIDTH) in and out."""
        inner = functional.layer_norm(tokens, tokens.shape[-1:])
        tokens = tokens + self.attention(inner, inner)
        inner = functional.layer_norm(tokens, tokens.shape[-1:])
        return tokens + self.narrow(functional.gelu(self.widen(inner), approximate="tanh"))


class TextAttention(nn.Module):
    """Video tokens read a text, behind a gate that is shut at first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(width, TEXT_WIDTH, heads)
        self.gate = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Tensor, text: Tensor) -> Tensor:
        """(N, L, D) and (N, M, TEXT_WIDTH) to (N, L, D)."""
        source = functional.layer_norm(text, text.shape[-1:])
        return tokens + self.gate * self.attention(functional.layer_norm(tokens, tokens.shape[-1:]), source)


def positions(count: int, width: int, device: torch.device) -> Tensor:
    """(count, width): cosines and sines at geometric rates (Vaswani et al. 2017, arXiv:1706.03762)."""
    rates = torch.exp(-math.log(10_000) * torch.arange(width // 2, device=device) / (width // 2))
    angle = torch.arange(count, device=device)[:, None] * rates
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def describing_source(clips: FrameSource) -> DescribedSource:
    """The source as one that describes its clips. Raises BadInput if it is none."""
    if not isinstance(clips, DescribedSource):
        raise BadInput("a model that asks for a state or a text needs clips that are described")
    return clips


def sample(clips: FrameSource) -> Description:
    """What is said of training clips, evenly chosen. Raises BadInput if they are not described."""
    chosen = np.unique(np.linspace(0, len(clips) - 1, min(SAMPLE, len(clips))).astype(int))
    return describing_source(clips).describe(chosen.tolist())


def _present(value: T | None, name: str) -> T:
    if value is None:
        raise BadInput(f"expected the {name} of every clip, for which the model asks; found none")
    return value
