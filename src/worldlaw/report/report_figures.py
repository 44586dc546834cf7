"""Two figures: measured speed against true speed, and velocity error by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Literal, TypedDict

import numpy as np

from worldlaw.core.numbers.stats import Summary
from worldlaw.core.seeding import rng_for
from worldlaw.measure.metrics.caps import SOLVED_ERROR
from worldlaw.pages.cells import Cells, Speeds
from worldlaw.pages.levels import level_groups, side_of
from worldlaw.pages.svg import (
    BAND,
    ID_COLOR,
    INK,
    LOST_COLOR,
    MUTED,
    OOD_COLOR,
    PAPER,
    RULE,
    inline,
    svg_figure,
)
from worldlaw.pages.wording import pretty

MAX_POINTS = 300  # per panel and region
SIDE_MARKERS = {"low": "v", "high": "^", "gap": "D"}
OTHER_MARKERS = "sPX<>*phd8"


class _MarkStyle(TypedDict):
    linestyle: Literal["none"]
    markersize: float
    markeredgewidth: float
    marker: str
    markerfacecolor: str
    markeredgecolor: str


@dataclass(frozen=True)
class SpeedPanel:
    """The plot of one predictor in one scenario."""

    predictor: str
    kind: str
    svg: str
    num_measured: int
    num_pairs: int
    num_drawn: int


def speed_panels(
    cells: Cells, scenario: str, bands: Sequence[Sequence[float]], slug: str
) -> list[SpeedPanel]:
    """Measured against true speed, one panel per predictor, all up to 1.3 times the largest true speed.

    Marks above that stand at the upper edge; bodies whose speed could not be measured stand below zero.
    """
    present = [(name, kind) for name, kind in cells.predictors(scenario) if (scenario, name) in cells.speeds]
    every = [cells.speeds[scenario, name].true for name, _ in present]
    largest = max((float(np.nanmax(true)) for true in every if np.isfinite(true).any()), default=0.0)
    largest = max([largest, *(high for _, high in bands if np.isfinite(high))]) or 1.0
    return [
        _speed_panel(cells.speeds[scenario, name], name, kind, bands, 1.3 * largest, f"{slug}-{index}")
        for index, (name, kind) in enumerate(present)
    ]


def _speed_panel(
    speeds: Speeds, name: str, kind: str, bands: Sequence[Sequence[float]], limit: float, slug: str
) -> SpeedPanel:
    chosen = np.sort(np.concatenate([_few(speeds, region) for region in np.unique(speeds.region)]))
    true, measured, region = speeds.true[chosen], speeds.measured[chosen], speeds.region[chosen]
    seen = np.isfinite(measured)
    bottom = -0.09 * limit
    with svg_figure(170, 170) as figure:
        axes = figure.add_axes((0.16, 0.185, 0.82, 0.8))
        for low, high in bands:
            axes.axvspan(low, high, color=BAND, linewidth=0, zorder=0)
        axes.plot([0, limit], [0, limit], color=MUTED, linewidth=0.8, zorder=1)
        for its, marker, face, edge, size in (
            (region == "ID", "o", ID_COLOR, PAPER, 4.6),
            (region != "ID", "^", "none", OOD_COLOR, 4.8),
        ):
            axes.plot(
                true[its & seen],
                np.clip(measured[its & seen], 0, limit),
                marker,
                linestyle="none",
                markersize=size,
                markerfacecolor=face,
                markeredgecolor=edge,
                markeredgewidth=0.5 if edge == PAPER else 1.0,
                clip_on=False,
                zorder=2,
            )
        axes.plot(
            true[~seen],
            np.full((~seen).sum(), bottom),
            "|",
            color=LOST_COLOR,
            markersize=6,
            markeredgewidth=1,
            clip_on=False,
            zorder=2,
        )
        axes.set(xlim=(0, limit), ylim=(1.5 * bottom, limit), xlabel="true speed", ylabel="measured speed")
        ticks = _ticks(limit)
        axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axes.set_yticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axes.spines["left"].set_bounds(0, limit)
        axes.xaxis.labelpad, axes.yaxis.labelpad = 1.5, 2
        svg = inline(figure, slug, f"measured against true speed in m/s, {pretty(name)}")
    num = int(np.isfinite(speeds.measured).sum())
    return SpeedPanel(name, kind, svg, num, len(speeds.true), len(chosen))


def _few(speeds: Speeds, region: str) -> np.ndarray:
    """At most MAX_POINTS pairs of a region, the same ones for every predictor with as many."""
    at = np.flatnonzero(speeds.region == region)
    if len(at) <= MAX_POINTS:
        return at
    return rng_for(0, "points", region).choice(at, MAX_POINTS, replace=False)


def _ticks(limit: float) -> list[float]:
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 1e9) if limit / step <= 5)
    return [step * index for index in range(int(limit / step) + 1)]


def levels_of(cells: Cells, scenario: str) -> dict[str, tuple[str, ...]]:
    """The levels on which velocity error was measured by their words, in training region first."""
    found = {
        level
        for key, values in cells.per_clip.items()
        if key[0] == scenario and key[2] == "velocity_error"
        for level in values.level
    }
    return level_groups(found)


def level_figure(cells: Cells, scenario: str, slug: str) -> str:
    """Mean velocity error and its interval, predictors in rows, one mark per level; empty without any number.

    The axis is logarithmic where errors differ by more than a factor of 20; zeros then stand at its left end.
    """
    groups = levels_of(cells, scenario)
    levels, styles = list(groups), _styles(groups)
    predictors = list(cells.predictors(scenario))
    summaries = {
        (name, level): cells.get(scenario, name, "velocity_error").where(level=groups[level]).summary()
        for name, _ in predictors
        for level in levels
    }
    means = np.array([entry.mean for entry in summaries.values()])
    positive = means[means > 0]
    if not np.isfinite(means).any():
        return ""
    logarithmic = bool(len(positive)) and positive.max() > 20 * positive.min()
    left = positive.min() / 2 if logarithmic else 0.0
    right = (positive.max() if len(positive) else SOLVED_ERROR) * (2 if logarithmic else 1.15)
    if logarithmic:
        right = max(right, 2 * SOLVED_ERROR)

    step = 9.0  # points between two levels of one predictor
    row = step * max(len(levels), 2) + 9
    per_line = 2 if max(map(len, levels), default=0) <= 26 else 1
    legend = 15.0 * -(-len(levels) // per_line)
    width, height = 350.0, row * len(predictors) + legend + 40
    with svg_figure(width, height) as figure:
        gutter = min(150.0, 12 + 5.6 * max(len(pretty(name)) for name, _ in predictors))
        axes = figure.add_axes(
            (gutter / width, 34 / height, (width - gutter - 8) / width, row * len(predictors) / height)
        )
        for index, (name, _) in enumerate(predictors):
            if index:
                axes.axhline(index * row, color=RULE, linewidth=0.6, zorder=0)
            for place, level in enumerate(levels):
                y = (index + 0.5) * row + (place - (len(levels) - 1) / 2) * step
                _mark(axes, summaries[name, level], y, styles[level], left, right)
        if left < SOLVED_ERROR < right:
            axes.axvline(SOLVED_ERROR, color=MUTED, linewidth=0.8, dashes=(3, 2), zorder=1)
        if logarithmic:
            axes.set_xscale("log")
            ticks = [10.0**power for power in range(-12, 5) if left <= 10.0**power <= right]
            axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
        axes.set(xlim=(left, right), ylim=(row * len(predictors), 0), xlabel="velocity error, m/s")
        axes.set_yticks(
            [(index + 0.5) * row for index in range(len(predictors))],
            labels=[_short(pretty(name)) for name, _ in predictors],
        )
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        _legend(figure, styles, per_line, width, height)
        return inline(figure, slug, f"velocity error by level, {pretty(scenario)}")


def _mark(axes: Any, summary: Summary, y: float, style: _MarkStyle, left: float, right: float) -> None:
    """One mean with its interval; words where there is none."""
    if not np.isfinite(summary.mean):
        across = axes.get_yaxis_transform()
        axes.text(0.0, y, "  not measured", transform=across, color=MUTED, fontsize=8, va="center")
        return
    if np.isfinite(summary.low):
        low, high = np.clip([summary.low, summary.high], left, right)
        axes.plot([low, high], [y, y], color=style["markeredgecolor"], linewidth=1.2, zorder=2)
    axes.plot([np.clip(summary.mean, left, right)], [y], clip_on=False, zorder=3, **style)


def _styles(groups: dict[str, tuple[str, ...]]) -> dict[str, _MarkStyle]:
    """In distribution a full blue disc, every other level an empty orange shape of its own.

    The first low, high and gap are a triangle down, a triangle up and a diamond.
    """
    sides, others = dict(SIDE_MARKERS), cycle(OTHER_MARKERS)
    found: dict[str, _MarkStyle] = {}
    for words, levels in groups.items():
        inside = levels == ("in",)
        marker = "o" if inside else sides.pop(side_of(levels[0]), "") or next(others)
        found[words] = {
            "linestyle": "none",
            "markersize": 5,
            "markeredgewidth": 1,
            "marker": marker,
            "markerfacecolor": ID_COLOR if inside else PAPER,
            "markeredgecolor": ID_COLOR if inside else OOD_COLOR,
        }
    return found


def _legend(figure: Any, styles: dict[str, _MarkStyle], per_line: int, width: float, height: float) -> None:
    from matplotlib.lines import Line2D

    for place, (words, style) in enumerate(styles.items()):
        x, y = place % per_line * width / 2 + 8, height - 10 - 15 * (place // per_line)
        figure.add_artist(Line2D([x / width], [y / height], **style))
        figure.text((x + 9) / width, y / height, words, va="center", fontsize=9.5)


def _short(text: str) -> str:
    return text if len(text) <= 25 else text[:12] + "…" + text[-12:]
