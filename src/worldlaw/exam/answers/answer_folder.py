"""A folder of answers: which file answers which question, and what its maker says of all of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from worldlaw.clips.film import LEAST_FPS, MOST_FPS
from worldlaw.clips.films import SUFFIXES
from worldlaw.clips.pictures import is_frame
from worldlaw.core.errors import BadInput, nearest, shorten
from worldlaw.core.strict_files import Strict, explain, parse_json

DECLARATION = "answers.json"
FAILURES = "failures.json"
SCORES = "status.json"  # what a folder of scores holds
MOST_ANSWERS = 1000  # seeds of a question
LONGEST_REASON = 1000  # characters that are kept of why a model did not answer
MOST_GUESSED = 20  # unknown names of which the nearest known one is sought: that takes 10 ms for each


@dataclass(frozen=True)
class AnswerFinding:
    """Something about an answer that its maker should know."""

    answer: str  # name of the file or folder; "" for all together
    question: str | None  # None if it answers none
    level: str  # fatal, excluded, adjusted or note
    code: str
    line: str


@dataclass(frozen=True)
class Answer:
    """One video that answers a question."""

    question: str
    number: int  # k of several answers to one question
    path: Path  # a file, or a folder of frames


class Declaration(Strict):
    """What ``answers.json`` may say; what it does not say is measured."""

    model: str = ""
    settings: Any = None
    sampler_steps: int | None = Field(default=None, ge=1)
    seeds: list[int] | None = None
    fps: float | None = Field(default=None, ge=LEAST_FPS, le=MOST_FPS)
    includes_given: bool | Literal["last"] | None = None  # "last": they begin with the last given frame
    letterbox: list[int] | Literal["none", "measure"] | None = None
    about: str = ""


@dataclass(frozen=True)
class AnswerFolder:
    """What a folder holds."""

    folder: Path
    declared: Declaration
    answers: tuple[Answer, ...]  # by question, in the order of the paper, and number
    findings: tuple[AnswerFinding, ...]  # about names
    failures: Mapping[str, str]  # answer -> why its model did not give it

    def files(self) -> tuple[str, ...]:
        """Every file that scoring reads or that decides a status, by its name below the folder, in order.

        Declaration and failures, what is called as a question, and of a folder its frames; nothing else that
        lies there, and nothing that is no regular file of this folder: to open a pipe waits for ever.
        """
        said = [name for name in (DECLARATION, FAILURES) if (self.folder / name).is_file()]
        there = {answer.path.name for answer in self.answers}
        there |= {one.answer for one in self.findings if one.level == "excluded" and one.question is not None}
        paths = [
            path
            for name in (*said, *there)
            if _odd(self.folder / name, self.folder) is None
            for path in _frames_or_file(self.folder / name)
        ]
        return tuple(sorted(path.relative_to(self.folder).as_posix() for path in paths))


def open_answers(folder: Path, questions: Iterable[str]) -> AnswerFolder:
    """The answers in a folder, by their names alone; nothing is opened but what declares them.

    ``ID.mp4`` or ``ID__K.mp4``, any suffix that ``clips.films`` reads, or a folder ``ID`` or ``ID__K`` of
    frames. What is no regular file, or a link that leads out of the folder, is not read.
    Raises BadInput if there is no such folder or its declaration is wrong.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; expected answers such as ID.mp4")
    known = dict.fromkeys(questions)
    num_unknown = 0
    found: dict[tuple[str, int], list[Path]] = {}
    findings: list[AnswerFinding] = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.startswith(".") or path.name in (DECLARATION, FAILURES):
            continue
        read = path.is_dir() or path.suffix.lower() in SUFFIXES
        stem = path.name if path.is_dir() else path.name[: len(path.name) - len(path.suffix)]
        name, number = address_of(stem)
        odd = _odd(path, folder) if name in known and read else None
        if odd is not None:
            findings.append(AnswerFinding(path.name, name, "excluded", *odd))
        elif name in known and read and number < MOST_ANSWERS:
            found.setdefault((name, number), []).append(path)
        elif name in known and not read:
            line = f"cannot read {path.suffix or 'a file without a suffix'}; expected {', '.join(SUFFIXES)}"
            findings.append(AnswerFinding(path.name, name, "excluded", "format", line))
        elif name in known:
            line = f"answer {number}; at most {MOST_ANSWERS} to a question, counted from 0"
            findings.append(AnswerFinding(path.name, name, "excluded", "number", line))
        elif path.is_dir() and (path / SCORES).is_file():
            findings.append(AnswerFinding(path.name, None, "note", "ignored", "scores; left alone"))
        elif read:
            num_unknown += 1
            near = nearest(name, known, cutoff=0.6) if num_unknown <= MOST_GUESSED else None
            line = f"no question {name!r}" + (f"; did you mean {near!r}?" if near else " in this paper")
            findings.append(AnswerFinding(path.name, None, "excluded", "unknown", line))
        else:
            findings.append(AnswerFinding(path.name, None, "note", "ignored", "no video; left alone"))
    answers = []
    for (question, number), paths in found.items():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            findings += [
                AnswerFinding(path.name, question, "excluded", "twice", f"{names} are one answer twice")
                for path in paths
            ]
        else:
            answers.append(Answer(question, number, paths[0]))
    place = {question: number for number, question in enumerate(known)}
    answers.sort(key=lambda answer: (place[answer.question], answer.number))
    failures: dict[str, str] = {}
    for stem, reason in _failures(folder).items():
        name, number = address_of(stem)
        if name not in place:
            line = f"{FAILURES} names it, and no question of this paper is called so"
            findings.append(AnswerFinding(stem, None, "note", "failure-unknown", line))
        elif number >= MOST_ANSWERS:
            line = f"{FAILURES} names it; at most {MOST_ANSWERS} answers to a question, counted from 0"
            findings.append(AnswerFinding(stem, name, "note", "failure-unknown", line))
        elif (name, number) in found:
            line = f"{FAILURES} says that it failed ({reason}), but it is there, and counts"
            findings.append(AnswerFinding(stem, name, "note", "failure-answered", line))
        else:
            failures[stem] = reason
    return AnswerFolder(folder, _declared(folder), tuple(answers), tuple(findings), failures)


def _frames_or_file(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    yield from (one for one in path.iterdir() if one.is_file() and is_frame(one))


def address_of(stem: str) -> tuple[str, int]:
    """Question and number of an answer, from its name."""
    found = re.fullmatch(r"(.+)__([0-9]{1,9})", stem)  # \\d takes the digits of every script
    return (found[1], int(found[2])) if found else (stem, 0)


def _odd(path: Path, folder: Path) -> tuple[str, str] | None:
    """Why a file, or a folder of frames, is not read: a code and a line."""
    for one in (path, *(sorted(path.iterdir()) if path.is_dir() else ())):
        name = "" if one == path else f"{one.name}: "
        if _leads_out(one, folder):
            return "link", f"{name}a link that leads out of the folder; put the video itself there"
        if one.is_symlink() and not one.exists():
            return "unreadable", f"{name}a link that leads nowhere or in a circle"
        if one.exists() and not (one.is_file() or one.is_dir()):
            return "unreadable", f"{name}no regular file"
    return None


def _leads_out(path: Path, folder: Path) -> bool:
    """Whether a path is a link to outside a folder; ``Path.resolve`` would raise for a circle of links."""
    return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _declared(folder: Path) -> Declaration:
    path = folder / DECLARATION
    raw = _read(folder, DECLARATION)
    if raw is None:
        return Declaration()
    if isinstance(raw.get("fps"), int) and not isinstance(raw["fps"], bool):
        raw = {**raw, "fps": float(raw["fps"])}
    try:
        declared = Declaration.model_validate(raw)
    except ValidationError as error:
        raise BadInput(f"{path}: {explain(error, lambda place: Declaration.model_fields)}") from error
    box = declared.letterbox
    if isinstance(box, list) and (len(box) != 4 or min(box[:2]) < 0 or min(box[2:]) < 1):
        raise BadInput(f"{path}: letterbox: expected [left, top, width, height] in pixels; found {box}")
    return declared


def _failures(folder: Path) -> dict[str, str]:
    path = folder / FAILURES
    raw = _read(folder, FAILURES) or {}
    if not all(isinstance(reason, str) for reason in raw.values()):
        raise BadInput(f"{path}: expected the name of every answer with a reason")
    return {str(name): shorten(" ".join(reason.split()), LONGEST_REASON) for name, reason in raw.items()}


def _read(folder: Path, name: str) -> dict | None:
    """An object of JSON; None if there is no such file."""
    path = folder / name
    if _leads_out(path, folder):
        raise BadInput(f"{path}: a link that leads out of the folder; put the file itself there")
    if (path.exists() or path.is_symlink()) and not path.is_file():
        raise BadInput(f"{path}: no regular file")
    try:
        raw = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(raw, dict):
        raise BadInput(f"{path}: expected an object; found {type(raw).__name__}")
    return raw
