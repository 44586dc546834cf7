"""A reference that learns: an interaction network on tracked states, taught on the training cases.

Pixels or learning? It sees where the bodies are and need not draw them, so what it gets wrong is due to
learning. It stands in this room because it needs torch; it is no video model, and none can see what it sees.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from worldlaw.core.artifact import atomic_path
from worldlaw.core.errors import BadInput
from worldlaw.core.seeding import rng_for
from worldlaw.core.types import CaseLibrary, Question

WEIGHTS = "state_model.safetensors"
WIDTH = 128
BATCH = 128  # cases a step
PASSES = 256  # through the training cases, but not more than MOST_STEPS
MOST_STEPS = 6000
RATE = 2e-3  # of Adam, after a warm-up; then a cosine down to zero
WARM_UP = 100  # steps
# Training states are exact and tracked ones are not, so training states are shaken as the tracker shakes
# them: by 0.2 mm at 64 x 64 over 10 m and 1.1 mm at 32 x 32 (rms, measured), bodies being about 1 m.
POSITION_NOISE = 5e-4  # of the mean size
SIZE_NOISE = 1e-4  # of each size


class StateModel:
    """An interaction network learns the motion from the training cases' states; it knows no law."""

    version = 1

    def __init__(self) -> None:
        self.network: InteractionNetwork | None = None

    def fit(self, library: CaseLibrary, folder: Path, *, seed: int) -> None:
        """Learn from the training cases and leave the weights in ``folder``.

        The same cases and seed give the same weights to the bit (same versions; one thread is used).
        """
        with one_thread(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng_for(seed, "state_model").integers(2**62)))
            self.network = teach(library)
        with atomic_path(folder / WEIGHTS) as temporary:
            save_file(self.network.state_dict(), temporary)

    def load(self, folder: Path) -> StateModel:
        """What ``fit`` left. Raises BadInput if there is no such thing, or it is damaged."""
        path = folder / WEIGHTS
        try:
            weights = load_file(path)
            frames, ahead = (int(value) for value in weights["frames"])
            self.network = InteractionNetwork(frames, ahead)
            self.network.load_state_dict(weights)
        except (OSError, RuntimeError, KeyError, ValueError, SafetensorError) as error:
            raise BadInput(f"{path}: not the weights of a state model ({error})") from error
        return self

    @torch.no_grad()
    def __call__(self, question: Question) -> np.ndarray:
        """(T, B, 2) m: the given positions, then the last one moved on; NaN if any body was not measured.

        Raises ValueError before it is taught, and for other numbers of frames than it was taught on.
        """
        if self.network is None:
            raise ValueError("state_model was not taught: call fit or load first")
        given = question.given
        frames, ahead = (int(value) for value in self.network.frames)
        if (given.num_frames, question.num_frames) != (frames, frames + ahead):
            raise ValueError(
                f"state_model was taught on {frames} given and {ahead} new frames; "
                f"asked about {given.num_frames} and {question.num_frames - given.num_frames}"
            )
        size = given.size.mean(axis=0)
        if not (np.isfinite(given.position).all() and np.isfinite(size).all()):
            return np.full((question.num_frames, given.num_bodies, 2), np.nan)
        position = torch.from_numpy(given.position - given.position[-1].mean(axis=0))[None]
        with one_thread():
            velocity = self.network(position.float(), torch.from_numpy(size)[None].float(), given.dt)
        moved = velocity[0].double().cumsum(dim=0).numpy() * given.dt
        return np.concatenate([given.position, given.position[-1] + moved])


class InteractionNetwork(nn.Module):
    """Given positions and sizes in; each body's velocity in every interval that follows out.

    Every body gets the sum of one message from each other body (Battaglia et al. 2016, arXiv:1612.00222), so
    that the order of bodies says nothing. Only velocities, sizes and distances are seen: where in the view it
    all happens is not.
    """

    frames: Tensor
    speed: Tensor
    length: Tensor
    size_mean: Tensor
    size_scale: Tensor

    def __init__(self, frames: int, ahead: int) -> None:
        """``frames`` are given; the ``ahead`` intervals after them are said."""
        super().__init__()
        own = 2 * (frames - 1) + 1
        self.message = perceptron(2 * own + 2, WIDTH)
        self.answer = perceptron(own + WIDTH, 2 * ahead)
        self.register_buffer("frames", torch.tensor([frames, ahead]))
        for name in ("speed", "length", "size_mean", "size_scale"):  # units in which it sees the world
            self.register_buffer(name, torch.ones(()))

    def forward(self, position: Tensor, size: Tensor, dt: float) -> Tensor:
        """(N, I, B, 2) m/s from positions (N, K, B, 2) in m, sizes (N, B) in m and seconds between frames."""
        past = position.diff(dim=1).permute(0, 2, 1, 3).flatten(2) / (dt * self.speed)  # (N, B, 2(K - 1))
        own = torch.cat([past, ((size - self.size_mean) / self.size_scale)[..., None]], dim=-1)
        last = position[:, -1]
        count = own.shape[1]
        heard = own.new_zeros((*own.shape[:2], WIDTH))
        for step in range(1, count):  # every other body: the one 1, 2, ... places further on, around the end
            other, there = own.roll(-step, dims=1), last.roll(-step, dims=1)
            heard = heard + self.message(torch.cat([own, other, (there - last) / self.length], dim=-1))
        said = self.answer(torch.cat([own, heard], dim=-1))  # (N, B, 2I)
        return said.unflatten(-1, (-1, 2)).transpose(1, 2) * self.speed


def perceptron(inputs: int, outputs: int) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, outputs)
    )


def teach(library: CaseLibrary) -> InteractionNetwork:
    """A network taught on all cases of a library, from torch's random state.

    The loss is the mean squared error of the velocity in each interval plus that of the mean velocity up to
    it, so that small errors do not add up to a drift; both in units of the training speed.
    """
    position, size = torch.from_numpy(library.position), torch.from_numpy(library.size)
    moved = torch.from_numpy(library.displacement).double()
    velocity = torch.cat([moved[:, :1], moved.diff(dim=1)], dim=1) / library.dt  # (M, I, B, 2)
    position = (position - position[:, -1:].mean(dim=2, keepdim=True)).float()
    network = InteractionNetwork(position.shape[1], velocity.shape[1])
    _measure(network, position, size, velocity)
    velocity, size = (velocity / network.speed).float(), size.float()
    shake = POSITION_NOISE * size.mean()

    steps = min(PASSES * math.ceil(len(size) / BATCH), MOST_STEPS)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    elapsed = torch.arange(1, velocity.shape[1] + 1).view(-1, 1, 1)
    for step in range(steps):
        share = min((step + 1) / WARM_UP, 0.5 * (1 + math.cos(math.pi * step / steps)))
        optimizer.param_groups[0]["lr"] = RATE * share
        chosen = torch.randint(len(size), (min(BATCH, len(size)),))
        seen = position[chosen] + shake * torch.randn(position[chosen].shape)
        felt = size[chosen] * (1 + SIZE_NOISE * torch.randn(size[chosen].shape))
        error = network(seen, felt, library.dt) / network.speed - velocity[chosen]
        loss = (error**2).mean() + ((error.cumsum(dim=1) / elapsed) ** 2).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return network


def _measure(network: InteractionNetwork, position: Tensor, size: Tensor, velocity: Tensor) -> None:
    """Set the units in which a network sees the world from its training cases; 1 where nothing varies."""
    apart = (position[:, -1, :, None] - position[:, -1, None]).square().sum(dim=-1)  # (M, B, B) m²
    scales = {
        "speed": velocity.square().sum(dim=-1).mean().sqrt(),
        "length": (apart.sum() / (apart > 0).sum().clamp(min=1)).sqrt(),
        "size_scale": size.std(correction=0),
    }
    for name, value in scales.items():
        getattr(network, name).fill_(value if value > 1e-6 else 1.0)
    network.size_mean.fill_(size.mean())


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order, whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
