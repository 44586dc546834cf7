"""Ambiguity: where frames that look alike end otherwise, is a model right as often as anyone could be?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.stats import proportion
from worldlaw.measure.rest_outcome import OUTCOMES, Guess, best_guess
from worldlaw.pages.section import Cell, Group, Panel, Row, Section, Table
from worldlaw.pages.svg import INK, MUTED, OOD_COLOR, inline, svg_figure
from worldlaw.pages.wording import NOTHING, percent, pretty
from worldlaw.report.analyses.analysis import Analysis, Evidence, Setting, analyses

SHOWN = {"gap": "through", "offset": "right"}  # attribute -> the outcome whose share is drawn over it
BINS = 24

QUESTION = (
    "A difference of less than a pixel decides where the ball ends. Clips whose given frames are the same, "
    "byte by byte, get the same answer from any predictor; who knows the law can be right only as often as "
    "the commonest outcome among them."
)
KEY = (
    "Share of one outcome over the attribute that decides it. Thin line: the truth; dashed: the best that "
    "can be expected from the given frames; thick line: the rollouts that could be read."
)
NOTES = [
    "Right: the ball of the rollout ends, in the last frame, on the side of the fixed balls where the true "
    "one does (above them, left, right, or between and below them). What is not measured counts as wrong. "
    "Best possible: the bound of Bayes over the test clips; where no two look alike it is 100 %, whether or "
    "not anyone could read so small a difference.",
    "The study shows two examples (Kang et al. 2024, arXiv:2411.02385, figure 10) and no numbers.",
]


@dataclass(frozen=True)
class OutcomeReadings:
    """The rollouts of one predictor in one world, N of them."""

    attribute: np.ndarray  # (N,) m
    true: np.ndarray  # (N,) places in OUTCOMES
    measured: np.ndarray  # (N,) likewise; NaN where not read
    guess: Guess

    @property
    def right(self) -> np.ndarray:
        """(N,) bool."""
        return self.measured == self.true


@analyses.registering("ambiguity")
class Ambiguity(Analysis):
    """How often the outcome is right, beside the best possible, and as a curve over the attribute."""

    def worlds(self, settings: Mapping[str, Setting]) -> list[str]:
        """Worlds whose clips have a gap or an offset."""
        found = [world for world, setting in settings.items() if _attribute(setting)]
        if not found:
            raise BadInput(
                f"ambiguity needs a world whose clips have a {' or an '.join(SHOWN)}, such as scenario: gap"
            )
        return found

    def section(self, evidence: Evidence, slug: str) -> Section:
        """One group of rows per world, and a curve for every model."""
        groups: list[Group] = []
        panels: list[Panel] = []
        said: list[str] = []
        for world in self.worlds(evidence.settings):
            name = _attribute(evidence.settings[world])
            rows = []
            for predictor, kind in evidence.predictors(world):
                read = outcome_readings(evidence, world, predictor, name)
                if not len(read.true):
                    continue
                lost = int(np.isnan(read.measured).sum())
                rows.append(
                    Row(
                        pretty(predictor),
                        [
                            Cell.share(proportion(read.right)),
                            Cell(percent(read.guess.success)),
                            Cell(f"{read.guess.num_looks} of {len(read.true)}"),
                            Cell(f"{lost} of {len(read.true)}"),
                        ],
                    )
                )
                if kind == "model":
                    title = f"{pretty(predictor)} ({pretty(world)})"
                    svg = _figure(read, name, f"{slug}-{len(panels)}", title)
                    panels.append(Panel(title, svg, f"{lost} not measured" if lost else ""))
                    right, best = percent(float(read.right.mean())), percent(read.guess.success)
                    said.append(
                        f"“{pretty(predictor)}” is right in {right} of the clips of {pretty(world)}; "
                        f"the best possible from the same pixels is {best}."
                    )
            groups.append(Group(pretty(world), rows))
        return Section(
            title="Ambiguity: outcomes that hang on less than a pixel",
            question=QUESTION,
            answer=said or [NOTHING],
            table=Table(("right", "best\npossible", "different\nfirst frames", "not\nmeasured"), groups),
            panels=panels,
            key=KEY,
            notes=NOTES,
        )


def outcome_readings(evidence: Evidence, world: str, predictor: str, attribute: str) -> OutcomeReadings:
    """The outcomes of a predictor's rollouts, and what could be expected of them."""
    answers = evidence.answers(world, predictor)
    known = np.flatnonzero(np.isfinite(answers["true_outcome"])).tolist()
    true = answers["true_outcome"][known].astype(int)
    clips = [answers.clips[place] for place in known]
    looks: dict[str, Sequence[str]] = {}
    if evidence.looks is not None:
        looks = {split: evidence.looks(world, split) for split in {split for split, _ in clips}}
    seen = [looks[split][clip] for split, clip in clips]
    return OutcomeReadings(
        np.array([answers.attributes[place][attribute] for place in known], float),
        true,
        answers["measured_outcome"][known],
        best_guess(seen, true.tolist()) if len(known) else Guess(np.nan, np.zeros((0, len(OUTCOMES))), 0),
    )


def _attribute(setting: Setting) -> str:
    """The attribute that decides the outcome; empty if a world has none."""
    return next((name for name in SHOWN if setting.bands(name)), "")


def _figure(read: OutcomeReadings, attribute: str, slug: str, title: str) -> str:
    outcome = OUTCOMES.index(SHOWN[attribute])
    low, high = float(read.attribute.min()), float(read.attribute.max())
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    place = np.clip(np.digitize(read.attribute, edges) - 1, 0, BINS - 1)
    full = np.unique(place)
    at = (edges[full] + edges[full + 1]) / 2
    answered = np.where(np.isfinite(read.measured), read.measured == outcome, np.nan)

    def curve(values: np.ndarray) -> np.ndarray:
        found = [values[(place == its) & np.isfinite(values)] for its in full]
        return np.array([its.mean() if len(its) else np.nan for its in found])

    with svg_figure(290, 200) as figure:
        axes = figure.add_axes((0.2, 0.19, 0.78, 0.78))
        axes.plot(at, curve(read.true == outcome), color=MUTED, linewidth=0.8)
        axes.plot(at, curve(read.guess.expected[:, outcome]), color=OOD_COLOR, linewidth=1, dashes=(3, 2))
        axes.plot(at, curve(answered), color=INK, linewidth=1.4)
        axes.set(ylim=(-0.05, 1.05), xlabel=f"{attribute}, m", ylabel=SHOWN[attribute])
        axes.set_yticks([0, 0.5, 1], labels=["0", "50 %", "100 %"])
        return inline(
            figure, slug, f"share of clips that end {SHOWN[attribute]} over the {attribute}, {title}"
        )
