"""A card, and a comparison of cards, as lines for a terminal; the comparison as plain data, too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from worldlaw.core.numbers.permutation import LEVEL
from worldlaw.core.numbers.stats import Summary
from worldlaw.exam.cards.card_format import Card
from worldlaw.exam.cards.comparison import ComparedPair, Comparison, Difference, Entrant
from worldlaw.pages.wording import NOTHING, interval, join_words, number, percent, percents, pretty

MEASURES = {
    "solved": "share of questions solved",
    "velocity_error": "velocity error, unmeasured intervals and missing answers charged, m/s",
    "abnormal": "share of questions answered with an abnormal clip",
}
FEW = 6  # entrants, up to which every pair gets its sentence


def lines(found: Comparison) -> Iterator[str]:
    """The comparison as lines for a terminal."""
    yield comparison_heading(found)
    yield f"{MEASURES[found.metric]}; mean over questions and 95 % interval over their scenes"
    for index, cell in enumerate(found.cells):
        yield ""
        yield f"{cell_name(cell)}: {len(cell.questions)} questions"
        yield from _table(found, index)
    yield ""
    yield from sentences(found)
    yield from notes(found)


def card_lines(card: Card) -> Iterator[str]:
    """The summary of one card as lines for a terminal."""
    every = [card.summary.all, *(card.summary.scenarios if len(card.summary.scenarios) > 1 else [])]
    names = [
        "solved" if line.scenario is None else f"  {pretty(line.scenario)}, {line.filming}" for line in every
    ]
    for name, line in zip(names, every, strict=True):
        if line.solved is None:
            yield f"{name}: nobody can be judged on these {line.num_questions:,} questions"
            continue
        low, high = (math.nan if end is None else end for end in (line.solved.low, line.solved.high))
        text = (
            f"{percent(line.solved.share):>6}  {percents(low, high):>12}  of {line.num_questions:,} questions"
        )
        abnormal = "" if line.abnormal is None else f"; {percent(line.abnormal.share)} abnormal"
        yield f"{name:<{max(map(len, names))}}  {text}{abnormal}"


def comparison_heading(found: Comparison) -> str:
    """Which questions these are."""
    card = found.entrants[0].card
    video = card.video
    return (
        f"paper {card.paper.name} {card.paper.version} ({card.paper.set}), {video.width}x{video.height}, "
        f"{video.num_frames} frames at {video.fps:g} Hz, {video.context} given"
    )


def sentences(found: Comparison) -> Iterator[str]:
    """What is shown and what is not, over all questions and then in each cell."""
    overall = found.of_cell(0)
    if len(found.entrants) > FEW:  # neighbours only; all are in the data
        overall = [one for one in overall if one.second == one.first + 1]
        yield "neighbours in the ranking, over all questions:"
    else:
        yield "over all questions:"
    yield from (f"  {difference_in_words(found, one)}" for one in overall)
    for index, cell in enumerate(found.cells[1:], start=1):
        every = found.of_cell(index)
        shown = [one for one in every if one.is_shown]
        yield f"{cell_name(cell)}: {len(shown):,} of {_counted(len(every), 'difference')} shown"
        yield from (f"  {difference_in_words(found, one)}" for one in shown)
        hidden = [one for one in every if not one.is_shown]
        if hidden and len(found.entrants) <= FEW:
            pairs = (" and ".join(found.entrants[i].label for i in (one.first, one.second)) for one in hidden)
            yield f"  not shown: {'; '.join(pairs)}"


def difference_in_words(found: Comparison, one: Difference) -> str:
    """One difference in words."""
    first, second = found.entrants[one.first].label, found.entrants[one.second].label
    if not one.by.num:
        return f"not shown: {first} and {second} have no question in common that both have a number for"
    if one.by.mean == 0:
        return f"not shown: {first} and {second} differ by nothing{_between(found, one.by)}"
    size = f"by {points(found, one.by.mean)}{_between(found, one.by)}"
    tail = (
        f"better on {one.num_better:,}, worse on {_counted(one.num_worse, 'scene')}, "
        f"p = {chance(one.chance)}, {chance(one.corrected)} corrected"
    )
    if one.is_shown:
        return f"{first} is better than {second} {size}; {tail}"
    return f"not shown: {first} ahead of {second} {size}; {tail}"


def notes(found: Comparison) -> Iterator[str]:
    """How it was decided, and what to know of single cards."""
    yield (
        "shown: the better mean is better on more scenes, too, with p of at most "
        f"{LEVEL:g} by the exact sign test, whose null hypothesis is that either is as often the better one "
        f"of a scene, corrected for all {_counted(len(found.differences), 'difference')} looked at (Holm); "
        "intervals are of the mean difference, not corrected, and none over fewer than ten scenes"
    )
    for entrant in found.entrants:
        line = entrant.card.summary.all
        gone = [
            f"{count:,} {what}"
            for count, what in ((line.missing, "missing"), (line.excluded, "excluded"))
            if count
        ]
        if gone:
            yield f"{entrant.label}: {join_words(gone)} of its answers count as unsolved"
    for one, other in found.same_answers:
        names = found.entrants[one].label, found.entrants[other].label
        yield f"{names[0]} and {names[1]} are the same files of answers"
    yield from _left_out(found)


def as_json(found: Comparison) -> dict[str, object]:
    """The comparison as plain data; what is not known is null."""
    first = found.entrants[0].card
    return {
        "paper": first.paper.model_dump(),
        "video": first.video.model_dump(),
        "metric": found.metric,
        "level": LEVEL,
        "cells": [
            {"scenario": cell.scenario, "filming": cell.filming, "questions": len(cell.questions)}
            for cell in found.cells
        ],
        "ranking": [
            {
                "rank": rank_of(found, index),
                "best_rank": entrant.best_rank,
                "worst_rank": entrant.worst_rank,
                "model": entrant.label,
                "card": str(entrant.path),
                "missing": entrant.card.summary.all.missing,
                "excluded": entrant.card.summary.all.excluded,
                "values": [_plain(value) for value in entrant.values],
            }
            for index, entrant in enumerate(found.entrants)
        ],
        "differences": [
            {
                "cell": one.cell,
                "better": found.entrants[one.first].label,
                "worse": found.entrants[one.second].label,
                "by": _plain(one.by),
                "better_scenes": one.num_better,
                "worse_scenes": one.num_worse,
                "p": one.chance,
                "p_corrected": one.corrected,
                "shown": one.is_shown,
            }
            for one in found.differences
        ],
        "same_answers": [[found.entrants[index].label for index in pair] for pair in found.same_answers],
        "notes": list(notes(found)),
    }


def rank_of(found: Comparison, index: int) -> int:
    """The place of an entrant over all questions; equal values share the better one."""
    means = [entrant.values[0].mean for entrant in found.entrants]
    return 1 + next((at for at, mean in enumerate(means) if mean == means[index]), index)


def ranks(entrant: Entrant) -> str:
    """The places that an entrant may have, by what is shown."""
    low, high = entrant.best_rank, entrant.worst_rank
    return str(low) if low == high else f"{low}–{high}"


def cell_name(cell: ComparedPair) -> str:
    """What the questions of a cell are about."""
    return "all questions" if cell.scenario is None else f"{pretty(cell.scenario)}, {cell.filming}"


def amount(found: Comparison, value: float) -> str:
    """A value of the metric."""
    return f"{number(value)} m/s" if found.metric == "velocity_error" else percent(value)


def points(found: Comparison, value: float) -> str:
    """A difference of two values of the metric; of shares in percentage points."""
    return amount(found, value) if found.metric == "velocity_error" else f"{100 * value:.0f} points"


def spread(found: Comparison, value: Summary) -> str:
    """The interval of a value of the metric."""
    return (interval if found.metric == "velocity_error" else percents)(value.low, value.high)


def chance(value: float) -> str:
    """A p-value."""
    return f"{value:.1e}" if value < 1e-3 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def _table(found: Comparison, cell: int) -> Iterator[str]:
    everywhere = cell == 0
    rows = [["rank", "may be", "model", found.metric.replace("_", " "), "interval"]]
    for index, entrant in enumerate(found.entrants):
        value = entrant.values[cell]
        mean = amount(found, value.mean) if math.isfinite(value.mean) else NOTHING
        rows.append(
            [str(rank_of(found, index)), ranks(entrant), entrant.label, mean, spread(found, value) or NOTHING]
        )
    if not everywhere:
        rows = [row[2:] for row in rows]
    names = 2 if everywhere else 0
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            text.ljust(width) if place == names else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield f"  {'  '.join(cells)}".rstrip()


def _left_out(found: Comparison) -> Iterator[str]:
    """Questions without a number, which the values above are not about."""
    for entrant in found.entrants:
        num = entrant.values[0].num_nan
        if num:
            yield f"{entrant.label}: {_counted(num, 'question')} without a number are left out"


def _between(found: Comparison, by: Summary) -> str:
    text = spread(found, by).removesuffix("%").rstrip()
    return f" ({text})" if text else ""


def _plain(value: Summary) -> dict[str, float | None]:
    numbers: Sequence[tuple[str, float]] = (("mean", value.mean), ("low", value.low), ("high", value.high))
    return {**{name: one if math.isfinite(one) else None for name, one in numbers}, "num": value.num}


def _counted(num: int, what: str) -> str:
    return f"{num:,} {what}{'' if num == 1 else 's'}"
