"""How videos look beside the true ones: the study's table, by predictor and split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from worldlaw.exam.sets import HALVES, SetRow
from worldlaw.report.analyses.section import Cell, Group, Row, Section, Table
from worldlaw.report.cells import KINDS, Cells
from worldlaw.report.wording import NOTHING, interval, number, pretty

# Results key -> heading, in the study's order. What is per clip stands in the results, the rest in set rows.
PER_CLIP = ("ssim", "psnr")
HEADINGS = {
    "fvd": "FVD",
    "ssim": "SSIM",
    "psnr": "PSNR\ndB",
    "lpips": "LPIPS",
    "track_frechet": "tracks\nFréchet",
}
QUESTION = (
    "The numbers by which videos are usually judged, in the order of the study's table. None of them says "
    "whether a law is kept."
)
NOTES = (
    "SSIM, PSNR and LPIPS are means over the generated frames and over clips, each clip beside its own "
    "truth. FVD and the Fréchet distance of tracks compare sets: they do not know which clip answers which "
    "question. Smaller is better for FVD, LPIPS and tracks, larger for SSIM and PSNR.",
    "Floor: the tracks of the true videos against the true motions. True clips, halved: every other true "
    "clip against the rest, as far as two samples of the truth are apart; less with more clips.",
)


def look_sections(cells: Cells, rows: Sequence[SetRow]) -> list[Section]:
    """The section, or none where no number about sets was asked for."""
    if not rows:
        return []
    asked = {row.name for row in rows}
    names = [name for name in HEADINGS if name in asked or (name in PER_CLIP and name in cells.units)]
    groups = [
        Group(f"{pretty(world)}, {pretty(split)}", _lines(cells, rows, (world, split), names))
        for world, split in dict.fromkeys((row.world, row.split) for row in rows)
    ]
    remarks = dict.fromkeys(f"{HEADINGS[row.name].split()[0]}: {row.note}." for row in rows if row.note)
    return [
        Section(
            title="The look",
            question=QUESTION,
            answer=[],
            table=Table([HEADINGS[name] for name in names], [group for group in groups if group.rows]),
            panels=[],
            key="",
            notes=[*NOTES, *remarks],
        )
    ]


def _lines(cells: Cells, rows: Sequence[SetRow], place: tuple[str, str], names: Sequence[str]) -> list[Row]:
    here = [row for row in rows if (row.world, row.split) == place]
    present = {row.predictor: row.kind for row in here if row.predictor}
    if set(names) & set(PER_CLIP):
        drawn = {name: kind for name, kind in cells.predictors(place[0]) if kind != "reference"}
        present = {**drawn, **present}
    order = sorted(present, key=lambda name: (KINDS.index(present[name]), name == HALVES))
    return [
        Row(pretty(predictor), [_cell(cells, here, place, predictor, name) for name in names])
        for predictor in order
    ]


def _cell(cells: Cells, here: Sequence[SetRow], place: tuple[str, str], predictor: str, name: str) -> Cell:
    if name in PER_CLIP:
        return Cell.mean(cells.get(place[0], predictor, name).where(split=place[1]).summary())
    found = [row for row in here if (row.predictor, row.name) == (predictor, name)]
    values = [row.value for row in found if row.value is not None]
    if not values:
        return Cell(NOTHING)
    clips = f"{found[0].clips} clips"
    if len(values) > 1:
        between = f"{interval(min(values), max(values))} over {len(values)} training seeds"
        return Cell(number(float(np.mean(values))), f"{between}, {clips}")
    between = interval(*found[0].interval) if found[0].interval else ""
    return Cell(number(values[0]), ", ".join(part for part in (between, clips) if part))
