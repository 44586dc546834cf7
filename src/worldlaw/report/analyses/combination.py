"""Composition: does a model put known objects together in combinations that it was not taught?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.stats import Summary, proportion, summarize
from worldlaw.pages.section import Cell, Group, Panel, Row, Section, Table
from worldlaw.pages.svg import ID_COLOR, MUTED, OOD_COLOR, PAPER, inline, svg_figure
from worldlaw.pages.wording import NOTHING, percent, percents, pretty
from worldlaw.report.analyses.analysis import Analysis, Evidence, Setting, analyses

ATTRIBUTE = "template"
SIDES = (("taught", True), ("new", False))
FAULTS = ("vanish", "duplicate", "deformation", "penetration", "floating", "uncaused_motion", "energy_gain")
LOOKS = {"ssim": "{:.3f}", "psnr": "{:.1f}"}

QUESTION = (
    "Every clip puts four kinds of known objects together, a template. A model that has learnt how each "
    "object behaves draws new templates as well as those that it was taught; one that has learnt templates "
    "does not. More templates usually come with more clips: where two worlds have the same number of clips, "
    "only the templates differ."
)
KEY = (
    "Share of rollouts judged abnormal, with Wilson’s 95 % interval, against the number of templates taught. "
    "Discs: templates that were taught; triangles: new ones. The line is the true videos, judged alike. "
    "Worlds that teach equally many templates stand side by side."
)
NOTES = [
    "Abnormal: at least one of seven physical measures of the tracked rollout exceeds its threshold, which "
    "true clips exceed in at most 1 % together; one rollout can have several faults. Bodies found: intervals "
    "that could be measured as a share of those fully visible in the truth.",
    "The study: Kang et al. 2024, arXiv:2411.02385, table 2 (DiT-XL and B at 256², 100,000 clips each); "
    "ten people judged 120 clips of taught and 100 of new templates.",
]
STUDY = {  # (model, templates) -> SSIM, PSNR and share abnormal, taught and new
    ("XL", 6): ((0.973, 0.943), (32.8, 25.5), (0.03, 0.67)),
    ("XL", 30): ((0.973, 0.950), (32.7, 27.1), (0.03, 0.18)),
    ("XL", 60): ((0.972, 0.951), (32.4, 27.3), (0.02, 0.10)),
    ("B", 60): ((0.967, 0.949), (30.9, 27.0), (0.03, 0.24)),
}


@analyses.registering("combination")
class Combination(Analysis):
    """Share of rollouts judged abnormal, and how they look, on taught and on new templates."""

    def worlds(self, settings: Mapping[str, Setting]) -> list[str]:
        """Worlds of assemblies; each must be tested on templates that it does not teach."""
        found = [world for world, setting in settings.items() if setting.names(ATTRIBUTE)]
        if not found:
            raise BadInput(
                f"combination needs a world whose clips have a {ATTRIBUTE}, such as scenario: assembly"
            )
        for world in found:
            taught = settings[world].names(ATTRIBUTE)
            tests = settings[world].test.values()
            tested = {name for region in tests for name in Setting(region, {}).names(ATTRIBUTE)}
            if tested <= taught:
                raise BadInput(f"combination needs templates in a test of {world} that it does not teach")
        return found

    def section(self, evidence: Evidence, slug: str) -> Section:
        """A group of rows per world, a row per model and side, and the share of the abnormal as a curve."""
        worlds = self.worlds(evidence.settings)
        groups: list[Group] = []
        answer: list[str] = []
        models: list[str] = []
        for world in worlds:
            number = len(evidence.settings[world].names(ATTRIBUTE))
            rows: list[Row] = []
            for name, kind in evidence.predictors(world):
                rows += [
                    Row(f"{pretty(name)}, {side}", _cells(evidence, world, name, inside))
                    for side, inside in SIDES
                ]
                if kind == "model":
                    models += [name] if name not in models else []
            groups.append(Group(f"{pretty(world)}: {number} templates", rows))
        for name in models:
            parts = [_said(evidence, world, name) for world in worlds]
            if any(parts):
                answer.append(f"“{pretty(name)}”: {'; '.join(part for part in parts if part)}.")
        panels = [
            Panel(pretty(name), _figure(evidence, worlds, name, f"{slug}-{index}"))
            for index, name in enumerate(models)
        ]
        columns = (
            "abnormal",
            "bodies\nfound",
            *(pretty(fault).replace(" ", "\n") for fault in FAULTS),
            "SSIM",
            "PSNR,\ndB",
        )
        return Section(
            title="Combination: new templates of known objects",
            question=QUESTION,
            answer=answer,
            table=Table(columns, [*groups, _study()]),
            panels=panels,
            key=KEY,
            notes=NOTES,
        )


def share_abnormal(evidence: Evidence, world: str, predictor: str, *, inside: bool) -> Summary:
    """Share of the rollouts judged abnormal on taught (``inside``) or on new templates, with its interval."""
    where, values = evidence.values(world, predictor, "abnormal")
    return proportion(values[where == inside])


def _cells(evidence: Evidence, world: str, name: str, inside: bool) -> list[Cell]:
    cells = [Cell.share(share_abnormal(evidence, world, name, inside=inside))]
    cells.append(Cell(percent(_mean(evidence, world, name, "measured_share", inside=inside))))
    for fault in FAULTS:
        where, values = evidence.values(world, name, f"abnormal_{fault}")
        found = proportion(values[where == inside])
        cells.append(Cell(percent(found.mean)))
    for look, form in LOOKS.items():
        mean = _mean(evidence, world, name, look, inside=inside)
        cells.append(Cell(form.format(mean) if np.isfinite(mean) else NOTHING))
    return cells


def _mean(evidence: Evidence, world: str, name: str, metric: str, *, inside: bool) -> float:
    where, values = evidence.values(world, name, metric)
    return summarize(values[where == inside]).mean


def _said(evidence: Evidence, world: str, name: str) -> str:
    known, new = (share_abnormal(evidence, world, name, inside=inside) for _, inside in SIDES)
    if not known.num or not new.num:
        return ""
    psnr = [_mean(evidence, world, name, "psnr", inside=inside) for _, inside in SIDES]
    looks = f", PSNR {psnr[0]:.1f} and {psnr[1]:.1f} dB" if np.isfinite(psnr).all() else ""
    return (
        f"{pretty(world)}: {percent(known.mean)} abnormal on taught templates, "
        f"{percent(new.mean)} on new ones ({percents(new.low, new.high)}){looks}"
    )


def _study() -> Group:
    rows = []
    for (size, number), (ssim, psnr, abnormal) in STUDY.items():
        for side in range(2):
            cells = [
                Cell(percent(abnormal[side])),
                *[Cell(NOTHING)] * (1 + len(FAULTS)),
                Cell(f"{ssim[side]:.3f}"),
                Cell(f"{psnr[side]:.1f}"),
            ]
            rows.append(Row(f"DiT-{size}, {number} templates, {SIDES[side][0]}", cells))
    return Group("the study’s table 2", rows)


def _figure(evidence: Evidence, worlds: Sequence[str], name: str, slug: str) -> str:
    numbers = [len(evidence.settings[world].names(ATTRIBUTE)) for world in worlds]
    places = _apart(numbers)
    with svg_figure(290, 200) as figure:
        axes = figure.add_axes((0.2, 0.19, 0.78, 0.78))
        for (_, inside), marker, color, face in zip(
            SIDES, "o^", (ID_COLOR, OOD_COLOR), (ID_COLOR, PAPER), strict=True
        ):
            found = [share_abnormal(evidence, world, name, inside=inside) for world in worlds]
            shares = np.array([one.mean for one in found])
            ends = np.array([[one.mean - one.low, one.high - one.mean] for one in found]).T
            axes.errorbar(
                places + (-0.05 if inside else 0.05),
                shares,
                np.maximum(ends, 0),
                fmt=marker,
                color=color,
                markerfacecolor=face,
                markersize=5.5,
                elinewidth=1,
                zorder=2,
            )
        floors = [
            share_abnormal(evidence, world, "floor", inside=inside) for world in worlds for _, inside in SIDES
        ]
        judged = [one for one in floors if one.num]
        if judged:
            mean = sum(one.mean * one.num for one in judged) / sum(one.num for one in judged)
            axes.axhline(mean, color=MUTED, linewidth=0.8, zorder=1)
        axes.set(xlim=(-0.6, max(places) + 0.6), ylim=(-0.03, 1.03))
        axes.set(xlabel="templates taught", ylabel="abnormal rollouts")
        axes.set_xticks(places, labels=[str(number) for number in numbers])
        axes.set_yticks([0, 0.5, 1], labels=["0", "50 %", "100 %"])
        return inline(figure, slug, f"share of abnormal rollouts by number of templates, {pretty(name)}")


def _apart(numbers: Sequence[int]) -> np.ndarray:
    """Where the marks of worlds stand: in order of their templates, equally many side by side."""
    ranks = {number: rank for rank, number in enumerate(sorted(set(numbers)))}
    seen: dict[int, int] = {}
    places = []
    for number in numbers:
        places.append(ranks[number] + 0.25 * seen.get(number, 0))
        seen[number] = seen.get(number, 0) + 1
    return np.array(places)
