"""Predictors on tracked states: what could be had from the given frames without drawing anything.

A reference is no competitor of a video model but a ruler beside it: it sees the positions, sizes and colours
that a tracker reads from the given frames, and says where the bodies will be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import numpy as np
from scipy.optimize import least_squares

from worldlaw.core.registry import Registry
from worldlaw.core.types import VISIBLE, Body, CaseLibrary, Question, Trajectory
from worldlaw.worlds import Scenario, scenarios

# -> (T, B, 2) m; NaN for a body that the given frames do not show
Reference = Callable[[Question], np.ndarray]


@runtime_checkable
class LearningReference(Protocol):
    """A reference that is taught on the training cases, once for each world, before it is asked.

    It is registered as a class without arguments, with a ``version`` to raise whenever it would learn or
    predict otherwise.
    """

    def fit(self, library: CaseLibrary, folder: Path, *, seed: int) -> None:
        """Learn from the training cases, the same to the bit every time, and leave it in ``folder``."""

    def load(self, folder: Path) -> Reference:
        """What ``fit`` left in ``folder``, ready to be asked."""


references: Registry[Reference | type[LearningReference]] = Registry(
    "reference",
    ["worldlaw.measure.references"],
    optional={"state_model": ("worldlaw.models.state_model:StateModel", "torch")},
)


def learning_kind(name: str) -> type[LearningReference] | None:
    """The class of a reference that has to be taught first; None for any other."""
    found = references.get(name)
    return found if isinstance(found, type) and issubclass(found, LearningReference) else None


def ready(name: str, folder: Path | None = None) -> Reference:
    """A reference that can be asked; ``folder`` holds what it learnt, if it is one that learns."""
    kind = learning_kind(name)
    if kind is None:
        return cast(Reference, references.get(name))
    if folder is None:
        raise ValueError(f"{name} learns: expected the folder that it was taught in")
    return kind().load(folder)


VERSION = 1  # of all references: raise it whenever one of them would predict otherwise


@references.registering("constant_velocity")
def constant_velocity(question: Question) -> np.ndarray:
    """Every body keeps the velocity that it had over the given frames."""
    time = (np.arange(question.num_frames) - len(question.given.position) + 1) * question.given.dt
    start, velocity = _straight_line(question.given)
    return start + velocity * time[:, None, None]


@references.registering("nearest_case")
def nearest_case(question: Question) -> np.ndarray:
    """The training case nearest in size, colour and velocity, continued from the last given position."""
    library, given = question.library, question.given
    wanted = case_features(given)
    if not np.isfinite(wanted).all():  # nothing is nearest to what was not seen
        return np.full((question.num_frames, given.num_bodies, 2), np.nan)
    distance = np.abs((library.features - wanted) / library.scale).sum(axis=1)
    moved = library.displacement[int(np.argmin(distance))]
    return np.concatenate([given.position, given.position[-1] + moved])


@references.registering("oracle_law")
def oracle_law(question: Question) -> np.ndarray:
    """The true law with the starting states that fit the given frames best: more cannot be had.

    Least squares over all starting positions and velocities, through the scenario's own simulator; NaN for
    fewer than two given frames, which hold no velocity.
    """
    given, law = question.given, question.law
    if len(given.position) < 2 or not np.isfinite(given.position).all():
        return np.full((question.num_frames, given.num_bodies, 2), np.nan)
    scenario = scenarios.get(law.scenario)()
    _, velocity = _straight_line(given)
    # Under constant gravity the chord's velocity is that of the middle of the given frames.
    span = (len(given.position) - 1) * given.dt
    guess = np.stack([given.position[0], velocity - np.asarray(law.gravity) * span / 2])  # (2, B, 2)

    def run(state: np.ndarray, num_frames: int) -> np.ndarray:
        return _simulate(scenario, question, state.reshape(guess.shape), num_frames)

    fit = least_squares(
        lambda state: (run(state, len(given.position)) - given.position).ravel(), guess.ravel(), method="lm"
    )
    return run(fit.x, question.num_frames)


def case_features(given: Trajectory) -> np.ndarray:
    """(F,) of given frames: each body's mean size in m, mean velocity in m/s (2) and mean colour (3)."""
    _, velocity = _straight_line(given)
    per_body = np.concatenate([given.size.mean(axis=0)[:, None], velocity, given.color.mean(axis=0)], axis=1)
    return per_body.ravel()


def case_library(cases: Iterable[Trajectory], context: int) -> CaseLibrary:
    """The library of training trajectories; their stored states stand for what tracking them would give."""
    features, displacement, position, size = [], [], [], []
    dt = 0.0
    for case in cases:
        features.append(case_features(case[:context]))
        displacement.append((case.position[context:] - case.position[context - 1]).astype(np.float32))
        position.append(case.position[:context])
        size.append(case.size[:context].mean(axis=0))
        dt = case.dt
    table = np.array(features)
    spread = np.ptp(table, axis=0)
    # A feature that never varies in training (a colour, say) counts by its natural unit.
    scale = np.where(spread > 1e-6, spread, 1.0)
    return CaseLibrary(table, scale, np.array(displacement), dt, np.array(position), np.array(size))


def _straight_line(given: Trajectory) -> tuple[np.ndarray, np.ndarray]:
    """Last position (B, 2) m and velocity (B, 2) m/s of the straight line through the given frames."""
    time = (np.arange(given.num_frames) - given.num_frames + 1) * given.dt
    if given.num_frames == 1:
        return given.position[-1], np.zeros_like(given.position[-1])
    centred = time - time.mean()
    velocity = np.einsum("t,tbd->bd", centred, given.position) / (centred**2).sum()
    return given.position.mean(axis=0) - velocity * time.mean(), velocity


def _simulate(scenario: Scenario, question: Question, state: np.ndarray, num_frames: int) -> np.ndarray:
    """Positions (T, B, 2) in m from starting positions and velocities (2, B, 2) under the question's law."""
    size = question.given.size.mean(axis=0)
    bodies = tuple(
        Body(
            shape=question.shape[b],
            size=float(size[b]),
            color=question.law.bodies[b].color,
            mass=float(size[b] ** 2),
            position=(float(state[0, b, 0]), float(state[0, b, 1])),
            velocity=(float(state[1, b, 0]), float(state[1, b, 1])),
        )
        for b in range(len(size))
    )
    return scenario.simulate(
        dataclasses.replace(question.law, bodies=bodies), num_frames, question.given.dt
    ).position


def predicted_trajectory(position: np.ndarray, given: Trajectory) -> Trajectory:
    """A predicted motion (T, B, 2) m as a trajectory: sizes and colours stay, everything is visible."""
    num_frames = len(position)
    return Trajectory(
        dt=given.dt,
        position=position,
        size=np.broadcast_to(given.size.mean(axis=0), position.shape[:2]).copy(),
        color=np.broadcast_to(given.color.mean(axis=0), (*position.shape[:2], 3)).copy(),
        status=np.full((num_frames, given.num_bodies), VISIBLE, np.int8),
        confidence=np.ones((num_frames, given.num_bodies)),
    )
