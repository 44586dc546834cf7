"""One model sits one paper: make it if need be, ask every question, score the answers."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worldlaw.core.errors import BadInput, unknown
from worldlaw.core.foreign_output import output_to_errors
from worldlaw.core.progress import Progress, Quiet, report_items
from worldlaw.exam.answers.answer_run import Ran, ask
from worldlaw.exam.answers.examinee import sitter
from worldlaw.exam.page.exam_page import REPORT
from worldlaw.exam.paper.paper import Paper, load_paper
from worldlaw.exam.paper.paper_folder import foreign_scenarios, make_paper, open_paper
from worldlaw.exam.paper.secret import open_secret, secret_of
from worldlaw.exam.scoring.exam_scores import Scored
from worldlaw.exam.scoring.exam_scores import score as score_answers
from worldlaw.models.model import models

OUT = Path("exams")


@dataclass(frozen=True)
class Examination:
    """What came of it."""

    paper: Path  # folder
    answers: Path  # folder
    ran: Ran
    scored: Scored | None  # None if nothing was to be scored

    @property
    def report(self) -> Path | None:
        """The page that says what came of it."""
        return None if self.scored is None else self.scored.folder / REPORT


def examine(
    paper: str | Path | Paper,
    model: str | object,
    out: Path | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (0,),
    secret: Path | None = None,
    fresh: bool = False,
    score: bool = True,
    workers: int = 1,
    look: bool = False,
    allow: Sequence[str] = (),
    progress: Progress | None = None,
) -> Examination:
    """Let a model answer a paper, and score what it answers.

    ``paper`` is a name, a YAML file, the folder of a made paper, or a Paper; ``model`` is a registered name,
    an address such as ``my_file:answer``, or the function, class or object itself, built with ``options``
    (``answers/examinee.py`` says how it is asked). Everything goes to ``out``, ``exams/PAPER-MODEL`` by
    default: the paper, unless it was made elsewhere, ``answers``, and ``scores`` with the report. Called
    again it goes on where it was. ``workers`` and ``look`` are scoring's; the model is asked in this process.
    ``allow`` are scenarios of the user's own that the folder of a made paper may name.

    Raises BadInput for whatever cannot be used, Failed if the model answers nothing.
    """
    progress = progress or Quiet()
    settings = dict(options or {})
    name = model if isinstance(model, str) else _address(model)
    seeds = list(seeds)
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise BadInput(f"seeds: expected different whole numbers of at least 0; found {seeds}")
    with output_to_errors():  # before the paper: a typo must not cost minutes
        thing = _named(model) if isinstance(model, str) else model
        sitting = sitter(thing, name, settings)
    if isinstance(paper, (str, Path)) and Path(paper).is_dir():
        made = open_paper(Path(paper), allow=allow)
        if score or secret is not None:  # to be asked held-out questions takes none
            secret_of(secret, made.secret_hash)
        out = out or _default(Path(paper).resolve().name, name)
    else:
        wanted = paper if isinstance(paper, Paper) else load_paper(paper)
        out = out or _default(wanted.name, name)
        held_out = None if secret is None else open_secret(secret)
        wrap = report_items(progress, "make", "questions")
        made = make_paper(wanted, out / "paper", secret=held_out, wrap=wrap)
    foreign = foreign_scenarios(made.paper)  # the user named them, or allowed them
    ran = ask(
        made,
        out / "answers",
        sitting,
        options=settings,
        code=_code(thing),
        seeds=seeds,
        fresh=fresh,
        wrap=report_items(progress, "ask", "answers"),
        note=progress.note,
    )
    if not score:
        return Examination(made.folder, out / "answers", ran, None)
    scored = score_answers(
        made.folder,
        out / "answers",
        out / "scores",
        workers=workers,
        look=look,
        allow=foreign,
        secret=secret,
        progress=progress,
    )
    return Examination(made.folder, out / "answers", ran, scored)


def _named(model: str) -> object:
    if ":" not in model and model not in models.names():
        raise BadInput(
            f"{unknown('model', model, models.names())}; one of your own is file:thing, as in my_model:answer"
        )
    return models.get(model)


def _default(paper: str, model: str) -> Path:
    """Where an exam goes unless somebody says."""
    short = re.sub(r"\W+", "", model.rpartition(":")[2].rpartition(".")[2])
    return OUT / f"{paper}-{short}"


def _address(thing: Any) -> str:
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}:{named.__qualname__}"


def _code(thing: object) -> str:
    """Hash of the file that a thing was written in; empty for what is ours and has a version."""
    module = getattr(thing, "__module__", None) or type(thing).__module__
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or module.partition(".")[0] == "worldlaw":
        return ""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]
