"""What a report is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import UInt8

from worldlaw.core.types import Trajectory
from worldlaw.exam.sets import SetRow
from worldlaw.report.analyses.section import Section


@dataclass(frozen=True)
class Example:
    """One clip, a predictor beside the truth."""

    true_video: UInt8[np.ndarray, "T H W 3"]
    shown_video: UInt8[np.ndarray, "T H W 3"] | None  # the generated video; None for a predictor on states
    truth: Trajectory
    tracked: Trajectory  # what was measured in the rollout, or predicted
    context: int  # K, the number of frames that were given
    extent: tuple[float, float] = (10.0, 10.0)  # m, width and height of the view
    # Index, and video, of the training clip nearest in motion; None where there is none to show.
    training_clip: int | None = None
    training_video: UInt8[np.ndarray, "T H W 3"] | None = None


@dataclass(frozen=True)
class Exclusion:
    """Something that was left out before any metric was computed."""

    what: str
    where: str
    reason: str
    count: int
    out_of: int | None = None


@dataclass(frozen=True)
class ReportInput:
    """All that the page is made from; the same input gives the same bytes."""

    name: str
    about: str
    results: pa.Table  # one row per number; the columns are ``cells.COLUMNS``
    example: Callable[[str, str, str, int, int], Example]  # (scenario, predictor, split, clip, training seed)
    exclusions: list[Exclusion]  # what results cannot tell, as draws without a scene; NaN are counted here
    training_speed: dict[str, list[tuple[float, float]]]  # scenario -> bands of speed in m/s seen in training
    artifacts: list[dict[str, Any]]  # stage, what, folder
    manifest: dict[str, Any]  # the experiment as used, versions, commit, seeds, platform
    # scenario -> model that learns -> model (registered name), options, parameters, steps
    cards: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    sections: Sequence[Section] = ()  # of the experiment's analyses
    sets: Sequence[SetRow] = ()  # numbers about whole splits
    left_out: Mapping[str, str] = field(
        default_factory=dict
    )  # predictor -> what to install before it can sit
