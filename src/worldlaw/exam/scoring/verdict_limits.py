"""Limits of physical verdicts for a paper: what true clips show at most, filmed and read as its answers are.

One set of limits holds for all forms of answers: the larger of what true clips show lossless and through
H.264 as most tools write it. A form in which they show more is too coarse to judge (``coarse.py``). For the
papers that ship some ship, too; others are measured when that is asked for, which takes minutes, and kept in
the paper's folder.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from worldlaw.clips.recompression import ASSUMED
from worldlaw.core.artifact import key_of, make_folder, write_text
from worldlaw.core.types import Case
from worldlaw.core.workers import Workers
from worldlaw.exam.paper.paper import Paper, PaperQuestion, PaperSection
from worldlaw.exam.paper.questions import Truth, truth_of
from worldlaw.exam.scoring.floors import AnswerForm, floor_of, plain_form, sight_of
from worldlaw.exam.scoring.question_scores import answer_case
from worldlaw.measure import verdicts
from worldlaw.measure.metrics.verdicts import numbers
from worldlaw.measure.tracking.trackers import tracker
from worldlaw.measure.verdicts import Thresholds
from worldlaw.worlds import scenarios, training_region
from worldlaw.worlds.render.flat import VERSION as RENDERER

SHIPPED = Path(__file__).parents[1] / "shipped" / "limits"
FOLDER = "limits"  # in a paper's folder
CLIPS = 1000  # true clips; at most 1 % of fresh ones exceed a limit, with 90 % confidence
CHUNK = 10  # clips that a worker takes at a time
STREAM = "calibration"  # in the names of random streams: no question is among them


def limits_of(
    paper: Paper, scenario: str, folder: Path, *, measured: bool, team: Workers, progress: Any
) -> dict[str, float] | None:
    """The limits of a paper's scenario: those that ship, or else, if that is wanted, measured ones."""
    truth = truth_of(*_asked(paper, scenario, 0))
    each = [_limits_in(paper, scenario, form, folder, measured, team, progress) for form in forms_of(truth)]
    found = [one.limits for one in each if one is not None]
    if len(found) < len(each):
        return None
    return {name: max(limits[name] for limits in found) for name in found[0]}


def forms_of(truth: Truth) -> tuple[AnswerForm, ...]:
    """The forms that limits are measured in: just as asked, lossless and as most tools compress."""
    plain = plain_form(truth)
    return plain, dataclasses.replace(plain, encoding=ASSUMED)


def _limits_in(
    paper: Paper, scenario: str, form: AnswerForm, folder: Path, measured: bool, team: Workers, progress: Any
) -> Thresholds | None:
    name = f"{key_of(_inputs(paper, scenario, form))}.json"
    for path in (SHIPPED / name, folder / FOLDER / name) if measured else (SHIPPED / name,):
        if path.is_file():
            return Thresholds.from_json(path.read_text(encoding="utf-8"))
    if not measured:
        return None
    make_folder(folder / FOLDER)
    found = measure(paper, scenario, form, team=team, progress=progress)
    write_text(folder / FOLDER / name, found.to_json() + "\n")
    return found


def measure(
    paper: Paper, scenario: str, form: AnswerForm, *, team: Workers, progress: Any = None
) -> Thresholds:
    """Limits from true clips of all that a scenario usually shows, in a form."""
    if progress is not None:
        progress.start("limits", CLIPS, "true clips")
    tasks = [
        (paper, scenario, form, range(start, min(start + CHUNK, CLIPS))) for start in range(0, CLIPS, CHUNK)
    ]
    rows: list[dict[str, float]] = []
    for part in team.each(_measure, tasks):
        rows += part
        if progress is not None:
            progress.advance(len(part))
    truth = truth_of(*_asked(paper, scenario, 0))
    pixel = truth.scene.extent[1] / sight_of(truth, form.fit).part[3]
    about = {key: str(value) for key, value in _inputs(paper, scenario, form).items()}
    return verdicts.calibrate(rows, pixel=pixel, about=about)


def _measure(paper: Paper, scenario: str, form: AnswerForm, indices: range) -> list[dict[str, float]]:
    return [numbers(case) for case in _cases(paper, scenario, form, indices)]


def _cases(paper: Paper, scenario: str, form: AnswerForm, indices: range) -> Iterator[Case]:
    for index in indices:
        truth = truth_of(*_asked(paper, scenario, index))
        floor = floor_of(truth, form)
        yield answer_case(
            truth, floor, floor.tracks, floor.frames, horizon=paper.video.num_frames, limits=None
        )


def _asked(paper: Paper, scenario: str, index: int) -> tuple[Paper, PaperQuestion]:
    """A question about all that the scenario usually shows, of a paper that nobody is asked."""
    region = training_region(scenarios.get(scenario))
    section = PaperSection(STREAM, scenario, region, None, CLIPS, "plain", STREAM)
    asked = dataclasses.replace(paper, name=STREAM, version=1, seed=0, sections=(section,))
    return asked, PaperQuestion(f"{STREAM}-{index:04d}", section, index)


def _inputs(paper: Paper, scenario: str, form: AnswerForm) -> dict[str, object]:
    """All that decides the limits."""
    kind = scenarios.get(scenario)
    return {
        "scenario": scenario,
        "version": kind.version,
        "renderer": RENDERER,
        "video": vars(paper.video),
        "size": list(form.fit.size),
        "box": list(form.fit.box),
        "bars": list(form.fit.bars),
        "time": [round(time, 9) for time in form.time],
        "encoding": repr(form.encoding),
        "tracker": [kind.tracker, tracker(kind.tracker).version],
        "verdicts": verdicts.VERSION,
        "clips": CLIPS,
    }
