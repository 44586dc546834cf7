"""The numbers of a card: shares and medians over all questions, a scenario and filming, a section."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from worldlaw.core.numbers.stats import Summary, finite_or_none, mean_interval, score_interval
from worldlaw.exam.cards.card_format import (
    ErrorOfCard,
    LineOfCard,
    OtherMetricOfCard,
    QuestionOfCard,
    ReferenceOfCard,
    ShareOfCard,
    SummaryOfCard,
)
from worldlaw.exam.scoring.scores import (
    ANSWERS,
    CHARGED,
    EXCLUDED,
    FLOOR,
    SCORED,
    ScoredQuestion,
    Scores,
    values_of,
)
from worldlaw.measure.metrics import metrics

Scenes = Sequence[str] | Sequence[int] | np.ndarray  # the scene of every question, by any name


def summary_of(scores: Scores) -> SummaryOfCard:
    """All lines of a card's summary, in the order of the paper."""
    by_filming: dict[tuple[str, str], list[ScoredQuestion]] = {}
    by_section: dict[str, list[ScoredQuestion]] = {}
    for question in scores.questions:
        by_filming.setdefault((question.scenario, question.filming), []).append(question)
        by_section.setdefault(question.section, []).append(question)
    return SummaryOfCard(
        all=_line(scores, scores.questions),
        scenarios=[
            _line(scores, its, scenario=scenario, filming=filming)
            for (scenario, filming), its in by_filming.items()
        ],
        sections=[
            _line(scores, its, section=name, scenario=its[0].scenario, filming=its[0].filming)
            for name, its in by_section.items()
        ],
    )


def other_metrics_of(scores: Scores) -> dict[str, OtherMetricOfCard]:
    """What the metrics beyond the paper's say, medians over questions of the means over answers."""
    if scores.other is None:
        return {}
    values, _ = values_of(scores.other)
    found = {}
    for name in dict.fromkeys(scores.other["metric"].to_pylist()):
        means = {
            who: [np.nanmean(its) for its in values.get((who, name), {}).values() if np.isfinite(its).any()]
            for who in (ANSWERS, FLOOR)
        }
        median = {who: finite_or_none(float(np.median(its))) if its else None for who, its in means.items()}
        found[name] = OtherMetricOfCard(
            version=metrics.get(name).version,
            unit=metrics.get(name).unit,
            median=median[ANSWERS],
            floor=median[FLOOR],
            num_questions=len(means[ANSWERS]),
        )
    return found


def questions_of(scores: Scores) -> dict[str, QuestionOfCard]:
    """What a comparison needs of every question."""
    return {
        question.id: QuestionOfCard(
            section=question.section,
            scenario=question.scenario,
            filming=question.filming,
            scene=question.scene,
            answers=scores.num_answers,
            scored=question.count(SCORED),
            horizon=next((one["horizon"] for one in question.statuses if one.get("horizon")), None),
            solved=finite_or_none(scores.solved(question)),
            velocity_error=finite_or_none(scores.charged_error(question)),
            abnormal=finite_or_none(scores.abnormal(question)),
        )
        for question in scores.questions
    }


def share_over(values: Sequence[float], scenes: Scenes) -> Summary:
    """The mean of per-question shares with its 95 % interval over scenes; ``num`` are questions.

    Wilson's score interval. A scene that is filmed in several ways counts once: its questions are not
    independent. Where scenes differ in the number c of their questions, there are as many trials as scenes of
    equal weight would give the mean the same variance: (sum of c)² / sum of c² (Kish 1965).
    """
    sums, counts = by_scene(np.asarray(values, float), scenes)
    num = int(counts.sum())
    if not num:
        return Summary(np.nan, np.nan, np.nan, 0, len(values))
    share = float(sums.sum() / num)
    return Summary(share, *score_interval(share, float(num**2 / (counts**2).sum())), num, len(values) - num)


def mean_over(values: Sequence[float] | np.ndarray, scenes: Scenes) -> Summary:
    """The mean of per-question values with its 95 % interval over scenes; ``num`` are questions.

    A ratio of two sums over scenes, of values and of questions: a scene with many questions weighs more, and
    both sums vary with the scenes that were drawn.
    """
    sums, counts = by_scene(np.asarray(values, float), scenes)
    num = int(counts.sum())
    if not num:
        return Summary(np.nan, np.nan, np.nan, 0, len(values))
    return Summary(float(sums.sum() / num), *mean_interval(sums, counts), num, len(values) - num)


def by_scene(values: np.ndarray, scenes: Scenes) -> tuple[np.ndarray, np.ndarray]:
    """(S,) sum and number of the finite ones of (Q,) values, for every scene that has one."""
    found = np.isfinite(values)
    names, at = np.unique(np.asarray(scenes)[found], return_inverse=True)
    return np.bincount(at, weights=values[found], minlength=len(names)), np.bincount(at, minlength=len(names))


def median_of(values: Iterable[float]) -> float | None:
    """The median of those that could be measured; None if none could."""
    finite = [value for value in values if np.isfinite(value)]
    return float(np.median(finite)) if finite else None


def _line(
    scores: Scores,
    questions: Sequence[ScoredQuestion],
    *,
    section: str | None = None,
    scenario: str | None = None,
    filming: str | None = None,
) -> LineOfCard:
    solved = [scores.solved(one) for one in questions]
    scenes = [one.scene for one in questions]
    expected = scores.num_answers * len(questions)
    there = sum(one.count(SCORED) + one.count(EXCLUDED) for one in questions)
    return LineOfCard(
        section=section,
        scenario=scenario,
        filming=filming,
        num_questions=len(questions),
        answered=sum(one.count(SCORED) > 0 for one in questions),
        excluded=sum(one.count(EXCLUDED) for one in questions),
        missing=expected - there,
        not_scorable=int(np.isnan(solved).sum()),
        solved=_share(solved, scenes),
        measured_share=finite_or_none(_mean([scores.measured_share(one) for one in questions])),
        velocity_error=ErrorOfCard(
            median=median_of(scores.mean(ANSWERS, "velocity_error", one.id) for one in questions),
            charged_median=median_of(scores.charged_error(one) for one in questions),
            floor=median_of(scores.mean(FLOOR, "velocity_error", one.id) for one in questions),
        ),
        abnormal=_share([scores.abnormal(one) for one in questions], scenes),
        beside={
            name: ReferenceOfCard(
                solved=finite_or_none(_mean([scores.mean(name, "solved", one.id) for one in questions])),
                velocity_error=median_of(scores.mean(name, "velocity_error", one.id) for one in questions),
                charged_velocity_error=median_of(scores.mean(name, CHARGED, one.id) for one in questions),
            )
            for name in _beside(scores, questions)
        },
    )


def _beside(scores: Scores, questions: Sequence[ScoredQuestion]) -> Iterator[str]:
    """The floor and the references that have anything to say about these questions."""
    names = {one.id for one in questions}
    for kind in ("floor", "reference"):
        for name, its in scores.kinds.items():
            if its == kind and names & scores.values.get((name, "solved"), {}).keys():
                yield name


def _share(values: Sequence[float], scenes: Scenes) -> ShareOfCard | None:
    found = share_over(values, scenes)
    if not found.num:
        return None
    return ShareOfCard(share=found.mean, low=finite_or_none(found.low), high=finite_or_none(found.high))


def _mean(values: Sequence[float]) -> float:
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    return float(finite.mean()) if len(finite) else np.nan
