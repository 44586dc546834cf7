"""A paper as a folder: what is given of every question, and an index for programs; no truth is inside.

The folder is complete when ``paper.json`` exists, which is written last. The same paper gives the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from worldlaw.clips.media import encode_mp4
from worldlaw.core.artifact import atomic_path, explained, locked, make_folder, sweep, write_text
from worldlaw.core.errors import BadInput, unknown
from worldlaw.papers import prompting
from worldlaw.papers.guide import guide_of
from worldlaw.papers.paper import Paper, PaperQuestion, paper_from
from worldlaw.papers.questions import questions, truth_of
from worldlaw.papers.secret import hash_of
from worldlaw.worlds import render, scenarios, textured

FORMAT = 1  # of paper.json
INDEX = "paper.json"
GUIDE = "HOW_TO_ANSWER.md"


@dataclass(frozen=True)
class MadePaper:
    """A paper folder."""

    folder: Path
    paper: Paper
    secret_hash: str | None  # None: public questions
    entries: Mapping[str, Mapping[str, Any]]  # question id -> what the index says of it

    @property
    def questions(self) -> tuple[PaperQuestion, ...]:
        """All questions, in the order of the paper."""
        return questions(self.paper)

    def given(self, question: str) -> UInt8[np.ndarray, "K H W 3"]:
        """The given frames of a question, from their PNGs. Raises BadInput if they are not as made."""
        entry = self.entries.get(question)
        if entry is None:
            raise unknown("question", question, self.entries)
        frames = np.stack([_read_png(self.folder / name) for name in entry["frames"]])
        if sha256_of(frames) != entry["sha256"]:
            raise BadInput(f"{self.folder}: the given frames of {question} are not those that were made")
        return frames


def make_paper(
    paper: Paper,
    out: Path,
    *,
    secret: bytes | None = None,
    wrap: Callable[[Iterable[PaperQuestion]], Iterable[PaperQuestion]] = iter,
) -> MadePaper:
    """Write the folder of a paper; what is there already is kept. ``wrap`` may count the questions.

    Raises BadInput if the folder holds anything else than this paper.
    """
    out = Path(out)
    secret_hash = None if secret is None else hash_of(secret)
    guide = guide_of(paper, secret_hash)
    _check_folder(out, guide)
    if (out / INDEX).exists():
        return open_paper(out)
    make_folder(out)
    with locked(out):
        write_text(out / GUIDE, guide)
        entries = [_make(paper, question, secret, out) for question in wrap(questions(paper))]
        index = _index(paper, secret_hash, entries)
        write_text(out / INDEX, json.dumps(index, indent=1) + "\n")
    return open_paper(out)


def _index(paper: Paper, secret_hash: str | None, entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "paper": paper.to_json(),
        "paper_sha256": paper.sha256,
        "video": vars(paper.video),
        "secret_hash": secret_hash,
        "worldlaw": importlib.import_module("worldlaw").__version__,
        "versions": _versions(paper),
        "questions": entries,
    }


def open_paper(folder: Path) -> MadePaper:
    """A complete paper folder.

    Raises BadInput if it is none, of another format, or made by laws or pictures of another version, whose
    truth would not be that of the given frames.
    """
    folder = Path(folder)
    path = folder / INDEX
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{folder}: no {INDEX}, so this is no complete paper (worldlaw exam make)") from error
    except ValueError as error:
        raise BadInput(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        found = index.get("format") if isinstance(index, dict) else None
        raise BadInput(f"{path}: expected a paper of format {FORMAT}; found {found!r}")
    try:
        paper = paper_from(index["paper"])
        entries = {entry["id"]: entry for entry in index["questions"]}
        secret_hash, versions, said = index["secret_hash"], index["versions"], index["paper_sha256"]
    except (KeyError, TypeError, BadInput) as error:
        raise BadInput(f"{path}: not the index of a paper ({error})") from error
    if paper.sha256 != said or list(entries) != [question.id for question in questions(paper)]:
        raise BadInput(f"{path}: changed after it was made; make the paper again")
    expected = _versions(paper)
    for what, version in expected.items():
        if versions.get(what) != version:
            raise BadInput(
                f"{path}: made with {what} version {versions.get(what)}; this worldlaw has {version}: "
                "make the paper again, or use the worldlaw that made it"
            )
    return MadePaper(folder, paper, secret_hash, entries)


def _make(paper: Paper, question: PaperQuestion, secret: bytes | None, out: Path) -> dict[str, Any]:
    """Write what is given of a question; returns its entry in the index."""
    truth = truth_of(paper, question, secret)
    given = truth.video(paper.video.context)
    place = f"questions/{question.id}"
    folder = out / place
    make_folder(folder)
    sweep(folder)
    names = [f"given-{number:03d}.png" for number in range(len(given))]
    for name, frame in zip(names, given, strict=True):
        _write(folder / name, lambda frame=frame: _png(frame))  # type: ignore[misc]
    clip = f"{place}/given.mp4"
    _write(out / clip, lambda: encode_mp4(given, paper.video.fps))
    _write(folder / "prompt.txt", lambda: f"{truth.prompt}\n".encode())
    return {
        "id": question.id,
        "section": question.section.name,
        "scenario": question.section.scenario,
        "filming": question.section.filming,
        "prompt": truth.prompt,
        "frames": [f"{place}/{name}" for name in names],
        "clip": clip,
        "answer": f"{question.id}.mp4",
        "sha256": sha256_of(given),
    }


def _write(path: Path, content: Callable[[], bytes]) -> None:
    if not path.exists():
        with atomic_path(path) as temporary:
            temporary.write_bytes(content())


def _check_folder(out: Path, guide: str) -> None:
    """That a folder is new, empty, or holds this paper, as far as it is made."""
    with explained(out):
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return
        if not out.is_dir():
            raise BadInput(f"{out}: expected a folder, found a file")
        found = out / GUIDE
        if not found.is_file() or found.read_text(encoding="utf-8", errors="replace") != guide:
            what = "another paper, or this one for another video" if found.is_file() else "other files"
            raise BadInput(f"{out}: holds {what}; choose a new folder")


def _versions(paper: Paper) -> dict[str, int]:
    """Version integers of all that decides what is given and what is true."""
    found = {
        f"scenario {name}": scenarios.get(name).version
        for name in dict.fromkeys(section.scenario for section in paper.sections)
    }
    return {**found, "render": render.VERSION, "textured": textured.VERSION, "prompt": prompting.VERSION}


def _png(frame: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(buffer, "PNG")
    return buffer.getvalue()


def _read_png(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise BadInput(f"{path}: missing, or no readable picture") from error


def sha256_of(frames: np.ndarray) -> str:
    """Hash of given frames (K, H, W, 3), as the index has it."""
    return hashlib.sha256(np.ascontiguousarray(frames).tobytes()).hexdigest()
