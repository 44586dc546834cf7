"""How videos look beside the true ones: the study's table, by predictor and split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from worldlaw.measure.sets.set_rows import HALVES, SetRow
from worldlaw.pages.cells import KINDS, Cells
from worldlaw.pages.section import Cell, Group, Row, Section, Table
from worldlaw.pages.wording import NOTHING, interval, number, pretty

# Results key -> heading, in the study's order. What is per clip stands in the results, the rest in set rows.
PER_CLIP = ("ssim", "psnr", "lpips")
HEADINGS = {
    "fvd": "FVD",
    "ssim": "SSIM",
    "psnr": "PSNR\ndB",
    "lpips": "LPIPS",
    "track_frechet": "Fréchet\nof tracks",
}
FEW = "†"
QUESTION = (
    "The numbers by which videos are usually judged, in the order of the study's table. None of them says "
    "whether a law is kept."
)
NOTES = (
    "SSIM, PSNR and LPIPS are means over the generated frames and over clips, each clip beside its own "
    "truth. FVD and the Fréchet distance of tracks compare sets: they do not know which clip answers which "
    "question. Smaller is better for FVD, LPIPS and tracks, larger for SSIM and PSNR.",
    "Tracks of rollouts are compared with tracks of the true videos; those of references, and of the true "
    "videos themselves (floor), with the true motions. True clips, halved: every other true video against "
    "the rest, as far as two samples of the truth are apart; less with more clips. Mostly: the feature of "
    "the tracks in which the two sets differ most taken alone.",
)


def look_sections(cells: Cells, rows: Sequence[SetRow]) -> list[Section]:
    """The section, or none where no number about sets was asked for."""
    if not rows:
        return []
    asked = {row.name for row in rows}
    names = [name for name in HEADINGS if name in asked or (name in PER_CLIP and name in cells.units)]
    groups = []
    for world, split in dict.fromkeys((row.world, row.split) for row in rows):
        here = [row for row in rows if (row.world, row.split) == (world, split)]
        groups.append(Group(f"{pretty(world)}, {pretty(split)}", _lines(cells, here, (world, split), names)))
    notes = list(NOTES)
    few = {row.name: row.features for row in rows if row.value is not None and row.clips <= row.features}
    if few:
        sizes = ", ".join(f"{_heading(name)} {features}" for name, features in few.items())
        notes.append(
            f"{FEW} fewer clips than a distance has features ({sizes}): it is too large by an amount that "
            "depends on the number of clips; compare only with as many."
        )
    without = [row for row in rows if row.note and row.value is None]
    missing = dict.fromkeys(f"{_heading(row.name)} {row.note}." for row in without)
    used = dict.fromkeys(f"{_heading(row.name)} with {row.weights}." for row in rows if row.weights)
    return [
        Section(
            title="The look",
            question=QUESTION,
            answer=[],
            table=Table([HEADINGS[name] for name in names], [group for group in groups if group.rows]),
            panels=[],
            key="",
            notes=[*notes, *missing, *used],
        )
    ]


def _heading(name: str) -> str:
    return HEADINGS[name].replace("\n", " ")


def _lines(cells: Cells, here: list[SetRow], place: tuple[str, str], names: list[str]) -> list[Row]:
    """The rows of one world and split: the floor, then codecs, models and references."""
    present = {row.predictor: row.kind for row in here if row.predictor}
    if set(names) & set(PER_CLIP):
        present |= {name: kind for name, kind in cells.predictors(place[0]) if kind != "reference"}
    order = sorted(present, key=lambda name: (KINDS.index(present[name]), name == HALVES))
    lines = []
    for predictor in order:
        its = [row for row in here if row.predictor == predictor]
        lines.append(
            Row(
                pretty(predictor),
                [
                    Cell.mean(cells.get(place[0], predictor, name).where(split=place[1]).summary())
                    if name in PER_CLIP
                    else _cell([row for row in its if row.name == name])
                    for name in names
                ],
            )
        )
    return lines


def _cell(rows: list[SetRow]) -> Cell:
    """One number of a predictor, from a row for each of its training seeds."""
    values = [row.value for row in rows if row.value is not None]
    if not values:
        return Cell(NOTHING)
    few = FEW if rows[0].clips <= rows[0].features else ""
    said = [f"mostly {pretty(name)}" for name in dict.fromkeys(row.most for row in rows) if name]
    if len(values) > 1:
        said = [f"{interval(min(values), max(values))} over {len(values)} training seeds", *said]
    return Cell(number(float(np.mean(values))) + few, ", ".join(said))
