"""An attribute pair: where colour and size contradict what was taught together, which of them is kept?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.stats import Summary, proportion, summarize
from worldlaw.core.region import Box, Interval, Region
from worldlaw.pages.section import Cell, Group, Panel, Row, Section, Table
from worldlaw.pages.wording import NARROW_SPACE, NOTHING, percent, pretty
from worldlaw.report.analyses.analysis import Analysis, Evidence, Rollouts, Setting, analyses
from worldlaw.report.analyses.scatter_figure import NEW, NEW_DOWN, TRAINED, Axis, scatter

NEEDS = (
    "attribute_pair needs a world that is trained on two boxes that differ in color and in size, such as "
    "[{color: red, size: [0.7, 1.05]}, {color: blue, size: [1.05, 1.4]}]"
)


@dataclass(frozen=True)
class Pair:
    """Two colours, each with a half of the sizes of its own."""

    small: str  # colour of the small half
    large: str
    boundary: float  # m, between the halves
    low: Interval  # m
    high: Interval

    def cells(self) -> list[tuple[str, str, bool]]:
        """(half, colour, trained) of the four combinations, the new ones first."""
        return [
            ("large", self.small, False),
            ("small", self.large, False),
            ("small", self.small, True),
            ("large", self.large, True),
        ]


QUESTION = (
    "Two of the four combinations of colour and size were taught. In the other two, what is kept, and "
    "what becomes as it was in training?"
)
KEY = (
    "Size in m, generated against true. Full line: the truth; dashed line: the boundary between the "
    "halves. Discs: combinations of training. Triangles: new ones, pointing up where the colour was "
    "taught small and down where it was taught large. Strokes at the foot: not measured."
)
NOTES = [
    "Colour kept: the mean colour over the generated frames is nearest, among the named colours, to the "
    "true one. Size less true size: means over the generated frames; who goes the way of training "
    "shrinks a ball whose colour was taught small and grows one whose colour was taught large. Size of "
    "the other half: the mean size lies beyond the boundary between the halves.",
    "The study: Kang et al. 2024, arXiv:2411.02385, trained on small red and large blue; sizes in "
    "between from v1, 147 points read from the vector graphic; extremes only (0.7 and 1.4 m) from v2, "
    "where size switched in all 202 cases.",
]


@analyses.registering("attribute_pair")
class AttributePair(Analysis):
    """Which of colour and size survives in the two combinations that training does not have."""

    def worlds(self, settings: Mapping[str, Setting]) -> list[str]:
        """Worlds that are trained on two of the four combinations; the other two must be tested."""
        found = [world for world, setting in settings.items() if pair_of(setting.training)]
        if not found:
            raise BadInput(f"{NEEDS}; no world is")
        for world in found:
            swapped = _swapped(settings[world].training)
            if not any(region.overlaps(swapped) for region in settings[world].test.values()):
                raise BadInput(
                    f"attribute_pair: no test split of {world} exchanges the colors of its training boxes"
                )
        return found

    def section(self, evidence: Evidence, slug: str) -> Section:
        """One group of rows per combination, and generated against true size for every model."""
        groups: list[Group] = []
        panels: list[Panel] = []
        said: list[str] = []
        worlds = self.worlds(evidence.settings)
        for world in worlds:
            pair = pair_of(evidence.settings[world].training)
            assert pair is not None
            where = f" ({pretty(world)})" if len(worlds) > 1 else ""
            present = [
                (name, kind, evidence.answers(world, name)) for name, kind in evidence.predictors(world)
            ]
            for half, color, trained in pair.cells():
                rows = [
                    Row(pretty(name), _cells(answers, _members(answers, pair, half, color), pair, half))
                    for name, _, answers in present
                    if _members(answers, pair, half, color).any()
                ]
                kind_of = "as trained" if trained else "new"
                if rows:
                    groups.append(Group(f"{half} {color}, {kind_of}{where}", rows))
            for name, kind, answers in present:
                if kind == "model":
                    said.append(f"“{pretty(name)}”{where} {_said(answers, pair)}.")
                    title = pretty(name) + where
                    svg = _figure(answers, pair, f"{slug}-{len(panels)}", title)
                    lost = int(np.isnan(answers["measured_size"]).sum())
                    note = f"{lost} of {len(answers.inside)} not measured" if lost else ""
                    panels.append(Panel(title, svg, note))
        return Section(
            title="Colour against size",
            question=QUESTION,
            answer=said,
            table=Table(
                ("colour kept", "size less true size,\nm", "size of the\nother half", "not\nmeasured"),
                [*groups, STUDY],
            ),
            panels=panels,
            key=KEY,
            notes=NOTES,
        )


STUDY = Group(
    "the study’s red small and blue large",
    [
        Row("large red, sizes in between", [Cell("always"), Cell("−0.021"), Cell(NOTHING), Cell(NOTHING)]),
        Row("small blue, sizes in between", [Cell("always"), Cell("−0.007"), Cell(NOTHING), Cell(NOTHING)]),
        Row("both, extremes only", [Cell("always"), Cell(NOTHING), Cell("202 of 202"), Cell(NOTHING)]),
    ],
)


def pair_of(training: Region) -> Pair | None:
    """The pair of a region; None if it is not two boxes, each of one colour and one range of sizes."""
    if len(training.boxes) != 2:
        return None
    halves = sorted((_size(box), _color(box)) for box in training.boxes if _size(box) and _color(box))
    if len(halves) != 2:
        return None
    (low, small), (high, large) = halves
    assert low is not None
    assert high is not None
    if small == large or low[1] > high[0]:
        return None
    return Pair(small, large, (low[1] + high[0]) / 2, low, high)


def _size(box: Box) -> Interval | None:
    values = box.values.get("size", ())
    return values[0] if len(values) == 1 and not isinstance(values[0], str) else None


def _color(box: Box) -> str:
    values = box.values.get("color", ())
    return values[0] if len(values) == 1 and isinstance(values[0], str) else ""


def _swapped(training: Region) -> Region:
    """The training region with the colours of its two boxes exchanged, less the edges of its sizes."""
    boxes = []
    for box, other in zip(training.boxes, reversed(training.boxes), strict=True):
        low, high = _size(box) or (0.0, 0.0)
        edge = 1e-9 * (high - low)
        boxes.append(
            Box({**box.values, "size": ((low + edge, high - edge),), "color": other.values["color"]})
        )
    return Region(tuple(boxes))


def _members(answers: Rollouts, pair: Pair, half: str, color: str) -> np.ndarray:
    """(N,) bool: the rollouts of one combination, sizes within the halves only."""
    if not len(answers.attributes):
        return np.zeros(0, bool)
    low, high = pair.low if half == "small" else pair.high
    size = answers.attribute("size")
    return (answers.attribute("color") == color) & (size >= low) & (size <= high)


def _cells(answers: Rollouts, members: np.ndarray, pair: Pair, half: str) -> list[Cell]:
    measured, true = answers["measured_size"][members], answers["true_size"][members]
    beyond = measured < pair.boundary if half == "large" else measured > pair.boundary
    return [
        Cell.share(proportion(answers["color_kept"][members])),
        _drift(summarize(measured - true)),
        Cell.share(proportion(np.where(np.isfinite(measured), beyond, np.nan))),
        Cell(f"{int(np.isnan(measured).sum())} of {len(measured)}"),
    ]


def _drift(summary: Summary) -> Cell:
    low, high = _millimetres(summary.low), _millimetres(summary.high)
    between = f"{low}{NARROW_SPACE}–{NARROW_SPACE}{high}" if np.isfinite(summary.low) else ""
    return Cell(_millimetres(summary.mean), between)


def _millimetres(length: float) -> str:
    """A signed length in m to the millimetre."""
    if not np.isfinite(length):
        return NOTHING
    text = f"{length:+.3f}"
    return "0.000" if float(text) == 0 else text.replace("-", "−")


def _said(answers: Rollouts, pair: Pair) -> str:
    new = [(half, color) for half, color, trained in pair.cells() if not trained]
    members = [_members(answers, pair, half, color) for half, color in new]
    kept = proportion(answers["color_kept"][members[0] | members[1]])
    drift = [
        f"a {half} {color} ball changes its size by {_millimetres(mean)} m"
        for (half, color), its in zip(new, members, strict=True)
        if np.isfinite(mean := summarize((answers["measured_size"] - answers["true_size"])[its]).mean)
    ]
    if not kept.num:
        return "could not be measured on the new combinations"
    return f"keeps the colour in {percent(kept.mean)} of the new combinations; {', '.join(drift)}"


def _figure(answers: Rollouts, pair: Pair, slug: str, title: str) -> str:
    true, measured = answers["true_size"], answers["measured_size"]
    color = answers.attribute("color") if len(true) else np.zeros(0, str)
    low, high = 0.8 * pair.low[0], 1.15 * pair.high[1]
    return scatter(
        [
            (true[its], measured[its], style)
            for its, style in (
                (answers.inside, TRAINED),
                (~answers.inside & (color == pair.small), NEW),
                (~answers.inside & (color == pair.large), NEW_DOWN),
            )
        ],
        Axis(low, high, "true size"),
        Axis(low, high, "generated size"),
        slug=slug,
        label=f"generated against true size in m, {title}",
        dashed=(pair.boundary,),
    )
