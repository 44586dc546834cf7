"""What an experiment will cost, from a small sample of it, without making it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worldlaw.clips.store import Clip, Shard, shard_name, write_shard
from worldlaw.clips.tracks import TrackedClip, tracks_name, write_tracks
from worldlaw.experiment.plan import Plan, shard_ranges
from worldlaw.measure.tracking.trackers import tracker
from worldlaw.worlds import scenarios
from worldlaw.worlds.recipe import Recipe

SAMPLE = 24  # clips made of each split to time them


@dataclass(frozen=True)
class ArtifactEstimate:
    """One artifact of a plan before it is made."""

    stage: str
    what: str
    folder: str
    complete: bool
    clips: int | None
    shards: int | None
    bytes: int | None  # on disk, from the sample's mean
    seconds: float | None  # on one core; None where it depends on the model


ItemWrapper = Callable[[Iterable[Any]], Iterable[Any]]


def estimate(plan: Plan, *, progress: ItemWrapper = iter) -> list[ArtifactEstimate]:
    """An estimate for every artifact, from clips of each split made and tracked in a scratch folder.

    What a model needs to learn and to answer is not sampled. Raises BadInput for a split without any scene.
    """
    rows: list[ArtifactEstimate] = []
    costs: dict[tuple[str, str], _Cost] = {}
    for place, artifact in progress(plan.to_store.items()):
        recipe = plan.experiment.recipe(*place)
        costs[place] = _sample(recipe, plan.experiment.context)
        cost = costs[place]
        shards = len(shard_ranges(len(recipe), plan.experiment.shard_clips))
        rows.append(
            ArtifactEstimate(
                "simulate",
                " / ".join(place),
                artifact.folder.name,
                artifact.complete,
                len(recipe),
                shards,
                round(cost.size * len(recipe)),
                round(cost.making * len(recipe), 3),
            )
        )
    for (world, name), artifact in (plan.codecs | plan.train).items():
        rows.append(
            ArtifactEstimate(
                "train", f"{world} / {name}", artifact.folder.name, artifact.complete, None, None, None, None
            )
        )
    for group, stage in ((plan.redraw | plan.generate, "generate"), (plan.track, "track")):
        for (world, name, split), artifact in group.items():
            recipe = plan.experiment.recipe(world, split)
            cost = costs[world, split]
            shards = len(shard_ranges(len(recipe), plan.experiment.shard_clips))
            rows.append(
                ArtifactEstimate(
                    stage,
                    f"{world} / {name} / {split}",
                    artifact.folder.name,
                    artifact.complete,
                    len(recipe),
                    shards,
                    round((cost.size if stage == "generate" else cost.tracks_size) * len(recipe)),
                    round(cost.tracking * len(recipe), 3) if stage == "track" else None,
                )
            )
    return rows


@dataclass(frozen=True)
class _Cost:
    """What one clip of a split costs."""

    making: float  # s to simulate, draw, compress and write
    size: float  # bytes on disk
    tracking: float  # s
    tracks_size: float  # bytes on disk


def _sample(recipe: Recipe, context: int) -> _Cost:
    count = min(SAMPLE, len(recipe))
    scene, _ = recipe.scene(0)
    read = tracker(scenarios.get(recipe.scenario).tracker)

    def clips(indices: range) -> Iterator[Clip]:
        for index in indices:
            scene, _ = recipe.scene(index)
            trajectory = recipe.trajectory(scene)
            yield Clip(index, recipe.frames(scene, trajectory), scene, trajectory)

    def tracked(shard: Shard) -> Iterator[TrackedClip]:
        for row in range(len(shard)):
            video = shard.frames(row)
            looks, tracks = read(video, context=context, extent=scene.extent, fps=recipe.fps)
            yield TrackedClip(row, looks, tracks)

    with tempfile.TemporaryDirectory() as folder:
        clip_path, track_path = Path(folder) / shard_name(0), Path(folder) / tracks_name(0)
        write_shard(clip_path, clips(range(1)), fps=recipe.fps)  # the first clip pays for compilation
        write_tracks(track_path, tracked(Shard(clip_path)), fps=recipe.fps)
        started = time.perf_counter()
        write_shard(clip_path, clips(range(count)), fps=recipe.fps)
        made = time.perf_counter()
        write_tracks(track_path, tracked(Shard(clip_path)), fps=recipe.fps)
        finished = time.perf_counter()
        return _Cost(
            making=(made - started) / count,
            size=clip_path.stat().st_size / count,
            tracking=(finished - made) / count,
            tracks_size=track_path.stat().st_size / count,
        )
