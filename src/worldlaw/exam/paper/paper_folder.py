"""A paper as a folder: what is given of every question, and an index for programs; no truth is inside.

The folder is complete when ``paper.json`` exists, which is written last. The same paper gives the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from worldlaw.clips.media import encode_mp4
from worldlaw.core.artifact import atomic_path, explain_os_errors, lock_folder, make_folder, sweep, write_text
from worldlaw.core.errors import BadInput, unknown
from worldlaw.exam.paper import prompts
from worldlaw.exam.paper.answer_guide import guide_of
from worldlaw.exam.paper.paper import Paper, PaperQuestion, paper_from
from worldlaw.exam.paper.paper_index import (
    FORMAT,
    INDEX,
    IndexEntry,
    PaperIndex,
    entry_of,
    frames_of,
    read_index,
)
from worldlaw.exam.paper.questions import questions, truth_of
from worldlaw.exam.paper.secret import hash_of
from worldlaw.worlds import scenarios, training_region
from worldlaw.worlds.render import flat, textured

GUIDE = "HOW_TO_ANSWER.md"


@dataclass(frozen=True)
class MadePaper:
    """A paper folder."""

    folder: Path
    paper: Paper
    secret_hash: str | None  # None: public questions
    entries: Mapping[str, IndexEntry]  # question id -> what the index says of it

    @property
    def questions(self) -> tuple[PaperQuestion, ...]:
        """All questions, in the order of the paper."""
        return questions(self.paper)

    def given(self, question: str) -> UInt8[np.ndarray, "K H W 3"]:
        """The given frames of a question, from their PNGs. Raises BadInput if they are not as made."""
        entry = self.entries.get(question)
        if entry is None:
            raise unknown("question", question, self.entries)
        video, place = self.paper.video, self.folder / "questions" / question
        size = (video.width, video.height)
        frames = np.stack([_read_png(place / name, size) for name in frames_of(self.paper)])
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
        made = open_paper(out, allow=foreign_scenarios(paper))
        if made.paper != paper:
            raise BadInput(f"{out}: holds another paper; choose a new folder")
        return made
    make_folder(out)
    with lock_folder(out):
        write_text(out / GUIDE, guide)
        entries = [_make(paper, question, secret, out) for question in wrap(questions(paper))]
        index = _index(paper, secret_hash, entries)
        write_text(out / INDEX, json.dumps(index, indent=1) + "\n")
    return open_paper(out, allow=foreign_scenarios(paper))


def _index(paper: Paper, secret_hash: str | None, entries: list[IndexEntry]) -> PaperIndex:
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


def open_paper(folder: Path, *, allow: Collection[str] = ()) -> MadePaper:
    """A complete paper folder, whoever made it: nothing that it names is imported or opened.

    ``allow`` are the addresses of scenarios of the user's own, such as ``my_law:Law``, that it may name.
    Raises BadInput if it is none, of another format, asks about a scenario outside this package that is not
    allowed, or was made by laws or pictures of another version, whose truth would not be that of the given
    frames.
    """
    folder = Path(folder)
    path = folder / INDEX
    index = read_index(folder)
    try:
        paper = paper_from(index["paper"])
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    for address in foreign_scenarios(paper):
        if address not in allow:
            raise BadInput(
                f"{path}: asks about scenario {address!r}, whose module would be imported; if you trust it, "
                f"allow it with --allow-scenario {address}"
            )
    entries = {entry["id"]: entry for entry in index["questions"]}
    expected = [
        entry_of(paper, question, prompt=entry["prompt"], sha256=entry["sha256"])
        for question, entry in zip(questions(paper), index["questions"], strict=False)
    ]
    untouched = len(expected) == paper.num_questions and index["questions"] == expected
    if paper.sha256 != index["paper_sha256"] or index["video"] != vars(paper.video) or not untouched:
        raise BadInput(f"{path}: changed after it was made; make the paper again")
    try:
        _check_regions(paper)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    for what, version in _versions(paper).items():
        found = index["versions"].get(what)
        if found != version:
            raise BadInput(
                f"{path}: made with {what} version {found}; this worldlaw has {version}: "
                "make the paper again, or use the worldlaw that made it"
            )
    return MadePaper(folder, paper, index["secret_hash"], entries)


def foreign_scenarios(paper: Paper) -> tuple[str, ...]:
    """Addresses of the scenarios of a paper that are not registered: to look at them imports a module."""
    return tuple(dict.fromkeys(one.scenario for one in paper.sections if ":" in one.scenario))


def _check_regions(paper: Paper) -> None:
    """Raises BadInput for a region that says less, or other things, than the scenario has attributes."""
    for section in paper.sections:
        scenario = scenarios.get(section.scenario)
        for what, region in (("region", section.region), ("training", section.training)):
            if region is not None and training_region(scenario, region.to_json()) != region:
                raise BadInput(f"section {section.name}: its {what} is none of {section.scenario}")


def _make(paper: Paper, question: PaperQuestion, secret: bytes | None, out: Path) -> IndexEntry:
    """Write what is given of a question; returns its entry in the index."""
    truth = truth_of(paper, question, secret)
    given = truth.video(paper.video.context)
    folder = out / "questions" / question.id
    make_folder(folder)
    sweep(folder)
    for name, frame in zip(frames_of(paper), given, strict=True):
        _write(folder / name, lambda frame=frame: _png(frame))  # type: ignore[misc]
    _write(folder / "given.mp4", lambda: encode_mp4(given, paper.video.fps))
    _write(folder / "prompt.txt", lambda: f"{truth.prompt}\n".encode())
    return entry_of(paper, question, prompt=truth.prompt, sha256=sha256_of(given))


def _write(path: Path, content: Callable[[], bytes]) -> None:
    if not path.exists():
        with atomic_path(path) as temporary:
            temporary.write_bytes(content())


def _check_folder(out: Path, guide: str) -> None:
    """That a folder is new, empty, or holds this paper, as far as it is made."""
    with explain_os_errors(out):
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
    return {**found, "render": flat.VERSION, "textured": textured.VERSION, "prompt": prompts.VERSION}


def _png(frame: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(buffer, "PNG")
    return buffer.getvalue()


def _read_png(path: Path, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8. No other format is tried, and no other size is decoded. Raises BadInput."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.size != size:
                raise BadInput(f"{path}: expected {size[0]} x {size[1]} pixels; found {picture.size}")
            return np.asarray(picture.convert("RGB"))
    except BadInput:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadInput(f"{path}: missing, or no readable PNG") from error


def sha256_of(frames: np.ndarray) -> str:
    """Hash of given frames (K, H, W, 3), as the index has it."""
    return hashlib.sha256(np.ascontiguousarray(frames).tobytes()).hexdigest()
