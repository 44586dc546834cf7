"""Rows of results: one number of one case each, for experiments and exams alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from worldlaw.core.errors import blame
from worldlaw.core.types import Case
from worldlaw.measure.body_readings import readings
from worldlaw.measure.metrics import metrics
from worldlaw.measure.metrics.trajectory import speeds
from worldlaw.measure.metrics.verdicts import findings
from worldlaw.measure.nearest_case import Motions, nearest_copy

ALL_BODIES = -1
NEAREST = "nearest_training_clip"  # the name of rows that hold the index of a clip


@dataclass(frozen=True)
class ResultRow:
    """One number of one case."""

    metric: str
    value: float  # NaN where it could not be measured
    unit: str = ""
    best: float = np.nan  # the value of a perfect rollout; NaN where none is better than another
    body: int = ALL_BODIES


class RowTable:
    """A long table that grows row by row; its columns are those of a schema."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._columns: dict[str, list] = {name: [] for name in schema.names}

    def add(self, about: Mapping[str, Any], rows: Iterable[ResultRow]) -> None:
        """Append rows; ``about`` has what they share, by column."""
        for row in rows:
            for name, column in self._columns.items():
                column.append(about[name] if name in about else getattr(row, name))

    def table(self) -> pa.Table:
        """The table as it is now."""
        return pa.table(self._columns, schema=self._schema)


def metric_rows(case: Case, names: Iterable[str]) -> Iterator[ResultRow]:
    """What these metrics say of a case. Whatever a metric raises is blamed on it by name."""
    for name in names:
        metric = metrics.get(name)
        with blame(f"metric {metric.name}"):
            value = metric(case)
        yield ResultRow(metric.name, value, metric.unit, metric.best)


def fault_rows(case: Case) -> Iterator[ResultRow]:
    """Which physical measures exceed what true clips show, 0 or 1; none without limits of verdicts."""
    limits = case.limits or {}
    for name, one in (findings(case) or {}).items():
        if name in limits:
            yield ResultRow(f"abnormal_{name}", float(one.value > limits[name]), "", 0.0)


def reading_rows(case: Case) -> Iterator[ResultRow]:
    """What every body does and looks like, the truth beside it."""
    for body, true, measured in speeds(case):
        yield ResultRow("true_speed", true, "m/s", body=body)
        yield ResultRow("measured_speed", measured, "m/s", body=body)
    for body, name, value, unit in readings(case):
        yield ResultRow(name, value, unit, body=body)


def copy_rows(case: Case, cases: Motions) -> list[ResultRow]:
    """What of a rollout is training."""
    found = nearest_copy(case, cases)
    return [
        ResultRow("copy_index", found.copy_index, "", -1.0),
        ResultRow("case_distance", found.case_distance, "m/s"),
        ResultRow("case_distance_of_truth", found.case_distance_of_truth, "m/s"),
        ResultRow(NEAREST, found.training_clip if found.training_clip >= 0 else np.nan, "clip"),
    ]
