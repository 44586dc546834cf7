"""What a model is told of clips beside their pixels: only what it asks for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from worldlaw.clips.frames import Described, FrameSource, Joined
from worldlaw.clips.store import Clips
from worldlaw.core.types import Description
from worldlaw.worlds import Scenario
from worldlaw.worlds.scenario import describe


def told(parts: Sequence[tuple[Scenario, Clips]], indices: Sequence[int], asks: Sequence[str]) -> Description:
    """What is asked for of some clips; indices count through the parts, the first part's clips first."""
    if not asks:
        return Description()
    starts = np.cumsum([0, *(len(clips) for _, clips in parts)])
    scenes = []
    for index in indices:
        owner = int(np.searchsorted(starts, index, side="right")) - 1
        scenario, clips = parts[owner]
        scenes.append((scenario, clips.scene(int(index - starts[owner]))))
    found = describe(scenes)
    return Description(found.state if "state" in asks else None, found.text if "text" in asks else None)


def training_source(parts: Sequence[tuple[Scenario, Clips]], asks: Sequence[str]) -> FrameSource:
    """The frames of all parts as one source; it can describe its clips only if that is asked for."""
    frames = Joined([clips.frames_only() for _, clips in parts])
    return Described(frames, lambda indices: told(parts, indices, asks)) if asks else frames
