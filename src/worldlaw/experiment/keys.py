"""The keys of artifacts: what goes into each, other artifacts by their keys and code by its version."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from worldlaw.clips import store
from worldlaw.core.artifact import Artifact
from worldlaw.core.errors import BadInput
from worldlaw.experiment.codecs import spec_of
from worldlaw.experiment.config import Experiment, poses
from worldlaw.measure import verdicts
from worldlaw.measure.metrics import metrics
from worldlaw.measure.tracking.trackers import tracker
from worldlaw.models import codecs
from worldlaw.worlds import scenarios, training_region
from worldlaw.worlds.recipe import Recipe
from worldlaw.worlds.render import flat

FLOOR = "floor"
# Clips given to a model at a time; a short last batch is filled up, so that batching changes nothing.
BATCH = 32
EVALUATE_VERSION = 2  # of what evaluation does beside metrics and references
CALIBRATION_CLIPS = 1000  # true; with 90 % confidence fresh ones are called abnormal in at most 1 %
CALIBRATION = "calibration"  # in the names of random streams: no test clip is among them

Places = dict[tuple[str, str], Artifact]  # (world, codec)
Redrawn = dict[tuple[str, str, str], Artifact]  # (world, codec, split)


def plan_calibrations(experiment: Experiment, root: Path) -> dict[str, Artifact]:
    """World -> limits, for worlds whose bodies are tracked by pose if a verdict is asked for."""
    asked = experiment.metrics or tuple(metrics.names())
    if "abnormal" not in asked:
        return {}
    found = {}
    for world in experiment.worlds:
        if poses(experiment, world):
            recipe = calibration_recipe(experiment, world)
            kind = scenarios.get(recipe.scenario)
            inputs = {
                **{
                    name: getattr(recipe, name)
                    for name in ("scenario", "resolution", "num_frames", "fps", "edge")
                },
                "version": kind.version,
                "code": scenarios.code(recipe.scenario),
                "renderer": flat.VERSION,
                "region": recipe.region.to_json(),
                "clips": len(recipe),
                "seed": recipe.seed,
                "context": experiment.context,
                "tracker": [kind.tracker, tracker(kind.tracker).version],
                "verdicts": verdicts.VERSION,
            }
            found[world] = Artifact("calibrate", inputs, root)
    return found


def calibration_recipe(experiment: Experiment, world: str) -> Recipe:
    """True clips of all that the scenario usually shows, filmed as the experiment's."""
    tested = experiment.recipe(world, next(iter(experiment.worlds[world].test)))
    kind = scenarios.get(tested.scenario)
    return dataclasses.replace(
        tested, region=training_region(kind), split=CALIBRATION, num_clips=CALIBRATION_CLIPS, seed=0
    )


def plan_codecs(
    experiment: Experiment, clips: dict[str, list[list[str]]], questions: dict, root: Path, *, batch: int
) -> tuple[Places, Redrawn]:
    """The artifacts of codecs: as taught, by world, and the true videos drawn again, by world and split.

    ``clips`` are the keys of the training clips by codec and world, ``questions`` the simulate artifacts.
    """
    taught: Places = {}
    redrawn: Redrawn = {}
    for name in experiment.codecs:
        kind, options, address = spec_of(experiment, name)
        try:
            content = kind.content(options)
        except BadInput as error:
            raise BadInput(f"codec {name}: {error}") from error
        for world, keys in zip(experiment.worlds, clips[name], strict=True):
            inputs = {
                "codec": address,
                "code": codecs.code(address),
                "version": kind.version,
                "options": {key: value for key, value in options.items() if key not in kind.runtime_options},
                "content": content,
                "clips": keys,
                "seed": experiment.seed,
            }
            taught[world, name] = Artifact("train", inputs, root)
            for split in experiment.worlds[world].test:
                asked = {
                    "codec": taught[world, name].key,
                    "questions": questions[world, split].key,
                    "context": experiment.context,
                    "batch": batch,
                    "format": store.FORMAT,
                }
                redrawn[world, name, split] = Artifact("generate", asked, root)
    return taught, redrawn


def tracker_version(experiment: Experiment, world: str) -> int | list:
    """The version of the tracker that reads a world's videos, with its name unless it is the usual one."""
    name = scenarios.get(experiment.scenario_of(world)).tracker
    version = tracker(name).version
    return version if name == "blobs" else [name, version]


def simulate_inputs(experiment: Experiment, world: str, split: str) -> dict:
    recipe = experiment.recipe(world, split)
    return {
        "scenario": recipe.scenario,
        "version": scenarios.get(recipe.scenario).version,
        "code": scenarios.code(recipe.scenario),
        "renderer": flat.VERSION,
        "format": store.FORMAT,
        "region": recipe.region.to_json(),
        "seed": recipe.seed,
        "split": split,
        "clips": recipe.num_clips,
        "resolution": recipe.resolution,
        "num_frames": recipe.num_frames,
        "fps": recipe.fps,
        "edge": recipe.edge,
        "shard_clips": experiment.shard_clips,
    }
