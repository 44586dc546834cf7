"""What true clips of a world show at most of each physical fault: limits that are measured, not chosen."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from worldlaw.core.artifact import Artifact, write_text
from worldlaw.core.types import Case
from worldlaw.experiment.config import Experiment, poses
from worldlaw.measure import verdicts
from worldlaw.measure.matching import as_seen, match
from worldlaw.measure.metrics import metrics
from worldlaw.measure.metrics.verdicts import numbers
from worldlaw.measure.tracking.trackers import tracker
from worldlaw.measure.verdicts import Thresholds
from worldlaw.worlds import scenarios, training_region
from worldlaw.worlds.recipe import Recipe
from worldlaw.worlds.render.flat import VERSION as RENDERER

if TYPE_CHECKING:
    from worldlaw.experiment.job import Job

CLIPS = 1000  # true clips; with 90 % confidence fresh ones are called abnormal in at most 1 %
CHUNK = 25  # clips that a worker takes at a time
SPLIT = "calibration"  # in the names of random streams: no test clip is among them
LIMITS = "limits.json"


def plan_calibrations(experiment: Experiment, root: Path) -> dict[str, Artifact]:
    """World -> limits, for worlds whose bodies are tracked by pose if a verdict is asked for."""
    asked = experiment.metrics or tuple(metrics.names())
    if "abnormal" not in asked:
        return {}
    found = {}
    for world in experiment.worlds:
        if poses(experiment, world):
            recipe = _recipe(experiment, world)
            kind = scenarios.get(recipe.scenario)
            inputs = {
                **{
                    name: getattr(recipe, name)
                    for name in ("scenario", "resolution", "num_frames", "fps", "edge")
                },
                "version": kind.version,
                "code": scenarios.code(recipe.scenario),
                "renderer": RENDERER,
                "region": recipe.region.to_json(),
                "clips": len(recipe),
                "seed": recipe.seed,
                "context": experiment.context,
                "tracker": [kind.tracker, tracker(kind.tracker).version],
                "verdicts": verdicts.VERSION,
            }
            found[world] = Artifact("calibrate", inputs, root)
    return found


def calibrate(job: Job) -> None:
    """Make the limits that are missing: simulate, draw, track and measure true clips."""
    experiment = job.plan.experiment
    todo = job.missing(job.plan.calibrate)
    job.progress.start("calibrate", CLIPS * len(todo), "clips")
    for world, artifact in todo:
        recipe = _recipe(experiment, world)
        with job.making(artifact) as finish:
            if finish is None:
                continue
            tasks = [
                (recipe, range(start, min(start + CHUNK, len(recipe))), experiment.context)
                for start in range(0, len(recipe), CHUNK)
            ]
            rows = []
            for found in job.each(measure_clips, tasks):
                rows += found
                job.progress.advance(len(found))
            extent = recipe.scene(0)[0].extent
            about = {name: getattr(recipe, name) for name in ("resolution", "fps", "num_frames", "edge")}
            limits = verdicts.calibrate(rows, pixel=extent[1] / recipe.resolution, about=about)
            write_text(artifact.folder / LIMITS, limits.to_json() + "\n")
            finish({"clips": len(rows), "exceeding": limits.exceeding})


def measure_clips(recipe: Recipe, indices: range, context: int) -> list[dict[str, float]]:
    """The numbers of some true clips: measure -> value."""
    return [numbers(case) for case in true_cases(recipe, indices, context)]


def true_cases(recipe: Recipe, indices: range, context: int) -> Iterator[Case]:
    """The true videos of some clips, tracked, as the cases of a perfect predictor."""
    read = tracker(scenarios.get(recipe.scenario).tracker)
    for index in indices:
        scene, _ = recipe.scene(index)
        motion = recipe.trajectory(scene)
        video = recipe.frames(scene, motion)
        truth = as_seen(motion, scene)
        _, tracks = read(video, context=context, extent=scene.extent, fps=recipe.fps)
        shown = functools.partial(_itself, video)
        yield Case(index, scene, context, truth, match(tracks, truth), shown, shown)


def _itself(video: np.ndarray) -> np.ndarray:
    return video


@functools.lru_cache(maxsize=8)
def limits_of(folder: Path) -> Thresholds:
    """The limits that ``calibrate`` wrote. Raises BadInput if they are damaged."""
    return Thresholds.from_json((folder / LIMITS).read_text(encoding="utf-8"))


def _recipe(experiment: Experiment, world: str) -> Recipe:
    """True clips of all that the scenario usually shows, filmed as the experiment's."""
    tested = experiment.recipe(world, next(iter(experiment.worlds[world].test)))
    kind = scenarios.get(tested.scenario)
    return dataclasses.replace(tested, region=training_region(kind), split=SPLIT, num_clips=CLIPS, seed=0)
