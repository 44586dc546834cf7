"""Ask a model every question of a paper, and keep its answers as they came: whole, lossless, once each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from worldlaw.core.artifact import atomic_path, lock_folder, make_folder, sweep, write_text
from worldlaw.core.errors import BadInput, Failed, blame
from worldlaw.core.foreign_output import output_to_errors
from worldlaw.core.seeding import rng_for
from worldlaw.core.strict_files import read_json
from worldlaw.exam.answers.answer_folder import DECLARATION, FAILURES
from worldlaw.exam.answers.examinee import AskedFrames, Sitter, as_video
from worldlaw.exam.paper.paper_folder import MadePaper

PATIENCE = 3  # so many failures before any answer: the fault is not in the questions
LONGEST_REASON = 400  # characters


@dataclass
class Ran:
    """What came of asking."""

    answered: int = 0  # now
    kept: int = 0  # answered before
    failed: dict[str, str] = field(default_factory=dict)  # answer -> reason
    adjustments: set[str] = field(default_factory=set)  # what was not as asked


def ask(
    paper: MadePaper,
    answers: Path,
    model: Sitter,
    *,
    options: Mapping[str, Any],
    code: str = "",
    seeds: Sequence[int] = (0,),
    fresh: bool = False,
    wrap: Callable[[Iterable[str]], Iterable[str]] = iter,
    note: Callable[[str], None] = lambda text: None,
) -> Ran:
    """Let a model answer every question that has no answer yet in the folder ``answers``.

    Answer k of a question, of seed k, is ``ID__k.npz``: the given frames and the model's, uint8, compressed.
    npz and not video: no decoder is needed, no colour is in doubt, and it is smaller than lossless H.264
    where the picture is plain, and at most 1.5 times as large where it is noisy. What a model raises, or
    returns in place of frames, becomes that answer's reason in failures.json, and the rest goes on. The next
    call asks again what failed, and everything if ``fresh``. What the model prints goes to standard error.

    ``code`` is a hash of the model's file; ``wrap`` may count the answers. Raises BadInput if the folder
    holds answers to another paper or of another model, and Failed if at first nothing but failures comes.
    """
    answers, paper = answers.absolute(), replace(paper, folder=paper.folder.absolute())  # a model may chdir
    make_folder(answers)
    with lock_folder(answers):
        sweep(answers)
        if fresh:
            _forget(answers, paper)
        settings = {
            "options": dict(options),
            "paper": paper.paper.sha256,
            "secret_hash": paper.secret_hash,
        }
        before = _earlier(answers, {"model": model.name, **settings}, list(seeds))
        codes = before.get("code", [])
        if code and codes and code not in codes:
            note(f"{answers}: {model.name} has changed since it gave the answers here (--fresh forgets them)")
        declared = {
            "model": model.name,
            "settings": {**settings, "code": sorted({*codes, code} - {""})},
            "seeds": max(before.get("seeds", []), list(seeds), key=len),
            "fps": paper.paper.video.fps,
            "includes_given": True,
        }
        if model.sampler_steps is not None:
            declared["sampler_steps"] = model.sampler_steps
        names = {
            f"{each.id}__{k}": (each.id, seed) for k, seed in enumerate(seeds) for each in paper.questions
        }
        # Before any answer, so that what a killed run leaves says what it is.
        _write_json(answers / DECLARATION, declared)
        todo = [name for name in names if not _file(answers, name).exists()]
        old = _read_json(answers / FAILURES)
        ran = Ran(
            kept=len(names) - len(todo),
            failed={name: old[name] for name in todo if name in old},
            adjustments=set(before.get("adjustments", [])),
        )
        work = _Work(paper, answers, model, names, ran)
        try:
            with output_to_errors():
                for batch in _batches(wrap(todo), model.at_once(*work.shape)):
                    work.ask(batch)
        finally:
            declared["settings"]["adjustments"] = sorted(ran.adjustments)
            _write_json(answers / DECLARATION, declared)
            _write_json(answers / FAILURES, ran.failed)
    if todo and not ran.answered and not ran.kept:
        raise Failed(f"model {model.name} answered none of {len(todo)} questions: {ran.failed[todo[-1]]}")
    return ran


def seed_of(seed: int, question: str) -> int:
    """The seed that a model gets for a question, below 2**31: no two questions share their noise."""
    return int(rng_for(seed, "exam answer", question).integers(2**31))


@dataclass
class _Work:
    """One run at its questions."""

    paper: MadePaper
    answers: Path
    model: Sitter
    names: dict[str, tuple[str, int]]  # answer -> question, seed
    ran: Ran
    failures: int = 0  # now

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, height and width of a whole video."""
        video = self.paper.paper.video
        return video.num_frames, video.height, video.width

    def ask(self, names: list[str]) -> None:
        """Ask, check and write; when several questions at once fail, one by one, to find which it is."""
        video = self.paper.paper.video
        new = video.num_frames - video.context
        asked = [self._question(name) for name in names]
        try:
            raw = _asked(self.model, asked, new, video.fps)
        except Failed as error:
            if len(names) > 1:
                for name in names:
                    self.ask([name])
            else:
                self._failed(names[0], error)
            return
        self.ran.adjustments.update(self.model.adjustments)
        for one, answer in zip(asked, raw, strict=True):
            try:
                with blame(f"model {self.model.name}"):  # a tensor may refuse to become an array
                    frames, adjustment = as_video(answer, (new, *self.shape[1:], 3))
            except Failed as error:
                self._failed(one.name, error)
                continue
            whole = np.concatenate([one.frames, frames])
            with atomic_path(_file(self.answers, one.name)) as temporary, open(temporary, "wb") as file:
                np.savez_compressed(file, video=whole, fps=np.float64(video.fps))
            self.ran.answered += 1
            self.ran.failed.pop(one.name, None)
            self.ran.adjustments.update({adjustment} - {""})

    def _question(self, name: str) -> AskedFrames:
        question, seed = self.names[name]
        entry = self.paper.entries[question]
        return AskedFrames(name, self.paper.given(question), entry["prompt"], seed_of(seed, question))

    def _failed(self, name: str, error: Failed) -> None:
        reason = " ".join(str(error).removeprefix(f"model {self.model.name}: ").split())
        if len(reason) > LONGEST_REASON:  # its end says where
            reason = f"{reason[: LONGEST_REASON - 100]} … {reason[-97:]}"
        self.ran.failed[name] = reason
        self.failures += 1
        if self.failures == PATIENCE and not self.ran.answered and not self.ran.kept:
            raise Failed(f"model {self.model.name} failed on the first {PATIENCE} questions: {reason}")


def _asked(model: Sitter, asked: Sequence[AskedFrames], new: int, fps: float) -> Sequence[object]:
    with blame(f"model {model.name}"):
        try:
            return model.ask(asked, new, fps)
        except SystemExit as error:
            raise Failed(f"it ended the program ({error.code})") from error


def _batches(names: Iterable[str], size: int) -> Iterator[list[str]]:
    batch: list[str] = []
    for name in names:
        batch.append(name)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _file(answers: Path, name: str) -> Path:
    return answers / f"{name}.npz"


def _earlier(answers: Path, key: dict[str, Any], seeds: list[int]) -> dict[str, Any]:
    """What an earlier run declared beyond its key; empty if it left no answer.

    Raises BadInput if there are answers with another key, or files that are no answers.
    """
    found = sorted(path.name for path in answers.iterdir() if path.name not in (DECLARATION, FAILURES))
    if not found:
        return {}
    declared = _read_json(answers / DECLARATION)
    settings = declared.get("settings")
    if not isinstance(settings, dict) or "paper" not in settings:
        raise BadInput(f"{answers}: holds other files ({found[0]}, …); choose another --out")
    theirs = {"model": declared.get("model"), **settings}
    for what, ours in key.items():
        if theirs.get(what) != ours:
            raise BadInput(
                f"{answers}: the answers there are of {what} {_brief(theirs.get(what))}, not {_brief(ours)}; "
                "choose another --out, or forget them with --fresh"
            )
    before = declared.get("seeds", [])
    shared = min(len(before), len(seeds))
    if before[:shared] != seeds[:shared]:
        raise BadInput(
            f"{answers}: holds answers of seeds {before}, not {seeds}; more can be added at the end"
        )
    return {**settings, "seeds": before}


def _forget(answers: Path, paper: MadePaper) -> None:
    """Remove what an earlier run left."""
    for question in paper.questions:
        for path in answers.glob(f"{question.id}__*.npz"):
            path.unlink()
    for name in (DECLARATION, FAILURES):
        (answers / name).unlink(missing_ok=True)


def _brief(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) < 60 else f"{text[:12]}…"


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file, empty if there is no file. Raises BadInput if it is none."""
    found = read_json(path) if path.exists() else {}
    if not isinstance(found, dict):
        raise BadInput(f"{path}: expected an object; found {type(found).__name__}")
    return found


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write an object, or remove the file if there is nothing to say."""
    if content:
        write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    else:
        path.unlink(missing_ok=True)
