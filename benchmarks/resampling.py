"""Tracks of true videos at half the frame rate, brought back to the whole one: what is off by how much."""

from __future__ import annotations

import dataclasses

import numpy as np

from benchmarks.timing import Figure
from worldlaw.clips.recompression import ASSUMED, recompress
from worldlaw.core.types import OPTIONAL_ARRAYS, TRAJECTORY_ARRAYS, Case, Detections, Tracks, Trajectory
from worldlaw.exam.answers.resampling import resample
from worldlaw.measure.matching import match
from worldlaw.measure.metrics.trajectory import velocity_error
from worldlaw.measure.tracking.blobs.blob_tracker import track
from worldlaw.testing import CONTEXT, FPS, hints_of, make_recipe

LAWS = ("uniform_motion", "parabola", "collision")
AGAINST = "straight lines between the measured places"


def measure(quick: bool) -> list[Figure]:
    """Mean velocity error of every law, lossless and from h264 at crf 23."""
    figures = []
    for codec in ("lossless", "h264 crf 23"):
        for law in LAWS[-1:] if quick else LAWS:
            figures.append(_measure(law, codec, 4 if quick else 300))
    return figures


def _measure(law: str, codec: str, num: int) -> Figure:
    recipe = make_recipe(law, resolution=128, num_frames=32, num_clips=num)
    errors = np.full((num, 3), np.nan)  # ours, straight lines, all frames tracked
    for index in range(num):
        scene, _ = recipe.scene(index)
        truth = recipe.trajectory(scene)
        video = recipe.frames(scene, truth)
        hints = hints_of(video, scene)
        if codec != "lossless":
            video, _ = recompress(video, ASSUMED, FPS)
        whole = match(track(video, hints, fps=FPS), truth)
        half = _every_other(whole.bodies)
        time, at = np.arange(half.num_frames) * half.dt, np.arange(truth.num_frames) / FPS
        found = (resample(Tracks(half, Detections.none()), time, at).bodies, _straight(half, truth))
        for column, bodies in enumerate((*found, whole.bodies)):
            tracks = Tracks(bodies, Detections.none())
            case = Case(index, scene, CONTEXT, truth, tracks, lambda: np.zeros(0), None)
            errors[index, column] = velocity_error(case)
    ours, baseline, whole_rate = np.nanmean(errors, axis=0)
    return Figure(
        "resampling",
        f"{law}, {codec}: velocity_error of {num} true clips from half their frames",
        "m/s",
        ours=float(ours),
        baseline=float(baseline),
        ratio=float(ours / baseline),
        against=AGAINST,
        notes={
            "95th percentile": "{:.4f}, baseline {:.4f}".format(*np.nanpercentile(errors[:, :2], 95, axis=0)),
            "from all frames": f"{whole_rate:.4f}",
        },
    )


def _every_other(bodies: Trajectory) -> Trajectory:
    arrays = {name: getattr(bodies, name) for name in (*TRAJECTORY_ARRAYS, *OPTIONAL_ARRAYS)}
    thinned = {name: None if values is None else values[::2] for name, values in arrays.items()}
    return Trajectory(dt=2 * bodies.dt, **thinned)  # type: ignore[arg-type]


def _straight(half: Trajectory, truth: Trajectory) -> Trajectory:
    """Straight lines between every other frame; NaN after the last."""
    position = np.full(truth.position.shape, np.nan)
    position[::2] = half.position
    position[1:-1:2] = (half.position[1:] + half.position[:-1]) / 2
    return dataclasses.replace(truth, position=position)
