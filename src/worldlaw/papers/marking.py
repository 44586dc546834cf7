"""One question: its answers, the floor under each, and the references, all measured alike."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from worldlaw.clips.film import Film
from worldlaw.core.errors import BadInput, blamed
from worldlaw.core.types import (
    LOST,
    SHAPES,
    Case,
    CaseLibrary,
    Detections,
    Question,
    Tracks,
    Trajectory,
)
from worldlaw.exam.matching import as_seen
from worldlaw.exam.metrics import metrics
from worldlaw.exam.metrics.trajectory import SOLVED_ERROR, SOLVED_EXTRA, SOLVED_SHARE
from worldlaw.exam.metrics.verdicts import findings
from worldlaw.exam.references import predicted, ready
from worldlaw.exam.verdicts.measures import MEASURES
from worldlaw.papers.adjusting import Fit, resized
from worldlaw.papers.answers import Answer, Finding
from worldlaw.papers.floors import (
    SLACK,
    Floor,
    at_paper_times,
    closed_form,
    floor_of,
    form_of,
    given_frames,
    plain_form,
    read,
    show,
    tracker_of,
)
from worldlaw.papers.questions import Truth

VERSION = 1  # raise it whenever the same answers would give other numbers
FORGIVEN = 1.5  # times a floor's velocity_error, on top of what solved allows
LEAST_SHARE = 0.9  # of the intervals a floor must measure; no form takes more from what solved asks
ALWAYS = (
    "velocity_error", "charged_velocity_error", "measured_share", "mean_velocity_error", "position_error",
    "lost_share", "extra_detections",
)  # fmt: skip
LOOK = ("psnr", "ssim")
PARTS = ("decode", "floor", "track", "judge", "look")

Row = tuple[int, str, str, str, float, str, float]  # answer, predictor, kind, metric, value, unit, best
Read = tuple[Answer, tuple[Film, Fit] | Finding]


@dataclass
class Marked:
    """What became of one question."""

    rows: list[Row] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    def timed(self, part: str) -> _Timer:
        """What the block takes is counted for a part."""
        return _Timer(self.seconds, part)


class _Timer:
    def __init__(self, seconds: dict[str, float], part: str) -> None:
        self._seconds, self._part = seconds, part

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._part] += time.perf_counter() - self._started


def mark(
    truth: Truth,
    answers: Sequence[Read],
    *,
    failures: Mapping[int, str],
    limits: Mapping[str, float] | None,
    look: bool,
    marked: Marked,
) -> Marked:
    """Rows and statuses of a question whose answers were read.

    ``failures`` are the numbers of answers that a model did not give, with its reasons.
    """
    horizon = truth.horizon
    floors: dict[Any, Floor] = {}
    with marked.timed("floor"):
        shared = plain_form(truth)
    first: Floor | None = None
    for answer, found in answers:
        status: dict[str, Any] = {
            "question": truth.question.id, "answer": answer.number, "file": answer.path.name,
            "status": "scored", "reason": "", "adjustments": [], "floor": {}, "horizon": horizon,
        }  # fmt: skip
        marked.statuses.append(status)
        if isinstance(found, Finding):
            status |= {"status": "excluded", "reason": f"{found.code}: {found.line}"}
            continue
        film, fit = found
        status["adjustments"] = [dataclasses.asdict(one) for one in fit.adjustments]
        form = form_of(fit, truth, film.encoding)
        with marked.timed("floor"):
            if form not in floors:
                floors[form] = floor_of(truth, form)
            floor = floors[form]
        first = first or floor
        under = _case(truth, floor, floor.tracks, horizon, floor.frames, limits)
        status["floor"] = {
            "through": floor.codec,
            **{name: known(metrics.get(name)(under)) for name in ("velocity_error", "position_error")},
        }
        try:
            with marked.timed("track"):
                frames, tracks = _tracked(truth, film, fit, floor)
        except BadInput as error:
            status |= {"status": "excluded", "reason": f"untracked: {error}"}
            continue
        case = _case(truth, floor, tracks, horizon, frames, limits)
        with marked.timed("judge"):
            marked.rows += _rows(case, answer.number, "answers", "model", under, truth)
        if look:
            with marked.timed("look"):
                marked.rows += _look_rows(truth, film, fit, answer.number, horizon)
    for number, reason in failures.items():
        if number not in [answer.number for answer, _ in answers]:
            marked.statuses.append(_absent(truth, number, "excluded", reason, horizon))
    if not marked.statuses:
        marked.statuses.append(_absent(truth, 0, "missing", "no answer", horizon))
    marked.statuses.sort(key=lambda status: status["answer"])
    with marked.timed("floor"):
        first = first or floor_of(truth, shared)
    with marked.timed("judge"):
        under = _case(truth, first, first.tracks, horizon, first.frames, limits)
        marked.rows += _rows(under, -1, "floor", "floor", under, truth)
        for name, case in _references(truth, first, horizon):
            marked.rows += _rows(case, -1, name, "reference", under, truth)
    return marked


def known(value: float) -> float | None:
    """None for what could not be measured."""
    return value if math.isfinite(value) else None


def _absent(truth: Truth, number: int, status: str, reason: str, horizon: int) -> dict[str, Any]:
    return {
        "question": truth.question.id, "answer": number, "file": "", "status": status, "reason": reason,
        "adjustments": [], "floor": {}, "horizon": horizon,
    }  # fmt: skip


def _tracked(truth: Truth, film: Film, fit: Fit, floor: Floor) -> tuple[np.ndarray, Tracks]:
    """An answer as the tracker is shown it, the given frames ours, and its tracks at the paper's times."""
    given = given_frames(floor.form, truth)
    times = np.array(floor.form.time)
    # The first of the form's frames that the film has, and how many it has from there on.
    offset = int(np.argmin(np.abs(times - fit.time[0])))
    count = min(len(film.frames), len(times) - offset)
    new = show(film.frames[max(0, given - offset) : count], fit, floor.sight)
    frames = np.concatenate([floor.frames[: max(given, offset)], new])
    _, tracks = read(truth, frames, floor.form, floor.sight, floor.truth)
    return frames, at_paper_times(tracks, floor.form, truth)


def _case(
    truth: Truth,
    floor: Floor,
    tracks: Tracks,
    horizon: int,
    frames: np.ndarray | None,
    limits: Mapping[str, float] | None,
) -> Case:
    """The frames that count of some tracks beside the truth."""
    seen = as_seen(truth.trajectory, truth.scene)[:horizon]
    bodies = _padded(tracks.bodies, horizon)
    extra = tracks.extra
    counted = extra.frame < horizon
    cut = Detections(extra.frame[counted], extra.position[counted], extra.size[counted], extra.color[counted])
    return Case(
        clip=truth.question.index,
        scene=truth.scene,
        context=truth.paper.video.context,
        truth=seen,
        tracked=Tracks(bodies, cut),
        true_video=functools.partial(_itself, floor.frames),
        generated_video=None if frames is None else functools.partial(_itself, frames),
        limits=None if limits is None else dict(limits),
    )


def _padded(bodies: Trajectory, num_frames: int) -> Trajectory:
    """The first frames of a trajectory; what it lacks of them is lost."""
    lacking = num_frames - bodies.num_frames
    if lacking <= 0:
        return bodies[:num_frames]

    def longer(values: np.ndarray, with_what: float) -> np.ndarray:
        return np.concatenate([values, np.full((lacking, *values.shape[1:]), with_what, values.dtype)])

    return dataclasses.replace(
        bodies,
        position=longer(bodies.position, np.nan),
        size=longer(bodies.size, np.nan),
        color=longer(bodies.color, np.nan),
        status=longer(bodies.status, LOST),
        confidence=longer(bodies.confidence, 0.0),
        angle=None if bodies.angle is None else longer(bodies.angle, np.nan),
        misfit=None if bodies.misfit is None else longer(bodies.misfit, np.nan),
    )


def _itself(frames: np.ndarray) -> np.ndarray:
    return frames


def _rows(case: Case, number: int, predictor: str, kind: str, under: Case, truth: Truth) -> Iterator[Row]:
    """All numbers of a case."""
    for name in _names(case, truth):
        metric = metrics.get(name)
        with blamed(f"metric {name}"):
            yield number, predictor, kind, name, metric(case), metric.unit, metric.best
    yield number, predictor, kind, "solved", solved(case, under), "", 1.0
    found = findings(case)
    if found is not None and case.limits is not None:
        for name, one in found.items():
            exceeds = float(one.value > case.limits[name])
            yield number, predictor, kind, f"abnormal_{name}", exceeds, "", 0.0


def _names(case: Case, truth: Truth) -> Iterator[str]:
    """The metrics that say something of a scene."""
    yield from ALWAYS
    for kept in ("momentum", "energy"):
        if kept in case.scene.invariants:
            yield f"{kept}_drift"
    if case.truth.angle is not None:
        yield "angle_error"
    if tracker_of(truth) == "poses":
        yield from MEASURES
        if case.limits is not None:
            yield "abnormal"


def solved(case: Case, under: Case) -> float:
    """Whether a question is solved, given the case of its own floor.

    As the metric of that name, but what the form takes from the truth is no fault of a model's: a velocity
    error of ``FORGIVEN`` times the floor's is allowed on top, and the share to be measured is that of what
    the floor could measure (at least ``LEAST_SHARE``). 0 or 1; NaN if the truth shows no body in full after
    the given frames.
    """
    share, possible = (metrics.get("measured_share")(one) for one in (case, under))
    if math.isnan(share):
        return math.nan
    floor_error = metrics.get("velocity_error")(under)
    allowed = SOLVED_ERROR + FORGIVEN * (floor_error if math.isfinite(floor_error) else 0.0)
    alone = case.extra_per_frame <= SOLVED_EXTRA
    error = metrics.get("velocity_error")(case)
    return float(share >= SOLVED_SHARE * max(possible, LEAST_SHARE) and error <= allowed and alone)


def _look_rows(truth: Truth, film: Film, fit: Fit, number: int, horizon: int) -> Iterator[Row]:
    """How much the answer's new frames look like the true ones, at the paper's size and times."""
    video = truth.paper.video
    at = np.arange(video.context, horizon) / video.fps
    nearest = np.abs(at[:, None] - fit.time[None]).argmin(axis=1)
    there = np.abs(at - fit.time[nearest]) <= SLACK / video.fps
    if there.any():
        left, top, across, down = fit.box
        chosen = film.frames[nearest[there], top : top + down, left : left + across]
        seen = resized(chosen, video.width, video.height)
        true = truth.video()[video.context : horizon][there]
        tracks = Tracks(truth.trajectory, Detections.none())
        shown: Callable[[], np.ndarray] = functools.partial(_itself, seen)
        case = Case(0, truth.scene, 0, truth.trajectory, tracks, functools.partial(_itself, true), shown)
    for name in LOOK:
        metric = metrics.get(name)
        value = metric(case) if there.any() else math.nan
        yield number, "answers", "model", name, value, metric.unit, metric.best


def _references(truth: Truth, floor: Floor, horizon: int) -> Iterator[tuple[str, Case]]:
    """Predictors on the tracked given frames that fit a question."""
    video = truth.paper.video
    given = floor.tracks.bodies[: video.context]
    last = np.broadcast_to(given.position[-1], (video.num_frames, *given.position.shape[1:]))
    motions = {"standing_still": last}
    if video.context >= 2:
        shape = tuple(look if look in SHAPES else SHAPES[0] for look in floor.looks)
        none = CaseLibrary(
            np.zeros((0, 0)), np.zeros(0), np.zeros((0, 0, 0, 2)), given.dt, np.zeros((0, 0, 0, 2)),
            np.zeros((0, 0)),
        )  # fmt: skip
        question = Question(given, video.num_frames, truth.scene, shape, none)
        names = ["constant_velocity"]
        if closed_form(truth.scene):
            names.append("oracle_law")
        for name in names:
            with blamed(f"reference {name}"):
                motions[name] = ready(name)(question)
    for name, position in motions.items():
        tracks = Tracks(predicted(np.array(position), given), Detections.none())
        yield name, _case(truth, floor, tracks, horizon, None, None)
