"""From tracks to numbers: cases, metrics, references, and what the report shows of them."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from worldlaw.clips.store import Clips
from worldlaw.clips.tracks import Tracked, read_tracks
from worldlaw.config import TRAIN
from worldlaw.core.artifact import atomic_path, key_of, read_manifest
from worldlaw.core.errors import BadInput, blamed
from worldlaw.core.region import Region
from worldlaw.core.types import Case, Detections, Scene, Tracks, Trajectory
from worldlaw.exam.matching import match, partners
from worldlaw.exam.metrics import Metric, metrics
from worldlaw.exam.metrics.trajectory import speeds
from worldlaw.exam.references import CaseLibrary, Question, case_library, predicted, references
from worldlaw.plan import FLOOR, Plan, taught_on

if TYPE_CHECKING:
    from worldlaw.report import ReportInput

RESULTS = "results.parquet"
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


def evaluate_split(plan: Plan, world: str, split: str) -> pa.Table:
    """All rows of one test split: every metric of every predictor on every clip."""
    experiment = plan.experiment
    names = experiment.metrics or tuple(metrics.names())
    chosen = [metrics.get(name) for name in names]
    region = experiment.training_region(world)
    sizes = {name: split.train.clips for name, split in experiment.worlds.items()}
    columns: dict[str, list] = {field.name: [] for field in SCHEMA}
    exam = _Exam(plan, world, split)
    for clip in range(len(exam.clips)):
        level = level_of(exam.clips.scene(clip), region)
        for predictor, kind, case in exam.cases(clip):
            taught = taught_on(experiment, world, predictor) if kind in ("codec", "model") else [world]
            num_training = sum(sizes[name] for name in taught)
            rows = [(-1, metric.name, _value(metric, case), metric.unit, metric.best) for metric in chosen]
            for body, true, measured in speeds(case):
                rows.append((body, "true_speed", true, "m/s", np.nan))
                rows.append((body, "measured_speed", measured, "m/s", np.nan))
            for body, name, value, unit, best in rows:
                row = (
                    experiment.name, world, predictor, kind, num_training, experiment.seed, split, level,
                    clip, experiment.seed, body, "yes" if level == "in" else "no", name, value, unit, best,
                )  # fmt: skip
                for field, entry in zip(SCHEMA.names, row, strict=True):
                    columns[field].append(entry)
    return pa.table(columns, schema=SCHEMA)


def level_of(scene: Scene, region: Region) -> str:
    """How a scene lies to the training region.

    ``in`` inside it; else the attributes whose value never occurs in training, each with the side on which it
    lies (``speed low``, ``speed high``, ``speed gap`` in a hole; a name has no side), joined by +; or
    ``combination`` if every value occurs but not together.
    """
    if region.contains(scene.attributes):
        return "in"
    outside = [
        f"{name} {region.side(name, scene.attributes[name])}" for name in region.outside(scene.attributes)
    ]
    return "+".join(part.strip() for part in outside) or "combination"


def write_results(tables: list[pa.Table], folder: Path) -> int:
    """Write the rows of all splits as one Parquet file; returns their number."""
    table = pa.concat_tables(tables)
    with atomic_path(folder / RESULTS) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return table.num_rows


def training_speeds(plan: Plan, world: str, *, most: int = 1000) -> list[tuple[float, float]]:
    """The bands of speed in m/s that the first training clips show just after their given frames."""
    clips = Clips(plan.simulate[world, TRAIN].folder)
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


class _Exam:
    """One test split with all that is needed to judge every predictor on it."""

    def __init__(self, plan: Plan, world: str, split: str) -> None:
        self.plan = plan
        self.context = plan.experiment.context
        self.clips = Clips(plan.simulate[world, split].folder)
        answers = plan.redraw | plan.generate
        drawers = (*plan.experiment.codecs, *plan.experiment.models)
        self.answers = {name: Clips(answers[world, name, split].folder) for name in drawers}
        self.tracks: dict[str, list[Tracked]] = {
            name: read_tracks(plan.track[world, name, split].folder) for name in (FLOOR, *drawers)
        }
        for name, rows in self.tracks.items():
            if [row.index for row in rows] != list(range(len(self.clips))):
                raise BadInput(f"{plan.track[world, name, split].folder}: tracks of some clips are missing")
        self._training = plan.simulate[world, TRAIN].folder

    def cases(self, clip: int) -> Iterator[tuple[str, str, Case]]:
        """(predictor, kind, case) of every predictor on one clip, the floor first, then codecs."""
        yield FLOOR, "floor", self.case(FLOOR, clip)
        for name in self.plan.experiment.codecs:
            yield name, "codec", self.case(name, clip)
        for name in self.plan.experiment.models:
            yield name, "model", self.case(name, clip)
        for name in self.plan.experiment.references:
            yield name, "reference", self.case(name, clip)

    def case(self, predictor: str, clip: int) -> Case:
        """One predictor on one clip beside the truth."""
        scene, truth = self.clips.scene(clip), self.clips.trajectory(clip)
        video: Callable[[], np.ndarray] | None
        if predictor in self.tracks:
            tracks = match(self.tracks[predictor][clip].tracks, truth)
            source = self.clips if predictor == FLOOR else self.answers[predictor]
            video = _frames_of(source, clip)
        else:
            tracks, video = self._refer(predictor, clip, scene, truth), None
        return Case(clip, scene, self.context, truth, tracks, _frames_of(self.clips, clip), video)

    def _refer(self, name: str, clip: int, scene: Scene, truth: Trajectory) -> Tracks:
        seen = self.tracks[FLOOR][clip]
        given = match(seen.tracks, truth).bodies[: self.context]
        shape = tuple(seen.shape[partner] for partner in partners(seen.tracks.bodies, truth))
        library = training_cases(self._training, self.context)
        question = Question(given, truth.num_frames, scene, shape, library)
        with blamed(f"reference {name}"):
            return Tracks(predicted(references.get(name)(question), given), Detections.none())


@functools.lru_cache(maxsize=1)
def training_cases(folder: Path, context: int) -> CaseLibrary:
    """The training cases of a world; the splits of one world, which come one after the other, share them."""
    training = Clips(folder)
    return case_library((training.trajectory(index) for index in range(len(training))), context)


def _value(metric: Metric, case: Case) -> float:
    with blamed(f"metric {metric.name}"):
        return metric(case)


def _frames_of(clips: Clips, clip: int) -> Callable[[], np.ndarray]:
    return lambda: clips.read([clip])[0]


def report_input(plan: Plan) -> ReportInput:
    """What the report room needs of an evaluated experiment."""
    from worldlaw.report import Example, Exclusion, ReportInput

    exams: dict[tuple[str, str], _Exam] = {}

    def example(world: str, predictor: str, split: str, clip: int) -> Example:
        if (world, split) not in exams:
            exams[world, split] = _Exam(plan, world, split)
        case = exams[world, split].case(predictor, clip)
        shown = case.generated_video() if case.generated_video else None
        extent = case.scene.extent
        return Example(case.true_video(), shown, case.truth, case.tracked.bodies, case.context, extent)

    exclusions = []
    for (world, split), artifact in plan.simulate.items():
        results = read_manifest(artifact.folder)["results"]
        for reason, count in results["infeasible"].items():
            where = f"{world} / {split}"
            exclusions.append(
                Exclusion("draws without a scene", where, reason, count, results["clips"] + count)
            )
    made = read_manifest(plan.evaluate.folder)["made"]
    return ReportInput(
        name=plan.experiment.name,
        about=plan.experiment.about,
        results=pq.read_table(plan.evaluate.folder / RESULTS),
        example=example,
        exclusions=exclusions,
        training_speed=json.loads((plan.evaluate.folder / "training_speed.json").read_text()),
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
