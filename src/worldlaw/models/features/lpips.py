"""LPIPS: how different two frames are to a network that was taught to see, weighted by what people said."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, relu

from worldlaw.core.errors import BadInput
from worldlaw.models.features.published_weights import ALEXNET, LPIPS_HEADS, SMALLEST, Published, read_tensors

# AlexNet's convolutions: place in the published file, channels in and out, kernel, stride, padding.
CONVOLUTIONS = (
    (0, 3, 64, 11, 4, 2),
    (3, 64, 192, 5, 1, 2),
    (6, 192, 384, 3, 1, 1),
    (8, 384, 256, 3, 1, 1),
    (10, 256, 256, 3, 1, 1),
)
POOLED = (1, 2)  # stages before which the picture is halved
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of RGB in [-1, 1]; v0.0 lacked them
BATCH = 16  # frames at a time


class PerceptualDistance(nn.Module):
    """LPIPS v0.1 on AlexNet, with its weights as published.

    Both frames go through five stages of convolution and rectification; each stage's channels are divided by
    their length at every place, and the squared differences are added up with one weight per channel. The
    five maps are drawn to the size of the frame, bilinearly, and added.

    Source: Zhang et al. 2018 (arXiv:1801.03924); settings of the published package, ``spatial`` as the study
    had it.
    """

    def __init__(self) -> None:
        """Raises BadInput if the weights are missing or are others."""
        super().__init__()
        with torch.device("meta"):  # no numbers until those of the files
            self.stages = nn.ModuleList(
                nn.Conv2d(given, made, kernel, stride, padding)
                for _, given, made, kernel, stride, padding in CONVOLUTIONS
            )
            self.heads = nn.ModuleList(nn.Conv2d(made, 1, 1, bias=False) for _, _, made, *_ in CONVOLUTIONS)
        published: dict[str, nn.Module] = {
            f"features.{place}": stage for (place, *_), stage in zip(CONVOLUTIONS, self.stages, strict=True)
        }
        _fill(published, ALEXNET)
        _fill({f"lin{number}.model.1": head for number, head in enumerate(self.heads)}, LPIPS_HEADS)
        self.shift, self.scale = (nn.Buffer(torch.tensor(rgb)[:, None, None]) for rgb in (SHIFT, SCALE))
        self.requires_grad_(False)
        self.to("cuda" if torch.cuda.is_available() else "cpu")

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(N,): the mean over the map of two batches of frames (N, 3, H, W) in [-1, 1]."""
        total = torch.zeros(len(first), device=first.device)
        a, b = ((frames - self.shift) / self.scale for frames in (first, second))
        for number, (stage, head) in enumerate(zip(self.stages, self.heads, strict=True)):
            if number in POOLED:
                a, b = max_pool2d(a, 3, 2), max_pool2d(b, 3, 2)
            a, b = relu(stage(a)), relu(stage(b))
            seen = head((_unit(a) - _unit(b)) ** 2)
            drawn = interpolate(seen, size=first.shape[-2:], mode="bilinear", align_corners=False)
            total = total + drawn.mean(dim=(1, 2, 3))
        return total

    @torch.no_grad()
    def of_frames(
        self, true: UInt8[np.ndarray, "T H W 3"], seen: UInt8[np.ndarray, "T H W 3"]
    ) -> Float[np.ndarray, " T"]:
        """LPIPS of each frame of a video, 0 for equal ones.

        Raises BadInput for frames of different sizes, or of less than 31 pixels on a side.
        """
        if true.shape != seen.shape:
            raise BadInput(f"LPIPS: expected videos of one shape; found {true.shape} and {seen.shape}")
        if min(true.shape[1:3]) < SMALLEST:
            raise BadInput(
                f"LPIPS: expected frames of at least {SMALLEST} pixels on a side; found {true.shape[1:3]}"
            )
        values = np.zeros(len(true))
        differ = np.flatnonzero((true != seen).any(axis=(1, 2, 3)))
        for start in range(0, len(differ), BATCH):
            rows = differ[start : start + BATCH]
            pair = [torch.from_numpy(video[rows]).to(self.shift.device) for video in (true, seen)]
            values[rows] = self(*(frames.movedim(-1, 1) / 127.5 - 1 for frames in pair)).cpu().numpy()
        return values


def _fill(layers: Mapping[str, nn.Module], weights: Published) -> None:
    """Give layers their published tensors, by the names that they have in the file."""
    shapes = {
        f"{name}.{part}": tuple(values.shape)
        for name, layer in layers.items()
        for part, values in layer.named_parameters()
    }
    tensors = read_tensors(weights, shapes)
    for name, layer in layers.items():
        own = {part: tensors[f"{name}.{part}"] for part, _ in layer.named_parameters()}
        layer.load_state_dict(own, assign=True)


def _unit(features: Tensor) -> Tensor:
    """Channels (N, C, h, w) divided by their length at each place."""
    return features / (features.norm(dim=1, keepdim=True) + 1e-10)
