"""What the network is trained to say, and how its answers carry noise to data.

A process mixes data with noise at a time s from 0 (noise) to 1 (data), scores the network's answer, and turns
an answer into the velocity dz/ds of a path that a sampler follows. Plain regression is the process without
noise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from worldlaw.core.errors import BadInput

Field = Callable[[Tensor, Tensor], Tensor]  # (z, s) -> dz/ds


class Process(ABC):
    """How noise and data are mixed, and what the network's answer means."""

    generative = True  # whether a sample starts from noise and takes several steps

    @abstractmethod
    def times(self, count: int, generator: torch.Generator) -> Tensor:
        """(count,) training times in [0, 1], drawn on the host."""

    @abstractmethod
    def mix(self, data: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """What the network sees at a time; ``time`` broadcasts."""

    @abstractmethod
    def error(self, answer: Tensor, data: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Squared error of an answer, element by element, weighted."""

    @abstractmethod
    def velocity(self, answer: Tensor, mixed: Tensor, time: Tensor) -> Tensor:
        """dz/ds at a time for an answer."""


class RectifiedFlow(Process):
    """Straight paths from noise to data: z = s x + (1 - s) e (Liu et al. 2022, arXiv:2209.03003).

    The network says x and is scored by |x - answer|², with times from a logit-normal (Esser et al. 2024,
    arXiv:2403.03206) that lies far towards the noise, and is wide. Where a body will be is decided while the
    picture is almost all noise; later it can be seen, and only its edges are left to draw (what other choices
    gave is in docs/training.md).
    """

    def __init__(self, *, time_mean: float = -2.5, time_width: float = 1.7) -> None:
        """Mean and standard deviation of the normal whose sigmoid is a training time; 0 and 1 are usual."""
        if time_width <= 0:
            raise BadInput(f"time_width: expected a positive number; found {time_width:g}")
        self.time_mean, self.time_width = time_mean, time_width

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        """Sigmoid of a normal."""
        return (self.time_mean + self.time_width * torch.randn(count, generator=generator)).sigmoid()

    def mix(self, data: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """z = s x + (1 - s) e."""
        return time * data + (1 - time) * noise

    def error(self, answer: Tensor, data: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """|x - answer|²."""
        return (answer - data) ** 2

    def velocity(self, answer: Tensor, mixed: Tensor, time: Tensor) -> Tensor:
        """(answer - z) / (1 - s)."""
        return (answer - mixed) / (1 - time).clamp(min=1e-4)


class VPrediction(Process):
    """The study's process: z = sin(a) x + cos(a) e at the angle a = pi s / 2, with pure noise at s = 0.

    The network says v = cos(a) x - sin(a) e, which is dz/da (Salimans and Ho 2022, arXiv:2202.00512, up to
    the sign that follows from time running from noise to data; zero terminal SNR after Lin et al. 2023,
    arXiv:2305.08891).
    """

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        """Uniform."""
        return torch.rand(count, generator=generator)

    def mix(self, data: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """z = sin(a) x + cos(a) e."""
        angle = time * torch.pi / 2
        return angle.sin() * data + angle.cos() * noise

    def error(self, answer: Tensor, data: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """|v - answer|²."""
        angle = time * torch.pi / 2
        return (answer - (angle.cos() * data - angle.sin() * noise)) ** 2

    def velocity(self, answer: Tensor, mixed: Tensor, time: Tensor) -> Tensor:
        """dz/ds = pi / 2 v."""
        return answer * torch.pi / 2


class Regression(Process):
    """No noise at all: the network says the data, once. Is it the diffusion or the architecture?"""

    generative = False

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        """Always 0."""
        return torch.zeros(count)

    def mix(self, data: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Nothing is shown but what is given."""
        return torch.zeros_like(data)

    def error(self, answer: Tensor, data: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """|x - answer|²."""
        return (answer - data) ** 2

    def velocity(self, answer: Tensor, mixed: Tensor, time: Tensor) -> Tensor:
        """One step of length 1 from zero ends at the answer."""
        return answer


PROCESSES: dict[str, type[Process]] = {
    "rectified_flow": RectifiedFlow,
    "v_prediction": VPrediction,
    "regression": Regression,
}


def euler(field: Field, start: Tensor, num_steps: int) -> Tensor:
    """Follow a velocity field from s = 0 to 1 in equal steps; the error falls as 1 / num_steps."""
    z = start
    for step in range(num_steps):
        s = torch.full(start.shape[:1], step / num_steps, device=start.device)
        z = z + field(z, s) / num_steps
    return z


def heun(field: Field, start: Tensor, num_steps: int) -> Tensor:
    """The same with the mean of the velocities at both ends of a step; the error falls as 1 / num_steps².

    The last step is an Euler step, because the field of a rectified flow divides by the way that is left.
    """
    z = start
    for step in range(num_steps):
        s, after = (torch.full(start.shape[:1], (step + i) / num_steps, device=start.device) for i in (0, 1))
        first = field(z, s)
        if step == num_steps - 1:
            return z + first / num_steps
        second = field(z + first / num_steps, after)
        z = z + (first + second) / (2 * num_steps)
    return z


SAMPLERS = {"euler": euler, "heun": heun}
