"""How fast a training goes: clips, tokens and model FLOPs a second, and the share of the device's peak."""

from __future__ import annotations

import csv
import functools
import io
import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from worldlaw.core.artifact import write_text
from worldlaw.core.errors import BadInput
from worldlaw.models.networks.description_encoder import TEXT_WIDTH
from worldlaw.models.networks.dit import DiT

LOG = "log.csv"
COLUMNS = (
    "step",
    "loss",
    "seconds",
    "clips_per_second",
    "tokens_per_second",
    "tflops",
    "share_of_peak",
)


def num_tokens(network: DiT, shape: tuple[int, ...]) -> int:
    """Tokens of one video of (frames, rows, columns)."""
    return math.prod(side // step for side, step in zip(shape, network.patch, strict=True))


def forward_flops(network: DiT, shape: tuple[int, ...]) -> int:
    """Floating-point operations of the matrix products of one answer to one video of (frames, rows, columns).

    Two a multiplication: every linear layer on its rows, and queries by keys and weights by values over all
    pairs of tokens that attend to each other, those of a text too. Elementwise work is not counted.
    """
    length, width = num_tokens(network, shape), network.size.width
    told = int(network.text.length) if network.text is not None else 0
    total = 0
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            rows = 1
            if name.startswith("text.") or (name.startswith("readings.") and name.endswith("key_value")):
                rows = told
            elif name.startswith(("embed", "blocks.", "readings.", "head")):
                rows = length
            total += 2 * rows * module.in_features * module.out_features
    if network.text is not None:
        total += len(network.text.layers) * 4 * told**2 * TEXT_WIDTH
        total += len(network.readings) * 4 * length * told * width
    return total + network.size.depth * 4 * length**2 * width


class Cost(NamedTuple):
    """What it is to learn from one clip."""

    tokens: int
    flops: int  # floating-point operations; backward counts twice forward, as is usual


def cost_of(network: DiT, shape: tuple[int, ...]) -> Cost:
    """The cost of one video of (frames, rows, columns), of pixels or of latents."""
    return Cost(num_tokens(network, shape), 3 * forward_flops(network, shape))


def measured_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of this device in a plain square product, the best of about a second.

    On a CPU it is the processor time of all threads that counts, so that others' work does not lower it.
    """
    return _measured_peak(device, dtype, torch.get_num_threads())


@functools.cache
def _measured_peak(device: torch.device, dtype: torch.dtype, num_threads: int) -> float:
    side = 8192 if device.type == "cuda" else 1024
    generator = torch.Generator().manual_seed(0)  # of its own: measuring must not move any other stream
    first, second = (torch.randn((side, side), generator=generator).to(device, dtype) for _ in range(2))
    clock, share = (time.process_time, num_threads) if device.type == "cpu" else (time.perf_counter, 1)
    best, started = 0.0, time.perf_counter()
    for turn in range(1000):
        before = clock()
        torch.matmul(first, second)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if turn:  # the first pays for loading and tuning
            best = max(best, 2 * side**3 * share / (clock() - before))
        if turn > 1 and time.perf_counter() - started > 0.8:
            break
    return best


class Meter:
    """The log of a training: ``log.csv``, and TensorBoard's files where they are asked for."""

    def __init__(
        self, folder: Path, *, step: int, batch: int, cost: Cost, peak: float, tensorboard: bool
    ) -> None:
        """``cost`` is of one clip; ``peak`` is of all devices together, in operations per second.

        Rows after ``step`` are those of a training that was killed since its checkpoint and are dropped.
        Raises BadInput if TensorBoard is asked for and not installed.
        """
        self._path = folder / LOG
        self._batch, self._cost, self._peak = batch, cost, peak
        self._board = _board(folder, step) if tensorboard else None
        self._started = self._since = time.monotonic()
        self._step = step
        self._clear(step)

    def row(self, step: int, loss: float) -> float:
        """Log the mean loss since the last row, with the speed since then; returns clips/s."""
        now = time.monotonic()
        clips = (step - self._step) * self._batch / max(now - self._since, 1e-9)
        self._step, self._since = step, now
        rate = clips * self._cost.flops
        values: dict[str, int | str] = {
            "step": step,
            "loss": f"{loss:.6f}",
            "seconds": f"{now - self._started:.1f}",
            "clips_per_second": f"{clips:.5g}",
            "tokens_per_second": f"{clips * self._cost.tokens:.5g}",
            "tflops": f"{rate / 1e12:.5g}",
            "share_of_peak": f"{rate / self._peak:.5g}",
        }
        with open(self._path, "a", newline="", encoding="utf-8") as handle:
            csv.DictWriter(handle, COLUMNS).writerow(values)
        if self._board is not None:
            for name in COLUMNS[1:]:
                self._board.add_scalar(name, float(values[name]), step)
            self._board.flush()
        return clips

    def close(self) -> None:
        """Close TensorBoard's file."""
        if self._board is not None:
            self._board.close()

    def _clear(self, step: int) -> None:
        kept: list[dict[str, str]] = []
        if self._path.exists():
            with open(self._path, newline="", encoding="utf-8") as handle:
                rows = [row for row in csv.DictReader(handle) if (row.get("step") or "").isdigit()]
            kept = [row for row in rows if int(row["step"]) <= step and row.get("loss")]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(kept)
        write_text(self._path, text.getvalue())


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise BadInput("tensorboard: needs the extra: pip install 'worldlaw[tensorboard]'") from error
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
