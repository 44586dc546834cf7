"""A sign that a video is no true one, and how much of it is too much."""

from __future__ import annotations

from dataclasses import dataclass

UNITS = {
    "vanish": "frames",
    "duplicate": "frames",
    "jump": "reach",
    "deformation": "share",
    "uncaused_motion": "pixel/frame",
    "energy_gain": "times",
    "imbalance": "pixel/frame",
}
KINDS = tuple(UNITS)
# Beyond these a sign counts, if its confidence is at least CONFIDENT. How they were set: docs/judge.md.
LIMITS = {
    "vanish": 2.0,
    "duplicate": 2.0,
    "jump": 0.5,
    "deformation": 0.25,
    "uncaused_motion": 0.5,
    "energy_gain": 1.15,
    "imbalance": 0.5,
}
CONFIDENT = 0.999
MISSED = 0.05  # chance that a tracker errs in a frame of a run of frames


@dataclass(frozen=True)
class Sign:
    """The largest instance of a kind in a video."""

    kind: str  # one of KINDS
    value: float  # in UNITS; NaN if it could not be looked for
    confidence: float  # 1 - probability that a true video, tracked as surely, shows as much
    thing: int = -1
    frame: int = -1
    about: str = ""

    @property
    def counts(self) -> bool:
        """Whether it makes a video abnormal."""
        return bool(self.value > LIMITS[self.kind] and self.confidence >= CONFIDENT)
