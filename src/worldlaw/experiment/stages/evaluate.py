"""Stage evaluate: every metric of every predictor on every test clip, as one long table."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from worldlaw.core.artifact import (
    atomic_path,
    write_text,
)
from worldlaw.core.types import Case, Detections, TaughtModel, Tracks
from worldlaw.experiment.job import Job
from worldlaw.experiment.plan import Plan, instances, model_of
from worldlaw.experiment.stages.look import SplitLook
from worldlaw.experiment.stages.split_cases import SplitCases
from worldlaw.experiment.training_clips import training_clips
from worldlaw.measure.metrics import metrics
from worldlaw.measure.metrics.trajectory import speeds
from worldlaw.measure.rows import RowTable, copy_rows, fault_rows, metric_rows, reading_rows
from worldlaw.measure.sets.set_rows import SetRow
from worldlaw.models.model import CARD

RESULTS = "results.parquet"
CARDS = "models.json"
SETS = "sets.json"
SCHEMA = pa.schema(
    [
        ("experiment", pa.string()),
        ("scenario", pa.string()),
        ("predictor", pa.string()),
        ("kind", pa.string()),  # floor, codec, model, reference
        ("training_clips", pa.int64()),
        ("training_seed", pa.int64()),
        ("split", pa.string()),
        ("level", pa.string()),
        ("clip", pa.int64()),
        ("answer_seed", pa.int64()),
        ("body", pa.int64()),  # -1 for all bodies together
        ("in_train_region", pa.string()),  # yes, no, unknown
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("best", pa.float64()),
    ]
)


def evaluate_split(plan: Plan, world: str, split: str) -> tuple[pa.Table, list[SetRow]]:
    """All rows of one test split, every metric of every predictor on every clip; and the rows about sets."""
    experiment = plan.experiment
    names = experiment.metrics or tuple(metrics.names())
    region = experiment.training_region(world)
    trained = instances(experiment)
    table = RowTable(SCHEMA)
    answers = SplitCases(plan, world, split)
    look = SplitLook(experiment.look)
    for clip in range(len(answers.clips)):
        level = region.level(answers.clips.scene(clip).attributes)
        for predictor, kind, case in answers.cases(clip):
            name, training_seed = trained.get(predictor, (predictor, experiment.seed))
            num_training = experiment.worlds[world].train.clips
            if kind in ("codec", "model"):
                num_training = answers.num_training[name]
            about = {
                "experiment": experiment.name,
                "scenario": world,
                "predictor": name,
                "kind": kind,
                "training_clips": num_training,
                "training_seed": training_seed,
                "split": split,
                "level": level,
                "clip": clip,
                "answer_seed": experiment.seed,
                "in_train_region": "yes" if level == "in" else "no",
            }
            table.add(about, metric_rows(case, names))
            table.add(about, reading_rows(case))
            if answers.motions is not None:
                table.add(about, copy_rows(case, answers.motions))
            table.add(about, look.add(name, kind, training_seed, case))
            table.add(about, fault_rows(case))
    return table.table(), look.rows(world, split)


def write_results(tables: list[pa.Table], folder: Path) -> int:
    """Write the rows of all splits as one Parquet file; returns their number."""
    table = pa.concat_tables(tables)
    with atomic_path(folder / RESULTS) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return table.num_rows


def write_sets(rows: list[SetRow], folder: Path) -> None:
    """Write the rows about sets, if the experiment asked for any, beside the results."""
    if rows:
        write_text(folder / SETS, json.dumps([dataclasses.asdict(row) for row in rows], indent=1))


def training_speeds(plan: Plan, world: str, *, most: int = 1000) -> list[tuple[float, float]]:
    """The bands of speed in m/s that the first training clips show just after their given frames."""
    clips = training_clips(plan, world)
    found = []
    for index in range(min(most, len(clips))):
        truth = clips.trajectory(index)
        tracks = Tracks(truth, Detections.none())
        case = Case(
            index, clips.scene(index), plan.experiment.context, truth, tracks, lambda: np.zeros(0), None
        )
        found += [true for _, true, _ in speeds(case)]
    values = np.sort(found)
    if not len(values):
        return []
    gaps = np.flatnonzero(np.diff(values) > max(0.05 * (values[-1] - values[0]), 1e-9))
    starts, ends = [0, *(gaps + 1)], [*gaps, len(values) - 1]
    return [(float(values[a]), float(values[b])) for a, b in zip(starts, ends, strict=True)]


def model_cards(plan: Plan) -> dict[str, dict[str, TaughtModel]]:
    """World -> model that learns -> what it is and what it says of itself."""
    cards: dict[str, dict[str, TaughtModel]] = {}
    for instance, (name, _) in instances(plan.experiment).items():
        for world in plan.experiment.worlds:
            kind, options, address = model_of(plan.experiment, name)
            said = kind.taught(options)
            if said is not None or (world, instance) in plan.train:
                if said is None:
                    path = plan.train[world, instance].folder / CARD
                    said = json.loads(path.read_text(encoding="utf-8") if path.is_file() else "{}")
                cards.setdefault(world, {})[name] = {
                    "model": address,
                    "options": {key: options[key] for key in options if key not in kind.runtime_options},
                    "parameters": said.get("parameters"),
                    "steps": said.get("steps"),
                }
    return cards


def evaluate(job: Job) -> Path:
    """Measure every predictor on every test clip; returns the folder of the results."""
    artifact = job.plan.evaluate
    todo = job.missing({"all": artifact})
    if todo:
        with job.hold(artifact) as finish:
            if finish is None:
                return artifact.folder
            tasks = [
                (job.plan, world, split)
                for world, spec in job.plan.experiment.worlds.items()
                for split in spec.test
            ]
            job.progress.start("evaluate", len(tasks), "splits")
            tables, sets = [], []
            for table, rows_of_sets in job.each(evaluate_split, tasks):
                tables.append(table)
                sets += rows_of_sets
                job.progress.advance(1)
            rows = write_results(tables, artifact.folder)
            training = {world: training_speeds(job.plan, world) for world in job.plan.experiment.worlds}
            write_text(artifact.folder / "training_speed.json", json.dumps(training))
            write_sets(sets, artifact.folder)
            write_text(artifact.folder / CARDS, json.dumps(model_cards(job.plan)))
            finish({"rows": rows})
    return artifact.folder
