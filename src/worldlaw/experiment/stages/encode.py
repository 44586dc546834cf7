"""Stage generate, first half: codecs redraw the true videos, the limit for models that see through one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from worldlaw.clips.store import Clip, Clips, complete_shard, shard_name, write_shard
from worldlaw.core.errors import Failed, blame
from worldlaw.experiment.codecs import load_codec
from worldlaw.experiment.job import limit_threads, make_artifact, say
from worldlaw.experiment.keys import BATCH
from worldlaw.experiment.plan import Plan, shard_ranges

if TYPE_CHECKING:
    from worldlaw.models.autoencoders.codec import Codec


def redraw(
    codec: Codec, name: str, questions: Clips, indices: range, *, context: int, batch: int
) -> Iterator[Clip]:
    """True videos encoded and decoded, in batches of one size; given frames stay, as they do for models."""
    for start in range(indices.start, indices.stop, batch):
        asked = list(range(start, min(start + batch, indices.stop)))
        true = questions.read(asked + [asked[-1]] * (batch - len(asked)))
        with blame(f"codec {name}"):
            drawn = codec.reconstruct(true)
        if not isinstance(drawn, np.ndarray) or drawn.shape != true.shape or drawn.dtype != np.uint8:
            found = f"{drawn.dtype} {drawn.shape}" if isinstance(drawn, np.ndarray) else type(drawn).__name__
            raise Failed(f"codec {name}: reconstruct returned {found}; expected uint8 {true.shape}")
        for row, index in enumerate(asked):
            yield Clip(index, np.concatenate([true[row, :context], drawn[row, context:]]))


def redraw_split(plan: Plan, world: str, name: str, split: str, threads: int) -> bool:
    """What a codec makes of the true videos of a split; whether it was done here and not by another run."""
    experiment, artifact = plan.experiment, plan.redraw[world, name, split]
    with make_artifact(artifact, say) as finish:
        if finish is None:
            return False
        codec = load_codec(plan, world, name)
        limit_threads(threads)
        questions = Clips(plan.simulate[world, split].folder)
        for number, indices in enumerate(shard_ranges(len(questions), experiment.shard_clips)):
            path = artifact.folder / shard_name(number)
            if not complete_shard(path, indices):
                drawn = redraw(codec, name, questions, indices, context=experiment.context, batch=BATCH)
                write_shard(path, drawn, fps=questions.fps)
        finish({"clips": len(questions)})
    return True
