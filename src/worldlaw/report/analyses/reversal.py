"""Mirrored memorisation: is a motion turned round because its mirror image was nearer to training?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.stats import proportion
from worldlaw.pages.section import Cell, Group, Panel, Row, Section, Table
from worldlaw.pages.wording import NOTHING, join_words, number, percent, percents, pretty
from worldlaw.report.analyses.analysis import Analysis, Evidence, Rollouts, Setting, analyses
from worldlaw.report.analyses.scatter_figure import NEW, TRAINED, Axis, scatter

STILL = 0.1  # m/s: who moves less than this in either direction has not turned round
OPPOSITES = (("right", "left"), ("up", "down"))

QUESTION = (
    "Who was taught fast balls and their mirror images may continue a slow ball backwards, if the mirror "
    "image of its motion is nearer to something taught. Who was taught one direction only has nothing to "
    "turn round to."
)
KEY = (
    "Mean velocity along the heading in m/s, generated against true. Shaded: speeds in training. "
    "Full line: the truth; dashed line: its mirror image. Discs: in the training region; triangles: "
    "outside it. Strokes at the foot: not measured."
)
NOTES = [
    f"Turned round: a mean velocity of less than −{STILL:g} m/s along the heading, over the "
    "intervals measured; the share of rollouts measured, with Wilson’s 95 % interval. New clips lie "
    "outside the training region, trained clips in it.",
    "The study: Kang et al. 2024, arXiv:2411.02385, figure 7, read by eye from the picture; trained at "
    "2.5–4 m/s and tested at 1–2.5 m/s, set 2 with mirrored clips added; sizes of model and data not "
    "stated.",
]


@analyses.registering("reversal")
class Reversal(Analysis):
    """Share of rollouts whose mean velocity is against the heading, by what directions were taught."""

    def worlds(self, settings: Mapping[str, Setting]) -> list[str]:
        """Worlds of one body with a direction; one at least must teach a direction and its opposite."""
        found = [world for world, setting in settings.items() if _has_one_direction(setting)]
        if not any(_both(settings[world]) for world in found):
            raise BadInput(
                "reversal needs a world that is trained on a direction and its opposite, such as "
                f"direction: [right, left]; trained on: {_trained(settings)}"
            )
        return found

    def section(self, evidence: Evidence, slug: str) -> Section:
        """One group of rows per world, and signed velocities for every model."""
        worlds = self.worlds(evidence.settings)
        groups: list[Group] = []
        panels: list[Panel] = []
        said: dict[str, list[str]] = {}
        for world in worlds:
            setting = evidence.settings[world]
            taught = join_words(sorted(setting.names("direction"), reverse=True))
            rows = []
            for name, kind in evidence.predictors(world):
                answers = evidence.answers(world, name)
                rows.append(Row(pretty(name), _cells(answers)))
                if kind == "model":
                    said.setdefault(name, []).append(_said(answers, f"{pretty(world)}, taught {taught}"))
                    title = f"{pretty(name)}, {pretty(world)}"
                    svg = _figure(answers, setting, f"{slug}-{len(panels)}", title)
                    panels.append(Panel(title, svg, _note(answers)))
            groups.append(Group(f"{pretty(world)}: taught {taught}", rows))
        return Section(
            title="Reversal: does a motion turn round?",
            question=QUESTION,
            answer=[f"“{pretty(name)}” turns round {'; '.join(parts)}." for name, parts in said.items()],
            table=Table(
                (
                    "turned round,\nnew clips",
                    "fastest of them,\nm/s",
                    "turned round,\ntrained clips",
                    "not\nmeasured",
                ),
                [*groups, STUDY],
            ),
            panels=panels,
            key=KEY,
            notes=NOTES,
        )


STUDY = Group(
    "the study’s figure 7",
    [
        Row("set 1", [Cell("none"), Cell(NOTHING), Cell(NOTHING), Cell(NOTHING)]),
        Row(
            "set 2",
            [Cell("about 20 clips", "no rate given"), Cell("about 1.5"), Cell(NOTHING), Cell(NOTHING)],
        ),
    ],
)


def turned_back(answers: Rollouts) -> np.ndarray:
    """(N,) 1 where a rollout goes back, 0 where it does not, NaN where it could not be measured."""
    velocity = answers["measured_velocity"]
    return np.where(np.isfinite(velocity), velocity < -STILL, np.nan)


def _cells(answers: Rollouts) -> list[Cell]:
    back, new = turned_back(answers), ~answers.inside
    fastest = answers["true_velocity"][new & (back == 1)]
    return [
        Cell.share(proportion(back[new])),
        Cell(number(fastest.max()) if len(fastest) else NOTHING),
        Cell.share(proportion(back[answers.inside])),
        Cell(f"{_lost(answers)} of {len(back)}"),
    ]


def _said(answers: Rollouts, where: str) -> str:
    new = proportion(turned_back(answers)[~answers.inside])
    if not new.num:
        return f"nothing that could be measured ({where})"
    clips = f"{new.num} new clip{'s' if new.num > 1 else ''}"
    if not new.mean:
        return f"none of {clips} ({where}; at most {percent(new.high)})"
    return f"{percent(new.mean)} of {clips} ({where}; {percents(new.low, new.high)})"


def _figure(answers: Rollouts, setting: Setting, slug: str, title: str) -> str:
    true, measured = answers["true_velocity"], answers["measured_velocity"]
    bands = setting.bands("speed")
    known = [*true[np.isfinite(true)], *(high for _, high in bands)]
    limit = 1.05 * max(known, default=1.0)
    return scatter(
        [
            (true[its], measured[its], style)
            for its, style in ((answers.inside, TRAINED), (~answers.inside, NEW))
        ],
        Axis(0, limit, "true velocity"),
        Axis(-limit, limit, "generated velocity"),
        slug=slug,
        label=f"generated against true velocity in m/s, {title}",
        bands=bands,
        slopes=(1.0, -1.0),
    )


def _lost(answers: Rollouts) -> int:
    return int(np.isnan(answers["measured_velocity"]).sum())


def _note(answers: Rollouts) -> str:
    return f"{_lost(answers)} of {len(answers.inside)} not measured" if _lost(answers) else ""


def _has_one_direction(setting: Setting) -> bool:
    """Whether it is one body's: the attributes of several are numbered, ``speed1`` and ``speed2``."""
    return bool(setting.names("direction") and setting.bands("speed"))


def _both(setting: Setting) -> bool:
    return any({*pair} <= setting.names("direction") for pair in OPPOSITES)


def _trained(settings: Mapping[str, Setting]) -> str:
    said = [
        f"{', '.join(sorted(setting.names('direction')))} ({world})"
        for world, setting in settings.items()
        if _has_one_direction(setting)
    ]
    return ", ".join(said) or "no world of one body with a direction"
