"""Stage simulate: the clips of every split, shard by shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from worldlaw.clips.store import SHARDS, Clip, Shard, complete_shard, shard_name, write_shard
from worldlaw.core.errors import blame
from worldlaw.experiment.job import Job
from worldlaw.experiment.plan import shard_ranges
from worldlaw.worlds.recipe import Recipe


def simulate(job: Job) -> Path:
    """Make the clips that are missing; returns the folder of the experiment."""
    todo = job.missing(job.plan.to_store)
    recipes = {place: job.plan.experiment.recipe(*place) for place, _ in todo}
    job.progress.start("simulate", sum(len(recipe) for recipe in recipes.values()), "clips")
    for place, artifact in todo:
        recipe = recipes[place]
        with job.hold(artifact) as finish:
            if finish is None:
                continue
            tasks = [
                (recipe, artifact.folder / shard_name(number), indices)
                for number, indices in enumerate(shard_ranges(len(recipe), job.plan.experiment.shard_clips))
            ]
            for count in job.each(simulate_shard, tasks):
                job.progress.advance(count)
            finish({"clips": len(recipe), "infeasible": _rejections(artifact.folder)})
    return job.plan.folder


def simulate_shard(recipe: Recipe, path: Path, indices: range) -> int:
    if complete_shard(path, indices):
        return len(indices)
    notes: dict[str, dict[str, int]] = {"infeasible": {}}

    def clips() -> Iterator[Clip]:
        frames = None
        for index in indices:
            with blame(f"scenario {recipe.scenario}, split {recipe.split}, clip {index}"):
                scene, rejected = recipe.scene(index)
                trajectory = recipe.trajectory(scene)
            notes["infeasible"] = dict(Counter(notes["infeasible"]) + rejected)
            frames = recipe.frames(scene, trajectory, frames)
            yield Clip(index, frames, scene, trajectory)

    write_shard(path, clips(), fps=recipe.fps, notes=notes)
    return len(indices)


def _rejections(folder: Path) -> dict[str, int]:
    """Draws that had no scene, by reason, over all shards of a split."""
    total: Counter[str] = Counter()
    for path in sorted(folder.glob(SHARDS)):
        total.update(Shard(path).notes["infeasible"])
    return dict(sorted(total.items()))
