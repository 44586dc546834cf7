"""The truth in the form of an answer: its size, bars, rate and codec, read by the same tracker.

What this truth is off by is what the form takes from anybody: the floor under the answer. The given frames,
before the codec, stand in for the answer's own copy of them: no model may touch what it was given.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from worldlaw.clips.film import Encoding
from worldlaw.clips.recompression import recompress
from worldlaw.core.compiled import compiled
from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.colors import COLORS
from worldlaw.core.types import LOST, VISIBLE, Detections, Tracks, Trajectory
from worldlaw.exam.answers.adjustments import (
    AnswerFit,
    crop_frames,
    frame_answer,
    last_counted,
    resize_frames,
)
from worldlaw.exam.answers.resampling import resample
from worldlaw.exam.paper.questions import Truth
from worldlaw.measure.matching import as_seen, match, partners
from worldlaw.measure.tracking.blobs.blob_kernels import border_color
from worldlaw.measure.tracking.trackers import Extent, tracker
from worldlaw.worlds import scenarios

FOREIGN = "foreign"
SLACK = 1e-4  # of a frame: times closer than this are one
FAINT = 24 / 255  # of a channel beside the background: what is fainter a codec may have drawn
BETWEEN = 0.01  # m: a motion further off between two frames than this does not follow from them
FLAT = 16  # levels: pixels of lossy films this near to a plain background are taken as background


@dataclass(frozen=True)
class AnswerForm:
    """All of an answer's outer form that its floor must share."""

    fit: AnswerFit
    time: tuple[float, ...]  # s: of the frames that its tracker sees, from the first given one to the last
    encoding: Encoding
    first: int  # the frame with which the answer begins; those before it are given
    until: float  # s: later frames do not count

    def __hash__(self) -> int:
        return hash(self._told)

    def __eq__(self, other: object) -> bool:
        """Whether two answers have one floor."""
        if not isinstance(other, AnswerForm):
            return NotImplemented
        return self._told == other._told

    @property
    def _told(self) -> tuple:
        fit = self.fit
        return fit.size, fit.box, fit.bars, self.time, self.encoding, self.first, self.until

    def num_counted_frames(self, truth: Truth) -> int:
        """How many of the paper's frames count."""
        video = truth.paper.video
        return min(video.num_frames, math.floor(self.until * video.fps + SLACK) + 1)

    @property
    def rate(self) -> float:
        """Frames a second, on average."""
        return (len(self.time) - 1) / (self.time[-1] - self.time[0])


@dataclass(frozen=True)
class TrackedPart:
    """How a tracker is shown frames of a form: which part, at which size, and how wide a metre is in it."""

    width: int  # pixels that the box is brought to
    height: int
    part: tuple[int, int, int, int]  # of these: what shows the scene
    extent: Extent  # m, the view that the tracker assumes
    stretch: float  # its metres across times this are metres


@dataclass(frozen=True)
class Floor:
    """A truth in one form, and what a tracker makes of it."""

    form: AnswerForm
    sight: TrackedPart
    looks: tuple[str, ...]  # of the scene's bodies
    tracks: Tracks  # at the paper's frame times, bodies in the order of the scene's
    frames: UInt8[np.ndarray, "S h w 3"]  # as the tracker is shown them
    truth: Trajectory  # at the times of the form, as seen
    codec: str  # in words


def form_of(fit: AnswerFit, truth: Truth, encoding: Encoding) -> AnswerForm:
    """The form in which a truth is drawn to stand beside an answer.

    It lasts as long as counts, even if the answer does not (``last_counted``), to the first of the answer's
    frames that is no earlier than the end.
    """
    video = truth.paper.video
    last = (video.num_frames - 1) / video.fps
    slack = SLACK / fit.fps
    time = fit.time
    until = last_counted(time, fit.fps, video)
    ahead = math.floor(time[0] * fit.fps + SLACK)
    before = time[0] - np.arange(ahead, 0, -1) / fit.fps
    enough = np.flatnonzero(time >= last - slack)
    if len(enough):
        kept = time[: int(enough[0]) + 1]
    else:
        lacking = max(0, math.ceil((until - time[-1]) * fit.fps - SLACK))
        kept = np.concatenate([time, time[-1] + np.arange(1, lacking + 1) / fit.fps])
    return AnswerForm(fit, tuple(np.concatenate([before, kept]).tolist()), encoding, ahead, until)


def plain_form(truth: Truth) -> AnswerForm:
    """The form of an answer that is just as asked and lossless."""
    video = truth.paper.video
    time = np.arange(video.num_frames) / video.fps
    size = (video.width, video.height)
    fit = AnswerFit(size, (0, 0, *size), (0, 0, 0), video.fps, time, True, 0, ())
    return form_of(fit, truth, Encoding("raw"))


def tracker_of(truth: Truth) -> str:
    """Which tracker reads a question's videos."""
    if truth.question.section.filming == "plain":
        return scenarios.get(truth.question.section.scenario).tracker
    return FOREIGN


def floor_of(truth: Truth, form: AnswerForm) -> Floor:
    """Film the truth in a form, pass it through the codec, and track it."""
    motion = motion_at(truth, form)
    frames = dataclasses.replace(truth, trajectory=motion).video()
    filmed = frame_answer(frames, form.fit)
    first = form.first  # what precedes it did not pass through the answer's encoder
    through, codec = recompress(filmed[first:], form.encoding, form.rate)
    given = given_frames(form, truth)
    sight = sight_of(truth, form.fit)
    # What was given is known without loss: a tracker learns from it what to follow.
    shown = np.concatenate(
        [
            show(filmed[:given], truth, form.fit, sight),
            show(through[max(given - first, 0) :], truth, form.fit, sight, form.encoding),
        ]
    )
    seen = as_seen(motion, truth.scene)
    looks, tracks = read(truth, shown, form, sight, seen)
    return Floor(form, sight, looks, at_paper_times(tracks, form, truth), shown, seen, codec)


def read(
    truth: Truth, shown: np.ndarray, form: AnswerForm, sight: TrackedPart, motion: Trajectory
) -> tuple[tuple[str, ...], Tracks]:
    """Looks and tracks of the scene's bodies in frames (S, h, w, 3) as the tracker is shown them.

    All bodies are lost if the given frames do not show the tracker any.
    """
    try:
        found, tracks = tracker(tracker_of(truth))(
            shown, context=given_frames(form, truth), extent=sight.extent, fps=form.rate
        )
    except BadInput:
        return ("",) * motion.num_bodies, _lost(motion[: len(shown)])
    tracks = _stretched(tracks, sight.stretch)
    partner = partners(tracks.bodies, motion)
    looks = tuple(found[one] if one >= 0 else "" for one in partner)
    return looks, _without_faint(truth, match(tracks, motion))


def _lost(motion: Trajectory) -> Tracks:
    """Tracks on which no body was found."""
    blank = {name: np.full_like(getattr(motion, name), np.nan) for name in ("position", "size", "color")}
    status = np.full_like(motion.status, LOST)
    bodies = dataclasses.replace(
        motion, **blank, status=status, confidence=np.zeros_like(motion.confidence), record=None
    )
    return Tracks(bodies, Detections.none())


def given_frames(form: AnswerForm, truth: Truth) -> int:
    """How many frames of a form show what was given."""
    video = truth.paper.video
    return max(1, int((np.array(form.time) <= (video.context - 1 + SLACK) / video.fps).sum()))


def at_paper_times(tracks: Tracks, form: AnswerForm, truth: Truth) -> Tracks:
    """Tracks of the first frames of a form as they are at the paper's frame times."""
    video = truth.paper.video
    at = np.arange(video.num_frames) / video.fps
    time = np.array(form.time)[: tracks.bodies.num_frames]
    if len(time) == len(at) and np.abs(time - at).max() <= SLACK / video.fps:
        return Tracks(dataclasses.replace(tracks.bodies, dt=1 / video.fps), tracks.extra)
    return resample(tracks, time, at)


def legible_in(floor: Floor, truth: Truth) -> Bool[np.ndarray, "T B"]:
    """Where the form's own frames tell of a body, at the paper's times.

    At half the rate a body is read between two frames: only if both show it in full, and not where it bounces
    between them in a way that even exact places in the frames would not tell.
    """
    seen = as_seen(truth.trajectory, truth.scene)
    whole = (floor.truth.status == VISIBLE)[..., None]
    exact = dataclasses.replace(floor.truth, position=np.where(whole, floor.truth.position, np.nan))
    told = at_paper_times(Tracks(exact, Detections.none()), floor.form, truth).bodies
    if told.position is exact.position:  # the form has a frame at each of the paper's times
        return np.ones(seen.status.shape, bool)
    return np.linalg.norm(told.position - seen.position, axis=-1) <= BETWEEN


def motion_at(truth: Truth, form: AnswerForm) -> Trajectory:
    """The true motion at the times of a form: simulated there, or between its frames where that is not."""
    video = truth.paper.video
    time = np.array(form.time)
    at = np.arange(video.num_frames) / video.fps
    if len(time) <= len(at) and np.abs(time - at[: len(time)]).max() <= SLACK / video.fps:
        return truth.trajectory[: len(time)]
    if form.fit.steady and abs(time[0]) <= SLACK / video.fps:
        scenario = scenarios.get(truth.question.section.scenario)()
        return scenario.simulate(truth.scene, len(time), 1 / form.fit.fps)
    longer = _longer(truth, float(time[-1]))
    own = np.arange(longer.num_frames) / video.fps
    found = resample(Tracks(longer, Detections.none()), own, time).bodies
    return dataclasses.replace(found, dt=1 / form.rate)


def _longer(truth: Truth, last: float) -> Trajectory:
    """The true motion at the paper's rate up to a time in s."""
    video = truth.paper.video
    count = math.ceil(last * video.fps - SLACK) + 1
    if count <= video.num_frames:
        return truth.trajectory
    return scenarios.get(truth.question.section.scenario)().simulate(truth.scene, count, 1 / video.fps)


def sight_of(truth: Truth, fit: AnswerFit) -> TrackedPart:
    """How the tracker is shown an answer's frames.

    As they are where that is the asked picture, only smaller; larger ones, stretched ones and those of a
    scene that fills only part of the picture are brought to the asked size.
    """
    view, scene = truth.view, truth.scene
    _, _, width, height = fit.box
    whole = view.box == (0, 0, view.width, view.height)
    exact = round(scene.extent[0] * height / scene.extent[1]) == width
    near = abs(width / height / (view.width / view.height) - 1) <= 0.01
    if whole and height <= view.height and (exact or (near and tracker_of(truth) != "poses")):
        across = scene.extent[0] if exact else scene.extent[1] * width / height
        extent = (across, scene.extent[1])
        return TrackedPart(width, height, (0, 0, width, height), extent, scene.extent[0] / across)
    return TrackedPart(view.width, view.height, view.box, scene.extent, 1.0)


def show(
    frames: UInt8[np.ndarray, "S H W 3"],
    truth: Truth,
    fit: AnswerFit,
    sight: TrackedPart,
    encoding: Encoding = Encoding("raw"),  # noqa: B008 - frozen
) -> UInt8[np.ndarray, "S h w 3"]:
    """Frames of an answer as the tracker is shown them.

    A lossy codec leaves specks of a few levels about what moves. On a plain background they are wiped away
    for the tracker of blobs: they would join bodies that are far apart.
    """
    inner = resize_frames(crop_frames(frames, fit.box), sight.width, sight.height)
    shown = np.ascontiguousarray(crop_frames(inner, sight.part))
    if encoding.codec == "raw" or tracker_of(truth) != "blobs":
        return shown
    wiped = shown.copy() if shown.base is not None or shown is frames else shown
    _wipe(wiped, FLAT)
    return wiped


@compiled
def _wipe(frames: np.ndarray, most: float) -> None:
    """Set pixels of (T, H, W, 3) within ``most`` levels of their frame's background in all channels to it.

    The background is that of the frame itself, not of the scene: a video may be darker than what was asked.
    """
    background = np.empty(3)
    for frame in frames:
        border_color(frame, background)
        for row in range(frame.shape[0]):
            for column in range(frame.shape[1]):
                away = 0.0
                for channel in range(3):
                    away = max(away, abs(frame[row, column, channel] - background[channel]))
                if away < most:
                    for channel in range(3):
                        frame[row, column, channel] = background[channel]


def _without_faint(truth: Truth, tracks: Tracks) -> Tracks:
    """Tracks without detections that are no body and hardly differ from a plain background.

    Lossy codecs leave specks of a few levels beside what moves; our trackers, made for lossless pictures, see
    them.
    """
    if tracker_of(truth) == FOREIGN:
        return tracks
    extra = tracks.extra
    background = np.array(COLORS[truth.scene.background]) / 255
    kept = np.abs(extra.color - background).max(axis=1) >= FAINT
    return Tracks(
        tracks.bodies,
        Detections(extra.frame[kept], extra.position[kept], extra.size[kept], extra.color[kept]),
    )


def _stretched(tracks: Tracks, stretch: float) -> Tracks:
    if stretch == 1.0:
        return tracks
    across: Float[np.ndarray, "2"] = np.array([stretch, 1.0])
    bodies = dataclasses.replace(tracks.bodies, position=tracks.bodies.position * across)
    return Tracks(bodies, dataclasses.replace(tracks.extra, position=tracks.extra.position * across))
