"""What people said: rates by model and split, agreement, and the automatic verdict against the majority."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from worldlaw.core.errors import BadInput, unknown
from worldlaw.core.numbers.stats import Summary, proportion, summarize
from worldlaw.rating.agreement import UNKNOWN, Agreement, Confusion, confusion, fleiss
from worldlaw.rating.exhibits import Exhibit
from worldlaw.rating.session import Standing

Said = Mapping[str, Mapping[str, float]]  # rater -> clip -> 1 for "no", it does not obey physics, 0 for "yes"


@dataclass(frozen=True)
class Rate:
    """How often clips of one model and split are said not to obey physics."""

    scenario: str
    predictor: str
    split: str
    num_clips: int  # judged by anyone
    num_answers: int
    no: Summary  # mean of the raters' rates
    by_rater: dict[str, Summary]  # of those who judged any of these clips


@dataclass(frozen=True)
class MajorityVerdict:
    """The verdict of the majority beside the automatic one."""

    confusion: Confusion
    ties: int  # clips left out because as many said yes as no
    without: int  # clips left out because there is no automatic verdict


@dataclass(frozen=True)
class Results:
    """All that is known of some raters' answers."""

    raters: dict[str, float]  # rater -> median s to an answer
    num_clips: int  # judged by anyone
    num_answers: int
    strangers: int  # answers left out, about clips that are not here
    rates: list[Rate]
    num_common: int  # clips that all raters judged
    agreement: Agreement  # over these
    judged: MajorityVerdict | None  # None if no verdict is known


def results(
    shown: Sequence[Exhibit],
    standings: Mapping[str, Standing],
    *,
    raters: Sequence[str] = (),
    verdicts: Mapping[str, bool] | None = None,
) -> Results:
    """Aggregate the answers of some raters, all by default.

    A rate is the mean of the raters' own rates, as the study's is (Kang et al. 2024, arXiv:2411.02385v2,
    C.2), with the interval over clips and raters of a share of ``core.stats.summarize``: of a single rater
    over clips alone, of two none. Kappa is over the clips that
    all these raters judged, NaN for one rater.
    Raises BadInput for a rater who gave no answer.
    """
    here = {each.name for each in shown}
    said = {
        rater: {clip: float(not rating.obeys) for clip, rating in standing.answers.items() if clip in here}
        for rater, standing in sorted(standings.items())
    }
    for name in raters:
        if not said.get(name):
            raise unknown("rater", name, (name for name, answers in said.items() if answers))
    chosen = list(dict.fromkeys(raters)) or [rater for rater, answers in said.items() if answers]
    said = {rater: said[rater] for rater in chosen}
    given = sum(len(standings[rater].answers) for rater in (chosen or standings))
    strangers = given - sum(map(len, said.values()))
    if not chosen:
        others = f" ({count_in_words(strangers, 'answer')} about others)" if strangers else ""
        raise BadInput(f"nobody has rated these clips yet{others}; start with worldlaw rate ANSWERS")
    judged = sorted({clip for answers in said.values() for clip in answers})
    common = sorted(set.intersection(*(set(answers) for answers in said.values())))
    return Results(
        raters={rater: _median_seconds(standings[rater]) for rater in chosen},
        num_clips=len(judged),
        num_answers=sum(map(len, said.values())),
        strangers=strangers,
        rates=list(_rates(shown, said)),
        num_common=len(common),
        agreement=_agreement(said, common),
        judged=_against(said, judged, verdicts) if verdicts else None,
    )


def _rates(shown: Sequence[Exhibit], said: Said) -> Iterator[Rate]:
    cells: dict[tuple[str, str, str], dict[str, None]] = {}
    for each in shown:
        if any(each.name in answers for answers in said.values()):
            cells.setdefault((each.scenario, each.predictor, each.split), {})[each.name] = None
    scenarios = list(dict.fromkeys(scenario for scenario, _, _ in cells))
    for address, clips in sorted(cells.items(), key=lambda cell: scenarios.index(cell[0][0])):
        table = np.array([[answers.get(clip, np.nan) for answers in said.values()] for clip in clips])
        by_rater = {
            rater: proportion(column)
            for rater, column in zip(said, table.T, strict=True)
            if np.isfinite(column).any()
        }
        num_answers = int(np.isfinite(table).sum())
        yield Rate(*address, len(clips), num_answers, summarize(table, share=True), by_rater)


def _agreement(said: Said, common: Sequence[str]) -> Agreement:
    if len(said) < 2:
        return UNKNOWN
    no = np.array([[answers[clip] for answers in said.values()] for clip in common], int)
    no = no.reshape(len(common), len(said)).sum(axis=1)
    return fleiss(np.stack([len(said) - no, no], axis=1))


def _against(said: Said, judged: Sequence[str], verdicts: Mapping[str, bool]) -> MajorityVerdict:
    people, automatic, ties, without = [], [], 0, 0
    for clip in judged:
        answers = [given[clip] for given in said.values() if clip in given]
        if clip not in verdicts:
            without += 1
        elif sum(answers) * 2 == len(answers):
            ties += 1
        else:
            people.append(sum(answers) * 2 > len(answers))
            automatic.append(verdicts[clip])
    return MajorityVerdict(confusion(np.array(people, bool), np.array(automatic, bool)), ties, without)


def _median_seconds(standing: Standing) -> float:
    known = [rating.seconds for rating in standing.answers.values() if math.isfinite(rating.seconds)]
    return float(np.median(known)) if known else math.nan


def count_in_words(num: int, what: str) -> str:
    """A number and what it counts."""
    return f"{num:,} {what}{'' if num == 1 else 's'}"
