"""paper.json of a paper's folder: read as what a stranger may have written, every fault in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, cast

from pydantic import Field, ValidationError

from worldlaw.core.errors import BadInput
from worldlaw.core.strict_files import Name, Place, Strict, explain, read_json
from worldlaw.exam.paper.paper import MOST_QUESTIONS, AskedVideo, Paper, PaperQuestion

FORMAT = 1
INDEX = "paper.json"

_Interval = Annotated[list[float], Field(min_length=2, max_length=2)]
_Region = Annotated[
    list[dict[str, Annotated[list[str | _Interval], Field(min_length=1)]]], Field(min_length=1)
]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Section(Strict):
    name: Name
    scenario: str
    region: _Region
    training: _Region | None
    num_questions: int = Field(ge=1, le=MOST_QUESTIONS)
    filming: Literal["plain", "textured"]
    stream: Name


class _Definition(Strict):
    name: Name
    version: int = Field(ge=1)
    about: str
    seed: int = Field(ge=0)
    video: AskedVideo
    sections: list[_Section] = Field(min_length=1)


LONGEST_PROMPT = 10_000  # characters; ours have 500


class _Entry(Strict):
    id: str
    section: str
    scenario: str
    filming: str
    prompt: str = Field(max_length=LONGEST_PROMPT)
    frames: list[str]
    clip: str
    answer: str
    sha256: _Sha256


class _Index(Strict):
    format: int
    paper: _Definition
    paper_sha256: _Sha256
    video: AskedVideo
    secret_hash: _Sha256 | None
    worldlaw: str
    versions: dict[str, int]
    questions: list[_Entry] = Field(min_length=1)


class IndexEntry(TypedDict):
    """What the index says of a question."""

    id: str
    section: str
    scenario: str
    filming: str
    prompt: str
    frames: list[str]
    clip: str
    answer: str
    sha256: str  # of the given frames


class PaperIndex(TypedDict):
    """What is in ``paper.json``."""

    format: int
    paper: dict[str, Any]  # as ``Paper.to_json`` says it
    paper_sha256: str
    video: dict[str, Any]  # the fields of a ``PaperVideo``
    secret_hash: str | None
    worldlaw: str
    versions: dict[str, int]
    questions: list[IndexEntry]


def read_index(folder: Path) -> PaperIndex:
    """``paper.json`` of a folder as plain data, every key there and of its kind.

    Raises BadInput in one line if there is none, and for whatever else is found in it.
    """
    path = folder / INDEX
    if not path.is_file():
        raise BadInput(f"{folder}: no {INDEX}, so this is no complete paper (worldlaw exam make)")
    raw = read_json(path)
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        found = raw.get("format") if isinstance(raw, dict) else None
        raise BadInput(f"{path}: expected a paper of format {FORMAT}; found {found!r:.40}")
    try:
        _Index.model_validate(raw)
    except ValidationError as error:
        raise BadInput(f"{path}: not the index of a paper: {explain(error, _fields_at)}") from error
    return cast(PaperIndex, raw)


def entry_of(paper: Paper, question: PaperQuestion, *, prompt: str, sha256: str) -> IndexEntry:
    """What the index says of a question; ``sha256`` is that of its given frames."""
    place = f"questions/{question.id}"
    return {
        "id": question.id,
        "section": question.section.name,
        "scenario": question.section.scenario,
        "filming": question.section.filming,
        "prompt": prompt,
        "frames": [f"{place}/{name}" for name in frames_of(paper)],
        "clip": f"{place}/given.mp4",
        "answer": f"{question.id}.mp4",
        "sha256": sha256,
    }


def frames_of(paper: Paper) -> list[str]:
    """Names of the pictures of what is given, in the folder of a question."""
    return [f"given-{number:03d}.png" for number in range(paper.video.context)]


def _fields_at(place: Place) -> list[str]:
    at: dict[str, type[Strict]] = {
        "video": AskedVideo,
        "sections": _Section,
        "questions": _Entry,
        "paper": _Definition,
    }
    inner = next((at[str(part)] for part in reversed(place) if str(part) in at), _Index)
    return sorted(inner.model_fields)
