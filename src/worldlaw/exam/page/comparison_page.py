"""A comparison of cards as one self-contained page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from worldlaw.core.artifact import write_text
from worldlaw.exam.cards.card_text import (
    MEASURES,
    amount,
    as_json,
    cell_name,
    chance,
    comparison_heading,
    notes,
    points,
    rank_of,
    ranks,
    spread,
)
from worldlaw.exam.cards.comparison import ComparedPair, Comparison
from worldlaw.exam.page.exam_figures import Bar, share_figure
from worldlaw.pages.templates import template
from worldlaw.pages.wording import NOTHING

MOST_DRAWN = 6  # entrants in the figure


def write_compare_page(found: Comparison, path: Path) -> None:
    """Write the page, all at once."""
    write_text(path, compare_page(found))


def compare_page(found: Comparison) -> str:
    """The HTML of the page; the same comparison gives the same text."""
    return template("compare.html.jinja", Path(__file__).parent).render(
        title=" · ".join(one.label for one in found.entrants[:4]) + (" …" if len(found.entrants) > 4 else ""),
        heading=comparison_heading(found),
        measure=MEASURES[found.metric],
        metric=found.metric,
        answer=_answer(found),
        figure=_figure(found),
        drawn=min(len(found.entrants), MOST_DRAWN),
        num=len(found.entrants),
        cells=[cell_name(cell) for cell in found.cells],
        ranking=[
            {
                "rank": rank_of(found, index),
                "ranks": ranks(entrant),
                "label": entrant.label,
                "gone": entrant.card.summary.all.missing + entrant.card.summary.all.excluded,
                "values": [
                    (amount(found, value.mean) if np.isfinite(value.mean) else NOTHING, spread(found, value))
                    for value in entrant.values
                ],
            }
            for index, entrant in enumerate(found.entrants)
        ],
        tables=[_table(found, index, cell) for index, cell in enumerate(found.cells)],
        notes=list(notes(found)),
        data=json.dumps(as_json(found), indent=1, ensure_ascii=False),
    )


def _answer(found: Comparison) -> list[str]:
    """Who leads, and whether that is shown; the first sentence is the one to remember."""
    first, second = found.entrants[:2]
    lead = next(one for one in found.of_cell(0) if {one.first, one.second} == {0, 1})
    shown = sum(one.is_shown for one in found.of_cell(0))
    among = len(found.of_cell(0))
    verb = {"solved": "solves most", "velocity_error": "has the least velocity error"}
    does = verb.get(found.metric, "has the fewest abnormal answers")
    if lead.is_shown:
        answer = (
            f"{first.label} {does}: {amount(found, first.values[0].mean)}, and its lead is more than chance."
        )
    elif first.values[0].mean == second.values[0].mean:
        answer = (
            f"Nobody leads: {first.label} and {second.label} have the same {found.metric.replace('_', ' ')}."
        )
    else:
        answer = (
            f"{first.label} {does}, {amount(found, first.values[0].mean)}, but that it is better than "
            f"{second.label} is not shown."
        )
    return [
        answer,
        f"Of {among:,} differences over all questions {shown:,} {'is' if shown == 1 else 'are'} shown.",
    ]


def _figure(found: Comparison) -> str:
    if found.metric == "velocity_error":
        return ""
    few = found.entrants[:MOST_DRAWN]
    lines = [few[0].card.summary.all, *few[0].card.summary.scenarios]
    bars = []
    for index, cell in enumerate(found.cells):
        line = next(one for one in lines if (one.scenario, one.filming) == (cell.scenario, cell.filming))
        beside: dict[str, float] = {}
        if found.metric == "solved":
            beside = {name: np.nan if one.solved is None else one.solved for name, one in line.beside.items()}
        bars.append(Bar(cell_name(cell), tuple(one.values[index] for one in few), beside))
    return share_figure(
        bars,
        names=[one.label for one in few],
        slug="shares",
        axis="questions solved" if found.metric == "solved" else "answers abnormal",
        label=f"{MEASURES[found.metric]}, by law",
    )


def _table(found: Comparison, index: int, cell: ComparedPair) -> dict[str, object]:
    """The differences in one cell."""
    rows = [
        {
            "first": found.entrants[one.first].label,
            "second": found.entrants[one.second].label,
            "by": points(found, one.by.mean) if one.by.num else NOTHING,
            "interval": spread(found, one.by).removesuffix("%").rstrip(),
            "scenes": f"{one.num_better:,} : {one.num_worse:,}",
            "chance": chance(one.chance),
            "corrected": chance(one.corrected),
            "shown": one.is_shown,
        }
        for one in found.of_cell(index)
    ]
    shown = sum(bool(row["shown"]) for row in rows)
    return {"name": cell_name(cell), "rows": rows, "shown": shown, "num_questions": len(cell.questions)}
