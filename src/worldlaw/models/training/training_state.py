"""Where a training stands, and the checkpoint that it goes on from to the same bits."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from worldlaw.core.artifact import atomic_path
from worldlaw.core.errors import BadInput
from worldlaw.models.training import processes

CHECKPOINT = "checkpoint.pt"


@dataclass
class State:
    """Where a training stands."""

    network: nn.Module
    average: dict[str, Tensor]  # exponential moving average of the weights
    optimizers: list[torch.optim.Optimizer]
    step: int = 0


def save_checkpoint(state: State, path: Path) -> None:
    """Write where a training stands, whole and atomically; every process must call it, the first writes."""
    content = processes.whole(
        {
            "step": state.step,
            "folder": path.parent.name,
            "network": state.network.state_dict(),
            "average": state.average,
            "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
        }
    )
    if processes.place()[0] == 0:
        with atomic_path(path) as temporary:
            torch.save(content, temporary)


def load_checkpoint(state: State, path: Path) -> None:
    """Go back to where ``save_checkpoint`` stood.

    Raises BadInput if the file is damaged, or of another network or folder: another seed has the same shapes.
    """
    try:
        with zipfile.ZipFile(path) as file:  # torch reads over the checksums that it writes
            if (damaged := file.testzip()) is not None:
                raise BadInput(f"{path}: damaged ({damaged}: its checksum differs); delete it to begin anew")
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content["folder"] != path.parent.name:
            raise BadInput(f"{path}: the checkpoint of {content['folder']}; delete it to begin anew")
        now = state.network.state_dict()
        whole = content["network"].items()
        state.network.load_state_dict({name: processes.cut_like(value, now[name]) for name, value in whole})
        for name, value in content["average"].items():
            state.average[name].copy_(processes.cut_like(value, state.average[name]))
        for optimizer, saved in zip(state.optimizers, content["optimizers"], strict=True):
            weights = [value for group in optimizer.param_groups for value in group["params"]]
            for number, kept in saved["state"].items():
                for name, value in kept.items():
                    if isinstance(value, Tensor):
                        kept[name] = processes.cut_like(value, weights[number])
            optimizer.load_state_dict(saved)
        state.step = content["step"]
    except BadInput:
        raise
    except (RuntimeError, KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path}: not a checkpoint of this network ({error})") from error
