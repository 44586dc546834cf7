"""The exam report: one self-contained HTML page, the answer first, then every question and its fate."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from worldlaw.core.artifact import write_text
from worldlaw.core.stats import Summary, paired_difference
from worldlaw.papers.card_format import Card, LineOfCard, read_card
from worldlaw.papers.figures import Bar, share_figure
from worldlaw.papers.pages import template
from worldlaw.papers.scores import ANSWERS, FLOOR, SCORED, Asked, Scores, read_scores
from worldlaw.papers.showing import shots
from worldlaw.papers.summary import share_over
from worldlaw.report.cells import arrange
from worldlaw.report.levels import level_groups, level_words
from worldlaw.report.page import metric_rows
from worldlaw.report.tables import all_metrics
from worldlaw.report.wording import (
    GLOSSARY,
    NOTHING,
    aligned,
    listed,
    number,
    percent,
    percents,
    pretty,
    ratio,
)

REPORT = "report.html"
WORDS = ("floor", "velocity error", "charged velocity error", "measured share", "level", "reference")
OWN_WORDS = {
    "solved": "An answer solves its question if it is measured in at least 0.95 of what its floor is, with "
    "at most 0.05 extra detections per frame and a velocity error of at most 0.1 m/s plus one and a half "
    "times that of its floor. Of several answers to a question the mean counts; missing and excluded answers "
    "are unsolved.",
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


def write_exam_report(
    scores: Path, paper: Path, answers: Path | None = None, *, secret: bytes | None = None
) -> Path:
    """Write ``report.html`` into a folder of scores; returns its path.

    ``paper`` is the folder that ``exam make`` wrote. With ``answers``, and for a held-out paper its secret,
    answers move beside the truth. Raises BadInput for a folder that does not hold what it should.
    """
    found, card = read_scores(scores, paper), read_card(scores)
    films = [] if answers is None else shots(found, paper, answers, secret=secret)
    path = scores / REPORT
    write_text(path, exam_page(found, card, films))
    return path


def exam_page(found: Scores, card: Card, films: Sequence[dict[str, Any]] = ()) -> str:
    """The HTML of the page; the same input gives the same text."""
    tables = _tables(found, card)
    levels = _levels(found)
    return template("exam.html.jinja").render(
        card=card,
        name=card.model.name,
        answer=_answer(found, card, levels),
        tables=tables,
        judges=any(line.abnormal for line in card.summary.scenarios),
        figure=_figure(card),
        levels=levels,
        films=films,
        longest=max((shot["film"].num_frames for row in films for shot in row["shots"]), default=0),
        rows=_rows(found),
        choices={
            "law": list(dict.fromkeys(pretty(one.scenario) for one in found.questions)),
            "filming": list(dict.fromkeys(one.filming for one in found.questions)),
        },
        adjustments=_adjustments(found),
        exclusions=_exclusions(found),
        metrics=_metrics(found),
        num_answers=found.num_answers,
        manifest=card.to_json(),
        settings=NOTHING
        if card.model.settings is None
        else json.dumps(card.model.settings, ensure_ascii=False),
        glossary={**{word: GLOSSARY[word] for word in WORDS}, **OWN_WORDS},
    )


def _answer(found: Scores, card: Card, levels: list[dict[str, Any]]) -> list[str]:
    """The answer in sentences; the first is the one to remember."""
    line = card.summary.all
    laws = list(dict.fromkeys(one.scenario for one in found.questions))
    about = f"{line.num_questions:,} {_plural(line.num_questions, 'question')} about "
    about += pretty(laws[0]) if len(laws) == 1 else f"{len(laws)} laws"
    if line.solved is None:
        return [f"None of the {about} can be judged: the true videos have no number either."]
    spread = _percents(line.solved.low, line.solved.high)
    share, judged = line.solved.share, line.num_questions - line.not_scorable
    if found.num_answers == 1:
        solved = round(line.solved.share * judged)
        first = (
            f"Of {about}, {solved:,} {'was' if solved == 1 else 'were'} solved ({percent(line.solved.share)}"
        )
    else:
        first = f"Of {about}, in the mean of {found.num_answers} answers to each, "
        first += f"{share * judged:,.1f} were solved ({percent(share)}"
    first += f", {spread})." if spread else ")."
    sentences = [first]
    sentences += _gone(line, found.num_answers)
    sentences += _extremes(card.summary.scenarios)
    sentences += _by_filming(found)
    sentences += [level["sentence"] for level in levels if level["sentence"]]
    if line.abnormal is not None:
        sentences.append(
            f"Of the answers about rigid bodies {percent(line.abnormal.share)} are abnormal"
            f"{_bracket(line.abnormal.low, line.abnormal.high)}: more of some fault than true clips show."
        )
    return [*sentences, *_for_scale(line)]


def _for_scale(line: LineOfCard) -> list[str]:
    known = {name: one.solved for name, one in line.beside.items() if one.solved is not None}
    floor = known.pop(FLOOR, None)
    said = []
    if floor is not None:
        said.append(f"of the true videos, put through the same, {percent(floor)} pass")
    if known:
        each = [f"{pretty(name)} solves {percent(share)}" for name, share in known.items()]
        said.append(f"of the references, which read positions instead of pixels, {listed(each)}")
    return [f"For scale: {'; '.join(said)}."] if said else []


def _gone(line: LineOfCard, num_answers: int) -> list[str]:
    parts = []
    if line.missing:
        parts.append(f"{line.missing:,} {_plural(line.missing, 'answer')} {_is(line.missing)} missing")
    if line.excluded:
        parts.append(f"{line.excluded:,} could not be scored")
    several = f" {num_answers} answers to every question are expected, the most that any has." * (
        num_answers > 1
    )
    said = [f"{_capital(listed(parts))}; they count as unsolved.{several}"] if parts else []
    if line.not_scorable:
        said.append(
            f"On {line.not_scorable:,} {_plural(line.not_scorable, 'question')} nobody is judged: the truth "
            "shows no body in full after the given frames."
        )
    return said


def _extremes(lines: Sequence[LineOfCard]) -> list[str]:
    known = [(line.solved.share, _line_name(line)) for line in lines if line.solved is not None]
    if len({share for share, _ in known}) < 2:
        return []
    (most, best), (fewest, worst) = (pick(known, key=lambda one: one[0]) for pick in (max, min))
    return [f"Most were solved of {best} ({percent(most)}), fewest of {worst} ({percent(fewest)})."]


def _by_filming(found: Scores) -> list[str]:
    """Plain against textured, on the scenes that were filmed in both ways."""
    scenes: dict[str, dict[str, float]] = {}
    for one in found.questions:
        scenes.setdefault(one.scene, {})[one.filming] = found.solved(one)
    pairs = [its for its in scenes.values() if {"plain", "textured"} <= its.keys()]
    if len(pairs) < 2:
        return []
    plain, textured = (np.array([its[how] for its in pairs]) for how in ("plain", "textured"))
    both = np.isfinite(plain) & np.isfinite(textured)
    if not both.any():
        return []
    gap = paired_difference(plain, textured)
    spread = "" if not np.isfinite(gap.low) else f" ({100 * gap.low:.0f} to {100 * gap.high:.0f})"
    return [
        f"Of the {int(both.sum()):,} scenes filmed in both ways, {percent(float(plain[both].mean()))} were "
        f"solved drawn plain and {percent(float(textured[both].mean()))} drawn textured: a difference of "
        f"{100 * gap.mean:.0f} points{spread}.".replace("-", "−")
    ]


def _tables(found: Scores, card: Card) -> list[dict[str, Any]]:
    """Per scenario and filming: the answers, the floor and the references in rows of texts."""
    by_filming: dict[tuple[str, str], list[Asked]] = {}
    for one in found.questions:
        by_filming.setdefault((one.scenario, one.filming), []).append(one)
    tables = []
    for line in card.summary.scenarios:
        asked = by_filming[line.scenario or "", line.filming or ""]
        rows = [_answers_row(line)] + [_beside_row(found, asked, name) for name in line.beside]
        floor = line.velocity_error.floor
        for row in rows:
            known = row["median"] is not None and floor
            row["ratio"] = ratio(row["median"] / floor) if known else NOTHING
        for row, text in zip(rows, aligned([_number(row["median"]) for row in rows]), strict=True):
            row["error"] = text
        counts = [
            f"{line.num_questions:,} {_plural(line.num_questions, 'question')}",
            f"{line.answered:,} answered",
        ]
        counts += [f"{line.missing:,} missing"] * bool(line.missing)
        counts += [f"{line.excluded:,} excluded"] * bool(line.excluded)
        counts += [f"{line.not_scorable:,} not scorable"] * bool(line.not_scorable)
        tables.append({"name": _line_name(line), "counts": ", ".join(counts), "rows": rows})
    return tables


def _answers_row(line: LineOfCard) -> dict[str, Any]:
    return {
        "name": ANSWERS,
        "kind": "model",
        "solved": NOTHING if line.solved is None else percent(line.solved.share),
        "interval": "" if line.solved is None else _percents(line.solved.low, line.solved.high),
        "median": line.velocity_error.median,
        "measured": _percent(line.measured_share),
        "few": line.measured_share is not None and line.measured_share < 0.75,
        "abnormal": NOTHING if line.abnormal is None else percent(line.abnormal.share),
        "abnormal_interval": ""
        if line.abnormal is None
        else _percents(line.abnormal.low, line.abnormal.high),
    }


def _beside_row(found: Scores, asked: Sequence[Asked], name: str) -> dict[str, Any]:
    def mean(metric: str) -> Summary:
        return share_over([found.mean(name, metric, one.id) for one in asked], [one.scene for one in asked])

    solved, measured, abnormal = mean("solved"), mean("measured_share"), mean("abnormal")
    errors = [found.mean(name, "velocity_error", one.id) for one in asked]
    finite = [error for error in errors if np.isfinite(error)]
    return {
        "name": _called(name),
        "kind": found.kinds[name],
        "solved": percent(solved.mean),
        "interval": percents(solved.low, solved.high),
        "median": float(np.median(finite)) if finite else None,
        "measured": percent(measured.mean),
        "few": False,
        "abnormal": percent(abnormal.mean),
        "abnormal_interval": percents(abnormal.low, abnormal.high),
    }


def _figure(card: Card) -> str:
    bars = [
        Bar(
            name=_line_name(line),
            shares=(_as_summary(line),),
            beside={
                name: np.nan if one.solved is None else one.solved for name, one in line.beside.items()
            },
        )
        for line in card.summary.scenarios
    ]  # fmt: skip
    return share_figure(
        bars, slug="solved", axis="questions solved", label="share of questions solved by law"
    )


def _as_summary(line: LineOfCard) -> Summary:
    if line.solved is None:
        return Summary(np.nan, np.nan, np.nan, 0, line.num_questions)
    low, high = (np.nan if end is None else end for end in (line.solved.low, line.solved.high))
    return Summary(line.solved.share, low, high, line.num_questions, 0)


def _levels(found: Scores) -> list[dict[str, Any]]:
    """Per scenario whose training region is known: the share solved at each level."""
    level_of, inside = _places(found)
    by_scenario: dict[str, list[Asked]] = {}
    for one in found.questions:
        if inside.get(one.id, "unknown") != "unknown":
            by_scenario.setdefault(one.scenario, []).append(one)
    tables = []
    for scenario, asked in by_scenario.items():
        groups = level_groups(level_of[one.id] for one in asked)
        rows = []
        for words, levels in groups.items():
            its = [one for one in asked if level_of[one.id] in levels]
            share = _share_of(found, its)
            errors = [found.mean(ANSWERS, "velocity_error", one.id) for one in its]
            finite = [error for error in errors if np.isfinite(error)]
            rows.append(
                {
                    "name": words,
                    "inside": levels == ("in",),
                    "num": len(its),
                    "solved": percent(share.mean),
                    "interval": percents(share.low, share.high),
                    "error": number(float(np.median(finite))) if finite else NOTHING,
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


def _share_of(found: Scores, asked: Sequence[Asked]) -> Summary:
    return share_over([found.solved(one) for one in asked], [one.scene for one in asked])


def _places(found: Scores) -> tuple[dict[str, str], dict[str, str]]:
    """Question -> level, and question -> yes, no or unknown."""
    columns = [found.results[name].to_pylist() for name in ("question", "level", "in_train_region")]
    level_of: dict[str, str] = {}
    inside: dict[str, str] = {}
    for question, level, where in zip(*columns, strict=True):
        level_of.setdefault(question, level)
        inside.setdefault(question, where)
    return level_of, inside


def _rows(found: Scores) -> list[dict[str, Any]]:
    """Every question in a line."""
    level_of, inside = _places(found)
    rows = []
    for one in found.questions:
        scored = one.count(SCORED)
        solved = found.solved(one)
        fate = (
            "answered" if scored == found.num_answers else "in part" if scored else one.statuses[0]["status"]
        )
        reasons = Counter(str(s["reason"]) for s in one.statuses if s["status"] != SCORED and s.get("reason"))
        adjusted = {str(a["what"]): None for s in one.statuses for a in s.get("adjustments") or ()}
        error, floor = (found.mean(who, "velocity_error", one.id) for who in (ANSWERS, FLOOR))
        rows.append(
            {
                "id": one.id,
                "law": pretty(one.scenario),
                "filming": one.filming,
                "level": level_words(level_of[one.id]) if inside.get(one.id, "unknown") != "unknown" else "",
                "status": fate,
                "verdict": _verdict(solved),
                "solved": percent(solved) if found.num_answers > 1 else _verdict(solved),
                "error": number(error),
                "floor": number(floor),
                "measured": percent(found.mean(ANSWERS, "measured_share", one.id)),
                "adjusted": ", ".join(adjusted),
                "reason": "; ".join(reasons),
            }
        )
    return rows


def _verdict(solved: float) -> str:
    if not np.isfinite(solved):
        return "not scorable"
    return "solved" if solved == 1 else "not solved" if solved == 0 else "in part"


def _adjustments(found: Scores) -> list[dict[str, Any]]:
    """What was adjusted, how often, and how, the most frequent first."""
    counts: Counter[str] = Counter()
    details: dict[str, Counter[str]] = {}
    total = sum(one.count(SCORED) for one in found.questions)
    for one in found.questions:
        for status in one.statuses:
            for adjustment in status.get("adjustments") or ():
                what = str(adjustment["what"])
                counts[what] += 1
                details.setdefault(what, Counter())[str(adjustment.get("detail", ""))] += 1
    return [
        {
            "what": what,
            "count": count,
            "out_of": total,
            "details": [f"{text} ({times:,})" for text, times in details[what].most_common(4) if text],
            "more": max(len(details[what]) - 4, 0),
        }
        for what, count in counts.most_common()
    ]


def _exclusions(found: Scores) -> list[dict[str, Any]]:
    """Answers that were not scored, by status and reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in found.questions:
        for status in one.statuses:
            if status["status"] != SCORED:
                key = (status["status"], str(status.get("reason") or ""))
                reasons.setdefault(key, []).append(str(status.get("file") or one.id))
        absent = found.num_answers - len(one.statuses)
        if absent:
            reasons.setdefault(("missing", "other questions have more answers"), []).extend([one.id] * absent)
    return [
        {
            "status": status,
            "reason": reason,
            "count": len(names),
            "names": list(dict.fromkeys(names))[:5],
            "more": len(dict.fromkeys(names)) > 5,
        }
        for (status, reason), names in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def _metrics(found: Scores) -> list[dict[str, Any]]:
    """Every metric, by scenario and filming and by level, over the answers that were scored."""
    table = found.results
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


def _line_name(line: LineOfCard) -> str:
    return f"{pretty(line.scenario or 'all')}, {line.filming}"


def _called(name: str) -> str:
    return "floor" if name == FLOOR else pretty(name)


def _number(value: float | None) -> str:
    return NOTHING if value is None else number(value)


def _percent(value: float | None) -> str:
    return NOTHING if value is None else percent(value)


def _percents(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else percents(low, high)


def _bracket(low: float | None, high: float | None) -> str:
    text = _percents(low, high)
    return f" ({text})" if text else ""


def _plural(num: int, what: str) -> str:
    return what if num == 1 else f"{what}s"


def _is(num: int) -> str:
    return "is" if num == 1 else "are"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
