"""The figure of the exam report: the share solved of each law, floor and references beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from worldlaw.core.numbers.stats import Summary
from worldlaw.pages.svg import ID_COLOR, INK, LOST_COLOR, MUTED, OOD_COLOR, PAPER, RULE, inline, svg_figure

COLORS = (ID_COLOR, OOD_COLOR, LOST_COLOR)
MARKERS = ("D", "^", "v", "s", "P", "X")


@dataclass(frozen=True)
class Bar:
    """One line of the figure."""

    name: str
    shares: tuple[Summary, ...]  # of each of those examined
    beside: dict[str, float]  # name -> share of the floor and of references


def share_figure(
    bars: Sequence[Bar], *, names: Sequence[str] = ("answers",), slug: str, axis: str, label: str
) -> str:
    """Shares with their intervals, one line per law; the floor is a stroke, references are empty shapes.

    ``names`` are those examined. Empty if nobody has a share.
    """
    bars = [bar for bar in bars if any(np.isfinite(one.mean) for one in bar.shares)]
    if not bars:
        return ""
    references = list(dict.fromkeys(name for bar in bars for name in bar.beside if name != "floor"))
    step = 11.0
    row = max(24.0, step * len(names) + 8)
    floor = any("floor" in bar.beside for bar in bars)
    keys = [*names, *references, *["floor"] * floor]
    per_line = 3 if max(map(len, keys)) <= 20 else 2
    legend = 15.0 * -(-len(keys) // per_line) + 4
    width, height = 380.0, row * len(bars) + legend + 40
    gutter = min(150.0, 16 + 5.6 * max(len(bar.name) for bar in bars))
    with svg_figure(width, height) as figure:
        axes = figure.add_axes(
            (gutter / width, 34 / height, (width - gutter - 14) / width, row * len(bars) / height)
        )
        for index, bar in enumerate(bars):
            middle = (index + 0.5) * row
            if index:
                axes.axhline(index * row, color=RULE, linewidth=0.6, zorder=0)
            for name, level in bar.beside.items():
                style = _beside(name, references)
                size = row * 0.3
                if name == "floor":
                    axes.plot([level] * 2, [middle - size, middle + size], clip_on=False, zorder=1, **style)
                elif np.isfinite(level):
                    axes.plot([level], [middle], clip_on=False, zorder=2, **style)
            for place, share in enumerate(bar.shares):
                y = middle + (place - (len(names) - 1) / 2) * step
                color = COLORS[place % len(COLORS)]
                if np.isfinite(share.low):
                    axes.plot([share.low, share.high], [y, y], color=color, linewidth=1.6, zorder=3)
                if np.isfinite(share.mean):
                    axes.plot([share.mean], [y], clip_on=False, zorder=4, **_own(place))
        axes.set(xlim=(0, 1), ylim=(row * len(bars), 0), xlabel=axis)
        ticks = [0, 0.25, 0.5, 0.75, 1]
        axes.set_xticks(ticks, labels=[f"{100 * tick:g} %" for tick in ticks])
        axes.set_yticks(
            [(i + 0.5) * row for i in range(len(bars))], labels=[_short(bar.name) for bar in bars]
        )
        axes.tick_params(axis="y", length=0, labelcolor=INK, pad=8)
        axes.spines["left"].set_visible(False)
        _legend(figure, names, references, floor, per_line, width, height)
        return inline(figure, slug, label)


def _own(place: int) -> dict:
    color = COLORS[place % len(COLORS)]
    return {
        "marker": "os^Dv"[place % 5],
        "markersize": 6,
        "linestyle": "none",
        "markerfacecolor": color,
        "markeredgecolor": PAPER,
        "markeredgewidth": 0.6,
    }


def _beside(name: str, references: Sequence[str]) -> dict:
    if name == "floor":
        return {"color": INK, "linewidth": 1.6}
    return {
        "marker": MARKERS[references.index(name) % len(MARKERS)],
        "markersize": 5,
        "linestyle": "none",
        "markerfacecolor": PAPER,
        "markeredgecolor": MUTED,
        "markeredgewidth": 1.1,
    }


def _legend(
    figure: Any,
    names: Sequence[str],
    references: Sequence[str],
    floor: bool,
    per_line: int,
    width: float,
    height: float,
) -> None:
    from matplotlib.lines import Line2D

    entries = [(name, _own(place)) for place, name in enumerate(names)]
    if floor:
        entries.append(("floor", {**_beside("floor", references), "marker": "|", "markersize": 9}))
        entries[-1][1].update(linestyle="none", markeredgecolor=INK, markeredgewidth=1.6)
    entries += [(name.replace("_", " "), _beside(name, references)) for name in references]
    for place, (words, style) in enumerate(entries):
        x, y = place % per_line * width / per_line + 8, height - 10 - 15 * (place // per_line)
        figure.add_artist(Line2D([x / width], [y / height], **style))
        figure.text((x + 9) / width, y / height, _short(words), va="center", fontsize=9.5)


def _short(text: str) -> str:
    return text if len(text) <= 27 else text[:13] + "…" + text[-13:]
