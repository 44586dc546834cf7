"""The figure that all analyses share: what was measured against what was true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worldlaw.core.region import Interval
from worldlaw.core.seeding import rng_for
from worldlaw.pages.svg import BAND, ID_COLOR, INK, LOST_COLOR, MUTED, OOD_COLOR, PAPER, inline, svg_figure

MAX_POINTS = 300  # marks of one kind in a panel
TRAINED = {"marker": "o", "markerfacecolor": ID_COLOR, "markeredgecolor": PAPER, "markeredgewidth": 0.5}
NEW = {"marker": "^", "markerfacecolor": "none", "markeredgecolor": OOD_COLOR, "markeredgewidth": 1.0}
NEW_DOWN = {**NEW, "marker": "v"}


@dataclass(frozen=True)
class Axis:
    """One axis of a panel; values beyond its ends stand at them."""

    low: float
    high: float
    label: str


def scatter(
    points: Sequence[tuple[np.ndarray, np.ndarray, dict]],
    x: Axis,
    y: Axis,
    *,
    slug: str,
    label: str,
    bands: Sequence[Interval] = (),
    slopes: Sequence[float] = (1.0,),
    dashed: Sequence[float] = (),
    curve: tuple[np.ndarray, np.ndarray] | None = None,
) -> str:
    """The SVG of marks (true (N,), measured (N,), style), with lines of these slopes through the origin.

    What could not be measured is a stroke at the lower edge. ``dashed`` are vertical lines; ``curve`` is
    drawn over the marks.
    """
    room = 0.09 * (y.high - y.low)
    with svg_figure(235, 235) as figure:
        axes = figure.add_axes((0.15, 0.15, 0.83, 0.83))
        for low, high in bands:
            axes.axvspan(low, high, color=BAND, linewidth=0, zorder=0)
        ends = np.array([x.low, x.high])
        for index, slope in enumerate(slopes):
            dashes = (3, 2) if index else (None, None)
            axes.plot(ends, slope * ends, color=MUTED, linewidth=0.8, dashes=dashes, zorder=1)
        if y.low < 0:
            axes.axhline(0, color=MUTED, linewidth=0.5, zorder=1)
        for value in dashed:
            axes.axvline(value, color=MUTED, linewidth=0.8, dashes=(3, 2), zorder=1)
        for true, measured, style in points:
            few = _few(len(true))
            true, measured = true[few], measured[few]
            seen = np.isfinite(measured)
            axes.plot(
                true[seen],
                np.clip(measured[seen], y.low, y.high),
                linestyle="none",
                markersize=4.4,
                zorder=2,
                **style,
            )
            axes.plot(
                true[~seen],
                np.full((~seen).sum(), y.low - room),
                "|",
                color=LOST_COLOR,
                markersize=6,
                markeredgewidth=1,
                zorder=2,
            )
        if curve is not None:
            axes.plot(curve[0], np.clip(curve[1], y.low, y.high), color=INK, linewidth=1.4, zorder=3)
        axes.set(xlim=(x.low, x.high), ylim=(y.low - 1.5 * room, y.high), xlabel=x.label, ylabel=y.label)
        axes.set_xticks(_ticks(x), labels=[f"{tick:g}".replace("-", "−") for tick in _ticks(x)])
        axes.set_yticks(_ticks(y), labels=[f"{tick:g}".replace("-", "−") for tick in _ticks(y)])
        axes.spines["left"].set_bounds(y.low, y.high)
        axes.xaxis.labelpad, axes.yaxis.labelpad = 1.5, 1
        return inline(figure, slug, label)


def _few(num: int) -> np.ndarray:
    if num <= MAX_POINTS:
        return np.arange(num)
    return np.sort(rng_for(0, "points", "analysis").choice(num, MAX_POINTS, replace=False))


def _ticks(axis: Axis) -> np.ndarray:
    span = axis.high - axis.low
    step = next((step for step in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0) if span / step <= 6), span)
    first, last = np.ceil(axis.low / step - 1e-9), np.floor(axis.high / step + 1e-9)
    return np.round(np.arange(first, last + 1) * step, 9) + 0.0
