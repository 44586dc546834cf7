"""run(experiment): the stages in order, each making only what is missing."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from worldlaw.clips import arrow_files
from worldlaw.core.artifact import (
    MANIFEST,
    checksum,
    explain_os_errors,
    key_of,
    lock_folder,
    make_folder,
    provenance,
    sweep,
    write_record,
    write_text,
)
from worldlaw.core.errors import exit_failure
from worldlaw.core.progress import Progress, Quiet
from worldlaw.experiment import codecs, crew
from worldlaw.experiment.config import Experiment
from worldlaw.experiment.job import Job
from worldlaw.experiment.look_choice import missing_weights_of
from worldlaw.experiment.plan import STAGES, Plan, make_plan
from worldlaw.experiment.stages.evaluate import evaluate
from worldlaw.experiment.stages.generate import generate
from worldlaw.experiment.stages.report import report
from worldlaw.experiment.stages.simulate import simulate
from worldlaw.experiment.stages.track import track
from worldlaw.experiment.stages.train import build_model, fit, train


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
        raise exit_failure(f"experiment {experiment.name}", error) from error


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
    with crew.join_crew() as job.crew:
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
            if line := missing_weights_of(name):
                job.progress.note(f"look {name}: {line}; it is not measured")
    make_folder(job.plan.folder)
    with lock_folder(job.plan.folder), job.pool():
        sweep(job.plan.folder)
        if fresh:
            for _, artifact in job.plan.artifacts():
                # Limits of verdicts are made where tracks are.
                if {"calibrate": "track"}.get(artifact.stage, artifact.stage) in stages:
                    _remove(artifact.folder)
        write_text(job.plan.folder / "experiment.yaml", dump(job.plan.experiment))
        arrow_files.verify_file.cache_clear()  # a file may have gone bad since an earlier run of this process
        path = job.plan.folder
        for stage in stages:
            path = _STAGES[stage](job)
        _record(job.plan, path if "report" in stages else None)
        return Run(path, job.plan, job.made, job.kept)


def dump(experiment: Experiment) -> str:
    """The experiment as used, as YAML that can be run again."""
    return yaml.safe_dump(experiment.model_dump(mode="json", exclude_defaults=False), sort_keys=False)


# Simulate.


# Track.


# Evaluate and report.


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
        with lock_folder(folder), explain_os_errors(folder):
            (folder / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(folder)


_STAGES: dict[str, Callable[[Job], Path]] = {
    "simulate": simulate,
    "train": train,
    "generate": generate,
    "track": track,
    "evaluate": evaluate,
    "report": report,
}
