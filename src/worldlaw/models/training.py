"""The loop that teaches a network: batches in, weights out, resumable at any step to the same bits.

Nothing is drawn from a running random state: the clips and the noise of step k come from streams addressed by
the seed and k, so a checkpoint needs no more than weights, averages, optimiser state and the number of steps.
"""

from __future__ import annotations

import contextlib
import csv
import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from worldlaw.clips.frames import FrameSource
from worldlaw.core.artifact import atomic_path
from worldlaw.core.errors import BadInput, Failed
from worldlaw.core.seeding import rng_for
from worldlaw.models.diffusion import Process

if TYPE_CHECKING:
    from worldlaw.models.codec import Codec

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"
OPTIMISERS = ("muon", "adamw")
PRECISIONS = ("bf16", "fp32")


@dataclass(frozen=True)
class Training:
    """How a network is taught."""

    steps: int = 20_000
    batch: int = 32  # clips a step, over all processes and micro-batches
    accumulate: int = 1  # micro-batches a step
    optimizer: str = "muon"  # for hidden matrices; everything else is always AdamW's
    learning_rate: float = 1e-3  # of AdamW
    muon_rate: float = 0.02  # of Muon
    weight_decay: float = 0.01
    warm_up: int = 200  # steps
    clip_gradient: float = 1.0  # largest norm
    ema: float = 0.999  # of the weights that are kept
    precision: str = "bf16"
    mirror: bool = False  # left-right mirrored clips half of the time
    compile: bool = False
    checkpoint_minutes: float = 5.0
    time_limit: float | None = None  # s; then it stops with a checkpoint, to be gone on with

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMISERS:
            raise BadInput(f"optimizer: expected one of {', '.join(OPTIMISERS)}; found {self.optimizer!r}")
        if self.precision not in PRECISIONS:
            raise BadInput(f"precision: expected one of {', '.join(PRECISIONS)}; found {self.precision!r}")
        if self.batch % self.accumulate:
            raise BadInput(f"batch: {self.batch} clips cannot be cut into {self.accumulate} micro-batches")


@dataclass
class State:
    """Where a training stands."""

    network: nn.Module
    average: dict[str, Tensor]  # exponential moving average of the weights
    optimizers: list[torch.optim.Optimizer]
    step: int = 0


# What one step does: (the network, perhaps wrapped, where training stands, this process's clips) -> loss.
Step = Callable[[nn.Module, State, np.ndarray], float]


def fit(
    network: nn.Module,
    process: Process,
    clips: FrameSource,
    folder: Path,
    *,
    context: int,
    seed: int,
    options: Training,
    say: Callable[[str], None] = print,
    codec: Codec | None = None,
) -> State:
    """Teach a network to continue clips from ``context`` frames, as pixels or as a codec's latents.

    The rest is as in ``teach``.
    """

    def step(running: nn.Module, state: State, batch: np.ndarray) -> float:
        return train_step(
            running, state, process, batch, context=context, seed=seed, options=options, codec=codec
        )

    return teach(network, step, clips, folder, seed=seed, options=options, say=say)


def teach(
    network: nn.Module,
    take_step: Step,
    clips: FrameSource,
    folder: Path,
    *,
    seed: int,
    options: Training,
    say: Callable[[str], None] = print,
    optimizers: Callable[[nn.Module, Training], list[torch.optim.Optimizer]] | None = None,
) -> State:
    """Take the steps of a training; goes on from a checkpoint in ``folder``.

    Under ``torchrun`` every process takes its part of each batch and gradients are averaged (DDP).
    Raises Failed if the loss is no longer a number, with the last good checkpoint kept, or when the time
    limit ends the training before its last step.
    """
    rank, world = _processes()
    device = (
        torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        if torch.cuda.is_available()
        else torch.device("cpu")
    )
    state = State(network.to(device), {}, [])
    state.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    state.optimizers = (optimizers or make_optimizers)(network, options)
    if (folder / CHECKPOINT).exists():
        load_checkpoint(state, folder / CHECKPOINT)
        say(f"going on from step {state.step}")
    running: nn.Module = DistributedDataParallel(network) if world > 1 else network
    if options.compile:
        running.compile()

    started = saved = time.monotonic()
    first_step = state.step
    for batch in prefetched(clips, options, seed, range(state.step, options.steps), (rank, world)):
        loss = take_step(running, state, batch)
        now = time.monotonic()
        if not math.isfinite(loss):
            raise Failed(
                f"{folder}: the loss is {loss} at step {state.step}; the last good checkpoint is kept"
            )
        if rank == 0 and (state.step % 50 == 0 or state.step == options.steps):
            rate = (state.step - first_step) * options.batch / (now - started)
            _log(folder, state.step, loss, rate)
            if state.step % 500 == 0:
                say(f"step {state.step:,} of {options.steps:,}: loss {loss:.4f}, {rate:.0f} clips/s")
        if rank == 0 and now - saved > 60 * options.checkpoint_minutes:
            save_checkpoint(state, folder / CHECKPOINT)
            saved = now
        if (
            options.time_limit is not None
            and now - started > options.time_limit
            and state.step < options.steps
        ):
            if rank == 0:
                save_checkpoint(state, folder / CHECKPOINT)
            raise Failed(
                f"{folder}: the time limit of {options.time_limit:g} s ended training at step {state.step} "
                f"of {options.steps}; run it again to go on"
            )
    if rank == 0:
        save_checkpoint(state, folder / CHECKPOINT)
    return state


def train_step(
    running: nn.Module,
    state: State,
    process: Process,
    clips: np.ndarray,
    *,
    context: int,
    seed: int,
    options: Training,
    codec: Codec | None = None,
) -> float:
    """One step on this process's clips (N, T, H, W, C) uint8; returns the mean loss over all processes."""
    rank, _ = _processes()
    device = next(state.network.parameters()).device
    generator = torch.Generator().manual_seed(int(rng_for(seed, "noise", state.step).integers(2**62)))
    data = to_network(torch.from_numpy(clips)).to(device)
    given, mask = conditioning(data, context)
    if codec:
        given, mask = codec.given(data[:, :context], data.shape[1])
        data, context = codec.encode(data), codec.whole(context)
    # Every process draws the noise of the whole batch and keeps its part, so that their number changes
    # nothing.
    times = process.times(options.batch, generator)
    noise = torch.randn((options.batch, *data.shape[1:]), generator=generator)
    mine = slice(rank * len(clips), (rank + 1) * len(clips))
    times, noise = times[mine].to(device), noise[mine].to(device)

    begin_step(state, options)
    total = 0.0
    parts = options.accumulate
    pieces = (part.chunk(parts) for part in (data, noise, times, given, mask))
    for x, e, s, shown, where in zip(*pieces, strict=True):
        with autocast(device, options.precision):
            loss = loss_of(running, process, x, e, s, given=shown, mask=where, context=context)
        (loss / parts).backward()
        total += loss.item() / parts
    finish_step(state, options)
    return mean_of(total, device)


def begin_step(state: State, options: Training) -> None:
    """Learning rates of the step that comes, and no gradients."""
    rate = schedule(state.step, options)
    for optimizer in state.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * rate
        optimizer.zero_grad(set_to_none=True)


def finish_step(state: State, options: Training) -> None:
    """From gradients to weights and their average."""
    nn.utils.clip_grad_norm_(state.network.parameters(), options.clip_gradient)
    for optimizer in state.optimizers:
        optimizer.step()
    state.step += 1
    weights = state.network.state_dict()
    # A short memory at first, so that the average does not keep the initial weights.
    decay = min(options.ema, (1 + state.step) / (10 + state.step))
    for name, value in state.average.items():
        value.lerp_(weights[name].detach().to(value.dtype), 1 - decay)


def mean_of(loss: float, device: torch.device) -> float:
    """The mean over all processes."""
    _, world = _processes()
    if world == 1:
        return loss
    mean = torch.tensor(loss / world, device=device)
    torch.distributed.all_reduce(mean)
    return mean.item()


def loss_of(
    network: nn.Module,
    process: Process,
    data: Tensor,
    noise: Tensor,
    times: Tensor,
    *,
    given: Tensor,
    mask: Tensor,
    context: int,
) -> Tensor:
    """Mean weighted squared error over the frames, or latent frames, that are not given."""
    s = times.view(-1, 1, 1, 1, 1)
    mixed = process.mix(data, noise, s)
    answer = network(mixed, given, mask, times)
    return process.error(answer.float(), data, noise, s)[:, context:].mean()


def conditioning(video: Tensor, context: int) -> tuple[Tensor, Tensor]:
    """The given frames padded with zeros, (N, T, H, W, C), and their mask, (N, T, H, W, 1)."""
    mask = torch.zeros((*video.shape[:-1], 1), device=video.device, dtype=video.dtype)
    mask[:, :context] = 1
    return video * mask, mask


def to_network(frames: Tensor) -> Tensor:
    """uint8 to float in [-1, 1]."""
    return frames.float() / 127.5 - 1


def to_frames(values: Tensor) -> Tensor:
    """Floats in [-1, 1] to uint8, rounded."""
    return ((values.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def schedule(step: int, options: Training) -> float:
    """Share of the full learning rate: a linear warm-up, then a cosine down to zero at the last step."""
    if step < options.warm_up:
        return (step + 1) / options.warm_up
    way = (step - options.warm_up) / max(options.steps - options.warm_up, 1)
    return 0.5 * (1 + math.cos(math.pi * min(way, 1.0)))


def make_optimizers(network: nn.Module, options: Training) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the matrices inside the blocks, AdamW for the rest; or AdamW for all."""
    matrices = [
        value
        for name, value in network.named_parameters()
        if name.startswith("blocks.") and value.ndim == 2 and not name.endswith("table")
    ]
    inside = {id(value) for value in matrices} if options.optimizer == "muon" else set()
    rest = [value for value in network.parameters() if id(value) not in inside]
    adamw = torch.optim.AdamW(
        rest, lr=options.learning_rate, betas=(0.9, 0.999), weight_decay=options.weight_decay
    )
    optimizers: list[torch.optim.Optimizer] = [adamw]
    if inside:
        optimizers.append(torch.optim.Muon(matrices, lr=options.muon_rate, weight_decay=options.weight_decay))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["base"] = group["lr"]
    return optimizers


def prefetched(
    clips: FrameSource, options: Training, seed: int, steps: range, part: tuple[int, int]
) -> Iterator[np.ndarray]:
    """This process's clips of every step, read while the step before is computed."""
    rank, world = part
    if options.batch % (world * options.accumulate):
        raise BadInput(f"batch: {options.batch} clips cannot be shared by {world} processes")
    share = options.batch // world

    def read(step: int) -> np.ndarray:
        rng = rng_for(seed, "batch", step)
        chosen = rng.integers(len(clips), size=options.batch)
        flipped = rng.random(options.batch) < 0.5
        mine = slice(rank * share, (rank + 1) * share)
        batch = clips.read(chosen[mine].tolist())
        if options.mirror:
            batch[flipped[mine]] = batch[flipped[mine], :, :, ::-1].copy()
        return batch

    with ThreadPoolExecutor(1) as reader:
        ahead = reader.submit(read, steps.start) if steps else None
        for step in steps:
            assert ahead is not None
            batch = ahead.result()
            ahead = reader.submit(read, step + 1) if step + 1 < steps.stop else None
            yield batch


def save_checkpoint(state: State, path: Path) -> None:
    """Write where a training stands, atomically."""
    content = {
        "step": state.step,
        "network": state.network.state_dict(),
        "average": state.average,
        "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
    }
    with atomic_path(path) as temporary:
        torch.save(content, temporary)


def load_checkpoint(state: State, path: Path) -> None:
    """Go back to where ``save_checkpoint`` stood. Raises BadInput if the file is another's or damaged."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state.network.load_state_dict(content["network"])
        for name, value in content["average"].items():
            state.average[name].copy_(value)
        for optimizer, saved in zip(state.optimizers, content["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        state.step = content["step"]
    except (RuntimeError, KeyError, ValueError, EOFError) as error:
        raise BadInput(f"{path}: not a checkpoint of this network ({error})") from error


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """bf16 matrix products where they are asked for."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def _processes() -> tuple[int, int]:
    """This process's number and how many there are."""
    if not torch.distributed.is_initialized():
        return 0, 1
    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def _log(folder: Path, step: int, loss: float, rate: float) -> None:
    path = folder / LOG
    new = not path.exists()
    with open(path, "a", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        if new:
            writer.writerow(["step", "loss", "clips_per_second"])
        writer.writerow([step, f"{loss:.6f}", f"{rate:.1f}"])
