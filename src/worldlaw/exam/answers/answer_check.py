"""What is missing or off in a folder of answers, said before anything is scored; every file is read once."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from worldlaw.clips.film import Film
from worldlaw.clips.films import read_film
from worldlaw.core.errors import BadInput
from worldlaw.core.time_limit import at_most
from worldlaw.core.workers import Workers
from worldlaw.exam.answers.adjustments import AnswerFit, Unfit, fit, last_counted
from worldlaw.exam.answers.answer_folder import (
    Answer,
    AnswerFinding,
    AnswerFolder,
    Declaration,
    address_of,
    open_answers,
)
from worldlaw.exam.paper.paper_folder import MadePaper, open_paper

CHUNK = 16  # answers that a worker takes at a time
PATIENCE = 60.0  # s that reading an answer may take, and so many more for every MB of it:
PATIENCE_OF_MB = 2.0  # a hundred times what decoding takes on a quiet core
LEAST_SHARE = 0.9  # of what counts: an answer that shows less is not solved
NOTES = ("floats", "integers", "grey", "alpha", "pixels", "times")  # change nothing that is measured


def check(
    paper_folder: Path,
    answers: Path,
    *,
    workers: int = 1,
    allow: Collection[str] = (),
    progress: object | None = None,
) -> tuple[AnswerFinding, ...]:
    """All findings, those about names first, then question by question.

    ``allow`` are scenarios of the user's own that the paper may name (making.open_paper).
    Raises BadInput for folders that are none.
    """
    made = open_paper(paper_folder, allow=allow)
    found = open_answers(answers, made.entries)
    team = Workers(workers)
    chunks = [found.answers[start : start + CHUNK] for start in range(0, len(found.answers), CHUNK)]
    tasks = [(made.folder, tuple(allow), chunk, found.declared) for chunk in chunks]
    about_files: list[AnswerFinding] = []
    advance = getattr(progress, "advance", lambda count: None)
    if progress is not None:
        progress.start("check", len(found.answers), "answers")  # type: ignore[attr-defined]
    with team.pool():
        for chunk, part in zip(chunks, team.each(_check, tasks), strict=True):
            about_files += part
            advance(len(chunk))
    return (*names_of(made, found), *about_files)


def names_of(made: MadePaper, found: AnswerFolder) -> Iterator[AnswerFinding]:
    """What names alone tell: unknown ones, ones given twice, questions without an answer."""
    if not found.answers:
        line = f"no answer in {found.folder} to any of the {len(made.entries)} questions"
        yield AnswerFinding("", None, "fatal", "empty", line)
    yield from found.findings
    there = Counter(answer.question for answer in found.answers)
    absent = set(made.entries) - set(there) - {finding.question for finding in found.findings}
    given = {(answer.question, answer.number) for answer in found.answers}
    for name, why in found.failures.items():
        question, number = address_of(name)
        if question in made.entries and (question, number) not in given:
            absent.discard(question)
            yield AnswerFinding(name, question, "excluded", "failed", f"the model failed: {why}")
    for question in made.entries:
        if question in absent:
            yield AnswerFinding(question, question, "excluded", "missing", "no answer")
    if len(set(there.values())) > 1:
        line = f"between {min(there.values())} and {max(there.values())} answers to a question"
        yield AnswerFinding("", None, "note", "uneven-count", line)


def read_answer(
    answer: Answer, given: np.ndarray, made: MadePaper, declared: Declaration
) -> tuple[Film, AnswerFit] | AnswerFinding:
    """An answer and how it lies to its question, or why it does not count; reading it has a time limit."""
    try:
        with at_most(patience_for(answer.path), "reading it"):
            film = read_film(answer.path, least_frames=1)
        if len(film.frames) == 1 and made.paper.video.num_frames > 2:
            raise Unfit("one-frame", "one frame is no video")
        return film, fit(film, given, made.paper.video, declared)
    except BadInput as error:
        line = str(error).removeprefix(f"{answer.path}: ")
        return AnswerFinding(answer.path.name, answer.question, "excluded", "unreadable", line)
    except Unfit as error:
        return AnswerFinding(answer.path.name, answer.question, "excluded", error.code, str(error))


def patience_for(path: Path) -> float:
    """How long reading an answer may take, in s."""
    files = path.iterdir() if path.is_dir() else (path,)
    size = sum(one.stat().st_size for one in files if one.is_file())
    return PATIENCE + PATIENCE_OF_MB * size / 1e6


@functools.lru_cache(maxsize=2)
def open_paper_once(folder: Path, allow: tuple[str, ...]) -> MadePaper:
    """A paper folder, opened once by a process."""
    return open_paper(folder, allow=allow)


def _check(
    folder: Path, allow: tuple[str, ...], answers: Sequence[Answer], declared: Declaration
) -> list[AnswerFinding]:
    made = open_paper_once(folder, allow)
    findings = []
    for answer in answers:
        read = read_answer(answer, made.given(answer.question), made, declared)
        if isinstance(read, AnswerFinding):
            findings.append(read)
            continue
        _, where = read
        if (line := _unmeasurable(where, made)) is not None:
            findings.append(AnswerFinding(answer.path.name, answer.question, "adjusted", "form", line))
        for one in where.adjustments:
            level = "note" if one.what in NOTES else "adjusted"
            findings.append(AnswerFinding(answer.path.name, answer.question, level, one.what, one.detail))
    return findings


def _unmeasurable(where: AnswerFit, made: MadePaper) -> str | None:
    """A line if most that can be measured of an answer is little, whatever it shows."""
    video = made.paper.video
    new = np.arange(video.context, video.num_frames) / video.fps
    counted = new[new <= last_counted(where.time, where.fps, video) + 1e-4 / video.fps]
    shown = (counted <= where.time[-1] + 1e-4 / video.fps).mean()
    if shown >= LEAST_SHARE:
        return None
    return f"at most {shown:.0%} of the new frames that count can be measured: it ends early"
