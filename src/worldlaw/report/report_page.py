"""One self-contained HTML page: the answer first, then the evidence, then all that was left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np

from worldlaw.core.artifact import write_text
from worldlaw.core.numbers.stats import FEWEST_SEEDS
from worldlaw.measure.metrics.caps import IN_WORDS
from worldlaw.pages import wording
from worldlaw.pages.cells import Cells, arrange
from worldlaw.pages.film_strips import BUDGET, FilmStrips, film
from worldlaw.pages.metric_tables import all_metrics, metric_rows
from worldlaw.pages.templates import template
from worldlaw.pages.wording import (
    KIND_WORDS,
    REGION_WORDS,
    align_decimals,
    interval,
    number,
    percent,
    ratio,
)
from worldlaw.report.copies import copies
from worldlaw.report.exclusions import losses, unmeasured_clips
from worldlaw.report.look_sections import look_sections
from worldlaw.report.report_answer import answer
from worldlaw.report.report_figures import MAX_POINTS, SOLVED_ERROR, level_figure, speed_panels
from worldlaw.report.report_input import ReportInput
from worldlaw.report.scaling import scaling_tables
from worldlaw.report.tables import (
    CHARGED,
    ENOUGH,
    ExtremeClip,
    LeaderboardRow,
    extremes,
    nearness,
    order,
    rank,
)


class _Shot(ExtremeClip, total=False):
    which: str
    film: FilmStrips


class _PredictorShots(TypedDict):
    predictor: str
    shots: list[_Shot]


class _ScenarioShots(TypedDict):
    scenario: str
    groups: dict[str, list[_PredictorShots]]


_Shown = Literal[
    "solved",
    "charged_velocity_error",
    "charged_velocity_error_low",
    "charged_velocity_error_high",
    "charged_floor_ratio",
    "measured_share",
]


def write_report(data: ReportInput, path: Path) -> None:
    """Write the page, all at once. Raises BadInput for a table of results that cannot be read."""
    write_text(path, page(data))


def page(data: ReportInput) -> str:
    """The HTML of the page; the same input gives the same text."""
    cells = arrange(data.results)
    board = rank(cells)
    films, num_left_out = _films(data, cells)
    return template("page.html.jinja", Path(__file__).parent).render(
        name=data.name,
        about=[part.strip() for part in data.about.split("\n\n") if part.strip()],
        answer=answer(board),
        regions=cells.regions,
        region_words=REGION_WORDS,
        kind_words=KIND_WORDS,
        main=_main_table(cells, board),
        left_out=data.left_out,
        compares="ID" in cells.regions and "OOD" in cells.regions,
        enough=percent(ENOUGH),
        charged=nearness(cells) == CHARGED,
        solved_error=f"{SOLVED_ERROR:g}",
        sections=[*data.sections, *look_sections(cells, data.sets)],
        speeds=_speeds(data, cells),
        max_points=MAX_POINTS,
        levels=_levels(cells),
        scaling=scaling_tables(cells, data.cards, _laws(data)),
        fewest_seeds=FEWEST_SEEDS,
        most_seeds=max(map(len, cells.seeds.values()), default=1),
        copies=copies(cells),
        films=films,
        films_left_out=num_left_out,
        longest=max((shot["film"].num_frames for shot in _walk(films)), default=0),
        contexts=sorted({shot["film"].context for shot in _walk(films)}),
        metrics=[
            {"scenario": scenario, "tables": [metric_rows(table) for table in all_metrics(cells, scenario)]}
            for scenario in cells.scenarios
        ],
        exclusions=[*data.exclusions, *unmeasured_clips(cells)],
        losses=losses(cells),
        artifacts=data.artifacts,
        manifest=json.dumps(data.manifest, indent=2, sort_keys=True, default=str, ensure_ascii=False),
        glossary=wording.glossary(IN_WORDS),
    )


def _main_table(cells: Cells, board: list[LeaderboardRow]) -> list[dict[str, object]]:
    """Per scenario: rows of texts, with the velocity errors padded to one line of decimal points."""
    tables: list[dict[str, object]] = []
    for scenario in cells.scenarios:
        entries = order(board, scenario)
        columns = {
            region: _region_column([entry["regions"].get(region) for entry in entries])
            for region in cells.regions
        }
        growth = [ratio(_growth(entry["regions"])) for entry in entries]
        kinds = [entry["kind"] for entry in entries]
        rows = [
            {
                "predictor": entry["predictor"],
                "kind": entry["kind"],
                "starts": entry["kind"] not in kinds[:index],
                "num_seeds": len(cells.seeds[scenario, entry["predictor"]]),
                "cells": [columns[region][index] for region in cells.regions],
                "growth": growth[index],
            }
            for index, entry in enumerate(entries)
        ]
        clips = {
            region: max(
                (e["regions"][region]["num_clips"] for e in entries if region in e["regions"]), default=0
            )
            for region in cells.regions
        }
        tables.append({"scenario": scenario, "rows": rows, "clips": clips})
    return tables


def _laws(data: ReportInput) -> dict[str, str]:
    """World -> its scenario, as far as the manifest says."""
    worlds = data.manifest.get("experiment", {}).get("worlds", {})
    return {world: spec.get("scenario") or world for world, spec in worlds.items()}


def _growth(regions: dict[str, LeaderboardRow]) -> float:
    value = next(iter(regions.values()))["ood_id_ratio"] if regions else None
    return np.nan if value is None else float(value)


def _region_column(rows: list[LeaderboardRow | None]) -> list[dict[str, str | bool]]:
    error = align_decimals([number(_float(row, "charged_velocity_error")) for row in rows])
    return [
        {
            "rank": ""
            if row is None or row["rank"] is None
            else str(row["rank"])
            if row["measured_enough"]
            else "†",
            "may_be": _may_be(row),
            "solved": percent(_float(row, "solved")),
            "error": error[index],
            "interval": interval(
                _float(row, "charged_velocity_error_low"), _float(row, "charged_velocity_error_high")
            ),
            "floor_ratio": ratio(_float(row, "charged_floor_ratio")),
            "measured": percent(_float(row, "measured_share")),
            "few": row is not None and not row["measured_enough"],
        }
        for index, row in enumerate(rows)
    ]


def _may_be(row: LeaderboardRow | None) -> str:
    """The ranks that a row may have, if there are several."""
    if row is None or row["rank"] is None or not row["measured_enough"]:
        return ""
    low, high = row["best_rank"], row["worst_rank"]
    return "" if low == high else f"{low}–{high}"


def _float(row: LeaderboardRow | None, key: _Shown) -> float:
    value = None if row is None else row[key]
    return np.nan if value is None else float(value)


def _speeds(data: ReportInput, cells: Cells) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for index, scenario in enumerate(cells.scenarios):
        bands = data.training_speed.get(scenario, [])
        panels = speed_panels(cells, scenario, bands, f"speed{index}")
        if panels:
            found.append({"scenario": scenario, "panels": panels, "bands": bands})
    return found


def _levels(cells: Cells) -> list[dict[str, str]]:
    found = [
        {"scenario": scenario, "svg": level_figure(cells, scenario, f"level{index}")}
        for index, scenario in enumerate(cells.scenarios)
    ]
    return [entry for entry in found if entry["svg"]]


def _films(data: ReportInput, cells: Cells) -> tuple[list[_ScenarioShots], int]:
    """Best and worst clips per scenario, predictor and region; how many had to be left out for size."""
    wanted: list[_ScenarioShots] = []
    for scenario in cells.scenarios:
        groups: dict[str, list[_PredictorShots]] = {"model": [], "reference": []}
        for name, kind in cells.predictors(scenario):
            if kind in groups:
                shots: list[_Shot] = [
                    {"which": which, **about}
                    for region in cells.regions
                    for which, about in extremes(cells, scenario, name, region)
                ]
                if shots:
                    groups[kind].append({"predictor": name, "shots": shots})
        if groups["model"] or groups["reference"]:
            wanted.append({"scenario": scenario, "groups": groups})
    num_wanted = len(list(_walk(wanted)))
    allowance = BUDGET // max(num_wanted, 1)
    for entry in wanted:
        for group in entry["groups"].values():
            for row in group:
                for shot in row["shots"]:
                    at = (entry["scenario"], row["predictor"], shot["split"], shot["clip"], shot["seed"])
                    strips = film(data.example(*at), allowance)
                    if strips is not None:
                        shot["film"] = strips
                row["shots"] = [shot for shot in row["shots"] if "film" in shot]
    return wanted, num_wanted - len(list(_walk(wanted)))


def _walk(films: list[_ScenarioShots]) -> list[_Shot]:
    return [
        shot
        for entry in films
        for group in entry["groups"].values()
        for row in group
        for shot in row["shots"]
    ]
