"""Which answers the exam report shows, and how: at the moments of the truth, cut to what was asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from jaxtyping import UInt8

from worldlaw.clips.film import Film as Answered
from worldlaw.exam.answers.adjustments import AnswerFit, crop_frames, resize_frames
from worldlaw.exam.answers.answer_check import read_answer
from worldlaw.exam.answers.answer_folder import Answer, Declaration, open_answers
from worldlaw.exam.paper.paper_folder import MadePaper, open_paper
from worldlaw.exam.paper.questions import truth_of
from worldlaw.exam.scoring.scores import ANSWERS, CHARGED, FLOOR, Scores
from worldlaw.pages.film_strips import Example, FilmStrips, film
from worldlaw.pages.wording import NOTHING, number, percent, pretty

BUDGET = 6_000_000  # bytes of all pictures of a page, as base64
ROWS = 160  # of a picture that moves
MOST_CELLS = 8  # with more laws and filmings than this, fewer answers of each are shown
GONE = 128  # grey of a moment that an answer does not reach


@dataclass(frozen=True)
class _Chosen:
    which: str  # worst, best or only
    answer: Answer
    charged: float  # m/s


class _Said(TypedDict):
    which: str
    id: str
    answer: int | None  # None where there is but one
    verdict: str
    said: str
    horizon: int | None  # frames that count, where these are not all


class AnswerShot(_Said):
    """An answer that is shown, and what is said of it."""

    film: FilmStrips


class LawShots(TypedDict):
    """The answers that are shown of one law and filming."""

    name: str
    shots: list[AnswerShot]


def shots(
    found: Scores,
    paper: Path,
    answers: Path,
    *,
    secret: bytes | None = None,
    allow: Collection[str] = (),
) -> list[LawShots]:
    """Of every law and filming, the worst answers and the best one beside the truth, as the page takes them.

    Worst by the charged velocity error. An answer that can no longer be read is passed over.
    """
    made = open_paper(paper, allow=allow)
    opened = open_answers(answers, made.entries)
    chosen = _choose(found, {(one.question, one.number): one for one in opened.answers})
    allowance = BUDGET // max(sum(map(len, chosen.values())), 1)
    asked = {question.id: question for question in made.questions}
    rows: list[LawShots] = []
    for (scenario, filming), its in chosen.items():
        shown: list[AnswerShot] = []
        for one in its:
            moving = _film(one.answer, made, opened.declared, asked[one.answer.question], secret, allowance)
            if moving is not None:
                shown.append({**_said(found, one), "film": moving})
        if shown:
            rows.append({"name": f"{pretty(scenario)}, {filming}", "shots": shown})
    return rows


def at_moments(
    frames: UInt8[np.ndarray, "S H W 3"],
    time: np.ndarray,
    moments: np.ndarray,
    given: UInt8[np.ndarray, "K H W 3"],
) -> UInt8[np.ndarray, "T H W 3"]:
    """The frames nearest in time to some moments, both in s; given ones before, grey after.

    Pictures for the eye only: no number is read from them.
    """
    nearest = np.abs(time[None] - moments[:, None]).argmin(axis=1)
    out = frames[nearest]
    step = float(np.median(np.diff(moments)))
    before = moments < time[0] - step / 2
    out[before] = given[np.minimum(np.flatnonzero(before), len(given) - 1)]
    out[moments > time[-1] + step / 2] = GONE
    return out


def _choose(found: Scores, there: dict[tuple[str, int], Answer]) -> dict[tuple[str, str], list[_Chosen]]:
    errors: dict[tuple[str, int], float] = {}
    columns = ("predictor", "metric", "question", "answer", "body", "value")
    for predictor, metric, question, answer, body, value in zip(
        *(found.results[name].to_pylist() for name in columns), strict=True
    ):
        if predictor == ANSWERS and metric == CHARGED and body < 0 and value is not None:
            errors[question, answer] = value
    cells: dict[tuple[str, str], list[tuple[float, tuple[str, int]]]] = {}
    cell_of = {one.id: (one.scenario, one.filming) for one in found.questions}
    for place, error in errors.items():
        if place in there and np.isfinite(error):
            cells.setdefault(cell_of[place[0]], []).append((error, place))
    cells = {cell: cells[cell] for cell in dict.fromkeys(cell_of.values()) if cell in cells}
    num_worst = 3 if len(cells) <= MOST_CELLS else 2
    chosen = {}
    for cell, its in cells.items():
        its.sort(key=lambda pair: (-pair[0], pair[1]))
        *others, best = its
        picked = [("worst", one) for one in others[:num_worst]] + [("best" if others else "only", best)]
        chosen[cell] = [_Chosen(which, there[place], error) for which, (error, place) in picked]
    return chosen


def _film(
    answer: Answer,
    made: MadePaper,
    declared: Declaration,
    question: Any,
    secret: bytes | None,
    allowance: int,
) -> FilmStrips | None:
    read = read_answer(answer, made.given(answer.question), made, declared)
    if not isinstance(read, tuple):
        return None
    truth = truth_of(made.paper, question, secret)
    video = made.paper.video
    rows = min(ROWS, video.height)
    columns = max(1, round(video.width * rows / video.height))
    true = resize_frames(truth.video(), columns, rows)
    shown = _shown(*read, true, video.fps, video.context)
    return film(
        Example(
            true_video=true,
            shown_video=shown,
            truth=truth.trajectory,
            tracked=truth.trajectory,
            context=video.context,
        ),
        allowance,
        lossless=False,
    )


def _shown(answered: Answered, fit: AnswerFit, true: np.ndarray, fps: float, context: int) -> np.ndarray:
    """An answer as it lies to the truth, in the size in which the truth is shown."""
    num_frames, rows, columns, _ = true.shape
    moments = np.arange(num_frames) / fps
    kept = np.unique(np.abs(fit.time[None] - moments[:, None]).argmin(axis=1))  # only these need resizing
    frames = resize_frames(crop_frames(answered.frames[kept], fit.box), columns, rows)
    return at_moments(frames, fit.time[kept], moments, true[:context])


def _said(found: Scores, one: _Chosen) -> _Said:
    question, answer = one.answer.question, one.answer.number
    values = _values(found, question, answer)
    solved, error, share = (
        values.get(name, np.nan) for name in ("solved", "velocity_error", "measured_share")
    )
    floor = found.mean(FLOOR, "velocity_error", question)
    asked = next(its for its in found.questions if its.id == question)
    horizon = asked.statuses[0].get("horizon")
    num_frames = int(found.index["video"]["num_frames"])
    measured = "" if share >= 1 or np.isnan(share) else f", {percent(share)} measured"
    said = "velocity error not measurable" if np.isnan(error) else f"{number(error)} m/s{measured}"
    return {
        "which": one.which,
        "id": question,
        "answer": answer if found.num_answers > 1 else None,
        "verdict": NOTHING if np.isnan(solved) else "solved" if solved == 1 else "not solved",
        "said": said + (f", floor {number(floor)}" if np.isfinite(floor) else ""),
        "horizon": None if horizon is None or horizon >= num_frames else horizon,
    }


def _values(found: Scores, question: str, answer: int) -> dict[str, float]:
    return dict(_rows_of(found, question, answer))


def _rows_of(found: Scores, question: str, answer: int) -> Iterator[tuple[str, float]]:
    import pyarrow.compute as pc

    table = found.results
    its = table.filter(
        pc.and_(
            pc.and_(pc.equal(table["question"], question), pc.equal(table["answer"], answer)),
            pc.and_(pc.equal(table["predictor"], ANSWERS), pc.equal(table["body"], -1)),
        )
    )
    yield from zip(its["metric"].to_pylist(), its["value"].to_pylist(), strict=True)
