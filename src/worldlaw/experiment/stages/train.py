"""Stage train: what learns is taught, several models at once where there are workers."""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worldlaw.clips.frames import FrameSource
from worldlaw.core.artifact import Artifact
from worldlaw.core.errors import blame
from worldlaw.experiment import clip_descriptions, codecs
from worldlaw.experiment.config import Experiment
from worldlaw.experiment.construction import build
from worldlaw.experiment.job import Job, Prefixed, limit_threads, make_artifact, say, threads_each
from worldlaw.experiment.plan import Plan, asks_of, instances, model_of, num_training_clips
from worldlaw.experiment.training_clips import training_cases, training_clips
from worldlaw.measure.references import learning_kind
from worldlaw.models import VideoModel
from worldlaw.worlds import scenarios


def train(job: Job) -> Path:
    for artifacts, what in ((job.plan.codecs, "codecs"), (job.plan.train, "models")):
        _train_all(job, artifacts, what)
    return job.plan.folder


def _train_all(job: Job, artifacts: dict[tuple[str, str], Artifact], what: str) -> None:
    todo = job.missing(artifacts)
    if artifacts:
        job.progress.start("train", len(todo), what)
    threads = threads_each(job, len(todo)) if job.crew.alone else 0
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
        with make_artifact(artifact, say) as finish:
            if finish is not None:
                finish({"clips": teach_reference(plan, world, name)})
        return finish is not None
    prefixed = contextlib.redirect_stderr(Prefixed(sys.stderr, f"{world} / {name}"))
    with prefixed, make_artifact(artifact, say) as finish:
        if finish is None:
            return False
        kind: Any = (
            codecs.spec_of(experiment, name)[0]
            if name in experiment.codecs
            else model_of(experiment, instances(experiment)[name][0])[0]
        )
        if kind.parallel:
            call((world, name))
        limit_threads(threads)
        finish({"clips": fit(plan, world, name, deadline)})
    return True


def fit(plan: Plan, world: str, name: str, deadline: float | None) -> int:
    """Teach a codec or an instance of a model; returns the number of its training clips."""
    experiment = plan.experiment
    left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
    if name in experiment.codecs:
        clips = frames_to_learn_from(plan, world, name)
        codec = codecs.build_codec(experiment, name, time_limit=left)
        with blame(f"codec {name}"):
            codec.fit(clips, plan.codecs[world, name].folder, seed=experiment.seed)
        return len(clips)
    own_name, seed = instances(experiment)[name]
    clips = frames_to_learn_from(plan, world, own_name)
    model = model_with_codec(plan, world, own_name, time_limit=left)
    with blame(f"model {name}"):
        model.fit(clips, plan.train[world, name].folder, context=experiment.context, seed=seed)
    return len(clips)


def frames_to_learn_from(plan: Plan, world: str, name: str) -> FrameSource:
    """What a model or codec learns from for a world: frames, and a description for a model that asks."""
    counts = num_training_clips(plan.experiment, world, name)
    parts = [
        (scenarios.get(plan.experiment.scenario_of(place))(), training_clips(plan, place), count)
        for place, count in counts.items()
    ]
    asks = asks_of(plan.experiment, name) if name in plan.experiment.models else ()
    return clip_descriptions.training_source(parts, asks)


def model_with_codec(plan: Plan, world: str, name: str, *, time_limit: float | None = None) -> VideoModel:
    """A model with the codec through which it sees, if it has one."""
    model = build_model(plan.experiment, name, time_limit=time_limit)
    codec = codecs.codec_of(plan.experiment, name)
    if codec:
        taught = codecs.load_codec(plan, world, codec)
        with blame(f"model {name}"):
            model.see_through(taught)
    return model


def build_model(experiment: Experiment, name: str, *, time_limit: float | None = None) -> VideoModel:
    """A model of the experiment with its options. Raises BadInput for options that it does not take.

    A time limit in s goes to a model that takes one, unless its own is shorter.
    """
    kind, options, address = model_of(experiment, name)
    return build(kind, options, what="model", name=name, address=address, time_limit=time_limit)


def teach_reference(plan: Plan, world: str, name: str) -> int:
    """Teach a reference that learns on the training cases of a world; returns their number."""
    cases = training_cases(plan, world)
    kind = learning_kind(name)
    assert kind is not None
    with blame(f"reference {name}"):
        kind().fit(cases, plan.train[world, name].folder, seed=plan.experiment.seed)
    return len(cases.size)
