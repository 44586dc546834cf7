"""Which tracker reads a scenario's videos: blobs, poses of assemblies, or foreign for all else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from worldlaw.core.errors import unknown
from worldlaw.core.types import Tracks
from worldlaw.measure.tracking import foreign
from worldlaw.measure.tracking.blobs import blob_tracker
from worldlaw.measure.tracking.poses import pose_tracker

Extent = tuple[float, float]  # m, width and height of the view


@dataclass(frozen=True)
class Tracker:
    """How the videos of some scenarios are read."""

    version: int
    read: Callable[[np.ndarray, int, Extent, float], tuple[tuple[str, ...], Tracks]]

    def __call__(
        self, video: np.ndarray, *, context: int, extent: Extent, fps: float
    ) -> tuple[tuple[str, ...], Tracks]:
        """How each body looks in the first ``context`` frames, and the tracks of a video (T, H, W, 3).

        Raises BadInput if the given frames show no body.
        """
        return self.read(video, context, extent, fps)


def tracker(name: str) -> Tracker:
    """The tracker of that name. Raises BadInput if there is none."""
    if name not in _TRACKERS:
        raise unknown("tracker", name, _TRACKERS)
    return _TRACKERS[name]


def _blobs(video: np.ndarray, context: int, extent: Extent, fps: float) -> tuple[tuple[str, ...], Tracks]:
    hints = blob_tracker.read_hints(video[:context], extent=extent, fps=fps)
    return hints.shape, blob_tracker.track(video, hints, fps=fps)


def _poses(video: np.ndarray, context: int, extent: Extent, fps: float) -> tuple[tuple[str, ...], Tracks]:
    silhouettes = pose_tracker.read_silhouettes(video[:context], extent=extent, fps=fps)
    looks = tuple("ball" if disc else "outline" for disc in silhouettes.disc)
    return looks, pose_tracker.follow(video, silhouettes, fps=fps)


def _foreign(video: np.ndarray, context: int, extent: Extent, fps: float) -> tuple[tuple[str, ...], Tracks]:
    seen = foreign.see(video, context=context, extent=extent, fps=fps)
    return tuple("ball" if disc else "outline" for disc in seen.things.disc), seen.tracks


_TRACKERS = {
    "blobs": Tracker(blob_tracker.VERSION, _blobs),
    "poses": Tracker(pose_tracker.VERSION, _poses),
    "foreign": Tracker(foreign.VERSION, _foreign),
}
