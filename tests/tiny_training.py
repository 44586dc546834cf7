"""A training of a tiny network on clips that are made as they are read."""

import dataclasses

import torch

from worldlaw.models.networks.diffusion import RectifiedFlow
from worldlaw.models.networks.dit import DiT, DiTSize
from worldlaw.models.training.loop import Training, fit
from worldlaw.testing import make_recipe

TINY = DiTSize(2, 32, 2)
QUICK = Training(steps=6, batch=4, warm_up=2)


def clips(num_clips=12):
    return make_recipe("uniform_motion", resolution=16, num_frames=8, num_clips=num_clips)


def taught(folder, source=None, *, process=None, **changes):
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    network = DiT(TINY, channels=3, patch=(2, 8, 8))
    options = dataclasses.replace(QUICK, **changes)
    process = process or RectifiedFlow()
    return fit(network, process, source or clips(), folder, context=3, seed=0, options=options, say=str)
