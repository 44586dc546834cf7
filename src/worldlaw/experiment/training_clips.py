"""The clips that a world teaches: read from disk, or made as they are read (``train: {stored: false}``)."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from worldlaw.clips.frames import FramesOnly
from worldlaw.clips.store import Clips
from worldlaw.core.artifact import read_manifest
from worldlaw.core.types import Scene, Trajectory
from worldlaw.experiment.config import TRAIN
from worldlaw.experiment.plan import Plan
from worldlaw.worlds.recipe import Recipe

MOST_COUNTED = 10_000  # clips of an unstored split whose rejected draws are counted for the report


class MadeClips:
    """What ``Clips`` would read if a recipe's clips were stored, made on the fly."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self.shape, self.fps = recipe.shape, recipe.fps

    def __len__(self) -> int:
        return len(self._recipe)

    def read(self, indices: Sequence[int], num_frames: int | None = None) -> np.ndarray:
        """(N, num_frames, H, W, 3) uint8: the first frames of some clips, all frames by default."""
        return self._recipe.read(indices, num_frames)

    def scene(self, index: int) -> Scene:
        """The scene of a clip."""
        return self._recipe.scene(index)[0]

    def trajectory(self, index: int) -> Trajectory:
        """The true trajectory of a clip, colour and confidence rounded as shards keep them."""
        truth = self._recipe.trajectory(self.scene(index))
        return dataclasses.replace(
            truth,
            color=truth.color.astype(np.float32).astype(np.float64),
            confidence=truth.confidence.astype(np.float32).astype(np.float64),
        )

    def frames_only(self) -> FramesOnly:
        """The view that a model gets."""
        return FramesOnly(self)


def training_clips(plan: Plan, world: str) -> Clips | MadeClips:
    """The training clips of a world, with their states."""
    if plan.experiment.stored(world, TRAIN):
        return Clips(plan.simulate[world, TRAIN].folder)
    return MadeClips(plan.experiment.recipe(world, TRAIN))


def counted(plan: Plan, world: str, split: str) -> dict[str, Any]:
    """``clips`` of a split and its ``infeasible`` draws by reason; of an unstored one of its first clips."""
    if plan.experiment.stored(world, split):
        return read_manifest(plan.simulate[world, split].folder)["results"]
    recipe = plan.experiment.recipe(world, split)
    num_clips = min(len(recipe), MOST_COUNTED)
    rejected: Counter[str] = Counter()
    for index in range(num_clips):
        rejected.update(recipe.scene(index)[1])
    return {"clips": num_clips, "infeasible": dict(sorted(rejected.items()))}
