"""What true clips of a world show at most of each physical fault: limits that are measured, not chosen."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from worldlaw.core.artifact import write_text
from worldlaw.experiment.keys import CALIBRATION_CLIPS, calibration_recipe
from worldlaw.measure import verdicts
from worldlaw.measure.cases import true_cases
from worldlaw.measure.metrics.verdicts import numbers
from worldlaw.measure.verdicts import Thresholds
from worldlaw.worlds.recipe import Recipe

if TYPE_CHECKING:
    from worldlaw.experiment.job import Job

CHUNK = 25  # clips that a worker takes at a time
LIMITS = "limits.json"


def calibrate(job: Job) -> None:
    """Make the limits that are missing: simulate, draw, track and measure true clips."""
    experiment = job.plan.experiment
    todo = job.missing(job.plan.calibrate)
    job.progress.start("calibrate", CALIBRATION_CLIPS * len(todo), "clips")
    for world, artifact in todo:
        recipe = calibration_recipe(experiment, world)
        with job.hold(artifact) as finish:
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


@functools.lru_cache(maxsize=8)
def limits_of(folder: Path) -> Thresholds:
    """The limits that ``calibrate`` wrote. Raises BadInput if they are damaged."""
    return Thresholds.from_json((folder / LIMITS).read_text(encoding="utf-8"))
