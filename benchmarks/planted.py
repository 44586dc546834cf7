"""Answers that are true, have one planted fault or a law that is a little off; and the forms they come in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from worldlaw.clips.films import read_film
from worldlaw.clips.media import encode_mp4, write_video
from worldlaw.core.seeding import rng_for
from worldlaw.core.types import Body, Scene, Trajectory
from worldlaw.exam import Paper, Truth, load_paper, truth_of
from worldlaw.exam.answers.adjustments import Unfit, fit, resize_frames
from worldlaw.exam.answers.answer_folder import Answer, AnswerFinding, Declaration
from worldlaw.exam.paper.paper import PaperQuestion
from worldlaw.exam.scoring.question_scores import QuestionScores, Read, mark
from worldlaw.exam.scoring.scores import ANSWERS, CHARGED, STANDING
from worldlaw.measure.metrics.trajectory import CHARGE
from worldlaw.worlds import scenarios

LAWS = ("uniform_motion", "parabola", "collision")
AWAY = -50.0  # m: where a body is drawn that shall not be seen
JUMP = 2.0  # pixels
FREE = 0.3  # m between a decoy and everything else

Frames = np.ndarray  # (T, H, W, 3) uint8
Plant = Callable[[Truth, np.random.Generator], Frames | None]
Look = Callable[[np.ndarray, np.random.Generator], np.ndarray]  # of frames as floats


@dataclass(frozen=True)
class Form:
    """How an answer is written."""

    name: str
    look: Look = lambda frames, rng: frames
    crf: int | None = None  # of H.264; None: lossless
    scale: float = 1.0  # of the asked size
    every: int = 1  # one frame of so many
    suffix: str = ""  # .gif instead


LOOKS: dict[str, Look] = {
    "plain": lambda frames, rng: frames,
    "5 % darker": lambda frames, rng: frames * 0.95,
    "5 % brighter": lambda frames, rng: frames * 1.05,
    "contrast -5 %": lambda frames, rng: (frames - 127.5) * 0.95 + 127.5,
    "contrast +5 %": lambda frames, rng: (frames - 127.5) * 1.05 + 127.5,
    "gamma 0.9": lambda frames, rng: 255 * (frames / 255) ** 0.9,
    "gamma 1.1": lambda frames, rng: 255 * (frames / 255) ** 1.1,
    "blur 0.5 px": lambda frames, rng: gaussian_filter(frames, (0, 0.5, 0.5, 0)),
    "noise of 3 levels": lambda frames, rng: frames + rng.normal(0, 3, frames.shape),
}
LOSSLESS, LOSSY = Form("lossless"), Form("h264 crf 23", crf=23)
USUAL = (
    *(Form(name, look) for name, look in LOOKS.items()),
    *(Form(f"{name}, h264 crf 23", look, 23) for name, look in LOOKS.items()),
    Form("h264 crf 18", crf=18),
)  # in which true clips must be solved
WORSE = (
    LOSSY,
    Form("h264 crf 18", crf=18),
    Form("h264 crf 28", crf=28),
    Form("h264 crf 40", crf=40),
    Form("half size", scale=0.5),
    Form("half size, h264 crf 23", crf=23, scale=0.5),
    Form("a sixteenth of the size", scale=1 / 16),
    Form("double size, h264 crf 23", crf=23, scale=2.0),
    Form("half rate", every=2),
    Form("half rate, h264 crf 23", crf=23, every=2),
    Form("gif", suffix=".gif"),
    Form("5 % darker, h264 crf 23", LOOKS["5 % darker"], 23),
    Form("noise of 3 levels, h264 crf 23", LOOKS["noise of 3 levels"], 23),
)  # in which nothing may be solved that lossless is not


def truths(law: str, indices: range, *, seed: int, secret: bytes | None = None) -> Iterator[Truth]:
    """Questions about a law as the paper ``laws-in`` asks them, of another seed or of a secret."""
    paper = load_paper("laws-in")
    section = next(one for one in paper.sections if one.scenario == law)
    other: Paper = dataclasses.replace(paper, seed=seed)
    for index in indices:
        yield truth_of(other, PaperQuestion(f"{section.name}-{index:04d}", section, index), secret)


def scored(
    truth: Truth, answers: dict[str, tuple[Frames, Form]], place: Path
) -> dict[str, tuple[float, float]]:
    """Name -> whether an answer is solved, and its charged velocity error in m/s, by the code of an exam.

    All answers are taken to be to the one question. One that is excluded is unsolved, and charged in full.
    """
    names = list(answers)
    marked = mark(
        truth,
        (_read(truth, number, *answers[name], place) for number, name in enumerate(names)),
        failures={},
        limits=None,
        look=False,
        own_tracks=None,
        marked=QuestionScores(),
    )
    rows = {(number, who, row.metric): row.value for (number, who, _), row in marked.rows}
    absent = rows[-1, STANDING, "velocity_error"] + CHARGE
    return {
        name: (rows.get((k, ANSWERS, "solved"), 0.0), rows.get((k, ANSWERS, CHARGED), absent))
        for k, name in enumerate(names)
    }


def _read(truth: Truth, number: int, frames: Frames, form: Form, place: Path) -> Read:
    """An answer written in a form and read back as anybody's is."""
    video = truth.paper.video
    rng = rng_for(0, "form", form.name, truth.question.index)
    shown = form.look(frames[:: form.every].astype(np.float32), rng)
    shown = np.clip(np.rint(shown), 0, 255).astype(np.uint8)
    shown = resize_frames(shown, round(video.width * form.scale), round(video.height * form.scale))
    fps = video.fps / form.every
    path = place / f"answer{form.suffix or ('.npz' if form.crf is None else '.mp4')}"
    if form.suffix:
        write_video(path, shown, fps)
    elif form.crf is None:
        np.savez(path, video=shown, fps=fps)
    else:
        path.write_bytes(encode_mp4(shown, fps, quality=form.crf))
    answer = Answer(truth.question.id, number, path)
    try:
        film = read_film(path, least_frames=1)
        return answer, (film, fit(film, truth.video(video.context), video, Declaration()))
    except Unfit as error:
        return answer, AnswerFinding(path.name, truth.question.id, "excluded", error.code, str(error))


def moved(truth: Truth, position: np.ndarray) -> Frames:
    """The film of other places (T, B, 2) m of the same bodies."""
    return dataclasses.replace(
        truth, trajectory=dataclasses.replace(truth.trajectory, position=position)
    ).video()


def drawn(truth: Truth, scene: Scene, trajectory: Trajectory) -> Frames:
    """The film of another scene in the same view."""
    return dataclasses.replace(
        truth, view=dataclasses.replace(truth.view, scene=scene), trajectory=trajectory
    ).video()


@dataclass(frozen=True)
class WrongLaw:
    """The motion goes on after the given frames with other gravity, or with velocities that are off."""

    gravity: float = 1.0  # times the true one
    velocity: float = 1.0

    def __call__(self, truth: Truth, rng: np.random.Generator) -> Frames | None:
        """The film; None where there is no gravity to change."""
        if self.gravity != 1.0 and truth.scene.gravity == (0.0, 0.0):
            return None
        return moved(truth, self.motion(truth))

    def motion(self, truth: Truth) -> np.ndarray:
        """(T, B, 2) m."""
        scene, true, last = truth.scene, truth.trajectory, truth.paper.video.context - 1
        g = np.array(scene.gravity)
        bodies = tuple(
            dataclasses.replace(
                body,
                position=tuple(true.position[last, b].tolist()),
                velocity=tuple(((np.array(body.velocity) + g * last * true.dt) * self.velocity).tolist()),
            )
            for b, body in enumerate(scene.bodies)
        )
        after = scenarios.get(scene.scenario)().simulate(
            dataclasses.replace(scene, bodies=bodies, gravity=tuple((g * self.gravity).tolist())),
            true.num_frames - last,
            true.dt,
        )
        return np.concatenate([true.position[:last], after.position])


def _pulse(truth: Truth, rng: np.random.Generator) -> Frames:
    """Sizes swell and shrink by 10 %, once in 0.8 s."""
    true, context = truth.trajectory, truth.paper.video.context
    wave = np.sin(2 * np.pi * np.arange(1, true.num_frames - context + 1) / 8)
    factor = np.concatenate([np.ones(context), 1 + 0.1 * wave])
    frames = []
    for t, by in enumerate(factor):
        bodies = tuple(dataclasses.replace(body, size=body.size * by) for body in truth.scene.bodies)
        frame = dataclasses.replace(true[t : t + 1], size=true.size[t : t + 1] * by)
        frames.append(drawn(truth, dataclasses.replace(truth.scene, bodies=bodies), frame)[0])
    return np.stack(frames)


def _recolored(truth: Truth, rng: np.random.Generator) -> Frames | None:
    """One body has another colour from some frame on."""
    b, t = _some(truth, rng)
    if b is None:
        return None
    taken = {body.color for body in truth.scene.bodies}
    other = next(name for name in ("green", "magenta", "blue") if name not in taken)
    bodies = tuple(
        dataclasses.replace(body, color=other) if k == b else body
        for k, body in enumerate(truth.scene.bodies)
    )
    changed = drawn(truth, dataclasses.replace(truth.scene, bodies=bodies), truth.trajectory)
    return np.concatenate([truth.video(t), changed[t:]])


def _teleported(truth: Truth, rng: np.random.Generator) -> Frames | None:
    """One body is two pixels off from some frame on."""
    b, t = _some(truth, rng)
    if b is None:
        return None
    turn = rng.uniform(0, 2 * np.pi)
    place = truth.trajectory.position.copy()
    place[t:, b] += JUMP / truth.view.pixels_per_metre * np.array([np.cos(turn), np.sin(turn)])
    return moved(truth, place)


def _missing(truth: Truth, rng: np.random.Generator) -> Frames | None:
    """One body is not drawn in one frame."""
    b, t = _some(truth, rng)
    if b is None:
        return None
    place = truth.trajectory.position.copy()
    place[t, b] = AWAY
    return moved(truth, place)


def _decoy(truth: Truth, rng: np.random.Generator) -> Frames | None:
    """A second copy of a body stands still where nothing comes near it, from the first new frame on."""
    true, scene = truth.trajectory, truth.scene
    donor = int(rng.integers(len(scene.bodies)))
    size = scene.bodies[donor].size
    for _ in range(200):
        place = rng.uniform(size + 0.1, np.array(scene.extent) - size - 0.1)
        if (np.linalg.norm(true.position - place, axis=-1) - true.size - size > FREE).all():
            return beside(
                truth, dataclasses.replace(scene.bodies[donor]), np.tile(place, (true.num_frames, 1))
            )
    return None


def beside(truth: Truth, body: Body, place: np.ndarray) -> Frames:
    """The truth with one more body at places (T, 2) m in its new frames."""
    true, scene = truth.trajectory, truth.scene
    shown = place[:, None].copy()
    shown[: truth.paper.video.context] = AWAY
    more = {
        name: np.concatenate([getattr(true, name), getattr(true, name)[:, :1]], axis=1)
        for name in ("color", "status", "confidence")
    }
    size = np.concatenate([true.size, np.full((true.num_frames, 1), body.size)], axis=1)
    trajectory = dataclasses.replace(
        true, position=np.concatenate([true.position, shown], axis=1), size=size, record=None, **more
    )
    return drawn(truth, dataclasses.replace(scene, bodies=(*scene.bodies, body)), trajectory)


def _tired(truth: Truth, rng: np.random.Generator) -> Frames | None:
    """Two balls leave their impact with nine tenths of the momenta that they should have."""
    true, scene = truth.trajectory, truth.scene
    if len(scene.bodies) != 2:
        return None
    start, velocity = (
        np.array([getattr(b, name) for b in scene.bodies]) for name in ("position", "velocity")
    )
    axis = int(np.abs(velocity).sum(axis=0).argmax())
    apart, closing = np.diff(start[:, axis])[0], -np.diff(velocity[:, axis])[0]
    meet = (abs(apart) - sum(body.size for body in scene.bodies)) / abs(closing)
    time = np.arange(true.num_frames) * true.dt
    late = time > meet
    both = (true.status[late] == 0).all(axis=1)
    if meet < (truth.paper.video.context - 1) * true.dt or both.sum() < LEAST_AFTER:
        return None
    at = start + velocity * meet
    place = true.position.copy()
    place[late] = at + 0.9 * (place[late] - at)
    return moved(truth, place)


LEAST_AFTER = 4  # frames that show both balls after an impact


def _some(truth: Truth, rng: np.random.Generator) -> tuple[int | None, int]:
    """A body, and a new frame in which it is in full view and stays so for one more."""
    true = truth.trajectory
    shown = (true.status[1:] == 0) & (true.status[:-1] == 0)
    shown[: truth.paper.video.context] = False
    frames, bodies = np.nonzero(shown)
    if not len(frames):
        return None, 0
    k = int(rng.integers(len(frames)))
    return int(bodies[k]), int(frames[k])


FAULTS: dict[str, Plant] = {
    "size pulses by 10 %": _pulse,
    "another colour": _recolored,
    "teleport of 2 px": _teleported,
    "missing in one frame": _missing,
    "decoy": _decoy,
    "momentum -10 %": _tired,
}
MODELS: dict[str, Plant] = {
    "gravity -20 %": WrongLaw(gravity=0.8),
    "gravity -5 %": WrongLaw(gravity=0.95),
    "gravity +5 %": WrongLaw(gravity=1.05),
    "velocity -3 %": WrongLaw(velocity=0.97),
    "velocity +5 %": WrongLaw(velocity=1.05),
    **{name: FAULTS[name] for name in ("size pulses by 10 %", "teleport of 2 px", "momentum -10 %")},
}
