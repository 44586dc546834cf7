"""What FVD compares: features of a video in a network taught to tell human actions (I3D, Kinetics-400)."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch.nn.functional import interpolate

from worldlaw.core.errors import BadInput
from worldlaw.models.features.published_weights import I3D, I3D_FEATURES, SHORTEST, path_of, stamp

SIDE = 224  # pixels


class VideoFeatures:
    """The published network, a TorchScript file, with the protocol of StyleGAN-V.

    The file holds the network's code with its weights and is run as it is: use no file that you do not trust.

    Source: Unterthiner et al. 2018 (arXiv:1812.01717); Skorokhodov et al. 2022 (arXiv:2112.14683).
    """

    def __init__(self) -> None:
        """Raises BadInput if the file is missing or no TorchScript."""
        stamp(I3D)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            with warnings.catch_warnings():  # torch would rather have another format; this one is published
                warnings.simplefilter("ignore", DeprecationWarning)
                self.network = torch.jit.load(path_of(I3D), map_location=self.device).eval()
        except (RuntimeError, ValueError, EOFError) as error:
            raise BadInput(
                f"{path_of(I3D)}: expected a TorchScript network ({' '.join(str(error).split())[:120]})"
            ) from error

    @torch.no_grad()
    def of_video(self, video: UInt8[np.ndarray, "T H W 3"]) -> Float[np.ndarray, " F"]:
        """(400,): what the network makes of a whole video, given frames included.

        The shorter side is drawn to 224 pixels, bilinearly, the middle cut out, and values put in [-1, 1].
        Raises BadInput for fewer than 10 frames, or if the network returns anything but 400 numbers.
        """
        if len(video) < SHORTEST:
            raise BadInput(f"FVD: expected videos of at least {SHORTEST} frames; found {len(video)}")
        frames = torch.tensor(video, device=self.device).movedim(-1, 1) / 255
        height, width = frames.shape[-2:]
        scale = SIDE / min(height, width)
        size = (SIDE, math.ceil(width * scale)) if height < width else (math.ceil(height * scale), SIDE)
        frames = interpolate(frames, size=size, mode="bilinear", align_corners=False)
        top, left = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
        frames = frames[..., top : top + SIDE, left : left + SIDE] * 2 - 1
        try:
            found = self.network(
                frames.movedim(1, 0)[None].contiguous(), rescale=False, resize=False, return_features=True
            )
        except (RuntimeError, TypeError) as error:
            raise BadInput(
                f"{path_of(I3D)}: cannot be asked for features ({' '.join(str(error).split())[-120:]})"
            ) from error
        if not isinstance(found, torch.Tensor) or tuple(found.shape) != (1, I3D_FEATURES):
            shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise BadInput(f"{path_of(I3D)}: expected features of shape (1, {I3D_FEATURES}); found {shape}")
        return found[0].double().cpu().numpy()
