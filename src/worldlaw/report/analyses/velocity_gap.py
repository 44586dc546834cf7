"""A gap in the training speeds: is a speed between two trained bands met, or pulled to one of them?"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.stats import FEWEST as FEWEST_VALUES
from worldlaw.core.numbers.stats import Summary, summarize
from worldlaw.core.region import Interval
from worldlaw.core.seeding import rng_for
from worldlaw.pages.section import Cell, Group, Panel, Row, Section, Table
from worldlaw.pages.wording import NOTHING, interval, number, pretty
from worldlaw.report.analyses.analysis import Analysis, Evidence, Rollouts, Setting, analyses
from worldlaw.report.analyses.scatter_figure import NEW, TRAINED, Axis, scatter

NUM_RESAMPLES = 500
BINS = 24  # of the curve, over the true speeds
FEWEST = 3  # rollouts in a bin of the curve

QUESTION = (
    "Between two bands of training speeds, who knows the law stays on the diagonal; who recalls training "
    "is pulled to one band or the other."
)
KEY = (
    "Mean velocity along the heading in m/s, generated against true. Shaded: speeds in training. "
    "Thin line: the truth; thick line: the mean over clips of like speed. Discs: in the training region; "
    "triangles: outside it. Strokes at the foot: not measured."
)
NOTES = [
    "Error: absolute difference of mean velocities along the heading, over the intervals measured. "
    "Changes bands: the true speed that best parts the rollouts generated below the middle of the gap "
    "from those above, with its 95 % bootstrap interval; who follows the law changes in the middle.",
    "The study: Kang et al. 2024, arXiv:2411.02385, figure 5, coordinates read from the vector graphic; "
    "200,000 training clips a set, model size not stated.",
]


@analyses.registering("velocity_gap")
class VelocityGap(Analysis):
    """Errors in the trained bands and between them, and where generated speeds change bands."""

    def worlds(self, settings: Mapping[str, Setting]) -> list[str]:
        """Worlds whose training speeds have a gap; some test must reach into it."""
        found = [world for world, setting in settings.items() if _gaps(setting)]
        if not found:
            trained = ", ".join(
                f"{[list(band) for band in setting.bands('speed')]} ({world})"
                for world, setting in settings.items()
                if setting.bands("speed")
            )
            raise BadInput(
                "velocity_gap needs a world whose training speeds have a gap, such as "
                f"speed: [[1, 1.25], [3.75, 4]]; found {trained or 'no world with one speed'}"
            )
        for world in found:
            if not _reaches(settings[world]):
                raise BadInput(
                    f"velocity_gap: no test split of {world} reaches into the gap of its training speeds, "
                    f"{' or '.join(f'{low:g} to {high:g} m/s' for low, high in _gaps(settings[world]))}"
                )
        return found

    def section(self, evidence: Evidence, slug: str) -> Section:
        """One group of rows per world, and generated against true speed for every model."""
        groups: list[Group] = []
        panels: list[Panel] = []
        said: list[str] = []
        worlds = self.worlds(evidence.settings)
        for world in worlds:
            setting = evidence.settings[world]
            rows = []
            for name, kind in evidence.predictors(world):
                answers = evidence.answers(world, name)
                switches = [switch(answers, gap) for gap in _gaps(setting)]
                rows.append(Row(pretty(name), _cells(answers, setting, switches)))
                if kind == "model":
                    where = f" ({pretty(world)})" if len(worlds) > 1 else ""
                    said.append(f"“{pretty(name)}”{where}: {_said(answers, setting, switches)}.")
                    title = pretty(name) + where
                    svg = _figure(answers, setting, f"{slug}-{len(panels)}", title)
                    lost = int(np.isnan(answers["measured_velocity"]).sum())
                    note = f"{lost} of {len(answers.inside)} not measured" if lost else ""
                    panels.append(Panel(title, svg, note))
            bands = " and ".join(f"{low:g}–{high:g}" for low, high in setting.bands("speed"))
            groups.append(Group(f"{pretty(world)}: trained at {bands} m/s", rows))
        return Section(
            title="A gap in the training speeds",
            question=QUESTION,
            answer=said,
            table=Table(
                (
                    "mean error in\nthe bands, m/s",
                    "mean error in\nthe gap, m/s",
                    "largest error\nin the gap, m/s",
                    "changes bands\nat m/s",
                    "not\nmeasured",
                ),
                [*groups, STUDY],
            ),
            panels=panels,
            key=KEY,
            notes=NOTES,
        )


STUDY = Group(
    "the study’s figure 5, gap by gap",
    [
        Row(bands, [Cell(inside), Cell(gap), Cell(most), Cell(switched), Cell(NOTHING)])
        for bands, inside, gap, most, switched in (
            ("1–1.25, 3.75–4", "0.023", "0.455", "1.63", "2.4 to 2.9"),
            ("1–1.5, 3.5–4", "0.014", "0.341", "1.25", "about 2.75"),
            ("1–1.75, 3.25–4", "0.015", "0.139", "0.50", NOTHING),
        )
    ],
)


def switch(answers: Rollouts, gap: Interval) -> Summary:
    """The true speed in m/s that best parts generated speeds below the middle of a gap from those above.

    The threshold with the fewest rollouts on the wrong side, the middle of all equally good ones; NaN if all
    rollouts in the gap lie on one side of its middle. With the 95 % percentile-bootstrap interval, rollouts
    resampled: from the lower ends of what is equally good to the upper ends. There is none for fewer than ten
    rollouts; a threshold has no standard error by which resamples could be studentised.
    """
    true, measured = answers["true_velocity"], answers["measured_velocity"]
    among = np.isfinite(measured) & (true > gap[0]) & (true < gap[1])
    order = np.argsort(true[among], kind="stable")
    speed, above = true[among][order], measured[among][order] > sum(gap) / 2
    num, num_nan = len(speed), int(np.isnan(measured).sum())
    if not num or above.all() or not above.any():
        return Summary(np.nan, np.nan, np.nan, num, num_nan)
    mean = float(np.mean(_thresholds(speed, above)))
    if num < FEWEST_VALUES:
        return Summary(mean, np.nan, np.nan, num, num_nan)
    rng = rng_for(0, "bootstrap", "switch")
    drawn = (np.sort(rng.integers(num, size=num)) for _ in range(NUM_RESAMPLES))
    ranges = np.array([_thresholds(speed[rows], above[rows]) for rows in drawn])
    low, high = np.nanpercentile(ranges[:, 0], 2.5), np.nanpercentile(ranges[:, 1], 97.5)
    return Summary(mean, float(low), float(high), num, num_nan)


def _thresholds(speed: np.ndarray, above: np.ndarray) -> tuple[float, float]:
    """The range of the best thresholds for speeds (N,), ascending, and whether each was generated above (N,).

    (NaN, NaN) if all were generated on one side.
    """
    if above.all() or not above.any():
        return np.nan, np.nan
    # Wrong if k lie below the threshold: those of the first k that are above, and those after that are not.
    wrong = np.r_[0, np.cumsum(above)] + np.r_[np.cumsum((~above)[::-1])[::-1], 0]
    best = np.flatnonzero(wrong == wrong.min())
    return float(speed[max(best[0] - 1, 0)]), float(speed[min(best[-1], len(speed) - 1)])


def _cells(answers: Rollouts, setting: Setting, switches: list[Summary]) -> list[Cell]:
    bands, gap = _errors(answers, setting)
    known = gap[np.isfinite(gap)]
    lost = int(np.isnan(answers["measured_velocity"]).sum())
    return [
        Cell.mean(summarize(bands)),
        Cell.mean(summarize(gap)),
        Cell(number(known.max()) if len(known) else NOTHING),
        Cell(
            ", ".join(number(entry.mean) for entry in switches),
            ", ".join(filter(None, (interval(entry.low, entry.high) for entry in switches))),
        ),
        Cell(f"{lost} of {len(answers.inside)}"),
    ]


def _said(answers: Rollouts, setting: Setting, switches: list[Summary]) -> str:
    bands, gap = (summarize(errors) for errors in _errors(answers, setting))
    text = f"mean error {number(bands.mean)} m/s in the bands and {number(gap.mean)} m/s in the gap"
    known = [number(entry.mean) for entry in switches if np.isfinite(entry.mean)]
    if known:
        return f"{text}; generated speeds change bands at a true speed of {' and '.join(known)} m/s"
    return f"{text}; generated speeds never cross the middle of the gap"


def _errors(answers: Rollouts, setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    """Absolute errors in m/s of the rollouts in the training region, and of those in a gap of its speeds."""
    error = np.abs(answers["measured_velocity"] - answers["true_velocity"])
    gap = np.array(
        [
            setting.training.outside(attributes) == ("speed",)
            and setting.training.side("speed", attributes["speed"]) == "gap"
            for attributes in answers.attributes
        ],
        bool,
    )
    return error[answers.inside], error[gap]


def _figure(answers: Rollouts, setting: Setting, slug: str, title: str) -> str:
    true, measured = answers["true_velocity"], answers["measured_velocity"]
    bands = setting.bands("speed")
    known = [*true[np.isfinite(true)], *(end for band in bands for end in band)]
    low, high = 0.9 * min(known, default=0.0), 1.05 * max(known, default=1.0)
    seen = np.isfinite(true) & np.isfinite(measured)
    edges = np.linspace(min(known, default=0.0), max(known, default=1.0), BINS + 1)
    members = [seen & (true >= a) & (true <= b) for a, b in itertools.pairwise(edges)]
    members = [its for its in members if its.sum() >= FEWEST]
    curve = (
        np.array([true[its].mean() for its in members]),
        np.array([measured[its].mean() for its in members]),
    )
    return scatter(
        [
            (true[its], measured[its], style)
            for its, style in ((answers.inside, TRAINED), (~answers.inside, NEW))
        ],
        Axis(low, high, "true speed"),
        Axis(min(0.0, low), 1.2 * high, "generated speed"),
        slug=slug,
        label=f"generated against true speed in m/s, {title}",
        bands=bands,
        curve=curve,
    )


def _gaps(setting: Setting) -> list[Interval]:
    return [(below[1], above[0]) for below, above in itertools.pairwise(setting.bands("speed"))]


def _reaches(setting: Setting) -> bool:
    """Whether some test region has speeds strictly within a gap."""
    tested = [
        value
        for region in setting.test.values()
        for box in region.boxes
        for value in box.values["speed"]
        if not isinstance(value, str)
    ]
    return any(low < gap[1] and high > gap[0] for low, high in tested for gap in _gaps(setting))
