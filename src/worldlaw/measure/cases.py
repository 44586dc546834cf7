"""Cases: a rollout beside its truth, built alike for experiments, exams and limits of verdicts."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from worldlaw.core.types import LOST, Case, Detections, Scene, Tracks, Trajectory
from worldlaw.measure.matching import as_seen, match
from worldlaw.measure.metrics.caps import wider_caps
from worldlaw.measure.tracking.trackers import tracker
from worldlaw.worlds import scenarios
from worldlaw.worlds.recipe import Recipe

Video = Callable[[], np.ndarray]  # (T, H, W, 3) uint8, read when it is asked for


def case_of(
    clip: int,
    scene: Scene,
    truth: Trajectory,
    tracks: Tracks,
    *,
    context: int,
    true_video: Video,
    generated_video: Video | None,
    limits: Mapping[str, float] | None,
    legible: np.ndarray | None = None,
    horizon: int | None = None,
) -> Case:
    """The first ``horizon`` frames, all by default, of some tracks beside the truth.

    ``truth`` is as a picture shows it (``as_seen``) and ``tracks`` are matched to it; ``legible`` (T,) marks
    the frames of which the rollout's form tells. ``limits`` come from ``limits_for``.
    """
    if horizon is not None:
        truth, tracks = truth[:horizon], first_frames(tracks, horizon)
        legible = None if legible is None else legible[:horizon]
    return Case(
        clip=clip,
        scene=scene,
        context=context,
        truth=truth,
        tracked=tracks,
        true_video=true_video,
        generated_video=generated_video,
        limits=None if limits is None else dict(limits),
        legible=legible,
    )


def limits_for(pixel: float, verdicts: Mapping[str, float]) -> dict[str, float]:
    """What a case may not exceed: caps where a pixel is so many metres wide, and limits of verdicts."""
    return wider_caps(pixel) | dict(verdicts)


def true_cases(recipe: Recipe, indices: range, context: int) -> Iterator[Case]:
    """The true videos of some clips, tracked, as the cases of a perfect predictor."""
    read = tracker(scenarios.get(recipe.scenario).tracker)
    for index in indices:
        scene, _ = recipe.scene(index)
        motion = recipe.trajectory(scene)
        video = recipe.frames(scene, motion)
        truth = as_seen(motion, scene)
        _, tracks = read(video, context=context, extent=scene.extent, fps=recipe.fps)
        shown = functools.partial(itself, video)
        yield Case(index, scene, context, truth, match(tracks, truth), shown, shown)


def itself(video: np.ndarray) -> np.ndarray:
    """A video in memory as a source that can be sent to another process."""
    return video


def first_frames(tracks: Tracks, num_frames: int) -> Tracks:
    """The first frames of some tracks; where there are fewer, all bodies are lost in what is lacking."""
    extra = tracks.extra
    kept = extra.frame < num_frames
    cut = Detections(extra.frame[kept], extra.position[kept], extra.size[kept], extra.color[kept])
    return Tracks(_padded(tracks.bodies, num_frames), cut)


def _padded(bodies: Trajectory, num_frames: int) -> Trajectory:
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
