"""Weights that others publish: found where the user put them, never fetched, told by their checksum."""

from __future__ import annotations

import functools
import importlib.util
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worldlaw.core.artifact import checksum
from worldlaw.core.errors import BadInput

VARIABLE = "WORLDLAW_WEIGHTS"  # of the environment: the folder to look in
FOLDER = "~/.cache/worldlaw/weights"  # unless it is set
SMALLEST = 31  # pixels on a side, below which nothing of a frame is left for AlexNet's last stages
I3D_FEATURES = 400
SHORTEST = 10  # frames, below which nothing of a video is left for I3D's last stages


@dataclass(frozen=True)
class Published:
    """A file of weights and who publishes it."""

    file: str
    project: str
    begins: str = ""  # of its SHA-256, where the publisher states it


ALEXNET = Published(
    "alexnet-owt-7be5be79.pth", "torchvision's AlexNet (github.com/pytorch/vision)", "7be5be79"
)
LPIPS_HEADS = Published(
    "alex.pth", "LPIPS v0.1 (github.com/richzhang/PerceptualSimilarity, lpips/weights/v0.1)"
)
I3D = Published(
    "i3d_torchscript.pt", "the I3D that StyleGAN-V's FVD uses (github.com/universome/fvd-comparison)"
)


def path_of(weights: Published) -> Path:
    """Where a file of weights is looked for."""
    return Path(_folder()).expanduser() / weights.file


def missing_weights(*needed: Published) -> str:
    """What is missing before these weights can be used, in one line; empty if nothing is."""
    if importlib.util.find_spec("torch") is None:
        return "needs PyTorch: pip install 'worldlaw[look]'"
    for weights in needed:
        if not path_of(weights).is_file():
            return (
                f"no {weights.file} in {_folder()}: put it there, from {weights.project}, or name its folder "
                f"in {VARIABLE}"
            )
    return ""


def stamp(weights: Published) -> str:
    """SHA-256 of the file. Raises BadInput, in one line that says what to put where, if it is missing."""
    line = missing_weights(weights)
    if line:
        raise BadInput(line)
    path = path_of(weights)
    about = path.stat()
    return _checksum(path, about.st_size, about.st_mtime_ns)


def weights_in_words(weights: Published) -> str:
    """The file with the first digits of its SHA-256, and a word if it is not the one that is published."""
    digits = stamp(weights)[:8]
    other = "" if digits.startswith(weights.begins) else ", not the published file"
    return f"{weights.file} (SHA-256 {digits}…{other})"


def read_tensors(weights: Published, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """The tensors of these names and shapes from a file of tensors by name.

    Nothing but tensors is read from the file. Raises BadInput if it is missing, is no such file, or lacks a
    tensor of that shape.
    """
    import torch

    stamp(weights)
    path = path_of(weights)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise BadInput(f"{path}: expected tensors by name ({' '.join(str(error).split())[:120]})") from error
    for name, shape in wanted.items():
        tensor = found.get(name) if isinstance(found, Mapping) else None
        if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != shape:
            is_there = tuple(tensor.shape) if isinstance(tensor, torch.Tensor) else "none"
            raise BadInput(f"{path}: expected a tensor {name} of shape {shape}; found {is_there}")
    return {name: found[name].float() for name in wanted}


def _folder() -> str:
    return os.environ.get(VARIABLE) or FOLDER


@functools.lru_cache(maxsize=8)
def _checksum(path: Path, size: int, changed: int) -> str:
    return checksum(path)
