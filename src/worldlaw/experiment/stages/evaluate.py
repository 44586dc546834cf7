"""From tracks to numbers: cases, metrics, references, and what the report shows of them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from worldlaw.clips.store import Clips
from worldlaw.clips.tracks import Tracked, read_tracks
from worldlaw.core.artifact import atomic_path, key_of, read_manifest, write_text
from worldlaw.core.errors import BadInput, blamed
from worldlaw.core.region import Attributes
from worldlaw.core.types import Case, CaseLibrary, Detections, Question, Scene, Tracks, Trajectory
from worldlaw.experiment.config import TRAIN, poses
from worldlaw.experiment.plan import FLOOR, Plan, instances, model_of, num_training_clips
from worldlaw.experiment.stages.calibrate import limits_of
from worldlaw.experiment.stages.look import Look
from worldlaw.experiment.training_clips import counted, training_clips
from worldlaw.measure.body_readings import readings
from worldlaw.measure.matching import as_seen, match, partners
from worldlaw.measure.metrics import Metric, metrics
from worldlaw.measure.metrics.caps import wider_caps
from worldlaw.measure.metrics.trajectory import speeds
from worldlaw.measure.metrics.verdicts import findings
from worldlaw.measure.nearest_case import Motions, copied, motions
from worldlaw.measure.references import Reference, case_library, learning, predicted, ready
from worldlaw.measure.sets.set_rows import SetRow
from worldlaw.models.model import CARD

if TYPE_CHECKING:
    from worldlaw.report import ReportInput

RESULTS = "results.parquet"
CARDS = "models.json"
SETS = "sets.json"
NEAREST = "nearest_training_clip"
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
    chosen = [metrics.get(name) for name in names]
    region = experiment.training_region(world)
    trained = instances(experiment)
    columns: dict[str, list] = {field.name: [] for field in SCHEMA}
    exam = _Exam(plan, world, split)
    look = Look(experiment.look)
    for clip in range(len(exam.clips)):
        level = region.level(exam.clips.scene(clip).attributes)
        for predictor, kind, case in exam.cases(clip):
            name, training_seed = trained.get(predictor, (predictor, experiment.seed))
            num_training = experiment.worlds[world].train.clips
            if kind in ("codec", "model"):
                num_training = exam.num_training[name]
            rows = [(-1, metric.name, _value(metric, case), metric.unit, metric.best) for metric in chosen]
            for body, true, measured in speeds(case):
                rows.append((body, "true_speed", true, "m/s", np.nan))
                rows.append((body, "measured_speed", measured, "m/s", np.nan))
            rows += [(*reading, np.nan) for reading in readings(case)]
            if exam.motions is not None:
                rows += _copy_rows(case, exam.motions)
            rows += [(-1, *said) for said in look.add(name, kind, training_seed, case)]
            rows += _fault_rows(case)
            for body, measure, value, unit, best in rows:
                row = (
                    experiment.name, world, name, kind, num_training, training_seed, split, level,
                    clip, experiment.seed, body, "yes" if level == "in" else "no", measure, value, unit, best,
                )  # fmt: skip
                for field, entry in zip(SCHEMA.names, row, strict=True):
                    columns[field].append(entry)
    return pa.table(columns, schema=SCHEMA), look.rows(world, split)


def _copy_rows(case: Case, cases: Motions) -> list[tuple[int, str, float, str, float]]:
    """(body, name, value, unit, best): what of a rollout is training."""
    found = copied(case, cases)
    return [
        (-1, "copy_index", found.copy_index, "", -1.0),
        (-1, "case_distance", found.case_distance, "m/s", np.nan),
        (-1, "case_distance_of_truth", found.case_distance_of_truth, "m/s", np.nan),
        (-1, NEAREST, found.training_clip if found.training_clip >= 0 else np.nan, "clip", np.nan),
    ]


def _fault_rows(case: Case) -> list[tuple[int, str, float, str, float]]:
    """(body, name, value, unit, best): which of the physical measures exceed what true clips show, 0 or 1."""
    found = findings(case)
    limits = case.limits or {}
    return [
        (-1, f"abnormal_{name}", float(one.value > limits[name]), "", 0.0)
        for name, one in (found or {}).items()
        if name in limits
    ]


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


def _read_sets(folder: Path) -> list[SetRow]:
    path = folder / SETS
    return [SetRow(**row) for row in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


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


def model_cards(plan: Plan) -> dict[str, dict[str, dict[str, Any]]]:
    """World -> model that learns -> what it is and what it says of itself: parameters and steps.

    None for a number that the model's training left no record of.
    """
    cards: dict[str, dict[str, dict[str, Any]]] = {}
    for instance, (name, _) in instances(plan.experiment).items():
        for world in plan.experiment.worlds:
            kind, options, address = model_of(plan.experiment, name)
            said = kind.taught(options)
            if said is not None or (world, instance) in plan.train:
                if said is None:
                    path = plan.train[world, instance].folder / CARD
                    said = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
                cards.setdefault(world, {})[name] = {
                    "model": address,
                    "options": {key: options[key] for key in options if key not in kind.runtime_options},
                    "parameters": said.get("parameters"),
                    "steps": said.get("steps"),
                }
    return cards


def _num_training(plan: Plan, world: str, name: str) -> int:
    """How many clips a model or codec learnt from before it was asked about a world."""
    if name in plan.experiment.models:
        kind, options, _ = model_of(plan.experiment, name)
        card = kind.taught(options)
        if card is not None:
            return int(card["training_clips"])
    return sum(num_training_clips(plan.experiment, world, name).values())


class _Exam:
    """One test split with all that is needed to judge every predictor on it."""

    def __init__(self, plan: Plan, world: str, split: str) -> None:
        self.plan = plan
        self.context = plan.experiment.context
        learners = (*plan.experiment.codecs, *plan.experiment.models)
        self.num_training = {name: _num_training(plan, world, name) for name in learners}
        self.clips = Clips(plan.simulate[world, split].folder)
        answers = plan.redraw | plan.generate
        drawers = (*plan.experiment.codecs, *instances(plan.experiment))
        self.answers = {name: Clips(answers[world, name, split].folder) for name in drawers}
        self.tracks: dict[str, list[Tracked]] = {
            name: read_tracks(plan.track[world, name, split].folder) for name in (FLOOR, *drawers)
        }
        for name, rows in self.tracks.items():
            if [row.index for row in rows] != list(range(len(self.clips))):
                raise BadInput(f"{plan.track[world, name, split].folder}: tracks of some clips are missing")
        self._world = world
        self._taught = {
            name: artifact.folder for (place, name), artifact in plan.train.items() if place == world
        }

    @property
    def limits(self) -> dict[str, float]:
        """What physical verdicts may not exceed, in a world for which that was measured; empty elsewhere."""
        artifact = self.plan.calibrate.get(self._world)
        return limits_of(artifact.folder).limits if artifact else {}

    @property
    def motions(self) -> Motions | None:
        """The motions of the world's training cases; None for assemblies, which differ in their bodies."""
        if poses(self.plan.experiment, self._world):
            return None
        return training_motions(self.plan, self._world)

    def cases(self, clip: int) -> Iterator[tuple[str, str, Case]]:
        """(predictor, kind, case) of every predictor on one clip: floor, codecs, instances of models, …"""
        yield FLOOR, "floor", self.case(FLOOR, clip)
        for name in self.plan.experiment.codecs:
            yield name, "codec", self.case(name, clip)
        for name in instances(self.plan.experiment):
            yield name, "model", self.case(name, clip)
        for name in self.plan.experiment.references:
            yield name, "reference", self.case(name, clip)

    def case(self, predictor: str, clip: int) -> Case:
        """One predictor on one clip beside the truth."""
        scene = self.clips.scene(clip)
        truth = as_seen(self.clips.trajectory(clip), scene)
        video: Callable[[], np.ndarray] | None
        if predictor in self.tracks:
            tracks = match(self.tracks[predictor][clip].tracks, truth)
            source = self.clips if predictor == FLOOR else self.answers[predictor]
            video = _frames_of(source, clip)
        else:
            tracks, video = self._refer(predictor, clip, scene, truth), None
        true_video = _frames_of(self.clips, clip)
        limits = wider_caps(scene.extent[1] / self.plan.experiment.video.resolution) | self.limits
        return Case(clip, scene, self.context, truth, tracks, true_video, video, limits)

    def _refer(self, name: str, clip: int, scene: Scene, truth: Trajectory) -> Tracks:
        seen = self.tracks[FLOOR][clip]
        given = match(seen.tracks, truth).bodies[: self.context]
        shape = tuple(seen.shape[partner] for partner in partners(seen.tracks.bodies, truth))
        library = training_cases(self.plan, self._world)
        question = Question(given, truth.num_frames, scene, shape, library)
        with blamed(f"reference {name}"):
            reference = _ready(name, self._taught.get(name))
            return Tracks(predicted(reference(question), given), Detections.none())


def training_cases(plan: Plan, world: str) -> CaseLibrary:
    """The training cases of a world; the splits of one world, which come one after the other, share them."""
    return _lessons(plan, world)[0]


def training_motions(plan: Plan, world: str) -> Motions:
    """The motions of the training cases of a world, shared likewise."""
    return _lessons(plan, world)[1]


def _lessons(plan: Plan, world: str) -> tuple[CaseLibrary, Motions]:
    address = plan.simulate[world, TRAIN].folder, plan.experiment.context
    if address not in _LESSONS:
        _LESSONS.clear()
        training = training_clips(plan, world)
        cases = (training.trajectory(index) for index in range(len(training)))
        library = case_library(cases, plan.experiment.context)
        _LESSONS[address] = library, motions(library, 1 / plan.experiment.video.fps)
    return _LESSONS[address]


_LESSONS: dict[tuple[Path, int], tuple[CaseLibrary, Motions]] = {}  # the last that this process made


def teach_reference(plan: Plan, world: str, name: str) -> int:
    """Teach a reference that learns on the training cases of a world; returns their number."""
    cases = training_cases(plan, world)
    kind = learning(name)
    assert kind is not None
    with blamed(f"reference {name}"):
        kind().fit(cases, plan.train[world, name].folder, seed=plan.experiment.seed)
    return len(cases.size)


@functools.lru_cache(maxsize=8)
def _ready(name: str, folder: Path | None) -> Reference:
    """A reference that can be asked, loaded once for all clips of a split."""
    return ready(name, folder)


def _value(metric: Metric, case: Case) -> float:
    with blamed(f"metric {metric.name}"):
        return metric(case)


def _frames_of(clips: Clips, clip: int) -> Callable[[], np.ndarray]:
    return lambda: clips.read([clip])[0]


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


def report_input(plan: Plan) -> ReportInput:
    """What the report room needs of an evaluated experiment."""
    from worldlaw.report import Example, Exclusion, ReportInput
    from worldlaw.report.analyses import Evidence, sections

    results = pq.read_table(plan.evaluate.folder / RESULTS)
    nearest = _nearest_clips(results)
    exams: dict[tuple[str, str], _Exam] = {}
    training = functools.cache(lambda world: training_clips(plan, world))

    names = {pair: name for name, pair in instances(plan.experiment).items()}

    def example(world: str, predictor: str, split: str, clip: int, seed: int) -> Example:
        if (world, split) not in exams:
            exams[world, split] = _Exam(plan, world, split)
        case = exams[world, split].case(names.get((predictor, seed), predictor), clip)
        shown = case.generated_video() if case.generated_video else None
        extent = case.scene.extent
        example = Example(case.true_video(), shown, case.truth, case.tracked.bodies, case.context, extent)
        copied_from = nearest.get((world, predictor, split, clip, seed))
        if shown is None or copied_from is None:
            return example
        video = training(world).read([copied_from])[0]
        return dataclasses.replace(example, training_clip=copied_from, training_video=video)

    def attributes(world: str, split: str) -> list[Attributes]:
        clips = Clips(plan.simulate[world, split].folder)
        return [clips.scene(clip).attributes for clip in range(len(clips))]

    def looks(world: str, split: str) -> list[str]:
        clips, context = Clips(plan.simulate[world, split].folder), plan.experiment.context
        given = (clips.read([clip], context) for clip in range(len(clips)))
        return [hashlib.sha256(frames.tobytes()).hexdigest() for frames in given]

    evidence = Evidence(plan.experiment.settings(), results, attributes, looks)
    exclusions = []
    for world, split in plan.simulate:
        made_of = counted(plan, world, split)
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
        sections=sections(plan.experiment.analyses, evidence),
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
