"""How much of each predictor's rollouts is copied from training, by the copy index."""

from __future__ import annotations

import numpy as np

from worldlaw.core.numbers.stats import proportion, summarize
from worldlaw.pages.cells import Cells
from worldlaw.pages.wording import NARROW_SPACE, NOTHING, percent, percents

METRIC = "copy_index"


def copies(cells: Cells) -> list[dict[str, object]]:
    """Per scenario the rows of the table, floor first; empty where results have no copy index.

    A cell has the mean copy index and its interval, the share of clips nearer to training than to the truth,
    and how many of the clips say something.
    """
    tables: list[dict[str, object]] = []
    for scenario in cells.scenarios:
        predictors = [entry for entry in cells.predictors(scenario) if _has(cells, scenario, entry[0])]
        columns = [_column(cells, scenario, region, predictors) for region in cells.regions]
        rows = [
            {"predictor": name, "kind": kind, "cells": [column[index] for column in columns]}
            for index, (name, kind) in enumerate(predictors)
        ]
        if rows:
            tables.append({"scenario": scenario, "rows": rows})
    return tables


def _has(cells: Cells, scenario: str, predictor: str) -> bool:
    return len(cells.get(scenario, predictor, METRIC).value) > 0


def _column(
    cells: Cells, scenario: str, region: str, predictors: list[tuple[str, str]]
) -> list[dict[str, str | int]]:
    found: list[dict[str, str | int]] = []
    for name, _ in predictors:
        values = cells.get(scenario, name, METRIC).where(region=region)
        index = values.value
        mean, nearer = summarize(values.by_seed), proportion(np.where(np.isfinite(index), index > 0, np.nan))
        found.append(
            {
                "mean": _index(mean.mean),
                "interval": _between(mean.low, mean.high),
                "nearer": percent(nearer.mean),
                "nearer_interval": percents(nearer.low, nearer.high),
                "num": mean.num,
                "out_of": len(index),
            }
        )
    return found


def _index(value: float) -> str:
    """Two decimals: an index lies within [-1, 1]."""
    if not np.isfinite(value):
        return NOTHING
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")


def _between(low: float, high: float) -> str:
    return f"{_index(low)}{NARROW_SPACE}–{NARROW_SPACE}{_index(high)}" if np.isfinite(low) else ""
