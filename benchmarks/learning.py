"""Learning: training step and sampling of the micro network against the plainest loop of the same network."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.timing import Figure, compare_rates
from worldlaw.clips.frames import FrameSource
from worldlaw.clips.store import Clips, shard_name
from worldlaw.core.types import Conditioning
from worldlaw.experiment.stages.simulate import simulate_shard
from worldlaw.models.networks import dit
from worldlaw.models.networks.diffusion import RectifiedFlow
from worldlaw.models.networks.dit import PRESETS, DiT
from worldlaw.models.training import loop, throughput
from worldlaw.models.training.training_options import Training
from worldlaw.models.training.training_state import State
from worldlaw.models.video_dit import VideoDiT
from worldlaw.testing import make_recipe

CONTEXT = 3
PATCH = (2, 8, 8)
RESOLUTION, NUM_FRAMES = 32, 16
SAMPLING_STEPS = 20
TRAINING = "fp32, softmax spelt out, AdamW tensor by tensor, clips read one .npz file after the other"
SAMPLING = "fp32, softmax spelt out, one clip after the other"


def measure(quick: bool) -> list[Figure]:
    """A step from reading to averaged weights, and rollouts; torch and all on one thread."""
    torch.set_num_threads(1)
    batch, steps, repetitions = (4, 1, 1) if quick else (32, 2, 9)
    recipe = make_recipe(
        "uniform_motion", resolution=RESOLUTION, num_frames=NUM_FRAMES, num_clips=64 if quick else 1000
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate_shard(recipe, folder / shard_name(0), range(len(recipe)))
        clips = Clips(folder)
        for index in range(len(recipe)):
            np.savez_compressed(folder / f"{index}.npz", frames=clips.read([index])[0])
        taught = compare_rates(
            "learning",
            f"training step, micro, {batch} clips of {NUM_FRAMES} x {RESOLUTION}²",
            "clips/s",
            ours=(_ours(clips.frames_only(), batch, steps), steps * batch),
            baseline=(_plain(folder, len(recipe), batch, steps), steps * batch),
            against=TRAINING,
            repetitions=repetitions,
        )
    asked, few = (2, 1) if quick else (16, 2)
    answered = compare_rates(
        "learning",
        f"sampling, micro, {asked} clips at a time, {SAMPLING_STEPS} Euler steps",
        "clips/s",
        ours=(_rollouts(recipe, asked), asked),
        baseline=(_plain_rollouts(recipe, few), few),
        against=SAMPLING,
        repetitions=repetitions,
    )
    shape = (NUM_FRAMES, RESOLUTION, RESOLUTION)
    forward = throughput.forward_flops(_network(), shape)
    tokens = throughput.num_tokens(_network(), shape)
    _note(taught, tokens, 3 * forward)
    _note(answered, tokens * SAMPLING_STEPS, forward * SAMPLING_STEPS)
    return [taught, answered]


def _note(figure: Figure, tokens: int, flops: int) -> None:
    """Tokens and operations a second; the share is that of the fastest turn, as the peak is the fastest."""
    assert figure.spread is not None
    peak = throughput.measured_peak(torch.device("cpu"), torch.bfloat16)
    rate = figure.spread[1] * flops
    figure.notes["tokens/s"] = f"{figure.ours * tokens:,.0f}"
    figure.notes["of the matrix rate in bf16"] = (
        f"{rate / peak:.0%} at the fastest ({rate / 1e9:.0f} of {peak / 1e9:.0f} GFLOP/s)"
    )


def _network() -> DiT:
    torch.manual_seed(0)
    return DiT(PRESETS["micro"], channels=3, patch=PATCH)


def _ours(clips: FrameSource, batch: int, steps: int) -> Callable[[], object]:
    options = Training(batch=batch, steps=steps)
    network = _network()
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    state = State(network, average, loop.make_optimizers(network, options))

    def work() -> None:
        state.step = 0
        for chosen, _ in loop.prefetch(clips, options, 0, range(steps), (0, 1)):
            loop.train_step(network, state, RectifiedFlow(), chosen, context=CONTEXT, seed=0, options=options)

    return work


def _plain(folder: Path, num_clips: int, batch: int, steps: int) -> Callable[[], object]:
    network, process = _network(), RectifiedFlow()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01, foreach=False)
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}

    def work() -> None:
        rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
        for _ in range(steps):
            frames = []
            for index in rng.integers(num_clips, size=batch):
                with np.load(folder / f"{index}.npz") as stored:
                    frames.append(stored["frames"])
            data = loop.to_network(torch.from_numpy(np.stack(frames)))
            times, noise = process.times(batch, generator), torch.randn(data.shape, generator=generator)
            optimizer.zero_grad()
            with _spelt_out():
                given = loop.pad_given(data, CONTEXT)
                loss = loop.loss_of(network, process, data, noise, times, *given, context=CONTEXT)
                loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            for name, value in network.state_dict().items():
                average[name].mul_(0.999).add_(0.001 * value)

    return work


def _rollouts(clips: FrameSource, asked: int) -> Callable[[], object]:
    model = VideoDiT(preset="micro", patch=PATCH, sampling_steps=SAMPLING_STEPS)
    given = Conditioning(clips.read(range(asked), CONTEXT), clips.fps, tuple(map(str, range(asked))))
    return lambda: model.generate(given, NUM_FRAMES - CONTEXT, np.arange(asked))


def _plain_rollouts(clips: FrameSource, asked: int) -> Callable[[], object]:
    network, process = _network().eval(), RectifiedFlow()
    given = clips.read(range(asked), CONTEXT)

    @torch.no_grad()
    def work() -> None:
        for index in range(asked):
            z = torch.randn((1, NUM_FRAMES, RESOLUTION, RESOLUTION, 3))
            video = torch.zeros_like(z)
            video[0, :CONTEXT] = loop.to_network(torch.from_numpy(given[index]))
            shown, mask = loop.pad_given(video, CONTEXT)
            for step in range(SAMPLING_STEPS):
                time = torch.full((1,), step / SAMPLING_STEPS)
                with _spelt_out():
                    answer = network(z, shown, mask, time)
                z = z + process.velocity(answer, z, time.view(1, 1, 1, 1, 1)) / SAMPLING_STEPS
            loop.to_frames(z)

    return work


@contextmanager
def _spelt_out() -> Iterator[None]:
    """The network with attention as it is written in a textbook."""

    def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
        return torch.softmax(scores, dim=-1) @ value

    with patch.object(dit, "attention", attention):
        yield
