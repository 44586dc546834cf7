"""Published autoencoders in the layout of the diffusers package: a folder with a config and weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, AutoencoderKLWan
from torch import Tensor

from worldlaw.core.artifact import checksum
from worldlaw.core.errors import BadInput, unknown
from worldlaw.models.autoencoders.codec import Codec

CONFIG = "config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"
CLASSES = {"AutoencoderKL": AutoencoderKL, "AutoencoderKLWan": AutoencoderKLWan}
WAN_TIME = 4  # frames per latent; the class cuts its input into pieces of four


class PublishedVAE(Codec):
    """A published autoencoder from a folder, of single frames (AutoencoderKL) or causal (AutoencoderKLWan).

    Its weights stay as they are; only mean and deviation of its latents are measured on the training clips.
    """

    network: Any
    version = 1
    runtime_options = ("folder",)  # what lies in it is in the key

    def __init__(self, *, folder: str) -> None:
        """``folder`` holds config.json and diffusion_pytorch_model.safetensors.

        Raises BadInput if it does not, or for another class of autoencoder.
        """
        config = read_config(folder)
        if config["_class_name"] == "AutoencoderKL":
            space, time = 2 ** (len(config["block_out_channels"]) - 1), 1
            self.channels = int(config["latent_channels"])
        else:
            space = 2 ** (len(config["dim_mult"]) - 1) * (config.get("patch_size") or 1)
            time = 2 ** sum(config["temperal_downsample"])
            self.channels = int(config["z_dim"])
            if time != WAN_TIME:
                raise BadInput(f"{folder}: expected {WAN_TIME} frames per latent; found {time}")
        self.stride = (time, space, space)
        self.video = config["_class_name"] != "AutoencoderKL"
        try:
            self.network, said = CLASSES[config["_class_name"]].from_pretrained(
                folder,
                use_safetensors=True,
                local_files_only=True,
                low_cpu_mem_usage=False,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            raise BadInput(f"{folder}: cannot be loaded ({' '.join(str(error).split())})") from error
        wrong = [*said["missing_keys"], *said["unexpected_keys"]]
        if wrong:
            raise BadInput(f"{folder}: weights and config do not fit: {wrong[0]} and {len(wrong) - 1} more")
        self.network.requires_grad_(False)
        if self.video:
            self.shift = torch.tensor(config["latents_mean"])
            self.scale = 1 / torch.tensor(config["latents_std"])
        else:
            self.shift = torch.tensor(config.get("shift_factor") or 0.0)
            self.scale = torch.tensor(config.get("scaling_factor") or 1.0)

    @classmethod
    def content(cls, options: dict[str, Any]) -> dict[str, str]:
        """Hashes of config and weights."""
        if not isinstance(options.get("folder"), str):
            raise BadInput("option folder: expected the folder of a published autoencoder")
        read_config(options["folder"])
        return {name: checksum(Path(options["folder"]) / name) for name in (CONFIG, WEIGHTS)}

    def compress(self, video: Tensor) -> Tensor:
        """The posterior's mode, shifted and scaled as published."""
        if self.video:
            latents = self.network.encode(video.movedim(-1, 1)).latent_dist.mode().movedim(1, -1)
        else:
            frames = self.network.encode(video.flatten(0, 1).movedim(-1, 1)).latent_dist.mode()
            latents = frames.movedim(1, -1).unflatten(0, video.shape[:2])
        return (latents - self.shift.to(latents.device)) * self.scale.to(latents.device)

    def restore(self, latents: Tensor) -> Tensor:
        """The decoder's answer."""
        raw = latents / self.scale.to(latents.device) + self.shift.to(latents.device)
        if self.video:
            return self.network.decode(raw.movedim(-1, 1)).sample.movedim(1, -1)
        frames = self.network.decode(raw.flatten(0, 1).movedim(-1, 1)).sample
        return frames.movedim(1, -1).unflatten(0, latents.shape[:2])


def read_config(folder: str) -> dict[str, Any]:
    """The config of a published autoencoder.

    Raises BadInput if a file is missing or not readable, or if the class is not one that we know.
    """
    place = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (place / name).is_file():
            raise BadInput(f"{place}: no {name}; expected a folder with {CONFIG} and {WEIGHTS}")
    try:
        config = json.loads((place / CONFIG).read_text(encoding="utf-8"))
        name = config["_class_name"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{place / CONFIG}: not the config of an autoencoder ({error!r})") from error
    if name not in CLASSES:
        raise unknown("class of autoencoder", str(name), CLASSES)
    return dict(config)
