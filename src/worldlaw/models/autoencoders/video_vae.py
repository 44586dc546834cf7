"""A causal video autoencoder as a codec, taught from scratch on the training clips, against critics if asked.

Its network and what that is after: ``networks.video_autoencoder``.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from worldlaw.clips.frames import FrameSource
from worldlaw.core.artifact import atomic_path, write_text
from worldlaw.core.errors import BadInput, unknown
from worldlaw.core.seeding import rng_for
from worldlaw.models.autoencoders.codec import Codec
from worldlaw.models.features.critic import Critics, mistakes
from worldlaw.models.networks.video_autoencoder import Autoencoder, channels_first, divergence
from worldlaw.models.training import loop, processes
from worldlaw.models.training.sample_sheets import Sheets
from worldlaw.models.training.throughput import Cost
from worldlaw.models.training.training_options import RUNTIME_OPTIONS, Training
from worldlaw.models.training.training_state import State

WEIGHTS = "codec.safetensors"
CARD = "codec.json"


class VideoVAE(Codec):
    """A causal (2+1)D video autoencoder, taught from scratch on the training clips."""

    network: Autoencoder
    version = 1
    parallel = True
    runtime_options = RUNTIME_OPTIONS

    def __init__(
        self,
        *,
        stride: tuple[int, int, int] | list[int] = (4, 8, 8),
        channels: int = 8,
        width: int = 64,
        blocks: int = 2,
        kl: float = 1e-6,
        adversarial: float = 0.0,
        adversarial_start: int = 1000,
        **settings: Any,
    ) -> None:
        """``settings`` are those of ``Training``, AdamW's; ``width`` is that of the first level.

        ``kl`` weighs the mean divergence per latent number against the mean squared error of pixels in [-1,
        1], ``adversarial`` what two critics say, of frames and of clips, from step ``adversarial_start`` on.
        Raises BadInput for a name that is not known and for strides that are no powers of two.
        """
        fields = {field.name for field in dataclasses.fields(Training)}
        own = ("stride", "channels", "width", "blocks", "kl", "adversarial", "adversarial_start")
        for name in settings:
            if name not in fields:
                raise unknown("option of video_vae", name, [*fields, *own])
        self.options = Training(**{"optimizer": "adamw", **settings})
        if self.options.optimizer != "adamw":
            raise BadInput(f"optimizer: video_vae is taught by adamw; found {self.options.optimizer!r}")
        if len(stride) != 3 or stride[1] != stride[2] or any(s < 1 or s & (s - 1) for s in stride):
            raise BadInput(
                f"stride: expected [frames, rows, columns], powers of two, as many rows as columns; "
                f"found {list(stride)}"
            )
        for name, value in (("channels", channels), ("width", width), ("blocks", blocks)):
            if value < 1:
                raise BadInput(f"{name}: expected at least 1; found {value}")
        self.stride = (stride[0], stride[1], stride[2])
        self.channels, self.width, self.blocks = channels, width, blocks
        self.kl, self.adversarial, self.adversarial_start = kl, adversarial, adversarial_start
        self.network = self._new()

    def compress(self, video: Tensor) -> Tensor:
        """The posterior's mean."""
        return self.network.encode(video)[0]

    def restore(self, latents: Tensor) -> Tensor:
        """The decoder's answer."""
        return self.network.decode(latents)

    def fit(self, clips: FrameSource, folder: Path, *, seed: int) -> None:
        """Teach the network, from a checkpoint if ``folder`` has one; averaged weights, then statistics."""
        self._size_of(clips.shape)
        if self.adversarial and processes.place()[1] > 1:
            raise BadInput("adversarial: critics are taught in one process; train without torchrun")
        torch.manual_seed(seed)
        lesson = Lesson(self._new(), Critics() if self.adversarial else None)

        def step(running: nn.Module, state: State, batch: np.ndarray, _: object) -> Tensor:
            return self._step(running, state, batch, seed)

        state = loop.teach(
            lesson,
            step,
            clips,
            folder,
            cost=self._cost(lesson, clips.shape),
            seed=seed,
            options=self.options,
            say=lambda text: print(text, file=sys.stderr),
            optimizers=_optimizers,
            show=self._shown(clips, folder),
        )
        if processes.place()[0] > 0:
            return
        weights = _of_vae(state.average)
        card = {
            "steps": state.step,
            "parameters": sum(value.numel() for value in weights.values()),
            "clip": list(clips.shape),
            "latents": list(self.size(clips.shape)),
            "options": dataclasses.asdict(self.options),
        }
        write_text(folder / CARD, json.dumps(card, indent=1) + "\n")
        with atomic_path(folder / WEIGHTS) as temporary:
            save_file(weights, temporary)
        self._read(folder)
        super().fit(clips, folder, seed=seed)

    def load(self, folder: Path) -> VideoVAE:
        """The averaged weights and statistics. Raises BadInput if they are not those of this network."""
        self._read(folder)
        super().load(folder)
        return self

    def _read(self, folder: Path) -> None:
        path = folder / WEIGHTS
        try:
            self.network.load_state_dict(load_file(path))
        except (OSError, RuntimeError) as error:
            raise BadInput(f"{path}: not the weights of this network ({error})") from error

    def _new(self) -> Autoencoder:
        return Autoencoder(self.stride, channels=self.channels, width=self.width, blocks=self.blocks)

    def _cost(self, lesson: Lesson, shape: tuple[int, ...]) -> Cost:
        """Latents of a clip, and operations of the autoencoder's convolutions; critics are not counted."""
        length, height, width, _ = self.size(shape)
        padded = (1, 1 + (length - 1) * self.stride[0], *shape[1:3], 3)
        network = copy.deepcopy(lesson.vae).to("meta")  # counts without computing
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            mean, _ = network.encode(torch.empty(padded, device="meta"))
            network.head(network.decoder(channels_first(mean)))
        return Cost(length * height * width, 3 * counter.get_total_flops())

    def _shown(self, clips: FrameSource, folder: Path) -> Callable[[int, dict[str, Tensor]], object] | None:
        """A function of a step and weights that draws a sheet of redrawn training clips, where it is due."""
        if processes.place()[0] > 0:
            return None
        if self.options.sample_minutes is None and self.options.sample_steps is None:
            return None
        sheets, twin = Sheets(clips, folder, context=1), copy.copy(self)
        twin.network = copy.deepcopy(self.network)
        twin.mean, twin.deviation = torch.zeros(self.channels), torch.ones(self.channels)

        def show(step: int, weights: dict[str, Tensor]) -> Path:
            twin.network.load_state_dict(_of_vae(weights))
            return sheets.draw(step, lambda given, new: twin.reconstruct(sheets.truth)[:, 1:])

        return show

    def _step(self, running: nn.Module, state: State, clips: np.ndarray, seed: int) -> Tensor:
        """One step on this process's clips; its loss is that of the autoencoder, without the critics."""
        options, lesson = self.options, state.network
        assert isinstance(lesson, Lesson)
        rank, where = processes.place()[0], processes.device()
        data = loop.to_network(torch.from_numpy(clips)).to(where)
        generator = torch.Generator().manual_seed(
            int(rng_for(seed, "codec noise", state.step).integers(2**62))
        )
        noise = torch.randn((options.batch, *self.size(clips.shape[1:])), generator=generator)
        noise = noise[rank * len(clips) : (rank + 1) * len(clips)].to(where)

        loop.begin_step(state, options)
        criticised = lesson.critics is not None and state.step >= self.adversarial_start
        total, parts = torch.zeros((), device=where), options.accumulate
        for x, e in zip(data.chunk(parts), noise.chunk(parts), strict=True):
            with loop.autocast(where, options.precision):
                again, mean, log_variance = running(x, e)
            loss = ((again - x) ** 2).mean() + self.kl * divergence(mean, log_variance)
            total += loss.detach() / parts
            if criticised:
                loss = loss + self._criticise(lesson, x, again, parts)
            (loss / parts).backward()
        loop.finish_step(state, options)
        return processes.mean(total)

    def _criticise(self, lesson: Lesson, video: Tensor, again: Tensor, parts: int) -> Tensor:
        """What the critics make of the reconstruction; their own gradients are left with them."""
        critics = lesson.critics
        assert critics is not None
        with loop.autocast(video.device, self.options.precision):
            (mistakes(critics(video), critics(again.detach())) / parts).backward()
            for weight in critics.parameters():  # the autoencoder's loss must not teach the critics
                weight.requires_grad_(False)
            said = -sum((opinion.float().mean() for opinion in critics(again)), torch.zeros(()))
            for weight in critics.parameters():
                weight.requires_grad_(True)
        return self.adversarial * said


class Lesson(nn.Module):
    """What is taught: an autoencoder and, where they are asked for, its critics."""

    def __init__(self, vae: Autoencoder, critics: Critics | None) -> None:
        super().__init__()
        self.vae, self.critics = vae, critics

    def forward(self, video: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The autoencoder's answer; see there."""
        return self.vae(video, noise)


def _of_vae(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of a lesson's weights those of the autoencoder."""
    return {
        name.removeprefix("vae."): value.contiguous()
        for name, value in weights.items()
        if name.startswith("vae.")
    }


def _optimizers(lesson: nn.Module, options: Training) -> list[torch.optim.Optimizer]:
    """AdamW for the autoencoder, another one for the critics."""
    assert isinstance(lesson, Lesson)
    parts = [lesson.vae, *([lesson.critics] if lesson.critics is not None else [])]
    found: list[torch.optim.Optimizer] = []
    for part in parts:
        optimizer = torch.optim.AdamW(
            part.parameters(),
            lr=options.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=options.weight_decay,
        )
        for group in optimizer.param_groups:
            group["base"] = group["lr"]
        found.append(optimizer)
    return found
