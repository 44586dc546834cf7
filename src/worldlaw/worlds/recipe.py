"""A recipe makes any clip of a split from its index alone: to store it, or to train on it unstored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from worldlaw.core.region import Region
from worldlaw.core.types import Description, Scene, Trajectory
from worldlaw.worlds.render.flat import frame_shape, render
from worldlaw.worlds.scenario import describe, draw_scene, scenarios


@dataclass(frozen=True)
class Recipe:
    """All that decides the bytes of every clip of a split."""

    scenario: str
    region: Region
    seed: int
    split: str
    num_clips: int
    resolution: int  # rows of a frame
    num_frames: int
    fps: float
    edge: str = "area"

    def scene(self, index: int) -> tuple[Scene, Counter[str]]:
        """The scene of a clip and the reasons for which draws before it were rejected."""
        scenario = scenarios.get(self.scenario)()
        return draw_scene(scenario, self.region, seed=self.seed, split=self.split, index=index)

    def trajectory(self, scene: Scene) -> Trajectory:
        """The true motion at the frame times."""
        return scenarios.get(self.scenario)().simulate(scene, self.num_frames, 1 / self.fps)

    def frames(self, scene: Scene, trajectory: Trajectory, out: np.ndarray | None = None) -> np.ndarray:
        """(T, H, W, 3) uint8, drawn into ``out`` if that fits."""
        return render(scene, trajectory, self.resolution, edge=self.edge, out=out)

    def __len__(self) -> int:
        return self.num_clips

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Frames, height and width of every clip."""
        return self.num_frames, *frame_shape(self.scene(0)[0].extent, self.resolution)

    def read(self, indices: Sequence[int], num_frames: int | None = None) -> np.ndarray:
        """(N, num_frames, H, W, 3) uint8: the same clips that a stored split holds, made on the fly."""
        out = np.empty((len(indices), num_frames or self.num_frames, *self.shape[1:], 3), np.uint8)
        for place, index in enumerate(indices):
            scene, _ = self.scene(index)
            trajectory = self.trajectory(scene)[: out.shape[1]]
            self.frames(scene, trajectory, out[place])
        return out

    def describe(self, indices: Sequence[int]) -> Description:
        """What is said of some clips to a model that asks for their state or text."""
        scenario = scenarios.get(self.scenario)()
        return describe([(scenario, self.scene(index)[0]) for index in indices])
