"""A folder of answers -> scores: every question with its status, every number with what it is measured by."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from worldlaw.core.artifact import atomic_path, make_folder, write_text
from worldlaw.core.errors import BadInput
from worldlaw.core.progress import Progress
from worldlaw.core.region import Region
from worldlaw.core.types import Scene
from worldlaw.core.workers import Workers
from worldlaw.exam.answers.answer_check import open_paper_once, read_answer
from worldlaw.exam.answers.answer_folder import Answer, AnswerFolder, Declaration, address_of, open_answers
from worldlaw.exam.cards.card import write_card
from worldlaw.exam.page.exam_page import write_exam_report
from worldlaw.exam.paper.paper import PaperQuestion
from worldlaw.exam.paper.paper_folder import MadePaper, sha256_of
from worldlaw.exam.paper.questions import Truth, truth_of
from worldlaw.exam.paper.secret import secret_of
from worldlaw.exam.scoring.coarse_forms import coarse_forms
from worldlaw.exam.scoring.question_scores import PARTS, QuestionScores, Read, mark
from worldlaw.exam.scoring.scores import ANSWERS, OTHER, RESULTS, STATUS, AnswerStatus
from worldlaw.exam.scoring.verdict_limits import limits_of
from worldlaw.measure.rows import RowTable
from worldlaw.worlds import scenarios

PLAIN = "plain"
CHUNK = 8  # questions that a worker takes at a time
SCHEMA = pa.schema(
    [
        ("paper", pa.string()),
        ("section", pa.string()),
        ("scenario", pa.string()),
        ("filming", pa.string()),
        ("level", pa.string()),
        ("in_train_region", pa.string()),  # yes, no, unknown
        ("question", pa.string()),
        ("answer", pa.int64()),  # -1 for what is no answer
        ("predictor", pa.string()),
        ("kind", pa.string()),  # model, floor, reference
        ("body", pa.int64()),  # -1 for all bodies together
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("best", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Scored:
    """What was scored."""

    folder: Path
    statuses: tuple[AnswerStatus, ...]
    num_rows: int
    unknown: tuple[str, ...]  # videos that answer no question of the paper
    notes: tuple[str, ...]  # about failures that the maker tells of and that do not count
    seconds: dict[str, float]  # processor time of all workers, by part of the work; wall is by the clock

    def count(self, status: str) -> int:
        """Answers of a status."""
        return sum(one["status"] == status for one in self.statuses)


def score(
    paper_folder: Path,
    answers: Path,
    out: Path | None = None,
    *,
    workers: int = 1,
    look: bool = False,
    tracks: Path | None = None,
    secret: Path | None = None,
    verdicts: bool = False,
    report: bool = True,
    allow: Collection[str] = (),
    progress: Progress | None = None,
) -> Scored:
    """Score a folder of answers to a made paper into ``out``, by default beside it.

    Writes ``results.parquet``, ``status.json``, ``card.json`` and ``report.html``; the same answers give the
    same bytes, however many work on them. ``look`` adds metrics on pixels, ``tracks`` is a folder of CSV
    files by the user's own tracker, ``secret`` the file of a held-out paper; with ``verdicts`` limits of what
    true clips of rigid bodies show are measured where none ship, which takes minutes. ``allow`` are scenarios
    of the user's own that the paper may name. What is wrong with one answer is its status and stops no other.
    Raises BadInput for folders that are none, and if nothing in ``answers`` is an answer.
    """
    started = time.perf_counter()
    made = open_paper_once(Path(paper_folder), tuple(allow))
    found = open_answers(answers, made.entries)
    if not found.answers and not found.failures:
        raise BadInput(f"{answers}: no answer to any of the {len(made.entries)} questions")
    key = secret_of(secret, made.secret_hash)
    out = _place(out, Path(answers))
    make_folder(out)
    parts: dict[str, list[pa.Table]] = {RESULTS: [], OTHER: []}
    statuses: list[AnswerStatus] = []
    seconds = dict.fromkeys(PARTS, 0.0)
    team = Workers(workers)
    with team.pool():
        limits = _limits(made, found, measured=verdicts, team=team, progress=progress)
        tasks = _tasks(made, tuple(allow), found, key, look, tracks, limits)
        if progress is not None:
            progress.start("score", len(made.entries), "questions")
        for its_rows, its, spent in team.each(_score, tasks):
            for name, part in its_rows.items():
                parts[name].append(part)
            statuses += its
            for name, value in spent.items():
                seconds[name] += value
            if progress is not None:
                progress.advance(len({one["question"] for one in its}))
    statuses, tables = _without_coarse(
        made, statuses, {name: pa.concat_tables(its) for name, its in parts.items()}
    )
    for name, table in tables.items():
        with atomic_path(out / name) as temporary:
            pq.write_table(table, temporary, compression="zstd")
    write_text(out / STATUS, json.dumps(statuses, indent=1, allow_nan=False) + "\n")
    write_card(out, made.folder, found.folder, look=look, verdicts=verdicts, tracks=tracks, limits=limits)
    if report:
        write_exam_report(out, made.folder, found.folder, secret=key, allow=allow)
    seconds["wall"] = time.perf_counter() - started
    unknown = tuple(one.answer for one in found.findings if one.code == "unknown")
    notes = tuple(f"{one.answer}: {one.line}" for one in found.findings if one.code.startswith("failure-"))
    return Scored(out, tuple(statuses), tables[RESULTS].num_rows, unknown, notes, seconds)


def _without_coarse(
    made: MadePaper, statuses: list[AnswerStatus], tables: dict[str, pa.Table]
) -> tuple[list[AnswerStatus], dict[str, pa.Table]]:
    """Statuses and tables with the answers in a form that is too coarse for a law excluded."""
    laws = {one.id: (one.section.scenario, one.section.filming) for one in made.questions}
    coarse = coarse_forms(statuses, laws)
    if not coarse:
        return statuses, tables
    out: list[AnswerStatus] = []
    dropped: set[tuple[str, int]] = set()
    for one in statuses:
        reason = coarse.get((*laws[one["question"]], one["form"]))
        if reason is not None and one["status"] == "scored":
            one = {**one, "status": "excluded", "reason": reason, "adjustments": [], "floor": {}}
            dropped.add((one["question"], one["answer"]))
        out.append(one)

    def kept(table: pa.Table) -> pa.Table:
        rows = zip(*(table[name].to_pylist() for name in ("predictor", "question", "answer")), strict=True)
        whose = [predictor != ANSWERS or tuple(where) not in dropped for predictor, *where in rows]
        return table.filter(pa.array(whose, pa.bool_()))

    return out, {name: kept(table) for name, table in tables.items()}


def _place(out: Path | None, answers: Path) -> Path:
    """Where scores go. Raises BadInput for a place among the answers, which stay as they were."""
    inside = answers.resolve()
    out = beside(answers) if out is None else Path(out)
    if inside in (out.resolve(), *out.resolve().parents):
        raise BadInput(f"{out}: scores are not written among the answers; choose another --out")
    return out


def beside(answers: Path) -> Path:
    """Where the scores of a folder of answers go: beside it, under its own name even if it is called ``.``.

    Raises BadInput for the root of all folders.
    """
    named = answers if answers.name not in ("", "..") else answers.resolve()
    if not named.name:
        raise BadInput(f"{answers}: nothing lies beside it; say with out where the scores go")
    return named.with_name(f"{named.name}-scores")


def level_of(scene: Scene, training: Region | None) -> str:
    """How a scene lies to what the model was trained on; "unknown" if the paper does not know."""
    return "unknown" if training is None else training.level(scene.attributes)


def _limits(
    made: MadePaper,
    found: AnswerFolder,
    *,
    measured: bool,
    team: Workers,
    progress: Progress | None,
) -> dict[str, dict[str, float]]:
    """Scenario -> limits of verdicts, for those read by pose."""
    answered = {answer.question for answer in found.answers}
    posed = {
        question.section.scenario
        for question in made.questions
        if question.id in answered
        and question.section.filming == PLAIN
        and scenarios.get(question.section.scenario).tracker == "poses"
    }
    limits = {
        name: limits_of(made.paper, name, made.folder, measured=measured, team=team, progress=progress)
        for name in sorted(posed)
    }
    return {name: one for name, one in limits.items() if one is not None}


def _tasks(
    made: MadePaper,
    allow: tuple[str, ...],
    found: AnswerFolder,
    secret: bytes | None,
    look: bool,
    tracks: Path | None,
    limits: Mapping[str, Mapping[str, float]],
) -> list[tuple]:
    by_question: dict[str, list[Answer]] = {}
    for answer in found.answers:
        by_question.setdefault(answer.question, []).append(answer)
    failures: dict[str, dict[int, str]] = {}
    for name, reason in found.failures.items():
        question, number = address_of(name)
        failures.setdefault(question, {})[number] = f"failed: {reason}"
    for finding in found.findings:
        if finding.question is not None and finding.level == "excluded":
            _, number = address_of(finding.answer.removesuffix(Path(finding.answer).suffix))
            failures.setdefault(finding.question, {})[number] = f"{finding.code}: {finding.line}"
    each = [
        (question, tuple(by_question.get(question.id, ())), failures.get(question.id, {}))
        for question in made.questions
    ]
    return [
        (made.folder, allow, each[start : start + CHUNK], found.declared, secret, look, tracks, limits)
        for start in range(0, len(each), CHUNK)
    ]


def _score(
    folder: Path,
    allow: tuple[str, ...],
    each: Sequence[tuple[PaperQuestion, tuple[Answer, ...], Mapping[int, str]]],
    declared: Declaration,
    secret: bytes | None,
    look: bool,
    tracks: Path | None,
    limits: Mapping[str, Mapping[str, float]],
) -> tuple[dict[str, pa.Table], list[AnswerStatus], dict[str, float]]:
    """Tables, statuses and seconds of some questions."""
    made = open_paper_once(folder, allow)
    tables = {RESULTS: RowTable(SCHEMA), OTHER: RowTable(SCHEMA)}
    statuses: list[AnswerStatus] = []
    seconds = dict.fromkeys(PARTS, 0.0)
    for question, answers, failures in each:
        marked = QuestionScores()
        truth = truth_of(made.paper, question, secret)
        read = _read(made, truth, answers, declared, marked)  # one at a time: films are large
        mark(
            truth,
            read,
            failures=failures,
            limits=limits.get(question.section.scenario) if question.section.filming == PLAIN else None,
            look=look,
            own_tracks=tracks,
            marked=marked,
        )
        about = _about(truth)
        for name, rows in ((RESULTS, marked.rows), (OTHER, marked.other)):
            for (number, predictor, kind), row in rows:
                tables[name].add({**about, "answer": number, "predictor": predictor, "kind": kind}, [row])
        statuses += marked.statuses
        for name, value in marked.seconds.items():
            seconds[name] += value
    return {name: table.table() for name, table in tables.items()}, statuses, seconds


def _read(
    made: MadePaper, truth: Truth, answers: Sequence[Answer], declared: Declaration, marked: QuestionScores
) -> Iterator[Read]:
    """The answers to a question, each with how it lies to it.

    Raises BadInput if what was given of the question is not how its truth begins.
    """
    with marked.timed("decode"):
        given = truth.video(made.paper.video.context)
        if sha256_of(given) != made.entries[truth.question.id]["sha256"]:
            raise BadInput(
                f"{made.folder}: what was given of {truth.question.id} is not how its truth begins; was the "
                "paper made by another worldlaw, or changed?"
            )
    for answer in answers:
        with marked.timed("decode"):
            found = read_answer(answer, given, made, declared)
        yield answer, found


def _about(truth: Truth) -> dict[str, str]:
    """What all rows of a question share, by column."""
    section = truth.question.section
    training = section.training
    inside = "unknown"
    if training is not None:
        inside = "yes" if training.contains(truth.scene.attributes) else "no"
    return {
        "paper": truth.paper.name,
        "section": section.name,
        "scenario": section.scenario,
        "filming": section.filming,
        "level": level_of(truth.scene, training),
        "in_train_region": inside,
        "question": truth.question.id,
    }
