"""Every metric of a scenario as a table of texts, decimal points in one line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worldlaw.core.numbers.stats import Summary
from worldlaw.pages.cells import Cells
from worldlaw.pages.levels import level_groups
from worldlaw.pages.wording import (
    NOTHING,
    align_decimals,
    interval,
    number,
)


@dataclass(frozen=True)
class MetricTable:
    """One metric in one scenario: predictors in rows, splits by level in columns."""

    metric: str
    unit: str
    best: float
    columns: list[tuple[str, str]]  # (split, words of a level or of several)
    rows: list[tuple[str, list[Summary | None]]]  # predictor, one summary per column; None without any row


def all_metrics(cells: Cells, scenario: str) -> list[MetricTable]:
    """Every metric of a scenario with its interval and counts, by predictor, split and level."""
    names = [name for name, _ in cells.predictors(scenario)]
    pairs = {
        pair
        for key, values in cells.per_clip.items()
        if key[0] == scenario
        for pair in set(zip(values.split, values.level, strict=True))
    }
    groups = level_groups(level for _, level in pairs)
    columns = [
        (split, words)
        for words, levels in groups.items()
        for split in sorted({split for split, level in pairs if level in levels})
    ]
    tables = []
    for metric in cells.units:
        rows = []
        for name in names:
            values = cells.get(scenario, name, metric)
            parts = [values.where(split=split, level=groups[words]) for split, words in columns]
            if len(values.value):
                rows.append((name, [part.summary() if len(part.value) else None for part in parts]))
        if rows:
            tables.append(MetricTable(metric, cells.units[metric], cells.best[metric], columns, rows))
    return tables


def metric_rows(table: MetricTable) -> dict[str, object]:
    """A table of one metric as texts, decimal points in one line."""
    written: list[list[dict[str, str]]] = [
        [_metric_cell(summary) for summary in summaries] for _, summaries in table.rows
    ]
    for column in range(len(table.columns)):
        for row, text in zip(written, align_decimals([row[column]["mean"] for row in written]), strict=True):
            row[column]["mean"] = text
    return {
        "metric": table.metric,
        "unit": table.unit,
        "best": f"{table.best:g}" if np.isfinite(table.best) else "",
        "columns": table.columns,
        "rows": [
            {"predictor": name, "cells": row} for (name, _), row in zip(table.rows, written, strict=True)
        ],
    }


def _metric_cell(summary: Summary | None) -> dict[str, str]:
    if summary is None:
        return {"mean": NOTHING, "interval": "", "num": "", "nan": ""}
    return {
        "mean": number(summary.mean),
        "interval": interval(summary.low, summary.high),
        "num": f"n {summary.num}",
        "nan": f"{summary.num_nan} NaN" if summary.num_nan else "",
    }
