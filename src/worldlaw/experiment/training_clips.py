"""The clips that a world teaches: read from disk, or made as they are read (``train: {stored: false}``)."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, cast

import numpy as np

from worldlaw.clips.frames import FramesOnly
from worldlaw.clips.store import Clips
from worldlaw.core.artifact import read_manifest
from worldlaw.core.types import CaseLibrary, Scene, Trajectory
from worldlaw.experiment.config import TRAIN
from worldlaw.experiment.plan import Plan
from worldlaw.measure.nearest_case import Motions, motions
from worldlaw.measure.references import case_library
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


class SplitCounts(TypedDict):
    """Clips of a split, and draws that had no scene, by reason."""

    clips: int
    infeasible: dict[str, int]


def count_clips(plan: Plan, world: str, split: str) -> SplitCounts:
    """``clips`` of a split and its ``infeasible`` draws by reason; of an unstored one of its first clips."""
    if plan.experiment.stored(world, split):
        return cast(SplitCounts, read_manifest(plan.simulate[world, split].folder)["results"])
    recipe = plan.experiment.recipe(world, split)
    num_clips = min(len(recipe), MOST_COUNTED)
    rejected: Counter[str] = Counter()
    for index in range(num_clips):
        rejected.update(recipe.scene(index)[1])
    return {"clips": num_clips, "infeasible": dict(sorted(rejected.items()))}


def training_cases(plan: Plan, world: str) -> CaseLibrary:
    """The training cases of a world; the splits of one world, which come one after the other, share them."""
    return _lessons(plan, world)[0]


def training_motions(plan: Plan, world: str) -> Motions:
    """The motions of the training cases of a world, shared likewise."""
    return _lessons(plan, world)[1]


def _lessons(plan: Plan, world: str) -> tuple[CaseLibrary, Motions]:
    address = plan.simulate[world, TRAIN].folder, plan.experiment.context
    if address not in _LESSONS:
        _LESSONS.clear()
        training = training_clips(plan, world)
        cases = (training.trajectory(index) for index in range(len(training)))
        library = case_library(cases, plan.experiment.context)
        _LESSONS[address] = library, motions(library, 1 / plan.experiment.video.fps)
    return _LESSONS[address]


_LESSONS: dict[tuple[Path, int], tuple[CaseLibrary, Motions]] = {}  # the last that this process made
