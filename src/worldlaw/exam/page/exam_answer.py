"""The answer of an exam in sentences, computed from its card and scores; the first is the one to remember."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict

import numpy as np

from worldlaw.core.numbers.stats import paired_difference
from worldlaw.exam.cards.card_format import Card, LineOfCard
from worldlaw.exam.scoring.scores import ANSWERS, CHARGED, FLOOR, Scores
from worldlaw.measure.verdicts.measures import MEASURES
from worldlaw.pages.wording import join_words, percent, percents, pretty


class LevelTable(TypedDict):
    """The share solved of a scenario at each level."""

    scenario: str
    rows: list[dict[str, object]]
    sentence: str  # in distribution against out of it; empty where one of them was not asked about


def answer_of(found: Scores, card: Card, levels: list[LevelTable]) -> list[str]:
    """The answer in sentences; the first is the one to remember."""
    line = card.summary.all
    laws = list(dict.fromkeys(one.scenario for one in found.questions))
    about = f"{line.num_questions:,} {plural(line.num_questions, 'question')} about "
    about += pretty(laws[0]) if len(laws) == 1 else f"{len(laws)} laws"
    if line.solved is None:
        return [f"None of the {about} can be judged: the true videos have no number either."]
    spread = shares(line.solved.low, line.solved.high)
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
    return [*sentences, *_unjudged(found), *_for_scale(line), *_skewed(found, line.beside)]


def _skewed(found: Scores, beside: Iterable[str]) -> list[str]:
    """References that the answers are before by the median of the charged error and behind by its mean."""
    said = []
    for name in (one for one in beside if found.kinds[one] == "reference"):
        pairs = [(found.charged_error(one), found.mean(name, CHARGED, one.id)) for one in found.questions]
        known = np.array([pair for pair in pairs if np.isfinite(pair).all()])
        if not len(known):
            continue
        (median, its_median), (mean, its_mean) = np.median(known, axis=0), known.mean(axis=0)
        if (median - its_median) * (mean - its_mean) < 0:
            order, other = ("before", "behind") if median < its_median else ("behind", "before")
            few = (
                "far off on a few questions" if median < its_median else "farther off on most, less on a few"
            )
            said.append(
                f"By the median of the charged velocity error the answers stand {order} {pretty(name)}, by "
                f"its mean {other}: they are {few}, which weigh in the mean alone."
            )
    return said


def _unjudged(found: Scores) -> list[str]:
    """Scenarios whose answers were measured for verdicts, and have no limits to be judged by."""
    measured = found.values.get((ANSWERS, next(iter(MEASURES))), {})
    names = [
        scenario
        for scenario in dict.fromkeys(one.scenario for one in found.questions if one.id in measured)
        if scenario not in found.judged
    ]
    if not names:
        return []
    about = join_words([pretty(name) for name in names])
    return [
        f"Whether answers about {about} are abnormal is not judged: no "
        "limits ship for videos of their form, and exam score --verdicts measures them."
    ]


def _for_scale(line: LineOfCard) -> list[str]:
    known = {name: one.solved for name, one in line.beside.items() if one.solved is not None}
    floor = known.pop(FLOOR, None)
    said = []
    if floor is not None:
        said.append(f"of the true videos, put through the same, {percent(floor)} pass")
    if known:
        each = [f"{pretty(name)} solves {percent(share)}" for name, share in known.items()]
        said.append(f"of the references, which read positions instead of pixels, {join_words(each)}")
    return [f"For scale: {'; '.join(said)}."] if said else []


def _gone(line: LineOfCard, num_answers: int) -> list[str]:
    parts = []
    if line.missing:
        parts.append(f"{line.missing:,} {plural(line.missing, 'answer')} {_is(line.missing)} missing")
    if line.excluded:
        parts.append(f"{line.excluded:,} could not be scored")
    several = f" {num_answers} answers to every question are expected, the most that any has." * (
        num_answers > 1
    )
    said = [f"{_capital(join_words(parts))}; they count as unsolved.{several}"] if parts else []
    if line.not_scorable:
        said.append(
            f"On {line.not_scorable:,} {plural(line.not_scorable, 'question')} nobody is judged: the truth "
            "shows no body in full after the given frames."
        )
    return said


def _extremes(lines: Sequence[LineOfCard]) -> list[str]:
    known = [(line.solved.share, line_name(line)) for line in lines if line.solved is not None]
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


def line_name(line: LineOfCard) -> str:
    return f"{pretty(line.scenario or 'all')}, {line.filming}"


def shares(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else percents(low, high)


def _bracket(low: float | None, high: float | None) -> str:
    text = shares(low, high)
    return f" ({text})" if text else ""


def plural(num: int, what: str) -> str:
    return what if num == 1 else f"{what}s"


def _is(num: int) -> str:
    return "is" if num == 1 else "are"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
