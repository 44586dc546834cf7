"""The exam report: one self-contained HTML page, the answer first, then every question and its status."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import pyarrow as pa

from worldlaw.core.artifact import write_text
from worldlaw.core.numbers.stats import Summary
from worldlaw.exam.cards.card_format import Card, LineOfCard, read_card
from worldlaw.exam.page.answer_strips import LawShots, shots
from worldlaw.exam.page.exam_answer import LevelTable, answer_of, line_name, plural, shares
from worldlaw.exam.page.exam_figures import Bar, share_figure
from worldlaw.exam.page.question_statuses import adjustments, exclusions, places, question_lines
from worldlaw.exam.scoring.scores import ANSWERS, CHARGED, FLOOR, ScoredQuestion, Scores, read_scores
from worldlaw.exam.scoring.summary import median_of, share_over
from worldlaw.measure.metrics.caps import IN_WORDS
from worldlaw.pages.cells import arrange
from worldlaw.pages.levels import level_groups
from worldlaw.pages.metric_tables import all_metrics, metric_rows
from worldlaw.pages.templates import template
from worldlaw.pages.wording import NOTHING, align_decimals, glossary, number, percent, percents, pretty, ratio

REPORT = "report.html"
WORDS = ("floor", "velocity error", "charged velocity error", "measured share", "level", "reference")
SHARED_WORDS = glossary(IN_WORDS)
OWN_WORDS = {
    "solved": SHARED_WORDS["solved"]
    + " Of several answers to a question the mean counts; missing and excluded "
    "answers are unsolved.",
    "too coarse": "A form of answers (size, rate, codec) in which more than 1 % of the true clips of a law "
    "are not solved themselves. Its answers are excluded, so that a worse file never scores better.",
    "abnormal": "An answer about rigid bodies in which at least one of seven physical measures is larger "
    "than true clips show it.",
    "question": "A scene of a paper: some given frames and a sentence. What a perfect predictor could not be "
    "asked for, because it hangs on less than the picture shows, is not counted.",
    "adjustment": "What was done to compare an answer of another size, shape, rate or length with the truth. "
    "Tracks are interpolated, never pixels, and the floor goes through the same.",
    "excluded": "An answer that is there and could not be scored. It counts as unsolved.",
    "plain, textured": "How a question is filmed: flat colours on one ground, or with texture, shading and "
    "soft shadows.",
}


class _Row(TypedDict, total=False):
    """The answers, or what stands beside them, in one scenario and filming."""

    name: str
    kind: str
    solved: str
    interval: str
    charged: float | None  # m/s
    median: float | None  # m/s
    measured: str
    few: bool
    abnormal: str
    abnormal_interval: str
    ratio: str  # this and the next two are written beside the other rows of a column
    charged_text: str
    median_text: str


class _Table(TypedDict):
    name: str
    counts: str
    rows: list[_Row]


def write_exam_report(
    scores: Path,
    paper: Path,
    answers: Path | None = None,
    *,
    secret: bytes | None = None,
    allow: Collection[str] = (),
) -> Path:
    """Write ``report.html`` into a folder of scores; returns its path.

    ``paper`` is the folder that ``exam make`` wrote. With ``answers``, and for a held-out paper its secret,
    answers move beside the truth; ``allow`` are scenarios of the user's own that it may name.
    Raises BadInput for a folder that does not hold what it should.
    """
    found, card = read_scores(scores, paper), read_card(scores)
    films = [] if answers is None else shots(found, paper, answers, secret=secret, allow=allow)
    path = scores / REPORT
    write_text(path, exam_page(found, card, films))
    return path


def exam_page(found: Scores, card: Card, films: Sequence[LawShots] = ()) -> str:
    """The HTML of the page; the same input gives the same text."""
    tables = _tables(found, card)
    levels = _levels(found)
    return template("exam.html.jinja", Path(__file__).parent).render(
        card=card,
        name=card.model.name,
        answer=answer_of(found, card, levels),
        tables=tables,
        judges=any(line.abnormal for line in card.summary.scenarios),
        figure=_figure(card),
        levels=levels,
        films=films,
        longest=max((shot["film"].num_frames for row in films for shot in row["shots"]), default=0),
        rows=question_lines(found),
        choices={
            "law": list(dict.fromkeys(pretty(one.scenario) for one in found.questions)),
            "filming": list(dict.fromkeys(one.filming for one in found.questions)),
        },
        adjustments=adjustments(found),
        exclusions=exclusions(found),
        metrics=_metrics(found),
        num_answers=found.num_answers,
        manifest=card.to_json(),
        settings=NOTHING
        if card.model.settings is None
        else json.dumps(card.model.settings, ensure_ascii=False),
        glossary={**{word: SHARED_WORDS[word] for word in WORDS}, **OWN_WORDS},
    )


def _tables(found: Scores, card: Card) -> list[_Table]:
    """Per scenario and filming: the answers, the floor and the references in rows of texts."""
    by_filming: dict[tuple[str, str], list[ScoredQuestion]] = {}
    for one in found.questions:
        by_filming.setdefault((one.scenario, one.filming), []).append(one)
    tables: list[_Table] = []
    for line in card.summary.scenarios:
        asked = by_filming[line.scenario or "", line.filming or ""]
        rows = [_answers_row(line)] + [_beside_row(found, asked, name) for name in line.beside]
        floor = rows[1]["charged"] if "floor" in line.beside else None
        for row in rows:
            row["ratio"] = ratio(row["charged"] / floor) if row["charged"] is not None and floor else NOTHING
        counts = [
            f"{line.num_questions:,} {plural(line.num_questions, 'question')}",
            f"{line.answered:,} answered",
        ]
        counts += [f"{line.missing:,} missing"] * bool(line.missing)
        counts += [f"{line.excluded:,} excluded"] * bool(line.excluded)
        counts += [f"{line.not_scorable:,} not scorable"] * bool(line.not_scorable)
        tables.append({"name": line_name(line), "counts": ", ".join(counts), "rows": rows})
    column = [row for table in tables for row in table["rows"]]
    charged = align_decimals([_number(row["charged"]) for row in column])
    median = align_decimals([_number(row["median"]) for row in column])
    for row, *texts in zip(column, charged, median, strict=True):
        row["charged_text"], row["median_text"] = texts
    return tables


def _answers_row(line: LineOfCard) -> _Row:
    return {
        "name": ANSWERS,
        "kind": "model",
        "solved": NOTHING if line.solved is None else percent(line.solved.share),
        "interval": "" if line.solved is None else shares(line.solved.low, line.solved.high),
        "charged": line.velocity_error.charged_median,
        "median": line.velocity_error.median,
        "measured": _percent(line.measured_share),
        "few": line.measured_share is not None and line.measured_share < 0.75,
        "abnormal": NOTHING if line.abnormal is None else percent(line.abnormal.share),
        "abnormal_interval": "" if line.abnormal is None else shares(line.abnormal.low, line.abnormal.high),
    }


def _beside_row(found: Scores, asked: Sequence[ScoredQuestion], name: str) -> _Row:
    def mean(metric: str) -> Summary:
        return share_over([found.mean(name, metric, one.id) for one in asked], [one.scene for one in asked])

    solved, measured, abnormal = mean("solved"), mean("measured_share"), mean("abnormal")
    return {
        "name": _called(name),
        "kind": found.kinds[name],
        "solved": percent(solved.mean),
        "interval": percents(solved.low, solved.high),
        "charged": median_of(found.mean(name, CHARGED, one.id) for one in asked),
        "median": median_of(found.mean(name, "velocity_error", one.id) for one in asked),
        "measured": percent(measured.mean),
        "few": False,
        "abnormal": percent(abnormal.mean),
        "abnormal_interval": percents(abnormal.low, abnormal.high),
    }


def _figure(card: Card) -> str:
    bars = [
        Bar(
            name=line_name(line),
            shares=(_as_summary(line),),
            beside={name: np.nan if one.solved is None else one.solved for name, one in line.beside.items()},
        )
        for line in card.summary.scenarios
    ]
    return share_figure(
        bars, slug="solved", axis="questions solved", label="share of questions solved by law"
    )


def _as_summary(line: LineOfCard) -> Summary:
    if line.solved is None:
        return Summary(np.nan, np.nan, np.nan, 0, line.num_questions)
    low, high = (np.nan if end is None else end for end in (line.solved.low, line.solved.high))
    return Summary(line.solved.share, low, high, line.num_questions, 0)


def _levels(found: Scores) -> list[LevelTable]:
    """Per scenario whose training region is known: the share solved at each level."""
    level_of, inside = places(found)
    by_scenario: dict[str, list[ScoredQuestion]] = {}
    for one in found.questions:
        if inside.get(one.id, "unknown") != "unknown":
            by_scenario.setdefault(one.scenario, []).append(one)
    tables: list[LevelTable] = []
    for scenario, asked in by_scenario.items():
        groups = level_groups(level_of[one.id] for one in asked)
        rows = []
        for words, levels in groups.items():
            its = [one for one in asked if level_of[one.id] in levels]
            share = _share_of(found, its)
            rows.append(
                {
                    "name": words,
                    "inside": levels == ("in",),
                    "num": len(its),
                    "solved": percent(share.mean),
                    "interval": percents(share.low, share.high),
                    "error": _number(median_of(found.charged_error(one) for one in its)),
                }
            )
        sides = {
            side: _share_of(found, [one for one in asked if inside[one.id] == side]) for side in ("yes", "no")
        }
        sentence = ""
        if sides["yes"].num and sides["no"].num:
            sentence = (
                f"Of {pretty(scenario)}, {percent(sides['yes'].mean)} were solved in distribution and "
                f"{percent(sides['no'].mean)} out of it."
            )
        tables.append({"scenario": pretty(scenario), "rows": rows, "sentence": sentence})
    return tables


def _share_of(found: Scores, asked: Sequence[ScoredQuestion]) -> Summary:
    return share_over([found.solved(one) for one in asked], [one.scene for one in asked])


def _metrics(found: Scores) -> list[dict[str, object]]:
    """Every metric, by scenario and filming and by level, over the answers that were scored."""
    table = found.results if found.other is None else pa.concat_tables([found.results, found.other])
    if not table.num_rows:
        return []
    zeros = pa.array(np.zeros(table.num_rows, np.int64))
    order = {one.id: index for index, one in enumerate(found.questions)}
    titles = [
        f"{pretty(scenario)}, {filming}"
        for scenario, filming in zip(
            *(table[name].to_pylist() for name in ("scenario", "filming")), strict=True
        )
    ]
    cells = arrange(
        pa.table(
            {
                "experiment": table["paper"],
                "scenario": titles,
                "split": table["section"],
                "clip": pa.array([order[name] for name in table["question"].to_pylist()], pa.int64()),
                "answer_seed": table["answer"],
                "training_clips": zeros,
                "training_seed": zeros,
                **{
                    name: table[name]
                    for name in ("predictor", "kind", "level", "body", "in_train_region", "metric", "value")
                },
                **{name: table[name] for name in ("unit", "best")},
            }
        )
    )
    return [
        {"scenario": name, "tables": [metric_rows(one) for one in all_metrics(cells, name)]}
        for name in cells.scenarios
    ]


def _called(name: str) -> str:
    return "floor" if name == FLOOR else pretty(name)


def _number(value: float | None) -> str:
    return NOTHING if value is None else number(value)


def _percent(value: float | None) -> str:
    return NOTHING if value is None else percent(value)
