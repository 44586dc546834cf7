"""A number about a whole set of clips, where a metric has one for each."""

from __future__ import annotations

from dataclasses import dataclass

HALVES = "true clips, halved"  # the row that compares every other true clip with the rest


@dataclass(frozen=True)
class SetRow:
    """One number about all clips of a split; JSON-able."""

    world: str
    split: str
    predictor: str  # empty if the number could not be had for anybody
    kind: str  # floor, codec, model, reference; empty likewise
    training_seed: int
    name: str
    value: float | None  # None: not measured, and the note says why, or told clip by clip in the results
    clips: int  # of the predictor's set
    features: int = 0  # dimensions of a distance between sets
    note: str = ""  # what was missing, or too few
    weights: str = ""  # files used, by their checksums
    most: str = ""  # in what the sets differ most
