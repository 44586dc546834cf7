"""Error against training clips, a line for every size of model: the figure of scaling."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle, takewhile
from typing import Any

import numpy as np

from worldlaw.core.types import TaughtModel
from worldlaw.pages.cells import Cells
from worldlaw.pages.svg import ID_COLOR, MUTED, OOD_COLOR, PAPER, inline, svg_figure
from worldlaw.pages.wording import (
    pretty,
)

REGIONS = ("ID", "OOD")


MARKERS = "os^Dv<>p"


@dataclass(frozen=True)
class Size:
    """Models that differ in nothing but training clips (and steps): one row, one line."""

    name: str
    about: str  # parameters and steps in words
    parameters: int | None
    predictors: dict[int, str]  # training clips -> predictor, ascending


def sizes_of(cells: Cells, cards: dict[str, TaughtModel], scenario: str) -> list[Size]:
    """The rows of a scenario, small models first; none if nothing differs in clips or parameters.

    Models belong to one row if they are the same but for training clips and steps. A model without a count of
    parameters (one that only remembers) stands here if it was given several numbers of clips.
    """
    rows: dict[tuple[str, int], dict[int, str]] = {}
    for name, kind in cells.predictors(scenario):
        if kind == "model" and name in cards:
            clips = cells.training_clips[scenario, name]
            key, place = _identity(cards[name]), 0
            while clips in rows.get((key, place), {}):
                place += 1
            rows.setdefault((key, place), {})[clips] = name
    sizes = [_size(dict(sorted(names.items())), cards) for names in rows.values()]
    networks = [size for size in sizes if size.parameters is not None]
    several = [size for size in sizes if len(size.predictors) > 1]
    if len({size.parameters for size in networks}) < 2 and not several:
        return []
    shown = [size for size in sizes if size.parameters is not None or len(size.predictors) > 1]
    return sorted(shown, key=lambda size: (size.parameters or 0, size.name))


def _identity(card: TaughtModel) -> str:
    options = {key: value for key, value in card["options"].items() if key != "steps"}
    return json.dumps([card["model"], card["parameters"], options], sort_keys=True)


def _size(predictors: dict[int, str], cards: dict[str, TaughtModel]) -> Size:
    names = list(predictors.values())
    shared = "".join(
        letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    )
    shared = shared.rstrip("_-0123456789") if len(names) > 1 else names[0]
    parameters = cards[names[0]]["parameters"]
    steps = sorted({count for name in names if (count := cards[name]["steps"]) is not None})
    about = [f"{parameters / 1e6:.3g} M parameters"] if parameters is not None else []
    if steps:
        about.append(" to ".join(f"{count:,}" for count in dict.fromkeys((steps[0], steps[-1]))) + " steps")
    return Size(shared or names[0], ", ".join(about), parameters, predictors)


def figure(cells: Cells, scenario: str, sizes: list[Size], regions: list[str], slug: str) -> str:
    """Velocity error against training clips, both logarithmic, one line per size; empty with one column."""
    columns = clip_counts(sizes)
    points = {
        (size.name, place, region): (
            clips,
            cells.get(scenario, name, "velocity_error").where(region=region).summary(),
        )
        for size in sizes
        for place, (clips, name) in enumerate(size.predictors.items())
        for region in regions
    }
    means = np.array([found.mean for _, found in points.values()])
    if len(columns) < 2 or not (means > 0).any():
        return ""
    spread = np.array([[found.low, found.high] for _, found in points.values()]).reshape(-1)
    every = np.concatenate([means, spread])
    every = every[np.isfinite(every) & (every > 0)]
    bottom, top = every.min() / 1.25, every.max() * 1.25

    per_line = 3 if max(len(size.name) for size in sizes) <= 14 else 2
    legend = 15.0 * -(-len(sizes) // per_line)
    width, height = 350.0, 215 + legend
    with svg_figure(width, height) as canvas:
        axes = canvas.add_axes(
            (44 / width, 34 / height, (width - 56) / width, (height - legend - 44) / height)
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        for index, (size, marker) in enumerate(zip(sizes, cycle(MARKERS), strict=False)):
            shift = 1.04 ** (
                index - (len(sizes) - 1) / 2
            )  # side by side, so that intervals can be told apart
            for region in regions:
                color = ID_COLOR if region == "ID" else OOD_COLOR
                its = [points[size.name, place, region] for place in range(len(size.predictors))]
                at = [clips * shift for clips, _ in its]
                axes.plot(at, [found.mean for _, found in its], color=color, linewidth=0.9, zorder=2)
                for x, (_, found) in zip(at, its, strict=True):
                    if np.isfinite(found.low):
                        axes.plot(
                            [x, x], np.clip([found.low, found.high], bottom, top), color=color, zorder=2
                        )
                axes.plot(
                    at,
                    [found.mean for _, found in its],
                    marker,
                    linestyle="none",
                    markersize=5,
                    markerfacecolor=color if region == "ID" else PAPER,
                    markeredgecolor=color,
                    markeredgewidth=1,
                    clip_on=False,
                    zorder=3,
                )
            place = (index % per_line * width / per_line + 8, height - 8 - 15 * (index // per_line))
            _legend_entry(canvas, place, marker, pretty(size.name), width, height)
        axes.set(xlim=(columns[0] / 1.4, columns[-1] * 1.4), ylim=(bottom, top))
        axes.set(xlabel="training clips", ylabel="velocity error, m/s")
        axes.minorticks_off()
        axes.set_xticks(columns, labels=[f"{clips:,}" for clips in columns])
        ticks = _ticks(bottom, top)
        axes.set_yticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        return inline(canvas, slug, f"velocity error against training clips, {pretty(scenario)}")


def _legend_entry(
    canvas: Any, place: tuple[float, float], marker: str, words: str, width: float, height: float
) -> None:
    from matplotlib.lines import Line2D

    x, y = place
    line = Line2D([x / width], [y / height], marker=marker, linestyle="none", markersize=5, color=MUTED)
    canvas.add_artist(line)
    canvas.text((x + 9) / width, y / height, words, va="center", fontsize=9.5)


def _ticks(bottom: float, top: float) -> list[float]:
    """Powers of ten within bounds, and 2 and 5 times them where there are few."""
    steps = (1.0,) if top > 200 * bottom else (1.0, 2.0, 5.0)
    every = [step * 10.0**power for power in range(-12, 5) for step in steps]
    return [tick for tick in every if bottom <= tick <= top]


def clip_counts(sizes: Iterable[Size]) -> list[int]:
    """The numbers of training clips that any of them was taught on, in order."""
    return sorted({clips for size in sizes for clips in size.predictors})
