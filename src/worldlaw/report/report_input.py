"""What a report is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from worldlaw.core.types import TaughtModel
from worldlaw.measure.sets.set_rows import SetRow
from worldlaw.pages.film_strips import Example
from worldlaw.pages.section import Section


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
    training_speed: Mapping[str, Sequence[Sequence[float]]]  # scenario -> bands of m/s seen in training
    artifacts: list[dict[str, str]]  # stage, what, folder
    manifest: dict[str, Any]  # the experiment as used, versions, commit, seeds, platform
    cards: dict[str, dict[str, TaughtModel]] = field(default_factory=dict)  # scenario -> model that learns
    sections: Sequence[Section] = ()  # of the experiment's analyses
    sets: Sequence[SetRow] = ()  # numbers about whole splits
    left_out: Mapping[str, str] = field(
        default_factory=dict
    )  # predictor -> what to install before it can sit
