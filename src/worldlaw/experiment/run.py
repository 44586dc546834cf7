"""run(experiment): the stages in order, each making only what is missing."""

from __future__ import annotations

import datetime
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from worldlaw.clips import arrow_files
from worldlaw.clips.store import SHARDS, Clip, Clips, Shard, complete_shard, shard_name, write_shard
from worldlaw.clips.tracks import Tracked, read_tracks_file, tracks_name, write_tracks
from worldlaw.core.artifact import (
    MANIFEST,
    checksum,
    explained,
    key_of,
    locked,
    make_folder,
    provenance,
    sweep,
    write_record,
    write_text,
)
from worldlaw.core.errors import BadInput, blamed, ended
from worldlaw.core.progress import Progress, Quiet
from worldlaw.experiment import codecs, crew
from worldlaw.experiment.config import Experiment
from worldlaw.experiment.job import Job
from worldlaw.experiment.plan import FLOOR, STAGES, Plan, make_plan, shard_ranges
from worldlaw.experiment.stages import evaluate, look
from worldlaw.experiment.stages.calibrate import calibrate
from worldlaw.experiment.stages.generate import generate
from worldlaw.experiment.stages.train import build_model, fit, train
from worldlaw.measure.tracking.trackers import tracker
from worldlaw.worlds import scenarios
from worldlaw.worlds.recipe import Recipe


@dataclass(frozen=True)
class Run:
    """What a run left behind."""

    path: Path  # the report, or the folder of the last stage's artifacts
    plan: Plan
    made: list[str]  # folders made by this run
    kept: list[str]  # folders that were complete before


def run(
    experiment: Experiment,
    out: Path | str = "runs",
    *,
    until: str = "report",
    workers: int = 1,
    fresh: bool = False,
    time_limit: float | None = None,
    progress: Progress | None = None,
) -> Run:
    """Make everything up to a stage, and return where it lies.

    Artifacts are folders of ``out`` named by the hash of what goes into them; a complete one is used as it
    is, an incomplete one is gone on with. ``fresh`` makes all of the experiment's artifacts up to that stage
    anew. ``time_limit`` is in s from now: a model that takes one stops training then, with a checkpoint.
    Under torchrun the first process does all of it and the others only help to train.
    Raises BadInput or Failed, one line each; whatever was complete is kept.
    """
    try:
        return _run(experiment, Path(out), until, workers, fresh, time_limit, progress or Quiet())
    except SystemExit as error:  # the user's own script must not end as if all were done
        raise ended(f"experiment {experiment.name}", error) from error


def _run(
    experiment: Experiment,
    out: Path,
    until: str,
    workers: int,
    fresh: bool,
    time_limit: float | None,
    progress: Progress,
) -> Run:
    job = Job(make_plan(experiment, out), workers, progress, time_limit)
    stages = STAGES[: STAGES.index(until) + 1]
    if "train" in stages:
        for name in experiment.codecs:
            codecs.build_codec(experiment, name)
        for name in job.plan.experiment.models:
            build_model(experiment, name)  # better to complain now than after the clips are made
    with crew.joined() as job.crew:
        if not job.crew.leads:
            for world, name in job.crew.tasks():
                fit(job.plan, world, name, job.deadline)
            return Run(job.plan.folder, job.plan, [], [])
        return _lead(job, stages, fresh=fresh)


def _lead(job: Job, stages: tuple[str, ...], *, fresh: bool) -> Run:
    for line in job.plan.left_out.values():
        job.progress.note(f"{line}; its row is left out")
    if "evaluate" in stages:
        for name in job.plan.experiment.look:
            if line := look.lacking(name):
                job.progress.note(f"look {name}: {line}; it is not measured")
    make_folder(job.plan.folder)
    with locked(job.plan.folder), job.pool():
        sweep(job.plan.folder)
        if fresh:
            for _, artifact in job.plan.artifacts():
                # Limits of verdicts are made where tracks are.
                if {"calibrate": "track"}.get(artifact.stage, artifact.stage) in stages:
                    _remove(artifact.folder)
        write_text(job.plan.folder / "experiment.yaml", dump(job.plan.experiment))
        arrow_files.verified.cache_clear()  # a file may have gone bad since an earlier run of this process
        path = job.plan.folder
        for stage in stages:
            path = _STAGES[stage](job)
        _record(job.plan, path if "report" in stages else None)
        return Run(path, job.plan, job.made, job.kept)


def dump(experiment: Experiment) -> str:
    """The experiment as used, as YAML that can be run again."""
    return yaml.safe_dump(experiment.model_dump(mode="json", exclude_defaults=False), sort_keys=False)


# Simulate.


def _simulate(job: Job) -> Path:
    todo = job.missing(job.plan.to_store)
    recipes = {place: job.plan.experiment.recipe(*place) for place, _ in todo}
    job.progress.start("simulate", sum(len(recipe) for recipe in recipes.values()), "clips")
    for place, artifact in todo:
        recipe = recipes[place]
        with job.making(artifact) as finish:
            if finish is None:
                continue
            tasks = [
                (recipe, artifact.folder / shard_name(number), indices)
                for number, indices in enumerate(shard_ranges(len(recipe), job.plan.experiment.shard_clips))
            ]
            for count in job.each(_simulate_shard, tasks):
                job.progress.advance(count)
            finish({"clips": len(recipe), "infeasible": _rejections(artifact.folder)})
    return job.plan.folder


def _simulate_shard(recipe: Recipe, path: Path, indices: range) -> int:
    if complete_shard(path, indices):
        return len(indices)
    notes: dict[str, Any] = {"infeasible": {}}

    def clips() -> Iterator[Clip]:
        frames = None
        for index in indices:
            with blamed(f"scenario {recipe.scenario}, split {recipe.split}, clip {index}"):
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


# Track.


def _track(job: Job) -> Path:
    experiment = job.plan.experiment
    todo = job.missing(job.plan.track)
    sizes = {place: experiment.recipe(place[0], place[2]).num_clips for place, _ in todo}
    job.progress.start("track", sum(sizes.values()), "clips")
    for (world, name, split), artifact in todo:
        if name == FLOOR:
            source = job.plan.simulate[world, split]
        else:
            source = (job.plan.redraw | job.plan.generate)[world, name, split]
        with job.making(artifact) as finish:
            if finish is None:
                continue
            extent = Clips(job.plan.simulate[world, split].folder).scene(0).extent
            named = scenarios.get(experiment.scenario_of(world)).tracker
            tasks = [
                (path, artifact.folder / tracks_name(number), experiment.context, extent, named)
                for number, path in enumerate(sorted(source.folder.glob(SHARDS)))
            ]
            for count in job.each(_track_shard, tasks):
                job.progress.advance(count)
            finish({"clips": sizes[world, name, split]})
    calibrate(job)
    return job.plan.folder


def _track_shard(
    source: Path, path: Path, context: int, extent: tuple[float, float], tracker_name: str
) -> int:
    shard = Shard(source)
    asked = [shard.index(row) for row in range(len(shard))]
    try:
        known = read_tracks_file(path, folder_name=path.parent.name) if path.exists() else []
        if [tracked.index for tracked in known] == asked:
            return len(shard)
    except BadInput:
        path.unlink()

    read = tracker(tracker_name)

    def rows() -> Iterator[Tracked]:
        for row in range(len(shard)):
            video = shard.frames(row)
            looks, tracks = read(video, context=context, extent=extent, fps=shard.fps)
            yield Tracked(shard.index(row), looks, tracks)

    write_tracks(path, rows(), fps=shard.fps)
    return len(shard)


# Evaluate and report.


def _evaluate(job: Job) -> Path:
    artifact = job.plan.evaluate
    todo = job.missing({"all": artifact})
    if todo:
        with job.making(artifact) as finish:
            if finish is None:
                return artifact.folder
            tasks = [
                (job.plan, world, split)
                for world, spec in job.plan.experiment.worlds.items()
                for split in spec.test
            ]
            job.progress.start("evaluate", len(tasks), "splits")
            tables, sets = [], []
            for table, rows_of_sets in job.each(evaluate.evaluate_split, tasks):
                tables.append(table)
                sets += rows_of_sets
                job.progress.advance(1)
            rows = evaluate.write_results(tables, artifact.folder)
            training = {
                world: evaluate.training_speeds(job.plan, world) for world in job.plan.experiment.worlds
            }
            write_text(artifact.folder / "training_speed.json", json.dumps(training))
            evaluate.write_sets(sets, artifact.folder)
            write_text(artifact.folder / evaluate.CARDS, json.dumps(evaluate.model_cards(job.plan)))
            finish({"rows": rows})
    return artifact.folder


def _report(job: Job) -> Path:
    from worldlaw.report import write_report

    path = job.plan.folder / "report.html"
    job.progress.start("report", 1, "pages")
    write_report(evaluate.report_input(job.plan), path)
    job.progress.advance(1)
    return path


def _record(plan: Plan, page: Path | None) -> None:
    """Write which artifact is for what, so that a person finds the folder of a split or a model.

    With what ``worldlaw check`` needs: which are complete, and checksums of the page and the experiment.
    """
    record = {
        "config": key_of(plan.experiment.model_dump(mode="json")),
        "experiment": plan.experiment.model_dump(mode="json"),
        "artifacts": [
            {
                "stage": artifact.stage,
                "for": what,
                "folder": artifact.folder.name,
                "complete": artifact.complete,
            }
            for what, artifact in plan.artifacts()
        ],
        "sha256": {
            path.name: checksum(path) for path in (plan.folder / "experiment.yaml", page) if path is not None
        },
        "made": provenance(datetime.datetime.now(datetime.UTC)),
    }
    write_record(plan.folder / MANIFEST, record)


def _remove(folder: Path) -> None:
    """Delete an artifact: its manifest first, so that it is never taken for complete."""
    if folder.exists():
        with locked(folder), explained(folder):
            (folder / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(folder)


_STAGES: dict[str, Callable[[Job], Path]] = {
    "simulate": _simulate,
    "train": train,
    "generate": generate,
    "track": _track,
    "evaluate": _evaluate,
    "report": _report,
}
