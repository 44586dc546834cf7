"""What a paper asks, and what is true: the scene of each question, its motion, its picture, its prompt.

A question's scene hangs on the paper's name and version, the seed or the secret, the section's stream and the
question's number: never on how it is filmed.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import UInt8

from worldlaw.core.errors import blame
from worldlaw.core.seeding import rng_for
from worldlaw.core.types import Body, Scene, Trajectory
from worldlaw.exam.paper.paper import Paper, PaperQuestion
from worldlaw.exam.paper.prompts import prompt_of
from worldlaw.exam.paper.secret import seed_of
from worldlaw.worlds import Scenario, draw_scene, scenarios
from worldlaw.worlds.render.textured import render_textured
from worldlaw.worlds.view import View, view_of

HIDDEN = 0.25  # pixels: less than this of a start nobody sees
PARTED = 2.0  # pixels between two motions that are no longer the same
STARTS = 4  # how many starts beside the true one are tried
LEAST_GENERATED = 2  # frames after the given ones that are always counted


@dataclass(frozen=True)
class Truth:
    """What is true of one question."""

    paper: Paper
    question: PaperQuestion
    view: View
    trajectory: Trajectory  # T frames at the video's rate
    prompt: str
    seed: int  # of the paper or of its secret

    @property
    def scene(self) -> Scene:
        """The scene as filmed: bodies where the picture shows them."""
        return self.view.scene

    def video(self, num_frames: int | None = None) -> UInt8[np.ndarray, "T H W 3"]:
        """The true video, or its first frames."""
        trajectory = self.trajectory if num_frames is None else self.trajectory[:num_frames]
        if self.question.section.filming == "plain":
            return self.view.film(trajectory)
        rng = _rng(self.paper, self.question, self.seed, "look")
        width, height = self.view.width, self.view.height
        return render_textured(self.scene, trajectory, width, height, rng=rng, box=self.view.box)

    @cached_property
    def horizon(self) -> int:
        """How many leading frames a perfect predictor can be asked for.

        The motion is simulated again from starts moved by what ``HIDDEN`` pixels hide; frames from the first
        at which one of the two motions lies more than ``PARTED`` pixels from the other are not counted.
        At least ``LEAST_GENERATED`` frames after the given ones are.
        """
        video = self.paper.video
        rng = _rng(self.paper, self.question, self.seed, "horizon")
        scenario = _scenario(self.question)
        scale = self.view.pixels_per_metre
        horizon = video.num_frames
        for _ in range(STARTS):
            moved = _moved(self.scene, HIDDEN / scale, rng)
            with blame(f"scenario {self.question.section.scenario}"):
                other = scenario.simulate(moved, horizon, self.trajectory.dt)
            apart = scale * _distance(self.trajectory[:horizon], other, self.scene)
            parted = np.flatnonzero(apart > PARTED)
            horizon = int(parted[0]) if len(parted) else horizon
            if horizon <= video.context + LEAST_GENERATED:
                break
        return min(max(horizon, video.context + LEAST_GENERATED), video.num_frames)


def questions(paper: Paper, secret: bytes | None = None) -> tuple[PaperQuestion, ...]:
    """All questions, section by section; a secret changes what they ask, not how they are called."""
    return tuple(
        PaperQuestion(f"{section.name}-{index:04d}", section, index)
        for section in paper.sections
        for index in range(section.num_questions)
    )


def truth_of(paper: Paper, question: PaperQuestion, secret: bytes | None = None) -> Truth:
    """What is true of a question; the same on every call. Raises BadInput if its region holds no scene."""
    section, video = question.section, paper.video
    seed = paper.seed if secret is None else seed_of(secret)
    scenario = _scenario(question)
    with blame(f"scenario {section.scenario}"):
        scene, _ = draw_scene(
            scenario, section.region, seed=seed, split=_stream(paper, question), index=question.index
        )
        view = view_of(scene, video.width, video.height, edges=scenario.edges)
        trajectory = scenario.simulate(view.scene, video.num_frames, 1 / video.fps)
        prompt = prompt_of(view, video, section.filming, law=scenario.law(view.scene))
    return Truth(paper, question, view, trajectory, prompt, seed)


def _scenario(question: PaperQuestion) -> Scenario:
    return scenarios.get(question.section.scenario)()


def _stream(paper: Paper, question: PaperQuestion) -> str:
    return f"exam/{paper.name}/{paper.version}/{question.section.stream}"


def _rng(paper: Paper, question: PaperQuestion, seed: int, what: str) -> np.random.Generator:
    return rng_for(seed, _stream(paper, question), question.index, what)


def _moved(scene: Scene, by: float, rng: np.random.Generator) -> Scene:
    """The scene with every body, fixed ones too, ``by`` metres off in a direction of its own.

    What would then reach beyond the view, and did not before, is moved the other way, or stays.
    """
    bodies = []
    for body in scene.bodies:
        turn = 2 * math.pi * rng.random()
        step = np.array([math.cos(turn), math.sin(turn)]) * by
        for factor in (-1.0, 0.0):
            low, high = _reach(body)
            outside = (low + np.minimum(step, 0) < 0) | (high + np.maximum(step, 0) > scene.extent)
            step[outside] *= factor
        x, y = body.position
        bodies.append(dataclasses.replace(body, position=(x + float(step[0]), y + float(step[1]))))
    return dataclasses.replace(scene, bodies=tuple(bodies))


def _reach(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest x and y of a body, m."""
    center = np.array(body.position)
    if not body.parts:
        return center - body.size, center + body.size
    cos, sin = math.cos(body.angle), math.sin(body.angle)
    corners = np.array([corner for part in body.parts for corner in part]) @ [[cos, sin], [-sin, cos]]
    return center + corners.min(axis=0), center + corners.max(axis=0)


def _distance(one: Trajectory, other: Trajectory, scene: Scene) -> np.ndarray:
    """(T,) m: how far the outlines of two motions lie apart at most; a ball's turning does not show."""
    apart = np.linalg.norm(one.position - other.position, axis=-1)
    if one.angle is not None and other.angle is not None:
        sizes = np.array([body.size if body.parts else 0.0 for body in scene.bodies])
        apart = apart + np.abs(one.angle - other.angle) * sizes
    return apart.max(axis=1)
