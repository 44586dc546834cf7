"""run(experiment): the stages in order, each making only what is missing."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import yaml

from worldlaw import coding, evaluation
from worldlaw.clips.frames import FrameSource, Joined
from worldlaw.clips.store import Clip, Clips, Shard, complete_shard, shard_name, write_shard
from worldlaw.clips.tracks import Tracked, read_tracks_file, tracks_name, write_tracks
from worldlaw.config import TRAIN, Experiment
from worldlaw.core.artifact import (
    MANIFEST,
    Artifact,
    explained,
    key_of,
    locked,
    make_folder,
    provenance,
    sweep,
    write_text,
)
from worldlaw.core.errors import BadInput, Failed, blamed
from worldlaw.core.seeding import rng_for
from worldlaw.core.types import Conditioning
from worldlaw.exam.tracking import read_hints, track
from worldlaw.models import VideoModel
from worldlaw.plan import BATCH, FLOOR, STAGES, Plan, make_plan, model_of, shard_ranges, taught_on
from worldlaw.worlds.recipe import Recipe


class Progress(Protocol):
    """Where the pipeline says what it is doing."""

    def start(self, title: str, total: int, unit: str) -> None:
        """A stretch of work begins."""

    def advance(self, count: int) -> None:
        """Some of it is done."""

    def note(self, text: str) -> None:
        """Something that the user should know."""


class Quiet:
    """Says nothing."""

    def start(self, title: str, total: int, unit: str) -> None:
        """Ignored."""

    def advance(self, count: int) -> None:
        """Ignored."""

    def note(self, text: str) -> None:
        """Ignored."""


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
    progress: Progress | None = None,
) -> Run:
    """Make everything up to a stage, and return where it lies.

    Artifacts are folders of ``out`` named by the hash of what goes into them; a complete one is used as it
    is, an incomplete one is gone on with. ``fresh`` makes all of the experiment's artifacts up to that stage
    anew.
    Raises BadInput or Failed, one line each; whatever was complete is kept.
    """
    job = _Job(make_plan(experiment, Path(out)), workers, progress or Quiet())
    stages = STAGES[: STAGES.index(until) + 1]
    if "train" in stages:
        for name in experiment.codecs:
            coding.build_codec(experiment, name)
        for name in experiment.models:
            build_model(experiment, name)  # better to complain now than after the clips are made
    make_folder(job.plan.folder)
    with locked(job.plan.folder), job.pool():
        sweep(job.plan.folder)
        if fresh:
            for _, artifact in job.plan.artifacts():
                if artifact.stage in stages:
                    _remove(artifact.folder)
        write_text(job.plan.folder / "experiment.yaml", dump(experiment))
        path = job.plan.folder
        for stage in stages:
            path = _STAGES[stage](job)
        _record(job.plan)
        return Run(path, job.plan, job.made, job.kept)


def dump(experiment: Experiment) -> str:
    """The experiment as used, as YAML that can be run again."""
    return yaml.safe_dump(experiment.model_dump(mode="json", exclude_defaults=False), sort_keys=False)


class _Job:
    """One run: its plan, its workers, and what it has made so far."""

    def __init__(self, plan: Plan, workers: int, progress: Progress) -> None:
        self.plan = plan
        self.workers = workers
        self.progress = progress
        self.made: list[str] = []
        self.kept: list[str] = []
        self._executor: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None  # when it closes, by will or by death, the workers end

    @contextlib.contextmanager
    def pool(self) -> Iterator[None]:
        """Worker processes for the length of the block; they start with the first task that is given out."""
        try:
            yield
        except KeyboardInterrupt:
            if self._lifeline:
                self._lifeline.close()  # nobody who presses Ctrl-C wants to wait for the shards under way
            raise
        finally:
            if self._executor and self._lifeline:
                self._executor.shutdown(cancel_futures=True)
                self._lifeline.close()

    def each(self, function: Callable, tasks: list[tuple]) -> Iterator[Any]:
        """The function's results in the order of the tasks, computed by all workers."""
        if self.workers == 1 or len(tasks) <= 1:
            yield from (function(*task) for task in tasks)
            return
        if self._executor is None:
            context = get_context("spawn")
            held, self._lifeline = context.Pipe(duplex=False)
            self._executor = ProcessPoolExecutor(
                self.workers, mp_context=context, initializer=_end_with, initargs=(held,)
            )
        try:
            # Workers start here and inherit the mask: Ctrl-C reaches them too, but the parent ends them.
            unmasked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                results = self._executor.map(function, *zip(*tasks, strict=True))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, unmasked)
            yield from results
        except BrokenProcessPool as error:
            raise Failed(
                "a worker process was killed (out of memory? or a script that calls run outside "
                "`if __name__ == '__main__':`?); what was complete is kept, run again with fewer workers"
            ) from error

    @contextlib.contextmanager
    def making(self, artifact: Artifact) -> Iterator[Callable[[dict], None]]:
        """Hold an artifact's folder while it is made; the value finishes it with what was counted."""
        make_folder(artifact.folder)
        with locked(artifact.folder):
            sweep(artifact.folder)
            started = datetime.datetime.now(datetime.UTC)
            yield lambda results: artifact.finish(results, started=started)
        self.made.append(artifact.folder.name)

    def missing(self, group: dict[Any, Artifact]) -> list[tuple[Any, Artifact]]:
        """What of a group has to be made; the rest is noted as kept. Equal artifacts are made once."""
        todo: dict[str, tuple[Any, Artifact]] = {}
        for place, artifact in group.items():
            if artifact.complete:
                if artifact.folder.name not in self.kept:
                    self.kept.append(artifact.folder.name)
            elif artifact.key not in todo:
                if (artifact.folder / MANIFEST).exists():
                    self.progress.note(f"{artifact.faults()[0]}; it is made anew")
                todo[artifact.key] = (place, artifact)
        return list(todo.values())


def _end_with(lifeline: Connection) -> None:
    """Let this worker end when the process at the other end of the lifeline closes it or dies."""

    def watch() -> None:
        lifeline.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


# Simulate.


def _simulate(job: _Job) -> Path:
    todo = job.missing(job.plan.simulate)
    recipes = {place: job.plan.experiment.recipe(*place) for place, _ in todo}
    job.progress.start("simulate", sum(len(recipe) for recipe in recipes.values()), "clips")
    for place, artifact in todo:
        recipe = recipes[place]
        with job.making(artifact) as finish:
            tasks = [
                (recipe, artifact.folder / shard_name(number), indices)
                for number, indices in enumerate(shard_ranges(len(recipe), job.plan.experiment.shard_clips))
            ]
            for count in job.each(_simulate_shard, tasks):
                job.progress.advance(count)
            finish({"clips": len(recipe), "infeasible": _rejections(artifact.folder)})
    return job.plan.folder


def _simulate_shard(recipe: Recipe, path: Path, indices: range) -> int:
    if complete_shard(path, len(indices)):
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
    for path in sorted(folder.glob("clips-*.arrow")):
        total.update(Shard(path).notes["infeasible"])
    return dict(sorted(total.items()))


# Train and generate.


def _train_codecs(job: _Job) -> None:
    todo = job.missing(job.plan.codecs)
    if todo:
        job.progress.start("train", len(todo), "codecs")
    for (world, name), artifact in todo:
        with job.making(artifact) as finish:
            clips = _training_clips(job.plan, world, name)
            codec = coding.build_codec(job.plan.experiment, name)
            with blamed(f"codec {name}"):
                codec.fit(clips, artifact.folder, seed=job.plan.experiment.seed)
            finish({"clips": len(clips)})
        job.progress.advance(1)


def _train(job: _Job) -> Path:
    _train_codecs(job)
    todo = job.missing(job.plan.train)
    job.progress.start("train", len(todo), "models")
    experiment = job.plan.experiment
    for (world, name), artifact in todo:
        with job.making(artifact) as finish:
            clips = _training_clips(job.plan, world, name)
            model = _seeing(job.plan, world, name)
            with blamed(f"model {name}"):
                model.fit(clips, artifact.folder, context=experiment.context, seed=experiment.seed)
            finish({"clips": len(clips)})
        job.progress.advance(1)
    return job.plan.folder


def _training_clips(plan: Plan, world: str, name: str) -> FrameSource:
    """The frames that a model learns from before it is asked about a world."""
    folders = [plan.simulate[place, TRAIN].folder for place in taught_on(plan.experiment, world, name)]
    return Joined([Clips(folder).frames_only() for folder in folders])


def _seeing(plan: Plan, world: str, name: str) -> VideoModel:
    """A model with the codec through which it sees, if it has one."""
    model = build_model(plan.experiment, name)
    codec = coding.codec_of(plan.experiment, name)
    if codec:
        taught = coding.load_codec(plan, world, codec)
        with blamed(f"model {name}"):
            model.see_through(taught)
    return model


def build_model(experiment: Experiment, name: str) -> VideoModel:
    """A model of the experiment with its options. Raises BadInput for options that it does not take."""
    kind, options, address = model_of(experiment, name)
    with blamed(f"model {name}"):
        try:
            return kind(**options)
        except (TypeError, ValueError) as error:
            raise BadInput(f"model {name}: options {options} do not fit {address}: {error}") from error


def _redraw(job: _Job) -> None:
    """What every codec makes of the true test videos."""
    todo = job.missing(job.plan.redraw)
    experiment = job.plan.experiment
    if todo:
        clips = sum(experiment.recipe(place[0], place[2]).num_clips for place, _ in todo)
        job.progress.start("generate", clips, "reconstructions")
    for (world, name, split), artifact in todo:
        with job.making(artifact) as finish:
            codec = coding.load_codec(job.plan, world, name)
            questions = Clips(job.plan.simulate[world, split].folder)
            for number, indices in enumerate(shard_ranges(len(questions), experiment.shard_clips)):
                path = artifact.folder / shard_name(number)
                if not complete_shard(path, len(indices)):
                    drawn = coding.redraw(
                        codec, name, questions, indices, context=experiment.context, batch=BATCH
                    )
                    write_shard(path, drawn, fps=questions.fps)
                job.progress.advance(len(indices))
            finish({"clips": len(questions)})


def _generate(job: _Job) -> Path:
    _redraw(job)
    todo = job.missing(job.plan.generate)
    sizes = {place: job.plan.experiment.recipe(place[0], place[2]).num_clips for place, _ in todo}
    job.progress.start("generate", sum(sizes.values()), "rollouts")
    experiment = job.plan.experiment
    for (world, name, split), artifact in todo:
        with job.making(artifact) as finish:
            model = _seeing(job.plan, world, name)
            if model.learns:
                training = _training_clips(job.plan, world, name)
                with blamed(f"model {name}"):
                    model = model.load(job.plan.train[world, name].folder, training)
            questions = Clips(job.plan.simulate[world, split].folder)
            for number, indices in enumerate(shard_ranges(len(questions), experiment.shard_clips)):
                path = artifact.folder / shard_name(number)
                if not complete_shard(path, len(indices)):
                    place = (experiment.scenario_of(world), split)
                    answers = _answers(model, name, questions, indices, experiment, place)
                    write_shard(path, answers, fps=questions.fps)
                job.progress.advance(len(indices))
            finish({"clips": len(questions)})
    return job.plan.folder


def _answers(
    model: VideoModel,
    name: str,
    questions: Clips,
    indices: range,
    experiment: Experiment,
    place: tuple[str, str],
) -> Iterator[Clip]:
    """The given frames joined with what the model makes of them, asked for in batches of one size.

    A clip's seed is addressed by its scenario, split and index, so that no two clips share their noise.
    """
    context = experiment.context
    num_new = questions.shape[0] - context
    for start in range(indices.start, indices.stop, BATCH):
        asked = list(range(start, min(start + BATCH, indices.stop)))
        padded = asked + [asked[-1]] * (BATCH - len(asked))
        given = questions.read(padded, context)
        seeds = np.array([rng_for(experiment.seed, "answer", *place, i).integers(2**62) for i in padded])
        conditioning = Conditioning(given.copy(), questions.fps, tuple(f"{i:06d}" for i in padded))
        with blamed(f"model {name}"):
            new = model.generate(conditioning, num_new, seeds)
        expected = (BATCH, num_new, *questions.shape[1:], 3)
        if not isinstance(new, np.ndarray) or new.shape != expected or new.dtype != np.uint8:
            found = f"{new.dtype} {new.shape}" if isinstance(new, np.ndarray) else type(new).__name__
            raise Failed(f"model {name}: generate returned {found}; expected a NumPy array, uint8 {expected}")
        for row, index in enumerate(asked):
            yield Clip(index, np.concatenate([given[row], new[row]]))


# Track.


def _track(job: _Job) -> Path:
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
            extent = Clips(job.plan.simulate[world, split].folder).scene(0).extent
            tasks = [
                (path, artifact.folder / tracks_name(number), experiment.context, extent)
                for number, path in enumerate(sorted(source.folder.glob("clips-*.arrow")))
            ]
            for count in job.each(_track_shard, tasks):
                job.progress.advance(count)
            finish({"clips": sizes[world, name, split]})
    return job.plan.folder


def _track_shard(source: Path, path: Path, context: int, extent: tuple[float, float]) -> int:
    shard = Shard(source)
    try:
        if path.exists() and len(read_tracks_file(path)) == len(shard):
            return len(shard)
    except BadInput:
        path.unlink()

    def rows() -> Iterator[Tracked]:
        for row in range(len(shard)):
            video = shard.frames(row)
            hints = read_hints(video[:context], extent=extent, fps=shard.fps)
            yield Tracked(shard.index(row), hints.shape, track(video, hints, fps=shard.fps))

    write_tracks(path, rows(), fps=shard.fps)
    return len(shard)


# Evaluate and report.


def _evaluate(job: _Job) -> Path:
    artifact = job.plan.evaluate
    todo = job.missing({"all": artifact})
    if todo:
        with job.making(artifact) as finish:
            tasks = [
                (job.plan, world, split)
                for world, spec in job.plan.experiment.worlds.items()
                for split in spec.test
            ]
            job.progress.start("evaluate", len(tasks), "splits")
            tables = []
            for table in job.each(evaluation.evaluate_split, tasks):
                tables.append(table)
                job.progress.advance(1)
            rows = evaluation.write_results(tables, artifact.folder)
            training = {
                world: evaluation.training_speeds(job.plan, world) for world in job.plan.experiment.worlds
            }
            write_text(artifact.folder / "training_speed.json", json.dumps(training))
            finish({"rows": rows})
    return artifact.folder


def _report(job: _Job) -> Path:
    from worldlaw.report import write_report

    path = job.plan.folder / "report.html"
    job.progress.start("report", 1, "pages")
    write_report(evaluation.report_input(job.plan), path)
    job.progress.advance(1)
    return path


def _record(plan: Plan) -> None:
    """Write which artifact is for what, so that a person finds the folder of a split or a model."""
    record = {
        "config": key_of(plan.experiment.model_dump(mode="json")),
        "experiment": plan.experiment.model_dump(mode="json"),
        "artifacts": [
            {"stage": artifact.stage, "for": what, "folder": artifact.folder.name}
            for what, artifact in plan.artifacts()
        ],
        "made": provenance(datetime.datetime.now(datetime.UTC)),
    }
    write_text(plan.folder / MANIFEST, json.dumps(record, indent=1) + "\n")


def _remove(folder: Path) -> None:
    """Delete an artifact: its manifest first, so that it is never taken for complete."""
    if folder.exists():
        with locked(folder), explained(folder):
            (folder / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(folder)


_STAGES: dict[str, Callable[[_Job], Path]] = {
    "simulate": _simulate,
    "train": _train,
    "generate": _generate,
    "track": _track,
    "evaluate": _evaluate,
    "report": _report,
}
