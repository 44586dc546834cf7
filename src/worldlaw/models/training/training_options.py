"""How a network is taught: the numbers that an experiment may set, and which of them change no weight."""

from __future__ import annotations

from dataclasses import dataclass

from worldlaw.core.errors import BadInput

OPTIMISERS = ("muon", "adamw")
PRECISIONS = ("bf16", "fp32")


@dataclass(frozen=True)
class Training:
    """How a network is taught."""

    steps: int = 20_000
    batch: int = 32  # clips a step, over all processes and micro-batches
    accumulate: int = 1  # micro-batches a step
    optimizer: str = "muon"  # for hidden matrices; everything else is always AdamW's
    learning_rate: float = 2e-3  # of AdamW
    muon_rate: float = 0.05  # of Muon
    weight_decay: float = 0.01
    warm_up: int = 200  # steps
    clip_gradient: float = 1.0  # largest norm
    ema: float = 0.999  # of the weights that are kept
    precision: str = "bf16"
    mirror: bool = False  # left-right mirrored clips half of the time
    compile: bool = False
    shard: bool = False  # cut weights and their like among the processes (FSDP2); alone it changes nothing
    checkpoint_minutes: float = 5.0
    checkpoint_steps: int | None = None  # besides by minutes
    time_limit: float | None = None  # s; then it stops with a checkpoint, to be gone on with
    sample_minutes: float | None = 10.0  # between sample sheets; none by minutes if null
    sample_steps: int | None = None
    tensorboard: bool = False
    peak_tflops: float | None = None  # of one device; measured unless given

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMISERS:
            raise BadInput(f"optimizer: expected one of {', '.join(OPTIMISERS)}; found {self.optimizer!r}")
        if self.precision not in PRECISIONS:
            raise BadInput(f"precision: expected one of {', '.join(PRECISIONS)}; found {self.precision!r}")
        if self.batch % self.accumulate:
            raise BadInput(f"batch: {self.batch} clips cannot be cut into {self.accumulate} micro-batches")
        for name in ("checkpoint_steps", "sample_steps", "peak_tflops"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise BadInput(f"{name}: expected more than 0; found {value!r}")


RUNTIME_OPTIONS = (
    "shard", "checkpoint_minutes", "checkpoint_steps", "time_limit", "sample_minutes", "sample_steps",
    "tensorboard", "peak_tflops",
)  # fmt: skip  # they change no weight
