"""Stage generate: codecs redraw the true videos, and models answer what they are asked."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from worldlaw.clips.store import Clip, Clips, complete_shard, shard_name, write_shard
from worldlaw.core.artifact import Artifact
from worldlaw.core.errors import Failed, blame
from worldlaw.core.seeding import rng_for
from worldlaw.core.types import Conditioning, Description
from worldlaw.experiment import clip_descriptions
from worldlaw.experiment.job import Job, Prefixed, limit_threads, make_artifact, say, threads_each
from worldlaw.experiment.keys import BATCH
from worldlaw.experiment.plan import Plan, asks_of, instances, shard_ranges
from worldlaw.experiment.stages.encode import redraw_split
from worldlaw.experiment.stages.train import frames_to_learn_from, model_with_codec
from worldlaw.models import VideoModel
from worldlaw.worlds import scenarios


def generate(job: Job) -> Path:
    _draw_all(job, job.plan.redraw, redraw_split, "reconstructions")
    _draw_all(job, job.plan.generate, _generate_one, "rollouts")
    return job.plan.folder


def _draw_all(
    job: Job, artifacts: dict[tuple[str, str, str], Artifact], draw: Callable[..., bool], what: str
) -> None:
    todo = job.missing(artifacts)
    sizes = [job.plan.experiment.recipe(place[0], place[2]).num_clips for place, _ in todo]
    if artifacts:
        job.progress.start("generate", sum(sizes), what)
    threads = threads_each(job, len(todo))
    tasks = [(job.plan, *place, threads) for place, _ in todo]
    results = job.each(draw, tasks, at_once=threads > 0)
    for (_, artifact), size, made in zip(todo, sizes, results, strict=True):
        job.count(artifact, made=made)
        job.progress.advance(size)


def _generate_one(plan: Plan, world: str, instance: str, split: str, threads: int) -> bool:
    """Let an instance of a model answer a split; whether it was done here and not by another run."""
    experiment, artifact = plan.experiment, plan.generate[world, instance, split]
    name, seed = instances(experiment)[instance]
    prefixed = contextlib.redirect_stderr(Prefixed(sys.stderr, f"{world} / {instance} / {split}"))
    with prefixed, make_artifact(artifact, say) as finish:
        if finish is None:
            return False
        model = model_with_codec(plan, world, name)
        limit_threads(threads)
        if (world, instance) in plan.train:
            training = frames_to_learn_from(plan, world, name)
            with blame(f"model {instance}"):
                model = model.load(plan.train[world, instance].folder, training)
        scenario = scenarios.get(experiment.scenario_of(world))()
        questions = Clips(plan.simulate[world, split].folder)
        asks = asks_of(experiment, name)
        tell = functools.partial(
            clip_descriptions.describe_clips, [(scenario, questions, len(questions))], asks=asks
        )
        place = (experiment.scenario_of(world), split)
        seeds = [
            answer_seed(experiment.seed, place, clip, training_seed=seed) for clip in range(len(questions))
        ]
        for number, indices in enumerate(shard_ranges(len(questions), experiment.shard_clips)):
            path = artifact.folder / shard_name(number)
            if not complete_shard(path, indices):
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
        with blame(f"model {name}"):
            new = model.generate(conditioning, num_new, seeds)
        expected = (BATCH, num_new, *questions.shape[1:], 3)
        if not isinstance(new, np.ndarray) or new.shape != expected or new.dtype != np.uint8:
            found = f"{new.dtype} {new.shape}" if isinstance(new, np.ndarray) else type(new).__name__
            raise Failed(f"model {name}: generate returned {found}; expected a NumPy array, uint8 {expected}")
        for row, index in enumerate(asked):
            yield Clip(index, np.concatenate([given[row], new[row]]))
