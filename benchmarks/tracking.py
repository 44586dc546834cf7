"""Tracking: frames per second read back from true videos at 128², and the error that remains."""

from __future__ import annotations

import numpy as np

from benchmarks.timing import Figure, Target, compare_rates
from worldlaw.core.numbers.colors import COLORS
from worldlaw.core.types import VISIBLE, Case, Detections, Scene, Tracks, Trajectory
from worldlaw.measure.matching import match
from worldlaw.measure.metrics.trajectory import measured_share, velocity_error
from worldlaw.measure.tracking.blobs.blob_tracker import track
from worldlaw.testing import CONTEXT, FPS, hints_of, make_recipe

BODIES = {"uniform_motion": "one body", "parabola": "one body", "collision": "two bodies"}
SPEED = Target(5, of="ratio")
MEAN_ERROR, HIGH_ERROR = Target(0.006, at="most"), Target(0.01, at="most")  # m/s
AGAINST = (
    "threshold halfway to each body's true colour over the full frame and mean of the pixels, in NumPy; "
    "it is told the colours"
)


def measure(quick: bool) -> list[Figure]:
    """Speed and floor for every scenario of the study, in its training range."""
    resolution = 32 if quick else 128
    figures = []
    for scenario in ("uniform_motion", "collision") if quick else BODIES:
        figures += _measure(scenario, resolution, 4 if quick else 64, 4 if quick else 256, 1 if quick else 9)
    return figures


def plain_tracking(video: np.ndarray, scene: Scene) -> np.ndarray:
    """Positions (T, B, 2) in m: the baseline, as one would write it in ten lines; NaN for nothing found."""
    _, height, width, _ = video.shape
    scale = height / scene.extent[1]  # pixels per m
    y, x = np.mgrid[:height, :width] + 0.5
    position = np.full((len(video), len(scene.bodies), 2), np.nan)
    for b, body in enumerate(scene.bodies):
        color = np.array(COLORS[body.color], float)
        reach = np.linalg.norm(color - COLORS[scene.background]) / 2
        for t, frame in enumerate(video):
            mask = np.linalg.norm(frame - color, axis=-1) < reach
            if mask.any():
                position[t, b] = x[mask].mean() / scale, scene.extent[1] - y[mask].mean() / scale
    return position


def _measure(
    scenario: str, resolution: int, num_timed: int, num_judged: int, repetitions: int
) -> list[Figure]:
    recipe = make_recipe(scenario, resolution=resolution, num_frames=32, num_clips=num_judged)
    scenes = [recipe.scene(index)[0] for index in range(num_judged)]
    videos = recipe.read(range(num_timed))
    num_plain = min(8, num_timed)

    def ours() -> None:
        for video, scene in zip(videos, scenes, strict=False):
            track(video, hints_of(video, scene), fps=FPS)

    def plainly() -> None:
        for video, scene in zip(videos[:num_plain], scenes, strict=False):
            plain_tracking(video, scene)

    place = f"{scenario} ({BODIES[scenario]}), {resolution}²"
    speed = compare_rates(
        "tracking",
        f"{place}, hints and tracks",
        "frames/s",
        ours=(ours, num_timed * recipe.num_frames),
        baseline=(plainly, num_plain * recipe.num_frames),
        against=AGAINST,
        repetitions=repetitions,
        target=SPEED,
    )
    errors, share = np.empty((num_judged, 2)), np.empty((num_judged, 2))
    for index, scene in enumerate(scenes):
        truth = recipe.trajectory(scene)
        video = recipe.frames(scene, truth)
        plain = _as_seen(truth, plain_tracking(video, scene))
        found = (
            match(track(video, hints_of(video, scene), fps=FPS), truth),
            Tracks(plain, Detections.none()),
        )
        for column, tracks in enumerate(found):
            case = Case(index, scene, CONTEXT, truth, tracks, lambda: np.zeros(0), None)
            errors[index, column] = velocity_error(case)
            share[index, column] = measured_share(case)
    known = np.isfinite(errors).all(axis=1)
    notes = {
        "clips": f"{known.sum()} of {num_judged} measured by both",
        "share of intervals measured": "{:.4f}, baseline {:.4f}".format(*np.nanmean(share, axis=0)),
    }

    def floor(name: str, values: np.ndarray, target: Target) -> Figure:
        return Figure(
            "tracking",
            f"{place}, velocity_error, {name}",
            "m/s",
            ours=float(values[0]),
            baseline=float(values[1]),
            ratio=float(values[0] / values[1]),
            against=AGAINST,
            target=target,
            notes=notes,
        )

    return [
        speed,
        floor("mean", errors[known].mean(axis=0), MEAN_ERROR),
        floor("95th percentile of clips", np.percentile(errors[known], 95, axis=0), HIGH_ERROR),
    ]


def _as_seen(truth: Trajectory, position: np.ndarray) -> Trajectory:
    """The baseline's positions with all else taken from the truth."""
    status = np.full(truth.status.shape, VISIBLE, np.int8)
    return Trajectory(truth.dt, position, truth.size, truth.color, status, truth.confidence)
