"""One question: its answers, the floor under each, and the references, all measured alike."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from worldlaw.clips.film import Film
from worldlaw.core.errors import BadInput, blame
from worldlaw.core.numbers.stats import finite_or_none
from worldlaw.core.types import SHAPES, Case, CaseLibrary, Detections, Question, Tracks
from worldlaw.exam.answers.adjustments import AnswerFit, resize_frames
from worldlaw.exam.answers.answer_folder import Answer, AnswerFinding
from worldlaw.exam.answers.answer_tracks import told_tracks
from worldlaw.exam.paper.questions import Truth
from worldlaw.exam.scoring.floors import (
    SLACK,
    AnswerForm,
    Floor,
    at_paper_times,
    floor_of,
    form_of,
    given_frames,
    legible_in,
    plain_form,
    read,
    show,
    tracker_of,
)
from worldlaw.exam.scoring.scores import AdjustmentSaid, AnswerStatus, FloorSaid
from worldlaw.measure.cases import case_of, itself, limits_for
from worldlaw.measure.matching import as_seen
from worldlaw.measure.metrics import metrics
from worldlaw.measure.metrics.solved import MEASURES as CAPPED
from worldlaw.measure.metrics.solved import measures_above_caps
from worldlaw.measure.references import predicted_trajectory, ready
from worldlaw.measure.rows import ResultRow, fault_rows, metric_rows
from worldlaw.measure.verdicts.measures import MEASURES
from worldlaw.worlds import scenarios

VERSION = 3  # raise it whenever the same answers would give other numbers
COARSE = "coarse"  # code of an answer in a form through which not even the truth is solved
ALWAYS = (
    "charged_velocity_error",
    "velocity_error",
    "measured_share",
    "mean_velocity_error",
    "position_error",
    "lost_share",
    "extra_detections",
    *(measure.name for measure in CAPPED),
)
LOOK = ("psnr", "ssim")
PARTS = ("decode", "floor", "track", "judge", "look")

Whose = tuple[int, str, str]  # number of the answer (-1 for what is none), predictor, kind
Read = tuple[Answer, tuple[Film, AnswerFit] | AnswerFinding]


@dataclass
class QuestionScores:
    """What became of one question."""

    rows: list[tuple[Whose, ResultRow]] = field(default_factory=list)
    other: list[tuple[Whose, ResultRow]] = field(default_factory=list)  # of metrics beyond the paper's
    statuses: list[AnswerStatus] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    def timed(self, part: str) -> _Timer:
        """The processor time of the block is counted for a part."""
        return _Timer(self.seconds, part)


class _Timer:
    def __init__(self, seconds: dict[str, float], part: str) -> None:
        self._seconds, self._part = seconds, part

    def __enter__(self) -> None:
        self._started = time.process_time()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._part] += time.process_time() - self._started


def mark(
    truth: Truth,
    answers: Iterable[Read],
    *,
    failures: Mapping[int, str],
    limits: Mapping[str, float] | None,
    look: bool,
    own_tracks: Path | None,
    marked: QuestionScores,
) -> QuestionScores:
    """Rows and statuses of a question whose answers were read.

    ``failures`` are the numbers of answers that a model did not give, with its reasons, ``own_tracks`` is a
    folder of tracks by another tracker, ``limits`` are those of verdicts.
    """
    ground = _Ground(truth, truth.horizon, limits, marked)
    first: _Under | None = None
    for answer, found in answers:
        if isinstance(found, AnswerFinding):
            reason = f"{found.code}: {found.line}"
            status = _absent(truth, answer.number, "excluded", reason, ground.horizon)
            marked.statuses.append({**status, "file": answer.path.name})
            continue
        film, fit = found
        under = ground.under(form_of(fit, truth, film.encoding))
        if under.verdict == COARSE:
            reason = f"{COARSE}: {under.why}"
            status = _absent(truth, answer.number, "excluded", reason, ground.horizon)
            marked.statuses.append({**status, "file": answer.path.name, "form": name_of(under.floor.form)})
            continue
        first = first or under
        try:
            with marked.timed("track"):
                if own_tracks is None:
                    frames, tracks = _tracked(truth, film, fit, under.floor)
                else:
                    frames, tracks = None, told_tracks(own_tracks, answer, film, fit, truth, under.floor)
        except BadInput as error:
            status = _absent(truth, answer.number, "excluded", f"untracked: {error}", ground.horizon)
            marked.statuses.append({**status, "file": answer.path.name})
            continue
        with marked.timed("judge"):
            case = ground.case(under.floor, tracks, frames)
            _add_rows(marked, case, (answer.number, "answers", "model"), under, truth)
            marked.other += _other_rows(case, (answer.number, "answers", "model"), truth, (film, fit))
        if look:
            with marked.timed("look"):
                marked.rows += _look_rows(truth, film, fit, answer.number, ground.horizon)
        adjustments: list[AdjustmentSaid] = [
            {"what": one.what, "detail": one.detail} for one in fit.adjustments
        ]
        marked.statuses.append(
            {
                "question": truth.question.id,
                "answer": answer.number,
                "file": answer.path.name,
                "status": "scored",
                "reason": "",
                "adjustments": adjustments,
                "floor": under.floor_numbers,
                "horizon": ground.horizon,
                "form": name_of(under.floor.form),
            }
        )
    for number, reason in failures.items():
        if number not in [status["answer"] for status in marked.statuses]:
            marked.statuses.append(_absent(truth, number, "excluded", reason, ground.horizon))
    if not marked.statuses:
        marked.statuses.append(_absent(truth, 0, "missing", "no answer", ground.horizon))
    marked.statuses.sort(key=lambda status: status["answer"])
    under = first or ground.plain
    with marked.timed("judge"):
        _add_rows(marked, under.case, (-1, "floor", "floor"), under, truth)
        marked.other += _other_rows(under.case, (-1, "floor", "floor"), truth, None)
        for name, tracks in _references(truth, under.floor):
            case = ground.case(under.floor, tracks, None)
            _add_rows(marked, case, (-1, name, "reference"), under, truth)
            marked.other += _other_rows(case, (-1, name, "reference"), truth, None)
    return marked


JUDGES, NOBODY = "judges", "nobody"


@dataclass(frozen=True)
class _Under:
    """The floor under some answers."""

    floor: Floor
    case: Case
    verdict: str  # JUDGES; COARSE where only through this form the truth is not solved; NOBODY: in none
    why: str  # it is coarse

    @property
    def floor_numbers(self) -> FloorSaid:
        """What a status says of it."""
        return {
            "through": self.floor.codec,
            "velocity_error": finite_or_none(metrics.get("velocity_error")(self.case)),
            "position_error": finite_or_none(metrics.get("position_error")(self.case)),
            "measured_share": finite_or_none(metrics.get("measured_share")(self.case)),
        }


class _Ground:
    """One question: its truth, and the floors under its answers, each made once."""

    def __init__(
        self, truth: Truth, horizon: int, limits: Mapping[str, float] | None, marked: QuestionScores
    ) -> None:
        self.truth, self.horizon = truth, horizon
        self._limits = limits_for(1 / truth.view.pixels_per_metre, limits or {})
        self._marked = marked
        self._made: dict[AnswerForm, _Under] = {}

    @property
    def plain(self) -> _Under:
        """Under an answer that is just as asked and lossless."""
        return self.under(plain_form(self.truth))

    def under(self, form: AnswerForm) -> _Under:
        """Under an answer of this form."""
        if form not in self._made:
            with self._marked.timed("floor"):
                floor = floor_of(self.truth, form)
            case = self.case(floor, floor.tracks, floor.frames)
            verdict, why = JUDGES if metrics.get("solved")(case) == 1 else NOBODY, ""
            if verdict == NOBODY and form != plain_form(self.truth) and self.plain.verdict == JUDGES:
                verdict = COARSE
                above = measures_above_caps(case) or ("bodies lost or seen where none is",)
                why = f"the truth itself through {floor.codec} exceeds what is allowed: {', '.join(above)}"
            self._made[form] = _Under(floor, case, verdict, why)
        return self._made[form]

    def case(self, floor: Floor, tracks: Tracks, frames: np.ndarray | None) -> Case:
        """The frames that count of some tracks beside the truth."""
        horizon = min(self.horizon, floor.form.num_counted_frames(self.truth))
        return answer_case(self.truth, floor, tracks, frames, horizon=horizon, limits=self._limits)


def answer_case(
    truth: Truth,
    floor: Floor,
    tracks: Tracks,
    frames: np.ndarray | None,
    *,
    horizon: int,
    limits: Mapping[str, float] | None,
) -> Case:
    """The first ``horizon`` frames of some tracks, and of the ``frames`` they are from, beside the truth."""
    return case_of(
        truth.question.index,
        truth.scene,
        as_seen(truth.trajectory, truth.scene),
        tracks,
        context=truth.paper.video.context,
        true_video=functools.partial(itself, floor.frames),
        generated_video=None if frames is None else functools.partial(itself, frames),
        limits=limits,
        legible=legible_in(floor, truth),
        horizon=horizon,
    )


def _absent(truth: Truth, number: int, status: str, reason: str, horizon: int) -> AnswerStatus:
    return {
        "question": truth.question.id,
        "answer": number,
        "file": "",
        "status": status,
        "reason": reason,
        "adjustments": [],
        "floor": {},
        "horizon": horizon,
        "form": "",
    }


def _tracked(truth: Truth, film: Film, fit: AnswerFit, floor: Floor) -> tuple[np.ndarray, Tracks]:
    """An answer as the tracker is shown it, the given frames ours, and its tracks at the paper's times."""
    given = given_frames(floor.form, truth)
    times = np.array(floor.form.time)
    # The first of the form's frames that the film has, and how many it has from there on.
    offset = int(np.argmin(np.abs(times - fit.time[0])))
    count = min(len(film.frames), len(times) - offset)
    new = show(film.frames[max(0, given - offset) : count], truth, fit, floor.sight, film.encoding)
    frames = np.concatenate([floor.frames[: max(given, offset)], new])
    _, tracks = read(truth, frames, floor.form, floor.sight, floor.truth)
    return frames, at_paper_times(tracks, floor.form, truth)


def _add_rows(marked: QuestionScores, case: Case, whose: Whose, under: _Under, truth: Truth) -> None:
    """All numbers of a case that a paper ranks and verifies by."""
    own = list(_names(case, truth))
    marked.rows += [(whose, row) for row in metric_rows(case, own)]
    # A truth that no tracker can read judges nobody.
    good = metrics.get("solved")(case) if under.verdict == JUDGES else math.nan
    marked.rows.append((whose, ResultRow("solved", good, "", 1.0)))
    marked.rows += [(whose, row) for row in fault_rows(case)]


def _other_rows(
    case: Case, whose: Whose, truth: Truth, shown: tuple[Film, AnswerFit] | None
) -> list[tuple[Whose, ResultRow]]:
    """What all other metrics say; they see an answer at the paper's size and times, if it is there at all."""
    horizon = case.truth.num_frames
    video: Callable[[], np.ndarray] | None = None
    if shown is not None:
        _, there = _at_paper_times(truth, shown[1], horizon)
        if there.all():
            video = functools.partial(_joined, truth, *shown, horizon)
    elif whose[1] == "floor":
        video = functools.partial(truth.video, horizon)
    true = functools.partial(truth.video, horizon)
    asked = dataclasses.replace(case, true_video=true, generated_video=video)
    return [(whose, row) for row in metric_rows(asked, other_metrics())]


def other_metrics() -> list[str]:
    """The metrics that no paper ranks or verifies by: those of plugins, and ours that papers do without."""
    known = {*ALWAYS, *LOOK, "solved", "momentum_drift", "energy_drift", "angle_error", *MEASURES, "abnormal"}
    return [name for name in metrics.names() if name not in known]


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
        if set(MEASURES) <= set(case.limits or {}):
            yield "abnormal"


def name_of(form: AnswerForm) -> str:
    """What answers must share to come in one form: size, rate and codec; a bit rate differs with each."""
    encoding, (width, height) = form.encoding, form.fit.size
    amount = f" {encoding.control} {encoding.amount:g}" if encoding.control in ("crf", "qp") else ""
    return f"{width} x {height}, {form.fit.fps:.3g} Hz, {encoding.codec}{amount}"


def _look_rows(
    truth: Truth, film: Film, fit: AnswerFit, number: int, horizon: int
) -> Iterator[tuple[Whose, ResultRow]]:
    """How much the answer's new frames look like the true ones, at the paper's size and times."""
    video = truth.paper.video
    _, there = _at_paper_times(truth, fit, horizon)
    if there.any():
        seen = _as_asked(truth, film, fit, horizon)
        true = truth.video()[video.context : horizon][there]
        tracks = Tracks(truth.trajectory, Detections.none())
        shown: Callable[[], np.ndarray] = functools.partial(itself, seen)
        case = Case(0, truth.scene, 0, truth.trajectory, tracks, functools.partial(itself, true), shown)
    for name in LOOK:
        metric = metrics.get(name)
        value = metric(case) if there.any() else math.nan
        yield (number, "answers", "model"), ResultRow(name, value, metric.unit, metric.best)


def _at_paper_times(truth: Truth, fit: AnswerFit, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Of every new frame that counts the nearest one of the film, and whether that is near enough."""
    video = truth.paper.video
    at = np.arange(video.context, horizon) / video.fps
    nearest = np.abs(at[:, None] - fit.time[None]).argmin(axis=1)
    return nearest, np.abs(at - fit.time[nearest]) <= SLACK / video.fps


def _as_asked(truth: Truth, film: Film, fit: AnswerFit, horizon: int) -> np.ndarray:
    """(F, H, W, 3) uint8: the new frames that are there, at the paper's size and times."""
    nearest, there = _at_paper_times(truth, fit, horizon)
    left, top, across, down = fit.box
    chosen = film.frames[nearest[there], top : top + down, left : left + across]
    return resize_frames(chosen, truth.paper.video.width, truth.paper.video.height)


def _joined(truth: Truth, film: Film, fit: AnswerFit, horizon: int) -> np.ndarray:
    """(T, H, W, 3) uint8: the given frames as they were given, and the answer's new ones as asked."""
    return np.concatenate([truth.video(truth.paper.video.context), _as_asked(truth, film, fit, horizon)])


def _references(truth: Truth, floor: Floor) -> Iterator[tuple[str, Tracks]]:
    """Predictors on the tracked given frames that fit a question."""
    video = truth.paper.video
    given = floor.tracks.bodies[: video.context]
    last = np.broadcast_to(given.position[-1], (video.num_frames, *given.position.shape[1:]))
    motions = {"standing_still": last}
    if video.context >= 2:
        shape = tuple(look if look in SHAPES else SHAPES[0] for look in floor.looks)
        none = CaseLibrary(
            np.zeros((0, 0)),
            np.zeros(0),
            np.zeros((0, 0, 0, 2)),
            given.dt,
            np.zeros((0, 0, 0, 2)),
            np.zeros((0, 0)),
        )
        question = Question(given, video.num_frames, truth.scene, shape, none)
        for name in scenarios.get(truth.question.section.scenario).references:
            with blame(f"reference {name}"):
                motions[name] = ready(name)(question)
    for name, position in motions.items():
        yield name, Tracks(predicted_trajectory(np.array(position), given), Detections.none())
