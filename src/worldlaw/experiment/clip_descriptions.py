"""Conditioning beside pixels, state and text of clips: only what a model asks for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from worldlaw.clips.frames import DescribedFrames, First, FrameSource, JoinedSources
from worldlaw.clips.store import Clips
from worldlaw.core.types import Description
from worldlaw.experiment.training_clips import MadeClips
from worldlaw.worlds import Scenario
from worldlaw.worlds.scenario import describe

Part = tuple[
    Scenario, Clips | MadeClips, int
]  # the first so many clips of a split, and who can say what they show


def describe_clips(parts: Sequence[Part], indices: Sequence[int], asks: Sequence[str]) -> Description:
    """What is asked for of some clips; indices count through the parts, the first part's clips first."""
    if not asks:
        return Description()
    starts = np.cumsum([0, *(count for *_, count in parts)])
    scenes = []
    for index in indices:
        owner = int(np.searchsorted(starts, index, side="right")) - 1
        scenario, clips, _ = parts[owner]
        scenes.append((scenario, clips.scene(int(index - starts[owner]))))
    found = describe(scenes)
    return Description(found.state if "state" in asks else None, found.text if "text" in asks else None)


def training_source(parts: Sequence[Part], asks: Sequence[str]) -> FrameSource:
    """The frames of all parts as one source; it can describe its clips only if that is asked for."""
    frames = JoinedSources([First(clips.frames_only(), count) for _, clips, count in parts])
    return DescribedFrames(frames, lambda indices: describe_clips(parts, indices, asks)) if asks else frames
