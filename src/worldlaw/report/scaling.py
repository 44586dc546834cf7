"""Error against training clips and size of the model: what more of either buys, ID and OOD."""

from __future__ import annotations

import numpy as np

from worldlaw.core.numbers.permutation import LEVEL
from worldlaw.core.numbers.stats import CONFIDENCE, Summary, log_slope
from worldlaw.core.types import TaughtModel
from worldlaw.pages.cells import Cells
from worldlaw.pages.wording import (
    NOTHING,
    REGION_WORDS,
    align_decimals,
    interval,
    join_words,
    number,
    percent,
    pretty,
)
from worldlaw.report.scaling_figure import REGIONS, Size, clip_counts, figure, sizes_of

FLAT = 1.25  # an error that changes by less than this factor for ten times the clips is said to hardly change
ENOUGH = 0.95  # a smaller measured share is written beside an error
ERRORS = {
    "velocity_error": "Velocity error, m/s",
    "charged_velocity_error": "Charged velocity error, m/s, in which what could not be measured is charged",
    "mean_velocity_error": "Mean velocity error, m/s, the nearest to what the study printed",
}
PER_TENFOLD = "for ten times the clips"

# Law -> model, parameters in millions -> training clips -> (ID, OOD). Kang et al. 2024 (arXiv:2411.02385),
# figure 3; the numbers are the authors' own, in issue 7 of github.com/phyworld/phyworld.
STUDY: dict[str, dict[tuple[str, float], dict[int, tuple[float, float]]]] = {
    "uniform_motion": {
        ("DiT-S", 22.5): {
            30_000: (0.0221, 0.4349),
            300_000: (0.0184, 0.2929),
            3_000_000: (0.0149, 0.2875),
        },
        ("DiT-B", 89.5): {
            30_000: (0.0166, 0.4330),
            300_000: (0.0148, 0.3281),
            3_000_000: (0.0138, 0.3583),
        },
        ("DiT-L", 310.0): {
            30_000: (0.0150, 0.3783),
            300_000: (0.0140, 0.3847),
            3_000_000: (0.0124, 0.4270),
        },
    }
}
STUDY_NOTE = (
    "Kang et al. 2024 (arXiv:2411.02385), figure 3, numbers from the authors (issue 7 of their repository): "
    "one run a cell, so no intervals; 32 frames, training clips mirrored half of the time. Its error is that "
    "of the mean velocity along x and leaves out most small balls: compare how it changes, not its digits."
)


Asked = tuple[str, Size, str]  # scenario, size, region


def scaling_tables(
    cells: Cells, cards: dict[str, dict[str, TaughtModel]], laws: dict[str, str]
) -> list[dict[str, object]]:
    """For every scenario in which models differ in training clips or size: sentences, a figure, tables.

    ``cards`` are scenario -> model that learns -> model, options, parameters, steps; ``laws`` scenario ->
    registered scenario, by which the study's numbers are found.
    """
    found: list[dict[str, object]] = []
    regions = [region for region in REGIONS if region in cells.regions]
    every = {scenario: sizes_of(cells, cards.get(scenario, {}), scenario) for scenario in cells.scenarios}
    verdicts = verdicts_of(
        cells,
        [
            (scenario, size, region)
            for scenario, sizes in every.items()
            for region in regions
            for size in sizes
        ],
    )
    for index, (scenario, sizes) in enumerate(every.items()):
        if not sizes or not regions:
            continue
        tables = [
            _table(cells, scenario, sizes, regions, metric, title)
            for metric, title in ERRORS.items()
            if metric in cells.units
            and (metric != "charged_velocity_error" or _lossy(cells, scenario, sizes))
        ]
        if laws.get(scenario, scenario) in STUDY:
            tables.append(_study_table(STUDY[laws.get(scenario, scenario)], regions))
        found.append(
            {
                "scenario": scenario,
                "sentences": _sentences(
                    [(one[1], one[2], said) for one, said in verdicts if one[0] == scenario]
                ),
                "svg": figure(cells, scenario, sizes, regions, f"scaling{index}"),
                "tables": tables,
            }
        )
    return found


def slope(
    cells: Cells,
    scenario: str,
    size: Size,
    region: str,
    metric: str = "velocity_error",
    *,
    confidence: float = CONFIDENCE,
) -> Summary:
    """Slope of log error on log training clips with its interval over clips and trainings."""
    parts = [cells.get(scenario, name, metric).where(region=region) for name in size.predictors.values()]
    known = [
        dict(zip(zip(part.split, part.clip.tolist(), strict=True), part.by_seed, strict=True))
        for part in parts
    ]
    clips = sorted({clip for its in known for clip in its})
    values = [
        np.array([its.get(clip, np.full(part.by_seed.shape[1], np.nan)) for clip in clips]).reshape(
            len(clips), -1
        )
        for its, part in zip(known, parts, strict=True)
    ]
    return log_slope(list(size.predictors), values, confidence=confidence)


def verdict(low: float, high: float) -> str:
    """What the interval of a slope says: ``flat``, ``falls``, ``rises`` or ``open``.

    ``flat`` is an equivalence test: the whole interval lies within a factor of 1.25 for ten times the clips.
    """
    margin = np.log10(FLAT)
    if -margin < low and high < margin:
        return "flat"
    return "falls" if high < 0 else "rises" if low > 0 else "open"


def verdicts_of(cells: Cells, asked: list[Asked]) -> list[tuple[Asked, str]]:
    """What is said of each slope, so that in 95 of 100 reports nothing is said that is not so.

    Holm's correction (1979) by intervals: each of n slopes has its interval at level 1 - 0.05 / n; those of
    which that decides are told, and the others looked at once more with n as many as are left. A slope
    without an interval is not looked at.
    """
    left = [one for one in asked if np.isfinite(slope(cells, *one).low)]
    found: list[tuple[Asked, str]] = []
    while left:
        ends = [slope(cells, *one, confidence=1 - LEVEL / len(left)) for one in left]
        said = [(one, verdict(end.low, end.high)) for one, end in zip(left, ends, strict=True)]
        decided = [pair for pair in said if pair[1] != "open"]
        if not decided:
            found += said
            break
        found += decided
        left = [one for one, what in said if what == "open"]
    order = [id(one) for one in asked]
    return sorted(found, key=lambda pair: order.index(id(pair[0])))


def _sentences(found: list[tuple[Size, str, str]]) -> list[str]:
    """Of sizes, regions and verdicts."""
    words = {
        "falls": "falls with more training clips for {}",
        "rises": "rises with more training clips for {}",
        "flat": f"hardly changes with training clips for {{}}: by less than a factor of {FLAT:g} "
        f"{PER_TENFOLD}, interval and all",
        "open": "cannot be said to fall, to rise or to stay for {}",
    }
    sentences = []
    for region in dict.fromkeys(region for _, region, _ in found):
        said: dict[str, list[str]] = {}
        for size, its, what in found:
            if its == region:
                said.setdefault(what, []).append(f"“{pretty(size.name)}”")
        parts = [text.format(join_words(said[key])) for key, text in words.items() if key in said]
        if parts:
            where = REGION_WORDS[region]
            sentences.append(f"{where[:1].upper()}{where[1:]}, the error {'; it '.join(parts)}.")
    return sentences


def _lossy(cells: Cells, scenario: str, sizes: list[Size]) -> bool:
    """Whether anything of any of these models' rollouts could not be measured."""
    every = [
        cells.get(scenario, name, "measured_share") for size in sizes for name in size.predictors.values()
    ]
    return any((share.by_seed < 1).any() for share in every)


def _measured(cells: Cells, scenario: str, name: str, region: str) -> str:
    """The measured share, where it is not as good as all."""
    share = cells.get(scenario, name, "measured_share").where(region=region).summary().mean
    return f"{percent(share)} measured" if share < ENOUGH else ""


def _table(
    cells: Cells, scenario: str, sizes: list[Size], regions: list[str], metric: str, title: str
) -> dict[str, object]:
    columns = clip_counts(sizes)
    with_slope = any(len(size.predictors) > 1 for size in sizes)
    texts = []
    for size in sizes:
        row = []
        for region in regions:
            for clips in columns:
                name = size.predictors.get(clips, "")
                found = cells.get(scenario, name, metric).where(region=region).summary()
                few = _measured(cells, scenario, name, region) if metric == "velocity_error" else ""
                row.append((number(found.mean), interval(found.low, found.high), few))
            if with_slope:
                row.append(_factor(slope(cells, scenario, size, region, metric)))
        texts.append(row)
    heads = [f"{clips:,} clips" for clips in columns] + ([PER_TENFOLD] if with_slope else [])
    note = ""
    if with_slope and metric == "velocity_error":
        note = (
            f"{PER_TENFOLD.capitalize()}: the factor by which the error changes, from the slope of log error "
            "on log training clips, with its interval over clips and trainings, not corrected; the sentences "
            "above are (Holm, all slopes of this report together). Two trainings of a cell give "
            "its mean no interval; the slope pools how trainings of all cells differ."
        )
    rows = [(size.name, size.about, row) for size, row in zip(sizes, texts, strict=True)]
    return _laid_out(title, regions, heads, rows, note)


def _study_table(
    numbers: dict[tuple[str, float], dict[int, tuple[float, float]]], regions: list[str]
) -> dict[str, object]:
    rows = []
    for (name, millions), cells in numbers.items():
        row = []
        for region in regions:
            errors = {clips: pair[REGIONS.index(region)] for clips, pair in cells.items()}
            row += [(number(error), "", "") for error in errors.values()]
            found = log_slope(list(errors), [np.full((1, 1), error) for error in errors.values()])
            row.append(_factor(found))
        rows.append((name, f"{millions:g} M parameters", row))
    heads = [f"{clips:,} clips" for clips in next(iter(numbers.values()))] + [PER_TENFOLD]
    return _laid_out("The study", regions, heads, rows, STUDY_NOTE)


def _laid_out(
    title: str,
    regions: list[str],
    heads: list[str],
    rows: list[tuple[str, str, list[tuple[str, str, str]]]],  # name, about, (mean, interval, measured share)
    note: str,
) -> dict[str, object]:
    """A table as the page takes it, each column's numbers on one line of decimal points."""
    means = [align_decimals([row[at][0] for _, _, row in rows]) for at in range(len(heads) * len(regions))]
    return {
        "title": title,
        "regions": regions,
        "columns": heads,
        "rows": [
            {
                "name": name,
                "about": about,
                "cells": [
                    {"mean": means[at][index], "interval": bounds, "few": few, "starts": at % len(heads) == 0}
                    for at, (_, bounds, few) in enumerate(row)
                ],
            }
            for index, (name, about, row) in enumerate(rows)
        ],
        "note": note,
    }


def _factor(found: Summary) -> tuple[str, str, str]:
    """A slope as the factor for ten times the clips."""
    if not np.isfinite(found.mean):
        return NOTHING, "", ""
    bounds = interval(10**found.low, 10**found.high) if np.isfinite(found.low) else ""
    return f"{10**found.mean:.2f}×", bounds, ""
