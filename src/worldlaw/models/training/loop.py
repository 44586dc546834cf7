"""The loop that teaches a network: batches in, weights out, resumable at any step to the same bits.

Nothing is drawn from a running random state: the clips and the noise of step k come from streams addressed by
the seed and k, so a checkpoint needs no more than weights, averages, optimiser state and the number of steps.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from worldlaw.clips.frames import FrameSource
from worldlaw.core.errors import BadInput, Failed
from worldlaw.core.seeding import rng_for
from worldlaw.models.networks.diffusion import Process
from worldlaw.models.training import processes
from worldlaw.models.training.throughput import Cost, Meter, cost_of, measured_peak
from worldlaw.models.training.training_options import Training
from worldlaw.models.training.training_state import CHECKPOINT, State, load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    from worldlaw.models.autoencoders.codec import Codec
    from worldlaw.models.networks.dit import DiT

LOG_STEPS = 50  # between rows of the log
READERS = 2  # threads that read batches ahead of the training

# What one step does: (the network, perhaps wrapped, where training stands, this process's clips, what is told
# of them) -> mean loss over all processes, (), on the device.
Step = Callable[[nn.Module, State, np.ndarray, dict[str, Tensor]], Tensor]


def fit(
    network: DiT,
    process: Process,
    clips: FrameSource,
    folder: Path,
    *,
    context: int,
    seed: int,
    options: Training,
    say: Callable[[str], None] = print,
    codec: Codec | None = None,
    tell: Callable[[list[int]], dict[str, Tensor]] | None = None,
    show: Callable[[int, dict[str, Tensor]], object] | None = None,
) -> State:
    """Teach a network to continue clips from ``context`` frames, as pixels or as a codec's latents.

    The rest is as in ``teach``.
    """

    def step(running: nn.Module, state: State, batch: np.ndarray, told: dict[str, Tensor]) -> Tensor:
        return train_step(
            running,
            state,
            process,
            batch,
            context=context,
            seed=seed,
            options=options,
            codec=codec,
            told=told,
        )

    cost = cost_of(network, codec.size(clips.shape)[:3] if codec else clips.shape)
    return teach(
        network, step, clips, folder, cost=cost, seed=seed, options=options, say=say, tell=tell, show=show
    )


def teach(
    network: nn.Module,
    take_step: Step,
    clips: FrameSource,
    folder: Path,
    *,
    cost: Cost,
    seed: int,
    options: Training,
    say: Callable[[str], None] = print,
    optimizers: Callable[[nn.Module, Training], list[torch.optim.Optimizer]] | None = None,
    tell: Callable[[list[int]], dict[str, Tensor]] | None = None,
    show: Callable[[int, dict[str, Tensor]], object] | None = None,
) -> State:
    """Take the steps of a training; goes on from a checkpoint in ``folder``.

    ``tell`` gives what the network takes beside the pixels of some clips, by name; ``cost`` is of one clip.

    Under ``torchrun`` every process takes its part of each batch; gradients are averaged (DDP), or weights
    cut among the processes (FSDP2). The first process alone writes. Where a sample sheet is due it calls
    ``show`` with the step and the whole averaged weights.
    Raises Failed if the loss is no longer a number, with the last good checkpoint kept, or when the time
    limit ends the training before its last step.
    """
    rank, world = processes.place()
    device = processes.device()
    running = processes.spread(network.to(device), shard=options.shard)
    state = State(network, {}, [])
    state.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    state.optimizers = (optimizers or make_optimizers)(network, options)
    if (folder / CHECKPOINT).exists():
        load_checkpoint(state, folder / CHECKPOINT)
        if rank == 0:
            say(f"going on from step {state.step}")
    if options.compile:
        running.compile()
    meter = _meter(cost, folder, options, step=state.step) if rank == 0 else None

    started = saved = drawn = time.monotonic()
    total, counted = torch.zeros((), device=device), 0
    unchecked: tuple[int, Tensor] | None = None
    steps = range(state.step, options.steps)
    for batch, told in prefetch(clips, options, seed, steps, (rank, world), tell):
        loss = take_step(running, state, batch, told)
        # A loss is looked at a step later, so that a GPU need not wait for the host, and before any use.
        _check(unchecked, folder)
        unchecked = state.step, loss
        total += loss
        counted += 1

        now = time.monotonic()
        last = state.step == options.steps
        over = options.time_limit is not None and now - started > options.time_limit and not last
        save, draw, over = processes.agree(
            over
            or last
            or _due(state.step, now - saved, options.checkpoint_steps, options.checkpoint_minutes),
            show is not None and _due(state.step, now - drawn, options.sample_steps, options.sample_minutes),
            over,
        )
        if meter is not None and (state.step % LOG_STEPS == 0 or last):
            _check(unchecked, folder)
            rate = meter.row(state.step, total.item() / counted)
            if state.step % 500 == 0:
                said = f"loss {total.item() / counted:.4f}, {rate:.0f} clips/s"
                say(f"step {state.step:,} of {options.steps:,}: {said}")
        if state.step % LOG_STEPS == 0:
            total, counted = torch.zeros_like(total), 0
        if save:
            _check(unchecked, folder)
            save_checkpoint(state, folder / CHECKPOINT)
            saved = time.monotonic()
        if draw:
            average = processes.whole(state.average)
            if show is not None:
                show(state.step, average)
            drawn = time.monotonic()
        if over:
            raise Failed(
                f"{folder}: the time limit ended training at step {state.step} of {options.steps}, with a "
                "checkpoint; run it again to go on"
            )
    if meter is not None:
        meter.close()
    state.average = processes.whole(state.average)
    return state


def _due(step: int, elapsed: float, steps: int | None, minutes: float | None) -> bool:
    """Whether something that is done every so many steps and minutes is due."""
    return (steps is not None and step % steps == 0) or (minutes is not None and elapsed > 60 * minutes)


def _check(loss: tuple[int, Tensor] | None, folder: Path) -> None:
    """Raise Failed if the loss of a step is no number."""
    if loss is not None and not math.isfinite(value := loss[1].item()):
        raise Failed(f"{folder}: the loss is {value} at step {loss[0]}; the last good checkpoint is kept")


def _meter(cost: Cost, folder: Path, options: Training, *, step: int) -> Meter:
    peak = options.peak_tflops
    dtype = torch.float32 if options.precision == "fp32" else torch.bfloat16
    return Meter(
        folder,
        step=step,
        batch=options.batch,
        cost=cost,
        peak=(peak * 1e12 if peak else measured_peak(processes.device(), dtype)) * processes.place()[1],
        tensorboard=options.tensorboard,
    )


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
    told: dict[str, Tensor] | None = None,
) -> Tensor:
    """One step on this process's clips (N, T, H, W, C) uint8; returns the mean loss over all processes.

    The loss stays on the device, (), so that nothing waits for it.
    """
    rank, _ = processes.place()
    device = processes.device()
    generator = torch.Generator().manual_seed(int(rng_for(seed, "noise", state.step).integers(2**62)))
    data = to_network(torch.from_numpy(clips)).to(device)
    given, mask = pad_given(data, context)
    if codec:
        given, mask = codec.given(data[:, :context], data.shape[1])
        data, context = codec.encode(data), codec.whole(context)
    # Every process draws the noise of the whole batch and keeps its part, so that their number changes
    # nothing.
    times = process.times(options.batch, generator)
    noise = torch.randn((options.batch, *data.shape[1:]), generator=generator)
    mine = slice(rank * len(clips), (rank + 1) * len(clips))
    times, noise = times[mine].to(device), noise[mine].to(device)
    told = {name: value.to(device) for name, value in (told or {}).items()}

    begin_step(state, options)
    total = torch.zeros((), device=device)
    parts = options.accumulate
    told_parts = [{name: value.chunk(parts)[part] for name, value in told.items()} for part in range(parts)]
    pieces = (part.chunk(parts) for part in (data, noise, times, given, mask))
    for x, e, s, shown, where, said in zip(*pieces, told_parts, strict=True):
        with autocast(device, options.precision):
            loss = loss_of(running, process, x, e, s, shown, where, context=context, told=said)
        (loss / parts).backward()
        total += loss.detach() / parts
    finish_step(state, options)
    return processes.mean(total)


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
    weights = dict(state.network.named_parameters())  # all that is learnt; the rest is what it was
    # A short memory at first, so that the average does not keep the initial weights.
    decay = min(options.ema, (1 + state.step) / (10 + state.step))
    torch._foreach_lerp_([state.average[name] for name in weights], list(weights.values()), 1 - decay)


def loss_of(
    network: nn.Module,
    process: Process,
    data: Tensor,
    noise: Tensor,
    times: Tensor,
    given: Tensor,
    mask: Tensor,
    *,
    context: int,
    told: dict[str, Tensor] | None = None,
) -> Tensor:
    """Mean weighted squared error over the frames, or latent frames, that are not given."""
    s = times.view(-1, 1, 1, 1, 1)
    mixed = process.mix(data, noise, s)
    answer = network(mixed, given, mask, times, **(told or {}))
    return process.error(answer.float(), data, noise, s)[:, context:].mean()


def pad_given(video: Tensor, context: int) -> tuple[Tensor, Tensor]:
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


def prefetch(
    clips: FrameSource,
    options: Training,
    seed: int,
    steps: range,
    part: tuple[int, int],
    tell: Callable[[list[int]], dict[str, Tensor]] | None = None,
) -> Iterator[tuple[np.ndarray, dict[str, Tensor]]]:
    """This process's clips of every step with their conditioning, read a step ahead."""
    rank, world = part
    if options.batch % (world * options.accumulate):
        raise BadInput(f"batch: {options.batch} clips cannot be shared by {world} processes")
    share = options.batch // world

    def read(step: int) -> tuple[np.ndarray, dict[str, Tensor]]:
        rng = rng_for(seed, "batch", step)
        chosen = rng.integers(len(clips), size=options.batch)
        flipped = rng.random(options.batch) < 0.5
        mine = slice(rank * share, (rank + 1) * share)
        batch = clips.read(chosen[mine].tolist())
        if options.mirror:
            batch[flipped[mine]] = batch[flipped[mine], :, :, ::-1].copy()
        return batch, tell(chosen[mine].tolist()) if tell else {}

    # Every step's clips are addressed by its number, so it does not matter who reads them, and when.
    with ThreadPoolExecutor(READERS) as readers:
        ahead = deque(readers.submit(read, step) for step in steps[:READERS])
        for step in steps:
            batch = ahead.popleft().result()
            if step + READERS < steps.stop:
                ahead.append(readers.submit(read, step + READERS))
            yield batch


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """bf16 matrix products where they are asked for."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
