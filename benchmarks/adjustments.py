"""The same rollouts in other forms: what size, bars, rate and codec change of what an exam measures.

Rollouts of each law begin with the given frames and go on under the right law with a wrong velocity, so that
there is something to measure. They are stored lossless as clip shards, read back, brought into a form, and
scored as anybody's answers. Each is compared with itself, lossless and just as asked.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.timing import Figure, Target
from worldlaw.clips.media import encode_mp4
from worldlaw.clips.store import Clip, Clips, write_shard
from worldlaw.core.seeding import rng_for
from worldlaw.core.types import Trajectory
from worldlaw.exam import Paper, Truth, load_paper, truth_of, with_video
from worldlaw.exam.answers.adjustments import resize_frames
from worldlaw.exam.paper.paper_folder import MadePaper, make_paper
from worldlaw.exam.scoring.exam_scores import score
from worldlaw.worlds import scenarios

ROLLOUTS = 300  # of each law
QUALITY = 23  # H.264 constant rate factor
MEDIAN, HIGH = Target(0.02, at="most"), Target(0.06, at="most")  # m/s
METRICS = ("mean_velocity_error", "velocity_error", "measured_share", "solved")
AGAINST = "the mean_velocity_error of the truth in the same form: its floor"

Change = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Shape:
    """A form in which rollouts are written."""

    name: str
    change: Change
    rate: int = 1  # frames for one of the paper's; 0 for every other one
    lossy: bool = True


def _same(frames: np.ndarray) -> np.ndarray:
    return frames


def _half(frames: np.ndarray) -> np.ndarray:
    return resize_frames(frames, frames.shape[2] // 2, frames.shape[1] // 2)


def _double(frames: np.ndarray) -> np.ndarray:
    return resize_frames(frames, 2 * frames.shape[2], 2 * frames.shape[1])


def _boxed(frames: np.ndarray) -> np.ndarray:
    """Between black bars in 16:9."""
    height, width = frames.shape[1:3]
    aside = (round(height * 16 / 9 / 2) * 2 - width) // 2
    return np.pad(frames, ((0, 0), (0, 0), (aside, aside), (0, 0)))


REFERENCE = Shape("lossless, as asked", _same, lossy=False)
SHAPES = tuple(
    Shape(f"{name}, {'h264 crf 23' if lossy else 'lossless'}", change, rate, lossy)
    for lossy in (False, True)
    for name, change, rate in (
        ("as asked", _same, 1),
        ("half size", _half, 1),
        ("double size", _double, 1),
        ("16:9 with bars", _boxed, 1),
        ("half rate", _same, 0),
        ("double rate", _same, 2),
    )
    if (name, lossy) != ("as asked", False)
)


def measure(quick: bool) -> list[Figure]:
    """Every form of every law."""
    with tempfile.TemporaryDirectory() as place:
        return _measure(Path(place), 3 if quick else ROLLOUTS)


def _measure(folder: Path, num: int) -> list[Figure]:
    paper = load_paper("laws-in")
    sections = tuple(dataclasses.replace(section, num_questions=num) for section in paper.sections)
    paper = dataclasses.replace(paper, sections=sections)
    made = make_paper(paper, folder / "paper")
    stored = {rate: _store(paper, made, folder / f"rollouts-{rate}", rate) for rate in (1, 2)}
    before = _scores(made, stored, REFERENCE, folder)
    figures = []
    for shape in SHAPES:
        after = _scores(made, stored, shape, folder)
        for section in paper.sections:
            figures += _figures(section.scenario, shape, before, after)
    return figures


def _store(paper: Paper, made: MadePaper, folder: Path, rate: int) -> Clips:
    """Rollouts at some times the paper's frame rate, as a shard."""
    video = paper.video
    filmed = with_video(paper, num_frames=(video.num_frames - 1) * rate + 1, fps=video.fps * rate)
    folder.mkdir()
    clips = []
    for index, question in enumerate(made.questions):
        truth = truth_of(filmed, question)
        moved = dataclasses.replace(truth, trajectory=_wrong(truth, (video.context - 1) * rate))
        clips.append(Clip(index, moved.video()))
    write_shard(folder / "clips-00000.arrow", clips, fps=video.fps * rate)
    return Clips(folder)


def _wrong(truth: Truth, last: int) -> Trajectory:
    """The true motion up to the last given frame, then the right law with velocities off by up to a third."""
    rng = rng_for(0, "rollout", truth.question.id)
    scene, true = truth.scene, truth.trajectory
    bodies = tuple(
        dataclasses.replace(
            body,
            position=tuple(true.position[last, b].tolist()),
            velocity=tuple(
                float((v + g * last * true.dt) * rng.uniform(2 / 3, 4 / 3))
                for v, g in zip(body.velocity, scene.gravity, strict=True)
            ),
        )
        for b, body in enumerate(scene.bodies)
    )
    after = scenarios.get(scene.scenario)().simulate(
        dataclasses.replace(scene, bodies=bodies), true.num_frames - last, true.dt
    )
    return dataclasses.replace(true, position=np.concatenate([true.position[:last], after.position]))


def _scores(
    made: MadePaper, stored: dict[int, Clips], shape: Shape, folder: Path
) -> dict[tuple[str, str, str], np.ndarray]:
    """(scenario, predictor, metric) -> one number a rollout."""
    place = folder / shape.name.replace(" ", "-").replace(":", "")
    place.mkdir()
    clips = stored[max(1, shape.rate)]
    fps = clips.fps / 2 if shape.rate == 0 else clips.fps
    for index, question in enumerate(made.questions):
        frames = shape.change(clips.read([index])[0][:: 2 if shape.rate == 0 else 1])
        if shape.lossy:
            (place / f"{question.id}.mp4").write_bytes(encode_mp4(frames, fps, quality=QUALITY))
        else:
            np.savez(place / question.id, video=frames, fps=fps)
    (place / "answers.json").write_text(json.dumps({"model": shape.name}))
    scored = score(made.folder, place, workers=2, report=False)
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in pq.read_table(scored.folder / "results.parquet").to_pylist():
        if row["predictor"] in ("answers", "floor") and row["metric"] in METRICS:
            key = (row["scenario"], row["predictor"], row["metric"])
            found.setdefault(key, []).append(row["value"])
    for path in place.iterdir():
        path.unlink()
    return {key: np.array(values) for key, values in found.items()}


def _figures(
    scenario: str, shape: Shape, before: dict[tuple[str, str, str], np.ndarray], after: dict
) -> list[Figure]:
    name = "mean_velocity_error"
    change = np.abs(after[scenario, "answers", name] - before[scenario, "answers", name])
    known = np.isfinite(change)
    floor = after[scenario, "floor", name]

    def mean(of: dict, predictor: str, metric: str) -> str:
        return f"{np.nanmean(of[scenario, predictor, metric]):.4f}"

    errors = ", its floor ".join(mean(after, who, "velocity_error") for who in ("answers", "floor"))
    lossless = ", its floor ".join(mean(before, who, "velocity_error") for who in ("answers", "floor"))
    shares = ", floor ".join(mean(after, who, "measured_share") for who in ("answers", "floor"))
    notes = {
        "rollouts": f"{int(known.sum())} of {len(change)} measured in both",
        "velocity_error, mean": f"{errors}; lossless {lossless}",
        "share measured": shares,
    }
    return [
        Figure(
            "adjustments",
            f"{scenario}, {shape.name}: change of {name}, {what}",
            "m/s",
            ours=float(np.percentile(change[known], share)),
            baseline=float(np.nanpercentile(floor, share)),
            ratio=float(np.percentile(change[known], share) / np.nanpercentile(floor, share)),
            against=AGAINST,
            target=target,
            notes=notes if share == 50 else {},
        )
        for what, share, target in (("median", 50, MEDIAN), ("95th percentile", 95, HIGH))
    ]
