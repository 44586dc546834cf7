"""run(experiment): the stages in order, each making only what is missing."""

from __future__ import annotations

import contextlib
import datetime
import functools
import io
import json
import os
import shutil
import signal
import sys
import threading
import time
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

from worldlaw import coding, crew, describing, evaluation, look
from worldlaw.clips.frames import FrameSource
from worldlaw.clips.store import Clip, Clips, Shard, complete_shard, shard_name, write_shard
from worldlaw.clips.tracks import Tracked, read_tracks_file, tracks_name, write_tracks
from worldlaw.config import Experiment
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
from worldlaw.core.types import Conditioning, Description
from worldlaw.exam.tracking import read_hints, track
from worldlaw.models import VideoModel
from worldlaw.models.model import limited
from worldlaw.plan import (
    BATCH,
    FLOOR,
    STAGES,
    Plan,
    asks_of,
    instances,
    make_plan,
    model_of,
    num_training_clips,
    shard_ranges,
)
from worldlaw.training_clips import training_clips
from worldlaw.worlds import scenarios
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
    job = _Job(make_plan(experiment, Path(out)), workers, progress or Quiet(), time_limit)
    stages = STAGES[: STAGES.index(until) + 1]
    if "train" in stages:
        for name in experiment.codecs:
            coding.build_codec(experiment, name)
        for name in job.plan.experiment.models:
            build_model(experiment, name)  # better to complain now than after the clips are made
    with crew.joined() as job.crew:
        if not job.crew.leads:
            for world, name in job.crew.tasks():
                _fit(job.plan, world, name, job.deadline)
            return Run(job.plan.folder, job.plan, [], [])
        return _lead(job, stages, fresh=fresh)


def _lead(job: _Job, stages: tuple[str, ...], *, fresh: bool) -> Run:
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
                if artifact.stage in stages:
                    _remove(artifact.folder)
        write_text(job.plan.folder / "experiment.yaml", dump(job.plan.experiment))
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

    def __init__(self, plan: Plan, workers: int, progress: Progress, time_limit: float | None = None) -> None:
        self.plan = plan
        self.workers = workers
        self.progress = progress
        self.crew = crew.Crew()
        # By the monotonic clock, which all processes of a machine share.
        self.deadline = None if time_limit is None else time.monotonic() + time_limit
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

    def each(self, function: Callable, tasks: list[tuple], *, at_once: bool = True) -> Iterator[Any]:
        """The function's results in the order of the tasks, computed by all workers, or here, one by one."""
        if not at_once or self.workers == 1 or len(tasks) <= 1:
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
    def making(self, artifact: Artifact) -> Iterator[Callable[[dict], None] | None]:
        """Hold an artifact's folder as ``_making`` does, and note whether it was made here."""
        with _making(artifact, self.progress.note) as finish:
            yield finish
        self.count(artifact, made=finish is not None)

    def count(self, artifact: Artifact, *, made: bool) -> None:
        """Note an artifact as made by this run, or as kept."""
        (self.made if made else self.kept).append(artifact.folder.name)

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


@contextlib.contextmanager
def _making(artifact: Artifact, note: Callable[[str], None]) -> Iterator[Callable[[dict], None] | None]:
    """Hold an artifact's folder while it is made; the value finishes it with what was counted.

    While another run is making it, this one waits; the value is None if then nothing is left to do.
    """
    make_folder(artifact.folder)
    waiting = f"{artifact.folder}: another run is writing here; waiting until it is done"
    with locked(artifact.folder, waiting=lambda: note(waiting)):
        if artifact.complete:
            yield None
            return
        sweep(artifact.folder)
        started = datetime.datetime.now(datetime.UTC)
        yield lambda results: artifact.finish(results, started=started)


def _end_with(lifeline: Connection) -> None:
    """Let this worker end when the process at the other end of the lifeline closes it or dies."""

    def watch() -> None:
        lifeline.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


# Simulate.


def _simulate(job: _Job) -> Path:
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


def _train(job: _Job) -> Path:
    for artifacts, what in ((job.plan.codecs, "codecs"), (job.plan.train, "models")):
        _train_all(job, artifacts, what)
    return job.plan.folder


def _train_all(job: _Job, artifacts: dict[tuple[str, str], Artifact], what: str) -> None:
    todo = job.missing(artifacts)
    if artifacts:
        job.progress.start("train", len(todo), what)
    threads = _threads(job, len(todo)) if job.crew.alone else 0
    tasks = [(job.plan, *place, threads, job.deadline) for place, _ in todo]
    train = functools.partial(_train_one, call=job.crew.call) if not threads else _train_one
    results = job.each(train, tasks, at_once=threads > 0)
    for (_, artifact), made in zip(todo, results, strict=True):
        job.count(artifact, made=made)
        job.progress.advance(1)


def _train_one(
    plan: Plan,
    world: str,
    name: str,
    threads: int,
    deadline: float | None,
    call: Callable[[tuple[str, str]], None] = lambda place: None,
) -> bool:
    """Train a codec or an instance of a model; whether it was done here and not by another run.

    ``call`` has the other processes of the run take part.
    """
    experiment, artifact = plan.experiment, (plan.codecs | plan.train)[world, name]
    if name in experiment.references:
        with _making(artifact, _say) as finish:
            if finish is not None:
                finish({"clips": evaluation.teach_reference(plan, world, name)})
        return finish is not None
    prefixed = contextlib.redirect_stderr(_Prefixed(sys.stderr, f"{world} / {name}"))
    with prefixed, _making(artifact, _say) as finish:
        if finish is None:
            return False
        kind: Any = (
            coding.spec_of(experiment, name)[0]
            if name in experiment.codecs
            else model_of(experiment, instances(experiment)[name][0])[0]
        )
        if kind.parallel:
            call((world, name))
        _limit_threads(threads)
        finish({"clips": _fit(plan, world, name, deadline)})
    return True


def _fit(plan: Plan, world: str, name: str, deadline: float | None) -> int:
    """Teach a codec or an instance of a model; returns the number of its training clips."""
    experiment = plan.experiment
    left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
    if name in experiment.codecs:
        clips = _training_clips(plan, world, name)
        codec = coding.build_codec(experiment, name, time_limit=left)
        with blamed(f"codec {name}"):
            codec.fit(clips, plan.codecs[world, name].folder, seed=experiment.seed)
        return len(clips)
    own_name, seed = instances(experiment)[name]
    clips = _training_clips(plan, world, own_name)
    model = _seeing(plan, world, own_name, time_limit=left)
    with blamed(f"model {name}"):
        model.fit(clips, plan.train[world, name].folder, context=experiment.context, seed=seed)
    return len(clips)


def _training_clips(plan: Plan, world: str, name: str) -> FrameSource:
    """What a model or codec learns from for a world: frames, and a description for a model that asks."""
    counts = num_training_clips(plan.experiment, world, name)
    parts = [
        (scenarios.get(plan.experiment.scenario_of(place))(), training_clips(plan, place), count)
        for place, count in counts.items()
    ]
    asks = asks_of(plan.experiment, name) if name in plan.experiment.models else ()
    return describing.training_source(parts, asks)


def _seeing(plan: Plan, world: str, name: str, *, time_limit: float | None = None) -> VideoModel:
    """A model with the codec through which it sees, if it has one."""
    model = build_model(plan.experiment, name, time_limit=time_limit)
    codec = coding.codec_of(plan.experiment, name)
    if codec:
        taught = coding.load_codec(plan, world, codec)
        with blamed(f"model {name}"):
            model.see_through(taught)
    return model


def _threads(job: _Job, num_tasks: int) -> int:
    """Threads for each of the models that work at once, one a worker; 0 if they work one by one.

    They do where they share an accelerator.
    """
    torch = sys.modules.get("torch")  # loaded if a model of the experiment needs it
    at_once = min(job.workers, num_tasks)
    if at_once <= 1 or (torch and torch.cuda.is_available()):
        return 0
    return max(1, (os.cpu_count() or 1) // at_once)


def _limit_threads(threads: int) -> None:
    """Let this process's models use no more threads than this; 0 leaves them what they have."""
    torch = sys.modules.get("torch")
    if threads and torch:
        torch.set_num_threads(min(threads, torch.get_num_threads()))


class _Prefixed(io.TextIOBase):
    """A text stream that writes whole lines, each with who says it."""

    def __init__(self, stream: Any, prefix: str) -> None:
        self._stream, self._prefix, self._line = stream, prefix, ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._stream.write(f"{self._prefix}: {line}\n")
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def build_model(experiment: Experiment, name: str, *, time_limit: float | None = None) -> VideoModel:
    """A model of the experiment with its options. Raises BadInput for options that it does not take.

    A time limit in s goes to a model that takes one, unless its own is shorter.
    """
    kind, options, address = model_of(experiment, name)
    options = limited(options, kind.runtime_options, time_limit)
    with blamed(f"model {name}"):
        try:
            return kind(**options)
        except (TypeError, ValueError) as error:
            raise BadInput(f"model {name}: options {options} do not fit {address}: {error}") from error


def _generate(job: _Job) -> Path:
    _draw_all(job, job.plan.redraw, _redraw_one, "reconstructions")
    _draw_all(job, job.plan.generate, _generate_one, "rollouts")
    return job.plan.folder


def _draw_all(
    job: _Job, artifacts: dict[tuple[str, str, str], Artifact], draw: Callable[..., bool], what: str
) -> None:
    todo = job.missing(artifacts)
    sizes = [job.plan.experiment.recipe(place[0], place[2]).num_clips for place, _ in todo]
    if artifacts:
        job.progress.start("generate", sum(sizes), what)
    threads = _threads(job, len(todo))
    tasks = [(job.plan, *place, threads) for place, _ in todo]
    results = job.each(draw, tasks, at_once=threads > 0)
    for (_, artifact), size, made in zip(todo, sizes, results, strict=True):
        job.count(artifact, made=made)
        job.progress.advance(size)


def _redraw_one(plan: Plan, world: str, name: str, split: str, threads: int) -> bool:
    """What a codec makes of the true videos of a split; whether it was done here and not by another run."""
    experiment, artifact = plan.experiment, plan.redraw[world, name, split]
    with _making(artifact, _say) as finish:
        if finish is None:
            return False
        codec = coding.load_codec(plan, world, name)
        _limit_threads(threads)
        questions = Clips(plan.simulate[world, split].folder)
        for number, indices in enumerate(shard_ranges(len(questions), experiment.shard_clips)):
            path = artifact.folder / shard_name(number)
            if not complete_shard(path, len(indices)):
                drawn = coding.redraw(
                    codec, name, questions, indices, context=experiment.context, batch=BATCH
                )
                write_shard(path, drawn, fps=questions.fps)
        finish({"clips": len(questions)})
    return True


def _generate_one(plan: Plan, world: str, instance: str, split: str, threads: int) -> bool:
    """Let an instance of a model answer a split; whether it was done here and not by another run."""
    experiment, artifact = plan.experiment, plan.generate[world, instance, split]
    name, seed = instances(experiment)[instance]
    prefixed = contextlib.redirect_stderr(_Prefixed(sys.stderr, f"{world} / {instance} / {split}"))
    with prefixed, _making(artifact, _say) as finish:
        if finish is None:
            return False
        model = _seeing(plan, world, name)
        _limit_threads(threads)
        if (world, instance) in plan.train:
            training = _training_clips(plan, world, name)
            with blamed(f"model {instance}"):
                model = model.load(plan.train[world, instance].folder, training)
        scenario = scenarios.get(experiment.scenario_of(world))()
        questions = Clips(plan.simulate[world, split].folder)
        asks = asks_of(experiment, name)
        tell = functools.partial(describing.told, [(scenario, questions, len(questions))], asks=asks)
        place = (experiment.scenario_of(world), split)
        seeds = [
            answer_seed(experiment.seed, place, clip, training_seed=seed) for clip in range(len(questions))
        ]
        for number, indices in enumerate(shard_ranges(len(questions), experiment.shard_clips)):
            path = artifact.folder / shard_name(number)
            if not complete_shard(path, len(indices)):
                answers = _answers(model, instance, questions, indices, experiment.context, seeds, tell)
                write_shard(path, answers, fps=questions.fps)
        finish({"clips": len(questions)})
    return True


def answer_seed(seed: int, place: tuple[str, str], clip: int, *, training_seed: int) -> int:
    """The seed of an answer, addressed by (scenario, split) and index: no two clips share their noise.

    Nor do two trained instances of a model; the training seed that is the experiment's is not named.
    """
    trained = () if training_seed == seed else ("training seed", training_seed)
    return int(rng_for(seed, "answer", *place, clip, *trained).integers(2**62))


def _answers(
    model: VideoModel,
    name: str,
    questions: Clips,
    indices: range,
    context: int,
    answer_seeds: list[int],
    tell: Callable[[list[int]], Description],
) -> Iterator[Clip]:
    """The given frames joined with what the model makes of them, asked for in batches of one size."""
    num_new = questions.shape[0] - context
    for start in range(indices.start, indices.stop, BATCH):
        asked = list(range(start, min(start + BATCH, indices.stop)))
        padded = asked + [asked[-1]] * (BATCH - len(asked))
        given = questions.read(padded, context)
        seeds = np.array([answer_seeds[i] for i in padded])
        ids, said = tuple(f"{i:06d}" for i in padded), tell(padded)
        conditioning = Conditioning(given.copy(), questions.fps, ids, said.state, said.text)
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
            if finish is None:
                continue
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
            if finish is None:
                return artifact.folder
            tasks = [
                (job.plan, world, split)
                for world, spec in job.plan.experiment.worlds.items()
                for split in spec.test
            ]
            job.progress.start("evaluate", len(tasks), "splits")
            tables, sets = [], []
            for table, rows_of_sets in job.each(evaluation.evaluate_split, tasks):
                tables.append(table)
                sets += rows_of_sets
                job.progress.advance(1)
            rows = evaluation.write_results(tables, artifact.folder)
            training = {
                world: evaluation.training_speeds(job.plan, world) for world in job.plan.experiment.worlds
            }
            write_text(artifact.folder / "training_speed.json", json.dumps(training))
            evaluation.write_sets(sets, artifact.folder)
            write_text(artifact.folder / evaluation.CARDS, json.dumps(evaluation.model_cards(job.plan)))
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
