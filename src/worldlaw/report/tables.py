"""The numbers of the page: the ranking, every metric by split, and which clips to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from worldlaw.core.stats import Summary, summarize
from worldlaw.report.cells import KINDS, REGIONS, Cells, arrange
from worldlaw.report.wording import level_order, level_words

ENOUGH = 0.75  # a predictor with a smaller measured share is not measured enough to rank


def leaderboard(results: pa.Table) -> list[dict[str, Any]]:
    """One JSON-able row per scenario, region (ID, OOD) and predictor, the floor first, then by rank.

    **The rule.** Within a scenario and region, predictors are ranked by the share of clips solved, ties by
    velocity error. But a predictor whose measured share is below 0.75 is not measured enough to rank, and
    stands after all that are: making a ball vanish must never pay. Models and references share one ranking;
    the floor, which is what can be measured at best, has no rank.

    ``floor_ratio`` is the velocity error over that of the floor in the same scenario and region,
    ``ood_id_ratio`` that of a predictor out of distribution over that in distribution. What could not be
    measured is None.
    """
    return rank(arrange(results))


def rank(cells: Cells) -> list[dict[str, Any]]:
    """The rows of ``leaderboard``."""
    board = []
    for scenario in cells.scenarios:
        predictors = list(cells.predictors(scenario))
        summaries = {
            (name, metric, region): summarize(cells.get(scenario, name, metric).where(region=region).value)
            for name, _ in predictors
            for metric in ("solved", "velocity_error", "measured_share")
            for region in REGIONS
        }
        for region in cells.regions:
            floors = [
                summaries[name, "velocity_error", region].mean for name, its in predictors if its == "floor"
            ]
            rows = []
            for name, kind in predictors:
                solved, error, share = (
                    summaries[name, metric, region]
                    for metric in ("solved", "velocity_error", "measured_share")
                )
                if not error.num + error.num_nan + share.num + share.num_nan:
                    continue
                inside, outside = (summaries[name, "velocity_error", which].mean for which in ("ID", "OOD"))
                row = {
                    "scenario": scenario,
                    "region": region,
                    "predictor": name,
                    "kind": kind,
                    "rank": None,
                    "measured_enough": bool(share.mean >= ENOUGH),
                    "num_clips": max(error.num + error.num_nan, share.num + share.num_nan),
                    "solved": solved.mean,
                    "solved_low": solved.low,
                    "solved_high": solved.high,
                    "velocity_error": error.mean,
                    "velocity_error_low": error.low,
                    "velocity_error_high": error.high,
                    "measured_share": share.mean,
                    "floor_ratio": _ratio(error.mean, floors[0] if floors else np.nan),
                    "ood_id_ratio": _ratio(outside, inside),
                }
                rows.append({key: _plain(value) for key, value in row.items()})
            board += [row for row in rows if row["kind"] == "floor"]
            ranked = sorted((row for row in rows if row["kind"] != "floor"), key=place)
            board += [{**row, "rank": index + 1} for index, row in enumerate(ranked)]
    return board


def place(row: dict[str, Any]) -> tuple[bool, float, float, str]:
    """Sorts by the rule of ``leaderboard``; names break what ties are left."""
    error = np.inf if row["velocity_error"] is None else row["velocity_error"]
    return not row["measured_enough"], -(row["solved"] or 0.0), error, row["predictor"]


def order(board: list[dict[str, Any]], scenario: str) -> list[dict[str, Any]]:
    """For each predictor its rows by region: floor, models, references, by rank out of distribution."""
    rows = [row for row in board if row["scenario"] == scenario]
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        entry = found.setdefault(
            row["predictor"], {"predictor": row["predictor"], "kind": row["kind"], "regions": {}}
        )
        entry["regions"][row["region"]] = row
    regions = [row["region"] for row in rows]
    decisive = "OOD" if "OOD" in regions else next(iter(regions), None)

    def key(entry: dict[str, Any]) -> tuple[int, float]:
        row = entry["regions"].get(decisive)
        return KINDS.index(entry["kind"]), np.inf if row is None or row["rank"] is None else row["rank"]

    return sorted(found.values(), key=key)


@dataclass(frozen=True)
class MetricTable:
    """One metric in one scenario: predictors in rows, splits by level in columns."""

    metric: str
    unit: str
    best: float
    columns: list[tuple[str, str]]  # (split, level)
    rows: list[tuple[str, list[Summary | None]]]  # predictor, one summary per column; None without any row


def all_metrics(cells: Cells, scenario: str) -> list[MetricTable]:
    """Every metric of a scenario with its interval and counts, by predictor, split and level."""
    names = [name for name, _ in cells.predictors(scenario)]
    columns = sorted(
        {
            pair
            for key, values in cells.per_clip.items()
            if key[0] == scenario
            for pair in set(zip(values.split, values.level, strict=True))
        },
        key=lambda pair: (level_order(pair[1]), pair[0]),
    )
    tables = []
    for metric in cells.units:
        rows = []
        for name in names:
            values = cells.get(scenario, name, metric)
            parts = [values.where(split=split, level=level).value for split, level in columns]
            if len(values.value):
                rows.append((name, [summarize(part) if len(part) else None for part in parts]))
        if rows:
            tables.append(MetricTable(metric, cells.units[metric], cells.best[metric], columns, rows))
    return tables


def extremes(cells: Cells, scenario: str, predictor: str, region: str) -> list[tuple[str, dict[str, Any]]]:
    """The best and the worst clip, by the rule of the ranking; one clip is both and stands once.

    A clip that was not measured enough is worse than any that was; without a velocity error it is the worst.
    """
    error = cells.get(scenario, predictor, "velocity_error").where(region=region)
    if not len(error.value):
        return []

    def of(metric: str) -> np.ndarray:
        values = cells.get(scenario, predictor, metric).where(region=region)
        known = dict(zip(zip(values.split, values.clip, strict=True), values.value, strict=True))
        return np.array([known.get(pair, np.nan) for pair in zip(error.split, error.clip, strict=True)])

    share, lost = of("measured_share"), of("lost_share")
    badness = np.lexsort([np.where(np.isfinite(error.value), error.value, np.inf), ~(share >= ENOUGH)])
    chosen = [("only", badness[0])] if len(badness) == 1 else [("best", badness[0]), ("worst", badness[-1])]
    return [
        (
            which,
            {
                "region": region,
                "split": str(error.split[at]),
                "level": level_words(error.level[at]),
                "clip": int(error.clip[at]),
                "velocity_error": float(error.value[at]),
                "measured_share": float(share[at]),
                "lost_share": float(lost[at]),
            },
        )
        for which, at in chosen
    ]


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else np.nan


def _plain(value: Any) -> Any:
    """NaN becomes None, which JSON can say."""
    return None if isinstance(value, float) and not np.isfinite(value) else value
