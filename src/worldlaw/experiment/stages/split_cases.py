"""One test split: the cases of every predictor on every clip."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from worldlaw.clips.store import Clips
from worldlaw.clips.tracks import TrackedClip, read_tracks
from worldlaw.core.errors import BadInput, blame
from worldlaw.core.types import Case, Detections, Question, Scene, Tracks, Trajectory
from worldlaw.experiment.config import poses
from worldlaw.experiment.keys import FLOOR
from worldlaw.experiment.plan import Plan, instances, model_of, num_training_clips
from worldlaw.experiment.stages.calibrate import limits_of
from worldlaw.experiment.training_clips import training_cases, training_motions
from worldlaw.measure.cases import case_of, limits_for
from worldlaw.measure.matching import as_seen, match, partners
from worldlaw.measure.nearest_case import Motions
from worldlaw.measure.references import Reference, predicted_trajectory, ready


class SplitCases:
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
        self.tracks: dict[str, list[TrackedClip]] = {
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
        return case_of(
            clip,
            scene,
            truth,
            tracks,
            context=self.context,
            true_video=true_video,
            generated_video=video,
            limits=limits_for(scene.extent[1] / self.plan.experiment.video.resolution, self.limits),
        )

    def _refer(self, name: str, clip: int, scene: Scene, truth: Trajectory) -> Tracks:
        seen = self.tracks[FLOOR][clip]
        given = match(seen.tracks, truth).bodies[: self.context]
        shape = tuple(seen.shape[partner] for partner in partners(seen.tracks.bodies, truth))
        library = training_cases(self.plan, self._world)
        question = Question(given, truth.num_frames, scene, shape, library)
        with blame(f"reference {name}"):
            reference = _ready(name, self._taught.get(name))
            return Tracks(predicted_trajectory(reference(question), given), Detections.none())


@functools.lru_cache(maxsize=8)
def _ready(name: str, folder: Path | None) -> Reference:
    """A reference that can be asked, loaded once for all clips of a split."""
    return ready(name, folder)


def _frames_of(clips: Clips, clip: int) -> Callable[[], np.ndarray]:
    return lambda: clips.read([clip])[0]


def _num_training(plan: Plan, world: str, name: str) -> int:
    """How many clips a model or codec learnt from before it was asked about a world."""
    if name in plan.experiment.models:
        kind, options, _ = model_of(plan.experiment, name)
        card = kind.taught(options)
        if card is not None:
            return int(card["training_clips"])
    return sum(num_training_clips(plan.experiment, world, name).values())
