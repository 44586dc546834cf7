"""Stage report: what the page of an experiment is made from."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from worldlaw.clips.store import Clips
from worldlaw.core.artifact import key_of, read_manifest
from worldlaw.core.region import Attributes
from worldlaw.experiment.plan import Plan, instances
from worldlaw.experiment.stages.split_cases import SplitCases
from worldlaw.experiment.training_clips import count_clips, training_clips
from worldlaw.measure.sets.set_rows import SetRow

if TYPE_CHECKING:
    from worldlaw.report import ReportInput
    from worldlaw.report.analyses import Evidence


from worldlaw.experiment.job import Job
from worldlaw.experiment.stages.evaluate import CARDS, RESULTS, SETS
from worldlaw.measure.rows import NEAREST


def _read_sets(folder: Path) -> list[SetRow]:
    path = folder / SETS
    return [SetRow(**row) for row in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


def _nearest_clips(results: pa.Table) -> dict[tuple[str, str, str, int, int], int]:
    """Index of the training clip nearest in motion by (world, predictor, split, clip, training seed)."""
    rows = results.filter(pc.equal(results["metric"], NEAREST)).to_pylist()
    return {
        (*(row[name] for name in ("scenario", "predictor", "split", "clip", "training_seed")),): int(
            row["value"]
        )
        for row in rows
        if np.isfinite(row["value"])
    }


def evidence_of(plan: Plan) -> Evidence:
    """What analyses may read of an evaluated experiment."""
    from worldlaw.report.analyses import Evidence

    def attributes(world: str, split: str) -> list[Attributes]:
        clips = Clips(plan.simulate[world, split].folder)
        return [clips.scene(clip).attributes for clip in range(len(clips))]

    def looks(world: str, split: str) -> list[str]:
        clips, context = Clips(plan.simulate[world, split].folder), plan.experiment.context
        given = (clips.read([clip], context) for clip in range(len(clips)))
        return [hashlib.sha256(frames.tobytes()).hexdigest() for frames in given]

    results = pq.read_table(plan.evaluate.folder / RESULTS)
    return Evidence(plan.experiment.settings(), results, attributes, looks)


def report_input(plan: Plan) -> ReportInput:
    """What the report room needs of an evaluated experiment."""
    from worldlaw.report import Example, Exclusion, ReportInput
    from worldlaw.report.analyses import sections

    results = pq.read_table(plan.evaluate.folder / RESULTS)
    nearest = _nearest_clips(results)
    exams: dict[tuple[str, str], SplitCases] = {}
    training = functools.cache(lambda world: training_clips(plan, world))

    names = {pair: name for name, pair in instances(plan.experiment).items()}

    def example(world: str, predictor: str, split: str, clip: int, seed: int) -> Example:
        if (world, split) not in exams:
            exams[world, split] = SplitCases(plan, world, split)
        case = exams[world, split].case(names.get((predictor, seed), predictor), clip)
        shown = case.generated_video() if case.generated_video else None
        extent = case.scene.extent
        example = Example(case.true_video(), shown, case.truth, case.tracked.bodies, case.context, extent)
        copied_from = nearest.get((world, predictor, split, clip, seed))
        if shown is None or copied_from is None:
            return example
        video = training(world).read([copied_from])[0]
        return dataclasses.replace(example, training_clip=copied_from, training_video=video)

    exclusions = []
    for world, split in plan.simulate:
        made_of = count_clips(plan, world, split)
        for reason, count in made_of["infeasible"].items():
            where = f"{world} / {split}"
            exclusions.append(
                Exclusion("draws without a scene", where, reason, count, made_of["clips"] + count)
            )
    made = read_manifest(plan.evaluate.folder)["made"]
    return ReportInput(
        name=plan.experiment.name,
        left_out=plan.left_out,
        about=plan.experiment.about,
        results=results,
        example=example,
        exclusions=exclusions,
        sections=sections(plan.experiment.analyses, evidence_of(plan)),
        training_speed=json.loads((plan.evaluate.folder / "training_speed.json").read_text()),
        cards=json.loads((plan.evaluate.folder / CARDS).read_text()),
        sets=_read_sets(plan.evaluate.folder),
        artifacts=[
            {"stage": artifact.stage, "what": what, "folder": artifact.folder.name}
            for what, artifact in plan.artifacts()
        ],
        manifest={
            "config": key_of(plan.experiment.model_dump(mode="json")),
            "experiment": plan.experiment.model_dump(mode="json"),
            # No times: the same experiment gives the same page.
            **{
                key: made[key] for key in ("python", "platform", "versions", "commit", "dirty") if key in made
            },
        },
    )


def report(job: Job) -> Path:
    """Write the page; returns its path."""
    from worldlaw.report import write_report

    path = job.plan.folder / "report.html"
    job.progress.start("report", 1, "pages")
    write_report(report_input(job.plan), path)
    job.progress.advance(1)
    return path
