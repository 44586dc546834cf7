"""What a folder of scores says: every answer's status, and one value per question for every metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from worldlaw.core.errors import BadInput
from worldlaw.core.strict_files import read_json
from worldlaw.exam.paper.paper_index import PaperIndex
from worldlaw.measure.metrics.trajectory import CHARGE

RESULTS, STATUS, INDEX = "results.parquet", "status.json", "paper.json"
OTHER = "other_metrics.parquet"  # of the same columns: metrics that enter neither ranking nor verify
ANSWERS, FLOOR, STANDING = "answers", "floor", "standing_still"  # predictors
CHARGED = "charged_velocity_error"
SCORED, EXCLUDED = "scored", "excluded"
COLUMNS = (
    "paper",
    "section",
    "scenario",
    "filming",
    "level",
    "in_train_region",
    "question",
    "answer",
    "predictor",
    "kind",
    "body",
    "metric",
    "value",
    "unit",
    "best",
)
ALL_BODIES = -1


class AdjustmentSaid(TypedDict):
    """What was done to an answer before it was measured."""

    what: str
    detail: str


class FloorSaid(TypedDict, total=False):
    """The floor under an answer, in its form: the truth, read through it; None for what it does not tell."""

    through: str
    velocity_error: float | None  # m/s
    position_error: float | None  # m
    measured_share: float | None


class AnswerStatus(TypedDict):
    """What became of one answer; ``status.json`` is a list of these."""

    question: str
    answer: int  # its number
    file: str
    status: str  # scored, excluded, missing
    reason: str
    adjustments: list[AdjustmentSaid]
    floor: FloorSaid  # empty for what was not scored
    horizon: int  # frames that count
    form: str


@dataclass(frozen=True)
class ScoredQuestion:
    """One question and what became of its answers."""

    id: str
    section: str
    scenario: str
    filming: str
    scene: str  # several questions may ask about one scene, filmed in several ways
    statuses: tuple[AnswerStatus, ...]  # of its answers, as status.json has them

    def count(self, status: str) -> int:
        """Answers of that status."""
        return sum(one["status"] == status for one in self.statuses)


@dataclass(frozen=True)
class Scores:
    """A scored folder of answers."""

    index: PaperIndex  # paper.json
    results: pa.Table
    questions: tuple[ScoredQuestion, ...]  # in the order of the paper
    values: dict[tuple[str, str], dict[str, list[float]]]  # (predictor, metric) -> question -> its answers
    kinds: dict[str, str]  # predictor -> kind
    other: pa.Table | None = None  # likewise, of metrics that enter neither ranking nor verify

    @cached_property
    def num_answers(self) -> int:
        """Answers expected to every question: the most that any has.

        So to leave out the bad ones of several seeds never pays.
        """
        return max(len(one.statuses) for one in self.questions)

    def mean(self, predictor: str, metric: str, question: str) -> float:
        """The mean over the answers that could be measured; NaN if none could."""
        values = np.array(self.values.get((predictor, metric), {}).get(question, []), float)
        values = values[np.isfinite(values)]
        return float(values.mean()) if len(values) else np.nan

    def solved(self, question: ScoredQuestion) -> float:
        """The mean of ``solved`` over the expected answers, 0 for one missing or excluded.

        NaN for a question on which nobody can be judged: the truth itself has no number.
        """
        return self._over_expected(question, "solved", 0.0)

    def charged_error(self, question: ScoredQuestion) -> float:
        """The mean of ``charged_velocity_error`` over the expected answers, in m/s.

        An answer that is not there is charged like one in which nothing could be measured: with the mean true
        speed, which is the error of standing still, plus 1 m/s. NaN if that is not known.
        """
        charge = self.mean(STANDING, "velocity_error", question.id) + CHARGE
        return self._over_expected(question, CHARGED, charge)

    def measured_share(self, question: ScoredQuestion) -> float:
        """The mean measured share over the expected answers, 0 for one missing or excluded."""
        return self._over_expected(question, "measured_share", 0.0)

    def abnormal(self, question: ScoredQuestion) -> float:
        """The share of expected answers that are abnormal, missing ones included.

        NaN where verdicts do not apply: in a scenario in which not even the truth has one.
        """
        if question.scenario not in self.judged:
            return np.nan
        return self._over_expected(question, "abnormal", 1.0)

    @cached_property
    def judged(self) -> set[str]:
        """Scenarios in which the truth has a verdict."""
        judged = self.values.get((FLOOR, "abnormal"), {})
        return {one.scenario for one in self.questions if np.isfinite(judged.get(one.id, np.nan)).any()}

    def _over_expected(self, question: ScoredQuestion, metric: str, absent: float) -> float:
        floor = self.values.get((FLOOR, metric), {}).get(question.id, [])
        if floor and not np.isfinite(floor).any():
            return np.nan
        its = self.values.get((ANSWERS, metric), {}).get(question.id, [])
        its = [value if value == value else absent for value in its]
        return float(np.mean([*its, *[absent] * (self.num_answers - len(its))]))


def read_scores(scores: Path, paper: Path) -> Scores:
    """A folder of scores and the folder of its paper.

    Raises BadInput for what is missing or no such file, for a question of the paper without a status and for
    one that is not of the paper.
    """
    index = read_index(paper)
    statuses = _read_json(scores / STATUS, list)
    results = _read_rows(scores / RESULTS)
    other = _read_rows(scores / OTHER) if (scores / OTHER).exists() else None
    by_question: dict[str, list[AnswerStatus]] = {entry["id"]: [] for entry in index["questions"]}
    for one in statuses:
        if one["question"] not in by_question:
            raise BadInput(f"{scores / STATUS}: {one['question']!r} is no question of the paper in {paper}")
        by_question[one["question"]].append(one)
    for name, its in by_question.items():
        if not its:
            raise BadInput(f"{scores / STATUS}: nothing about {name!r}; score the answers again")
    values, kinds = values_of(results)
    streams = {section["name"]: section["stream"] for section in index["paper"]["sections"]}
    return Scores(
        index=index,
        results=results,
        questions=tuple(
            ScoredQuestion(
                id=str(entry["id"]),
                section=str(entry["section"]),
                scenario=str(entry["scenario"]),
                filming=str(entry["filming"]),
                scene=f"{streams[entry['section']]}-{entry['id'].rpartition('-')[2]}",
                statuses=tuple(by_question[entry["id"]]),
            )
            for entry in index["questions"]
        ),
        values=values,
        kinds=kinds,
        other=other,
    )


def read_index(paper: Path) -> PaperIndex:
    """``paper.json`` of a folder that ``exam make`` wrote. Raises BadInput if it is none."""
    index = _read_json(paper / INDEX, dict)
    for name, kind in {"paper": dict, "video": dict, "questions": list}.items():
        if not isinstance(index.get(name), kind):
            raise BadInput(f"{paper / INDEX}: not the index of a paper: no {name!r}")
    if not index["questions"]:
        raise BadInput(f"{paper / INDEX}: a paper without questions")
    return index


def _read_rows(path: Path) -> pa.Table:
    try:
        rows = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadInput(f"{path}: not readable as Parquet; score the answers again") from error
    for name in COLUMNS:
        if name not in rows.column_names:
            raise BadInput(f"{path}: no column {name!r}; score the answers again")
    return rows


def values_of(
    results: pa.Table,
) -> tuple[dict[tuple[str, str], dict[str, list[float]]], dict[str, str]]:
    """(predictor, metric) -> question -> its answers' values; and predictor -> kind."""
    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    kinds: dict[str, str] = {}
    columns: Sequence[list] = [
        results[name].to_pylist() for name in ("predictor", "metric", "question", "kind", "body", "value")
    ]
    for predictor, metric, question, kind, body, value in zip(*columns, strict=True):
        kinds.setdefault(predictor, kind)
        if body == ALL_BODIES:
            number = np.nan if value is None else value
            values.setdefault((predictor, metric), {}).setdefault(question, []).append(number)
    return values, kinds


def _read_json(path: Path, kind: type) -> Any:
    found = read_json(path)
    if not isinstance(found, kind):
        raise BadInput(f"{path}: expected a {'list' if kind is list else 'mapping'}")
    return found
